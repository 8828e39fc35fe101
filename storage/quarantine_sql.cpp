#include "storage/quarantine_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/lookup_keys.h"
#include "storage/address_key.h"
#include "storage/rows.h"

namespace tamis::storage {
namespace {

constexpr std::string_view quarantined = "m.quar_type <> ' '";

// Text - a statement being written; values become placeholders
class Text {
public:
    explicit Text(const SqlShape& shape) : shape_(shape) {}
    Text& operator<<(std::string_view sql) {
        query_.sql += sql;
        return *this;
    }
    std::string text(std::string value) { return put({std::move(value), false}); }
    std::string bytes(std::string value) { return put({std::move(value), true}); }
    // id - a mail_id, with its type where the server could not know it
    std::string id(std::string_view value) {
        const auto place = bytes(std::string(value));
        return shape_.is_postgresql() ? fmt::format("{}::{}", place, shape_.id_type) : place;
    }
    SqlQuery take() { return std::move(query_); }

private:
    std::string put(SqlValue value) {
        query_.values.push_back(std::move(value));
        return fmt::format("{}{}", shape_.is_postgresql() ? '$' : '?', query_.values.size());
    }
    const SqlShape& shape_;
    SqlQuery query_;
};

// tag - the partition_tag of a table's row; databases before amavisd 2.6 have none
std::string tag(const SqlShape& shape, std::string_view alias, std::string_view table) {
    return shape.has(fmt::format("{}.partition_tag", table)) ? fmt::format("{}.partition_tag", alias) : "0";
}

std::string column(const SqlShape& shape, std::string_view alias, std::string_view table, std::string_view name,
                   std::string_view otherwise) {
    return shape.has(fmt::format("{}.{}", table, name)) ? fmt::format("{}.{}", alias, name) : std::string(otherwise);
}

// same_message - the rows belong to one message
std::string same_message(const SqlShape& shape, std::string_view a, std::string_view b) {
    std::string out = fmt::format("{0}.mail_id = {1}.mail_id", a, b);
    if (shape.has("msgs.partition_tag")) out += fmt::format(" AND {0}.partition_tag = {1}.partition_tag", a, b);
    return out;
}

std::string key_of(const SqlShape& shape, Text& text, std::string_view alias, std::string_view table, const MessageKey& key) {
    std::string out = fmt::format("{}mail_id = {}", alias, text.id(key.mail_id));
    if (shape.has(fmt::format("{}.partition_tag", table)))
        out += fmt::format(" AND {}partition_tag = {}", alias, key.partition_tag);
    return out;
}

// partitions - a statement that gives every partition_tag of the table, by as many steps in its index: the primary keys
// begin with the tag, so that a mail_id or an address alone could not be looked up in them
std::string partitions(std::string_view table) {
    return fmt::format(
        "WITH RECURSIVE parts(p) AS (SELECT min(partition_tag) FROM {0} UNION ALL "
        "SELECT (SELECT min(partition_tag) FROM {0} WHERE partition_tag > parts.p) FROM parts WHERE parts.p IS NOT NULL) ",
        table);
}
constexpr std::string_view of_partitions = "IN (SELECT p FROM parts WHERE p IS NOT NULL)";

std::string fields(const SqlShape& shape) {
    const auto msgs = [&](std::string_view name, std::string_view otherwise) {
        return column(shape, "m", "msgs", name, otherwise);
    };
    return fmt::format(
        "{}, m.mail_id, m.time_num, (SELECT s.email FROM maddr s WHERE s.id = m.sid), m.from_addr, m.subject, m.host, "
        "m.message_id, m.client_addr, m.am_id, m.policy, m.quar_type, {}, m.content, m.spam_level, m.size",
        tag(shape, "m", "msgs"), msgs("quar_loc", "''"));
}
constexpr std::size_t field_count = 16;

bool is_domain(std::string_view address) { return address.starts_with('@'); }

// keyset - rows behind the page before, within the wanted time
std::string keyset(const SqlShape& shape, Text& text, const PageRequest& request, std::string_view alias) {
    std::string out = "true";
    if (!shape.is_postgresql()) out = "1";
    if (request.filter.since) out += fmt::format(" AND {}.time_num >= {}", alias, *request.filter.since);
    if (request.filter.until) out += fmt::format(" AND {}.time_num < {}", alias, *request.filter.until);
    if (request.after)
        out += fmt::format(" AND ({0}.time_num, {0}.mail_id) < ({1}, {2})", alias, request.after->time,
                           text.id(request.after->mail_id));
    return out;
}

std::string newest_first(std::string_view alias, std::size_t limit) {
    return fmt::format(" ORDER BY {0}.time_num DESC, {0}.mail_id DESC LIMIT {1}", alias, limit);
}

// each_of - the newest rows of several values of an indexed column, each along the index; the branches are merged row by
// row as they are asked for (PostgreSQL's Merge Append), so that nothing is read that the page does not need
std::string each_of(const SqlShape& shape, const std::vector<std::string>& values, std::string_view alias, std::size_t limit,
                    const std::function<std::string(std::string_view)>& rows_where) {
    if (values.size() == 1) return rows_where(fmt::format("= {}", values.front())) + newest_first(alias, limit);
    if (!shape.is_postgresql()) return rows_where(fmt::format("IN ({})", join(values, ", "))) + newest_first(alias, limit);
    std::string branches;
    for (const auto& value : values)
        branches += fmt::format("{}({}{})", branches.empty() ? "" : " UNION ALL ", rows_where(fmt::format("= {}", value)),
                                newest_first(alias, limit));
    return fmt::format("SELECT each_one.* FROM ({}) AS each_one{}", branches, newest_first("each_one", limit));
}

std::vector<std::string> numbers(const std::vector<std::int64_t>& ids) {
    std::vector<std::string> out;
    for (const auto id : ids) out.push_back(fmt::format("{}", id));
    return out;
}

enum class Stream { recipient, state, sender, category, all };

bool is_exact(std::string_view address) { return !address.empty() && !is_domain(address); }

bool has_rare_state(const PageRequest& request) { return request.filter.state && *request.filter.state != ' '; }

Stream stream_of(const SqlShape& shape, const PageRequest& request) {
    const bool timed = shape.has("msgrcpt.time_num");
    if (is_exact(request.filter.recipient)) return Stream::recipient;
    if (has_rare_state(request) && timed) return Stream::state;
    if (is_exact(request.filter.sender)) return Stream::sender;
    if (!request.filter.categories.empty()) return Stream::category;
    return Stream::all;
}

// stream_sql - a SELECT in the wanted order with a limit; of recipient and state: tag, mail_id, time_num; else all of msgs m
std::string stream_sql(const SqlShape& shape, Text& text, const PageRequest& request, std::size_t limit) {
    const bool timed = shape.has("msgrcpt.time_num");
    const auto of_messages = [&](std::string_view where) {
        return fmt::format("SELECT m.* FROM msgs m WHERE {} AND {} AND {}", quarantined, where,
                           keyset(shape, text, request, "m"));
    };
    switch (stream_of(shape, request)) {
        case Stream::recipient: {
            // a state other than "new" is rare among the recipient's rows and has an index of its own
            const auto state = has_rare_state(request) ? fmt::format(" AND r.rs <> ' ' AND r.rs = {}",
                                                                     text.text(std::string(1, *request.filter.state)))
                                                       : std::string();
            return each_of(shape, numbers(request.recipient_ids), timed ? "r" : "t", limit, [&](std::string_view ids) {
                if (timed)
                    return fmt::format(
                        "SELECT {} AS partition_tag, r.mail_id, r.time_num, r.rs FROM msgrcpt r WHERE r.rid {}{} AND {}",
                        tag(shape, "r", "msgrcpt"), ids, state, keyset(shape, text, request, "r"));
                return fmt::format(
                    "SELECT {} AS partition_tag, t.mail_id, t.time_num, r.rs FROM msgrcpt r JOIN msgs t ON {} WHERE r.rid {}{} AND {}",
                    tag(shape, "t", "msgs"), same_message(shape, "t", "r"), ids, state, keyset(shape, text, request, "t"));
            });
        }
        case Stream::state:
            return fmt::format(
                "SELECT {} AS partition_tag, r.mail_id, r.time_num FROM msgrcpt r WHERE r.rs <> ' ' AND r.rs = {} AND {}{}",
                tag(shape, "r", "msgrcpt"), text.text(std::string(1, *request.filter.state)), keyset(shape, text, request, "r"),
                newest_first("r", limit));
        case Stream::sender:
            return each_of(shape, numbers(request.sender_ids), "m", limit,
                           [&](std::string_view ids) { return of_messages(fmt::format("m.sid {}", ids)); });
        case Stream::category: {
            std::vector<std::string> letters;
            for (const char letter : request.filter.categories)
                letters.push_back(
                    fmt::format("{}{}", text.text(std::string(1, letter)), shape.is_postgresql() ? "::char(1)" : ""));
            return each_of(shape, letters, "m", limit,
                           [&](std::string_view any) { return of_messages(fmt::format("m.content {}", any)); });
        }
        case Stream::all: return of_messages(shape.is_postgresql() ? "true" : "1") + newest_first("m", limit);
    }
    return {};
}

std::string domain_test(const SqlShape& shape, Text& text, std::string_view alias, std::string_view address) {
    const auto domain = policy::ascii_domain(address.substr(1));  // as it is stored
    if (!shape.has("maddr.domain")) return fmt::format("lower({}.email) LIKE {}", alias, text.text("%@" + domain));
    const auto raw = reversed_labels(to_lower(address.substr(1)));  // as it was stored before
    if (raw == reversed_labels(domain)) return fmt::format("{}.domain = {}", alias, text.text(raw));
    return fmt::format("{}.domain IN ({}, {})", alias, text.text(reversed_labels(domain)),
                       text.text(shape.is_postgresql() && !is_utf8(raw) ? printable_or(raw, '?') : raw));
}

std::string like_pattern(std::string_view part) {
    std::string out = "%";
    for (const char c : part) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out + "%";
}

bool needs_recipient_test(const SqlShape& shape, const PageRequest& request) {
    const auto stream = stream_of(shape, request);
    return is_domain(request.filter.recipient) ||
           (request.filter.state && stream != Stream::state && stream != Stream::recipient);
}

// tests - what the stream does not say
std::string tests(const SqlShape& shape, Text& text, const PageRequest& request) {
    const auto& filter = request.filter;
    const auto stream = stream_of(shape, request);
    std::string out(quarantined);
    const auto add = [&](std::string_view test) { out += fmt::format(" AND {}", test); };
    if (stream != Stream::sender && is_exact(filter.sender)) {
        std::string ids;
        for (const auto id : request.sender_ids) ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id);
        add(fmt::format("m.sid IN ({})", ids));
    }
    if (is_domain(filter.sender))
        add(fmt::format("EXISTS (SELECT 1 FROM maddr a WHERE a.id = m.sid AND {})",
                        domain_test(shape, text, "a", filter.sender)));
    if (stream != Stream::category && !filter.categories.empty()) {
        std::string letters;
        for (const char letter : filter.categories)
            letters += fmt::format("{}{}", letters.empty() ? "" : ", ", text.text(std::string(1, letter)));
        add(fmt::format("m.content IN ({})", letters));
    }
    if (stream == Stream::recipient && filter.state && !has_rare_state(request))
        add(fmt::format("k.rs = {}", text.text(std::string(1, *filter.state))));
    if (!filter.host.empty()) add(fmt::format("m.host = {}", text.text(filter.host)));
    if (filter.min_score) add(fmt::format("m.spam_level >= {}", *filter.min_score));
    if (filter.max_score) add(fmt::format("m.spam_level <= {}", *filter.max_score));
    if (!filter.subject.empty())
        add(fmt::format("m.subject {} {} ESCAPE '\\'", shape.is_postgresql() ? "ILIKE" : "LIKE",
                        text.text(like_pattern(filter.subject))));
    if (needs_recipient_test(shape, request)) {
        std::string test = same_message(shape, "q", "m");
        if (is_domain(filter.recipient))
            test += fmt::format(" AND EXISTS (SELECT 1 FROM maddr a WHERE a.id = q.rid AND {})",
                                domain_test(shape, text, "a", filter.recipient));
        if (filter.state && stream != Stream::state)
            test += fmt::format(" AND q.rs = {}", text.text(std::string(1, *filter.state)));
        add(fmt::format("EXISTS (SELECT 1 FROM msgrcpt q WHERE {})", test));
    }
    return out;
}

bool gives_whole_rows(Stream stream) { return stream != Stream::recipient && stream != Stream::state; }

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

std::size_t scan_limit(const PageRequest& request, const SqlShape& shape) {
    constexpr std::size_t cheap = 6'000;  // each row costs about 2 microseconds, with a look at other tables ten
    constexpr std::size_t dear = 2'000;
    const bool looks_elsewhere = needs_recipient_test(shape, request) || is_domain(request.filter.sender);
    return std::max(request.limit + 1, looks_elsewhere ? dear : gives_whole_rows(stream_of(shape, request)) ? cheap : cheap / 2);
}

SqlQuery address_query(const SqlShape& shape, std::string_view address) {
    Text text(shape);
    constexpr int most = 200;  // one per partition
    std::vector<std::string> keys;
    const auto add = [&](std::string key) {
        if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
    };
    for (const auto local_case : {LocalCase::lower, LocalCase::kept}) {  // policy.local_part_is_case_sensitive keeps the letters
        const std::string email = address == "<>" ? std::string() : address_key(address, local_case).email;
        if (!shape.is_postgresql() || shape.address_type == "bytea") add(email);
        add(printable_address(email));  // as it is stored where the database, or a trigger in it, takes no other octets
        add(plain_text(printable_address(email)));
        if (const auto written = written_key(address, local_case); address != "<>") {
            if (!shape.is_postgresql() || shape.address_type == "bytea") add(written);
            add(printable_address(written));
        }
    }
    std::string places;
    const auto limit = most * keys.size();
    for (auto& key : keys) places += (places.empty() ? "" : ", ") + text.bytes(std::move(key));
    if (shape.has("maddr.partition_tag"))
        text << partitions("maddr") << "SELECT a.id FROM maddr a WHERE a.partition_tag " << of_partitions
             << fmt::format(" AND a.email IN ({}) LIMIT {}", places, limit);
    else text << fmt::format("SELECT a.id FROM maddr a WHERE a.email IN ({}) LIMIT {}", places, limit);
    return text.take();
}

SqlQuery page_query(const SqlShape& shape, const PageRequest& request) {
    Text text(shape);
    const auto stream = stream_of(shape, request);
    const auto rows = stream_sql(shape, text, request, scan_limit(request, shape));
    if (gives_whole_rows(stream)) {
        text << fmt::format("SELECT {} FROM ({}) AS m WHERE {}{}", fields(shape), rows, tests(shape, text, request),
                            newest_first("m", request.limit + 1));
        return text.take();
    }
    text << fmt::format("SELECT {} FROM ({}) AS k JOIN msgs m ON {} WHERE {}{}", fields(shape), rows,
                        same_message(shape, "m", "k"), tests(shape, text, request), newest_first("k", request.limit + 1));
    return text.take();
}

SqlQuery end_query(const SqlShape& shape, const PageRequest& request) {
    Text text(shape);
    const auto limit = scan_limit(request, shape);
    const auto rows = stream_sql(shape, text, request, limit);
    text << fmt::format("SELECT k.time_num, k.mail_id FROM ({}) AS k ORDER BY k.time_num DESC, k.mail_id DESC LIMIT 1 OFFSET {}",
                        rows, limit - 1);
    return text.take();
}

SqlQuery find_query(const SqlShape& shape, std::string_view mail_id, std::optional<std::int64_t> partition_tag) {
    Text text(shape);
    const auto id = text.id(mail_id);
    const bool parted = shape.has("msgs.partition_tag");
    if (parted && !partition_tag) text << partitions("msgs");
    text << fmt::format("SELECT {} FROM msgs m WHERE m.mail_id = {}", fields(shape), id);
    if (parted)
        text << " AND m.partition_tag " << (partition_tag ? fmt::format("= {}", *partition_tag) : std::string(of_partitions));
    text << " ORDER BY 1 LIMIT 100";
    return text.take();
}

std::vector<SqlQuery> recipients_queries(const SqlShape& shape, const std::vector<MessageKey>& messages, std::size_t most) {
    const auto rcpt = [&](std::string_view name, std::string_view otherwise) {
        return column(shape, "r", "msgrcpt", name, otherwise);
    };
    const std::string sequence = rcpt("rseqnum", "0");
    const std::string columns =
        fmt::format("{}, r.rid, r.rs, r.smtp_resp, r.ds, {}, r.bspam_level", sequence, rcpt("content", "' '"));
    const std::string limit = most == 0 ? "" : fmt::format(" LIMIT {}", most);
    const std::string order = sequence == "0" ? "r.rid" : sequence;
    std::vector<SqlQuery> queries;
    if (messages.empty()) return queries;
    if (!shape.is_postgresql()) {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            Text text(shape);
            text << fmt::format(
                "SELECT {}, {}, (SELECT a.email FROM maddr a WHERE a.id = r.rid) FROM msgrcpt r WHERE {} ORDER BY {}{}", i,
                columns, key_of(shape, text, "r.", "msgrcpt", messages[i]), order, limit);
            queries.push_back(text.take());
        }
        return queries;
    }
    Text text(shape);
    std::string list;
    for (std::size_t i = 0; i < messages.size(); ++i)
        list += fmt::format("{}({}, {}::integer, {})", list.empty() ? "" : ", ", i, messages[i].partition_tag,
                            text.id(messages[i].mail_id));
    text << fmt::format(
        "SELECT k.n, r.*, (SELECT a.email FROM maddr a WHERE a.id = r.rid) FROM (VALUES {}) AS k(n, partition_tag, mail_id) "
        "CROSS JOIN LATERAL (SELECT {} FROM msgrcpt r WHERE {} ORDER BY {}{}) AS r ORDER BY k.n",
        list, columns, same_message(shape, "r", "k"), order, limit);
    queries.push_back(text.take());
    return queries;
}

