// quarantine_page - the statements for a page of the quarantine: its stream along one index, and what is looked at row by row
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "policy/lookup_keys.h"
#include "storage/kept/quarantine_columns.h"
#include "storage/kept/quarantine_sql.h"
#include "storage/records/rows.h"

namespace tamis::storage {
namespace {

bool is_domain(std::string_view address) { return address.starts_with('@'); }

// keyset - rows behind the page before, within the wanted time
std::string keyset(const SqlTarget& target, SqlText& text, const PageRequest& request, std::string_view alias) {
    std::string out = "1 = 1";
    if (request.filter.since) out += fmt::format(" AND {}.time_num >= {}", alias, *request.filter.since);
    if (request.filter.until) out += fmt::format(" AND {}.time_num < {}", alias, *request.filter.until);
    if (request.after)
        out += " AND " + target.dialect.is_before(fmt::format("{}.time_num", alias), fmt::format("{}.mail_id", alias),
                                                  fmt::format("{}", request.after->time), text.id(request.after->mail_id));
    return out;
}

std::string newest_first(std::string_view alias, std::size_t limit) {
    return fmt::format(" ORDER BY {0}.time_num DESC, {0}.mail_id DESC LIMIT {1}", alias, limit);
}

// each_of - the newest rows of several values of an indexed column, each along the index; where the branches are
// merged row by row as they are asked for, nothing is read that the page does not need
std::string each_of(const SqlTarget& target, const std::vector<std::string>& values, std::string_view alias, std::size_t limit,
                    const std::function<std::string(std::string_view)>& rows_where) {
    if (values.size() == 1) return rows_where(fmt::format("= {}", values.front())) + newest_first(alias, limit);
    if (!target.dialect.merges_branches())
        return rows_where(fmt::format("IN ({})", join(values, ", "))) + newest_first(alias, limit);
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

Stream stream_of(const SqlTarget& target, const PageRequest& request) {
    const bool timed = target.has("msgrcpt.time_num");
    if (is_exact(request.filter.recipient)) return Stream::recipient;
    if (has_rare_state(request) && timed) return Stream::state;
    if (is_exact(request.filter.sender)) return Stream::sender;
    if (!request.filter.categories.empty()) return Stream::category;
    return Stream::all;
}

// stream_sql - a SELECT in the wanted order with a limit; of recipient and state: tag, mail_id, time_num; else all of msgs m
std::string stream_sql(const SqlTarget& target, SqlText& text, const PageRequest& request, std::size_t limit) {
    const bool timed = target.has("msgrcpt.time_num");
    const auto of_messages = [&](std::string_view where) {
        return fmt::format("SELECT m.* FROM msgs m WHERE {} AND {} AND {}", quarantined, where,
                           keyset(target, text, request, "m"));
    };
    switch (stream_of(target, request)) {
        case Stream::recipient: {
            // a state other than "new" is rare among the recipient's rows and has an index of its own
            const auto state = has_rare_state(request) ? fmt::format(" AND r.rs <> ' ' AND r.rs = {}",
                                                                     text.text(std::string(1, *request.filter.state)))
                                                       : std::string();
            return each_of(target, numbers(request.recipient_ids), timed ? "r" : "t", limit, [&](std::string_view ids) {
                if (timed)
                    return fmt::format(
                        "SELECT {} AS partition_tag, r.mail_id, r.time_num, r.rs FROM msgrcpt r WHERE r.rid {}{} AND {}",
                        tag_of(target, "r", "msgrcpt"), ids, state, keyset(target, text, request, "r"));
                return fmt::format(
                    "SELECT {} AS partition_tag, t.mail_id, t.time_num, r.rs FROM msgrcpt r JOIN msgs t ON {} WHERE r.rid {}{} AND {}",
                    tag_of(target, "t", "msgs"), same_message(target, "t", "r"), ids, state, keyset(target, text, request, "t"));
            });
        }
        case Stream::state:
            return fmt::format(
                "SELECT {} AS partition_tag, r.mail_id, r.time_num FROM msgrcpt r WHERE r.rs <> ' ' AND r.rs = {} AND {}{}",
                tag_of(target, "r", "msgrcpt"), text.text(std::string(1, *request.filter.state)),
                keyset(target, text, request, "r"), newest_first("r", limit));
        case Stream::sender:
            return each_of(target, numbers(request.sender_ids), "m", limit,
                           [&](std::string_view ids) { return of_messages(fmt::format("m.sid {}", ids)); });
        case Stream::category: {
            std::vector<std::string> letters;
            for (const char letter : request.filter.categories)
                letters.push_back(target.dialect.typed(text.text(std::string(1, letter)), target.column("msgs.content")));
            return each_of(target, letters, "m", limit,
                           [&](std::string_view any) { return of_messages(fmt::format("m.content {}", any)); });
        }
        case Stream::all: return of_messages("1 = 1") + newest_first("m", limit);
    }
    return {};
}

std::string domain_test(const SqlTarget& target, SqlText& text, std::string_view alias, std::string_view address) {
    const auto domain = policy::ascii_domain(address.substr(1));  // as it is stored
    if (!target.has("maddr.domain")) return fmt::format("lower({}.email) LIKE {}", alias, text.text("%@" + domain));
    const auto raw = reversed_labels(to_lower(address.substr(1)));  // as it was stored before
    const bool keeps_octets = target.dialect.keeps_octets(target.column("maddr.domain"));
    const auto stored = [&](const std::string& labels) {
        return text.text(is_utf8(labels) || keeps_octets ? labels : printable_or(labels, '?'));
    };
    if (raw == reversed_labels(domain)) return fmt::format("{}.domain = {}", alias, stored(raw));
    return fmt::format("{}.domain IN ({}, {})", alias, stored(reversed_labels(domain)), stored(raw));
}

std::string like_pattern(std::string_view part) {
    std::string out = "%";
    for (const char c : part) {
        if (c == '%' || c == '_' || c == '\\') out += '\\';
        out += c;
    }
    return out + "%";
}

bool needs_recipient_test(const SqlTarget& target, const PageRequest& request) {
    const auto stream = stream_of(target, request);
    return is_domain(request.filter.recipient) ||
           (request.filter.state && stream != Stream::state && stream != Stream::recipient);
}

// tests - what the stream does not say
std::string tests(const SqlTarget& target, SqlText& text, const PageRequest& request) {
    const auto& filter = request.filter;
    const auto stream = stream_of(target, request);
    std::string out(quarantined);
    const auto add = [&](std::string_view test) { out += fmt::format(" AND {}", test); };
    if (stream != Stream::sender && is_exact(filter.sender)) {
        std::string ids;
        for (const auto id : request.sender_ids) ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id);
        add(fmt::format("m.sid IN ({})", ids));
    }
    if (is_domain(filter.sender))
        add(fmt::format("EXISTS (SELECT 1 FROM maddr a WHERE a.id = m.sid AND {})",
                        domain_test(target, text, "a", filter.sender)));
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
    if (!filter.subject.empty()) add(target.dialect.like("m.subject", text.text(like_pattern(filter.subject))));
    if (needs_recipient_test(target, request)) {
        std::string test = same_message(target, "q", "m");
        if (is_domain(filter.recipient))
            test += fmt::format(" AND EXISTS (SELECT 1 FROM maddr a WHERE a.id = q.rid AND {})",
                                domain_test(target, text, "a", filter.recipient));
        if (filter.state && stream != Stream::state)
            test += fmt::format(" AND q.rs = {}", text.text(std::string(1, *filter.state)));
        add(fmt::format("EXISTS (SELECT 1 FROM msgrcpt q WHERE {})", test));
    }
    return out;
}

bool gives_whole_rows(Stream stream) { return stream != Stream::recipient && stream != Stream::state; }

}  // namespace

std::size_t scan_limit(const PageRequest& request, const SqlTarget& target) {
    constexpr std::size_t cheap = 6'000;  // each row costs about 2 microseconds, with a look at other tables ten
    constexpr std::size_t dear = 2'000;
    const bool looks_elsewhere = needs_recipient_test(target, request) || is_domain(request.filter.sender);
    return std::max(request.limit + 1, looks_elsewhere ? dear : gives_whole_rows(stream_of(target, request)) ? cheap : cheap / 2);
}

SqlQuery page_query(const SqlTarget& target, const PageRequest& request) {
    SqlText text(target);
    const auto stream = stream_of(target, request);
    const auto rows = stream_sql(target, text, request, scan_limit(request, target));
    if (gives_whole_rows(stream)) {
        text << fmt::format("SELECT {} FROM ({}) AS m WHERE {}{}", item_fields(target), rows, tests(target, text, request),
                            newest_first("m", request.limit + 1));
        return text.take();
    }
    text << fmt::format("SELECT {} FROM ({}) AS k JOIN msgs m ON {} WHERE {}{}", item_fields(target), rows,
                        same_message(target, "m", "k"), tests(target, text, request), newest_first("k", request.limit + 1));
    return text.take();
}

SqlQuery end_query(const SqlTarget& target, const PageRequest& request) {
    SqlText text(target);
    const auto limit = scan_limit(request, target);
    const auto rows = stream_sql(target, text, request, limit);
    text << fmt::format("SELECT k.time_num, k.mail_id FROM ({}) AS k ORDER BY k.time_num DESC, k.mail_id DESC LIMIT 1 OFFSET {}",
                        rows, limit - 1);
    return text.take();
}

}  // namespace tamis::storage
