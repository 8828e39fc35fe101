// expiry_sql - the statements of the retention for a database of any era; pure
//
// Reads go along the index on msgs.time_num or a primary key and look at a bounded number of rows. What is deleted is named
// by its key and looked at again in the same statement; rows that somebody else holds are passed over (SKIP LOCKED).
// PostgreSQL gets keys as arrays, SQLite rowids.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/catalogue.h"
#include "storage/retention.h"
#include "storage/sql_runner.h"

namespace tamis::storage {

class ExpirySql {
public:
    ExpirySql(const Catalogue& catalogue, bool is_postgresql) : catalogue_(catalogue), is_pg_(is_postgresql) {}

    // what must be there before anything is walked: a Fault names the statement that helps
    Done check() const;
    bool can_find_users() const;  // of addresses: indexes on msgs.sid and msgrcpt.rid

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
    // delete_records - with recipients and chunks, those older than `until`; count_records - what it would take
    std::vector<SqlQuery> delete_records(std::span<const Candidate> messages, const Walk& walk) const;
    std::vector<SqlQuery> count_rows(std::span<const Candidate> messages) const;
    // expire_copies - chunks gone, quar_type and quar_loc say so; with `chunks` off only these (the partition goes whole)
    std::vector<SqlQuery> expire_copies(std::span<const Candidate> messages, bool chunks) const;
    enum class Asked { deleted_records, expired_copies, counted };
    Counts counts_of(const std::vector<SqlRows>& answers, Asked asked) const;
    // delete_some_chunks - the last `most` of one large copy; a row for each
    SqlQuery delete_some_chunks(const Candidate& message, std::size_t most) const;

    // Piece - a message's rows in msgrcpt or quarantine, as they are walked; SQLite: one row
    struct Piece {
        MessageKey key;
        std::int64_t row = 0;
        bool is_orphan = false;  // there is no such message
    };
    // pieces - of the next `limit` rows of the table (msgrcpt, quarantine) behind that one
    SqlQuery pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const;
    static Piece piece_of(const SqlRow& row);
    SqlQuery delete_orphans(std::string_view table, std::span<const Piece> orphans) const;  // a row for each
    bool can_walk(std::string_view table) const;

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
    // delete_addresses - those still unused; rows of Address, then the transaction's number (PostgreSQL)
    std::vector<SqlQuery> delete_addresses(std::span<const std::int64_t> ids) const;
    static Address address_of(const SqlRow& row);
    SqlQuery oldest_transaction() const;
    SqlQuery used_addresses(std::span<const Address> deleted) const;
    std::vector<SqlQuery> restore_address(const Address& address) const;

private:
    bool has(std::string_view table, std::string_view column) const { return catalogue_.column(table, column) != nullptr; }
    bool has_index(std::string_view table, std::string_view first_column) const;
    bool has_tags(std::string_view table) const { return has(table, "partition_tag") && has("msgs", "partition_tag"); }
    std::string same(std::string_view table, std::string_view a, std::string_view b) const;
    std::string filter(const Walk& walk) const;
    std::string keys(std::span<const Candidate> messages, SqlQuery& query, bool with_places = false) const;
    std::string rowids(std::span<const Candidate> messages) const;
    std::string type_of(std::string_view table, std::string_view column) const;
    std::string is_alone(std::string_view alias) const;
    std::string no_message(std::string_view alias, std::string_view table) const;

    const Catalogue& catalogue_;
    const bool is_pg_;
};

}  // namespace tamis::storage