SqlQuery chunks_query(const SqlShape& shape, const MessageKey& message, std::int64_t after, std::size_t most) {
    Text text(shape);
    text << fmt::format("SELECT q.chunk_ind, {} FROM quarantine q WHERE {} AND q.chunk_ind > {} ORDER BY q.chunk_ind LIMIT {}",
                        shape.chunk_text, key_of(shape, text, "q.", "quarantine", message), after, most);
    return text.take();
}

std::vector<SqlQuery> change_queries(const SqlShape& shape, const StateChange& change) {
    const auto row = [&](Text& text) {
        auto out = key_of(shape, text, "", "msgrcpt", change.message);
        if (shape.has("msgrcpt.rseqnum")) return out + fmt::format(" AND rseqnum = {}", change.from.sequence);
        return out + fmt::format(" AND rid = {}", change.from.address_id);
    };
    Text update(shape);
    update << fmt::format(
        "UPDATE msgrcpt SET rs = {}, smtp_resp = {} WHERE {} AND rs = {} AND coalesce(smtp_resp, '') = {} RETURNING 1",
        update.text(change.state), update.text(change.response), row(update), update.text(change.from.state),
        update.text(change.from.response));
    Text now(shape);
    now << fmt::format("SELECT rs, coalesce(smtp_resp, '') FROM msgrcpt WHERE {} LIMIT 1", row(now));
    return {update.take(), now.take()};
}

