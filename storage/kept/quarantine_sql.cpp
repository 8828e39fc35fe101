#include "storage/kept/quarantine_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/address_key.h"
#include "storage/kept/quarantine_columns.h"
#include "storage/records/rows.h"

namespace tamis::storage {
namespace {

std::string cell(const SqlRow& row, std::size_t index) { return index < row.size() ? row[index].value_or("") : ""; }

std::int64_t integer(const SqlRow& row, std::size_t index) {
    const auto number = parse_number(cell(row, index));
    return number && std::abs(*number) < 9e15 ? static_cast<std::int64_t>(*number) : 0;
}

char letter(const SqlRow& row, std::size_t index) {
    const auto text = cell(row, index);
    return text.empty() ? ' ' : text.front();
}

}  // namespace

SqlQuery address_query(const SqlTarget& target, std::string_view address) {
    SqlText text(target);
    constexpr int most = 200;  // one per partition
    const bool keeps_octets = target.dialect.keeps_octets(target.column("maddr.email"));
    std::vector<std::string> keys;
    const auto add = [&](std::string key) {
        if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
    };
    for (const auto local_case : {LocalCase::lower, LocalCase::kept}) {  // policy.local_part_is_case_sensitive keeps the letters
        const std::string email = address == "<>" ? std::string() : address_key(address, local_case).email;
        if (keeps_octets) add(email);
        add(printable_address(email));  // as it is stored where the database, or a trigger in it, takes no other octets
        add(plain_text(printable_address(email)));
        if (const auto written = written_key(address, local_case); address != "<>") {
            if (keeps_octets) add(written);
            add(printable_address(written));
        }
    }
    std::string places;
    const auto limit = most * keys.size();
    for (auto& key : keys) places += (places.empty() ? "" : ", ") + text.bytes(std::move(key));
    const auto tags = target.dialect.tags_of("maddr");
    if (target.has("maddr.partition_tag"))
        text << tags.with << "SELECT a.id FROM maddr a WHERE a.partition_tag " << tags.in
             << fmt::format(" AND a.email IN ({}) LIMIT {}", places, limit);
    else text << fmt::format("SELECT a.id FROM maddr a WHERE a.email IN ({}) LIMIT {}", places, limit);
    return text.take();
}

SqlQuery find_query(const SqlTarget& target, std::string_view mail_id, std::optional<std::int64_t> partition_tag) {
    SqlText text(target);
    const auto id = text.id(mail_id);
    const bool parted = target.has("msgs.partition_tag");
    const auto tags = target.dialect.tags_of("msgs");
    if (parted && !partition_tag) text << tags.with;
    text << fmt::format("SELECT {} FROM msgs m WHERE m.mail_id = {}", item_fields(target), id);
    if (parted) text << " AND m.partition_tag " << (partition_tag ? fmt::format("= {}", *partition_tag) : tags.in);
    text << " ORDER BY 1 LIMIT 100";
    return text.take();
}

std::vector<SqlQuery> recipients_queries(const SqlTarget& target, const std::vector<MessageKey>& messages, std::size_t most) {
    const auto rcpt = [&](std::string_view name, std::string_view otherwise) {
        return column_or(target, "r", "msgrcpt", name, otherwise);
    };
    const std::string sequence = rcpt("rseqnum", "0");
    const std::string columns =
        fmt::format("{}, r.rid, r.rs, r.smtp_resp, r.ds, {}, r.bspam_level", sequence, rcpt("content", "' '"));
    const std::string limit = most == 0 ? "" : fmt::format(" LIMIT {}", most);
    const std::string order = sequence == "0" ? "r.rid" : sequence;
    std::vector<SqlQuery> queries;
    if (messages.empty()) return queries;
    if (!target.dialect.has_lateral()) {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            SqlText text(target);
            text << fmt::format(
                "SELECT {}, {}, (SELECT a.email FROM maddr a WHERE a.id = r.rid) FROM msgrcpt r WHERE {} ORDER BY {}{}", i,
                columns, key_of(target, text, "r.", "msgrcpt", messages[i]), order, limit);
            queries.push_back(text.take());
        }
        return queries;
    }
    SqlText text(target);
    std::string list;
    for (std::size_t i = 0; i < messages.size(); ++i)
        list += fmt::format("{}({}, CAST({} AS integer), {})", list.empty() ? "" : ", ", i, messages[i].partition_tag,
                            text.id(messages[i].mail_id));
    text << fmt::format(
        "SELECT k.n, r.*, (SELECT a.email FROM maddr a WHERE a.id = r.rid) FROM (VALUES {}) AS k(n, partition_tag, mail_id) "
        "CROSS JOIN LATERAL (SELECT {} FROM msgrcpt r WHERE {} ORDER BY {}{}) AS r ORDER BY k.n",
        list, columns, same_message(target, "r", "k"), order, limit);
    queries.push_back(text.take());
    return queries;
}

