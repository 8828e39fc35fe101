// expiry_sql - the statements of the retention for a database of any era; pure
//
// Reads go along the index on msgs.time_num or a primary key and look at a bounded number of rows. What is deleted is named
// by its key and looked at again in the same transaction; rows that somebody else holds are passed over, or break the
// transaction off. What reads is written here, in SQL that all have; what changes something, by the backend.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/retention/retention.h"
#include "storage/sql/sql_text.h"

namespace tamis::storage {

class ExpirySql {
public:
    ExpirySql(const Catalogue& catalogue, const SqlDialect& dialect) : target_{catalogue, dialect} {}
    virtual ~ExpirySql() = default;
    ExpirySql(const ExpirySql&) = delete;
    ExpirySql& operator=(const ExpirySql&) = delete;

    // what must be there before anything is walked: a Fault names the statement that helps
    Done check() const;
    bool can_find_users() const;  // of addresses: indexes on msgs.sid and msgrcpt.rid
    bool can_walk(std::string_view table) const;

    // first - the time of the oldest message of the walk; window_end - the time of the one `rows` behind `from`
    SqlQuery first(const Walk& walk, std::int64_t from) const;
    SqlQuery window_end(const Walk& walk, std::int64_t from, std::size_t rows) const;
    // candidates - of the walk, with from <= time_num < until
    SqlQuery candidates(const Walk& walk, std::int64_t from, std::int64_t until, std::size_t limit) const;
    static Candidate candidate_of(const SqlRow& row);
    // oldest_kept - the time of the first message that none of the walks takes
    SqlQuery oldest_kept(std::span<const Walk> walks, Walk::Kind kind) const;

    struct Counts {
        std::uint64_t records = 0, recipients = 0, chunks = 0;
    };
    enum class Asked { deleted_records, expired_copies, counted };
    // delete_records - with recipients and chunks, those older than `until`; count_rows - what it would take
    virtual std::vector<SqlQuery> delete_records(std::span<const Candidate> messages, const Walk& walk) const = 0;
    virtual std::vector<SqlQuery> count_rows(std::span<const Candidate> messages) const = 0;
    // expire_copies - chunks gone, quar_type and quar_loc say so; with `chunks` off only these (the partition goes whole)
    virtual std::vector<SqlQuery> expire_copies(std::span<const Candidate> messages, bool chunks) const = 0;
    // counts_of - from the answers to these three
    virtual Counts counts_of(const std::vector<SqlAnswer>& answers, Asked asked) const = 0;
    // delete_some_chunks - the last `most` of one large copy; how many it were says SqlAnswer::changed
    virtual SqlQuery delete_some_chunks(const Candidate& message, std::size_t most) const = 0;

    // Piece - a message's rows in msgrcpt or quarantine, as they are walked, or one of these rows
    struct Piece {
        MessageKey key;
        std::int64_t row = 0;    // the backend's own address of the row; may be 0
        bool is_orphan = false;  // there is no such message
    };
    // pieces - of the next `limit` rows of the table (msgrcpt, quarantine) behind that one
    virtual SqlQuery pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const = 0;
    static Piece piece_of(const SqlRow& row);
    // delete_orphans - those that still are orphans; SqlAnswer::changed
    virtual SqlQuery delete_orphans(std::string_view table, std::span<const Piece> orphans) const = 0;

    // Address - a row of maddr
    struct Address {
        std::int64_t id = 0;
        std::string partition_tag, email, domain;
    };
    // newest_address - id of an address that is old enough to be looked at: one that a message an hour ago had; a row with a
    // number, or NULL when all mail is younger
    SqlQuery newest_address(std::int64_t hour_ago) const;
    // unused_addresses - ids behind `after` up to `last`, each with whether nobody refers to it
    SqlQuery unused_addresses(std::int64_t after, std::int64_t last, std::size_t limit) const;
    // delete_addresses - those still unused; SqlAnswer::changed of the first. Where somebody may have written a message with one
    // of them at the same moment, its rows are those of Address, and the second answer is the transaction's number.
    virtual std::vector<SqlQuery> delete_addresses(std::span<const std::int64_t> ids) const = 0;
    static Address address_of(const SqlRow& row);
    // the rest only where delete_addresses() has two statements:
    virtual SqlQuery oldest_transaction() const { return {}; }  // that has not ended
    virtual SqlQuery used_addresses(std::span<const Address>) const { return {}; }
    virtual std::vector<SqlQuery> restore_address(const Address&) const { return {}; }

protected:
    bool has(std::string_view table, std::string_view column) const { return target_.catalogue.column(table, column) != nullptr; }
    bool has_index(std::string_view table, std::string_view first_column) const;
    bool has_tags(std::string_view table) const { return has(table, "partition_tag") && has("msgs", "partition_tag"); }
    std::string same(std::string_view table, std::string_view a, std::string_view b) const;
    std::string filter(const Walk& walk) const;
    // still_due - of a row of msgs m that was found by the walk
    static std::string still_due(const Walk& walk);
    // nobody_wants - the copy of a row of msgs m
    std::string nobody_wants() const;
    // is_alone - nobody refers to the address
    static std::string is_alone(std::string_view alias);
    // left_behind - for a query that finds the message of a chunk: chunks that were left when a run was broken off have none
    std::string left_behind(std::string_view table) const;
    // row_address - of a row of that alias, for who names rows by it
    virtual std::string row_address(std::string_view) const { return "0"; }

    const Catalogue& catalogue() const { return target_.catalogue; }
    // number_at - of the first row of an answer; 0 when there is none
    static std::uint64_t number_at(const std::vector<SqlAnswer>& answers, std::size_t answer, std::size_t column);

    const SqlTarget target_;
};

// number_list - "1,2,3" of the elements
template <class T, class F>
std::string number_list(std::span<const T> from, F number) {
    std::string out;
    for (const auto& one : from) out += (out.empty() ? "" : ",") + std::to_string(number(one));
    return out;
}

}  // namespace tamis::storage