std::vector<SqlQuery> remove_queries(const SqlShape& shape, const MessageKey& message) {
    Text chunks(shape);
    chunks << "DELETE FROM quarantine WHERE " << key_of(shape, chunks, "", "quarantine", message) << " RETURNING 1";
    Text states(shape);
    states << "UPDATE msgrcpt SET rs = 'D' WHERE " << key_of(shape, states, "", "msgrcpt", message) << " RETURNING 1";
    Text record(shape);
    record << "UPDATE msgs SET quar_type = ' '" << (shape.has("msgs.quar_loc") ? ", quar_loc = ''" : "") << " WHERE "
           << key_of(shape, record, "", "msgs", message) << " RETURNING 1";
    return {chunks.take(), states.take(), record.take()};
}

std::vector<SqlQuery> stats_queries(const SqlShape& shape, std::int64_t since, std::int64_t until) {
    Text counts(shape), states(shape);
    const auto when = fmt::format("{} AND m.time_num >= {} AND m.time_num < {}", quarantined, since, until);
    counts << fmt::format(
        "SELECT m.host, m.content, count(*), coalesce(sum(m.size), 0) FROM msgs m WHERE {} GROUP BY m.host, m.content "
        "ORDER BY m.host, m.content",
        when);
    states << fmt::format("SELECT r.rs, count(*) FROM msgs m JOIN msgrcpt r ON {} WHERE {} GROUP BY r.rs ORDER BY r.rs",
                          same_message(shape, "r", "m"), when);
    return {counts.take(), states.take()};
}

QuarantineItem item_of(const SqlRow& row) {
    QuarantineItem item;
    if (row.size() < field_count) return item;
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