SqlQuery chunks_query(const SqlTarget& target, const MessageKey& message, std::int64_t after, std::size_t most) {
    SqlText text(target);
    text << fmt::format("SELECT q.chunk_ind, {} FROM quarantine q WHERE {} AND q.chunk_ind > {} ORDER BY q.chunk_ind LIMIT {}",
                        target.dialect.chunk_bytes(target.catalogue, "q"), key_of(target, text, "q.", "quarantine", message),
                        after, most);
    return text.take();
}

std::vector<SqlQuery> change_queries(const SqlTarget& target, const StateChange& change) {
    const auto row = [&](SqlText& text) {
        auto out = key_of(target, text, "", "msgrcpt", change.message);
        if (target.has("msgrcpt.rseqnum")) return out + fmt::format(" AND rseqnum = {}", change.from.sequence);
        return out + fmt::format(" AND rid = {}", change.from.address_id);
    };
    SqlText update(target);
    update << fmt::format("UPDATE msgrcpt SET rs = {}, smtp_resp = {} WHERE {} AND rs = {} AND coalesce(smtp_resp, '') = {}",
                          update.text(change.state), update.text(change.response), row(update), update.text(change.from.state),
                          update.text(change.from.response));
    SqlText now(target);
    now << fmt::format("SELECT rs, coalesce(smtp_resp, '') FROM msgrcpt WHERE {} LIMIT 1", row(now));
    return {update.take(), now.take()};
}

std::vector<SqlQuery> remove_queries(const SqlTarget& target, const MessageKey& message) {
    SqlText chunks(target);
    chunks << "DELETE FROM quarantine WHERE " << key_of(target, chunks, "", "quarantine", message);
    SqlText states(target);
    states << "UPDATE msgrcpt SET rs = 'D' WHERE " << key_of(target, states, "", "msgrcpt", message);
    SqlText record(target);
    record << "UPDATE msgs SET quar_type = ' '" << (target.has("msgs.quar_loc") ? ", quar_loc = ''" : "") << " WHERE "
           << key_of(target, record, "", "msgs", message);
    return {chunks.take(), states.take(), record.take()};
}

std::vector<SqlQuery> stats_queries(const SqlTarget& target, std::int64_t since, std::int64_t until) {
    SqlText counts(target), states(target);
    const auto when = fmt::format("{} AND m.time_num >= {} AND m.time_num < {}", quarantined, since, until);
    counts << fmt::format(
        "SELECT m.host, m.content, count(*), coalesce(sum(m.size), 0) FROM msgs m WHERE {} GROUP BY m.host, m.content "
        "ORDER BY m.host, m.content",
        when);
    states << fmt::format("SELECT r.rs, count(*) FROM msgs m JOIN msgrcpt r ON {} WHERE {} GROUP BY r.rs ORDER BY r.rs",
                          same_message(target, "r", "m"), when);
    return {counts.take(), states.take()};
}

QuarantineItem item_of(const SqlRow& row) {
    QuarantineItem item;
    if (row.size() < item_field_count) return item;
    item.key = {integer(row, 0), cell(row, 1)};
    item.time = integer(row, 2);
    item.sender = cell(row, 3);
    item.from = cell(row, 4);
    item.subject = cell(row, 5);
    item.host = cell(row, 6);
    item.message_id = cell(row, 7);
    item.client_address = cell(row, 8);
    item.log_id = cell(row, 9);
    item.policy = cell(row, 10);
    item.type = std::string(trim(cell(row, 11)));
    item.location = cell(row, 12);
    item.content = letter(row, 13);
    item.score = parse_number(cell(row, 14)).value_or(0);
    item.size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer(row, 15)));
    return item;
}

RecipientState recipient_of(const SqlRow& row) {
    RecipientState out;
    out.sequence = integer(row, 1);
    out.address_id = integer(row, 2);
    out.state = cell(row, 3);
    out.response = cell(row, 4);
    out.disposition = letter(row, 5);
    out.content = letter(row, 6);
    out.score = parse_number(cell(row, 7)).value_or(0);
    out.address = cell(row, 8);
    return out;
}

}  // namespace tamis::storage
