#include "proxy/tools/quarantine_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <map>

#include "base/counted.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/header.h"
#include "proxy/control/release_state.h"
#include "proxy/tools/time_text.h"
#include "storage/retention/retention.h"

namespace tamis::proxy::tools {
namespace {

namespace json = boost::json;

struct Category {
    char letter;
    std::string_view word;
};
constexpr std::array<Category, 11> categories = {{{'V', "virus"},
                                                  {'B', "banned"},
                                                  {'U', "unchecked"},
                                                  {'S', "spam"},
                                                  {'Y', "spammy"},
                                                  {'M', "bad-header-8bit"},
                                                  {'H', "bad-header"},
                                                  {'O', "oversized"},
                                                  {'T', "mta"},
                                                  {'C', "clean"},
                                                  {'?', "catchall"}}};

// is_unsafe - a code point that does something to a terminal or to the order of text
bool is_unsafe(char32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe0fff);
}

char32_t point_of(std::string_view character) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
    switch (character.size()) {
        case 1: return byte(0);
        case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
        case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
        default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    }
}

json::string utf8(std::string_view text) {
    const auto clean = utf8_or_replaced(text, text.size());
    return json::string(clean.data(), clean.size());
}

// named - an address in the form in which a command takes it: octets that are no UTF-8 as \xHH
json::string named(std::string_view address) {
    return utf8(is_utf8(address) ? std::string(address) : escaped(address, address.size() * 4));
}

json::object object_of(const storage::RecipientState& to) {
    json::object out;
    out["address"] = named(to.address);
    out["state"] = utf8(state_words(to.state));
    out["rs"] = utf8(to.state);
    out["ds"] = utf8(std::string(1, to.disposition));
    out["category"] = utf8(category_word(to.content));
    out["score"] = to.score;
    out["response"] = utf8(without_note(to.response));
    const auto standing = standing_of(to.state, to.response);
    if (standing.kind != Standing::Kind::free) {
        out["release"] = utf8(describe_note(standing.note));
        out["release_time"] = utf8(standing.note.when);
        out["release_by"] = utf8(standing.note.by);
        out["queue_id"] = utf8(standing.note.queue_id);
    }
    return out;
}

json::object object_of(const storage::QuarantineItem& item) {
    json::object out;
    out["mail_id"] = utf8(item.key.mail_id);
    out["partition_tag"] = item.key.partition_tag;
    out["time"] = utf8(time_text(item.time));
    out["time_num"] = item.time;
    out["category"] = utf8(category_word(item.content));
    out["content"] = utf8(std::string(1, item.content));
    out["score"] = item.score;
    out["sender"] = named(item.sender);
    out["from"] = utf8(item.from);
    out["subject"] = utf8(item.subject);
    out["message_id"] = utf8(item.message_id);
    out["client_address"] = utf8(item.client_address);
    out["size"] = item.size;
    out["host"] = utf8(item.host);
    out["log_id"] = utf8(item.log_id);
    out["policy"] = utf8(item.policy);
    out["quar_type"] = utf8(item.type);
    out["quar_loc"] = utf8(item.location);
    json::array recipients;
    for (const auto& to : item.recipients) recipients.push_back(object_of(to));
    out["recipients"] = std::move(recipients);
    if (item.has_more_recipients) out["more_recipients"] = true;
    return out;
}

std::string_view end_word(ReleaseResult::End end) {
    switch (end) {
        case ReleaseResult::End::delivered: return "delivered";
        case ReleaseResult::End::already: return "already";
        case ReleaseResult::End::releasing: return "releasing";
        case ReleaseResult::End::refused: return "refused";
        case ReleaseResult::End::unknown: return "unknown";
        case ReleaseResult::End::left_out: return "left out";
    }
    return "unknown";
}

std::string_view disposition_word(char letter) {
    switch (letter) {
        case 'P': return "passed";
        case 'R': return "rejected";
        case 'B': return "bounced";
        case 'D': return "discarded";
        case 'T': return "temporarily failed";
        default: return "unknown";
    }
}

std::string kept_in(const storage::QuarantineItem& item) {
    switch (item.type.empty() ? ' ' : item.type.front()) {
        case 'Q': return "in the database";
        case 'F': return "file " + safe_text(item.location, 300);
        case 'Z': return "compressed file " + safe_text(item.location, 300);
        case 'M':
        case 'L': return "mailed to " + safe_text(item.location, 300);
        case 'B': return "BSMTP " + safe_text(item.location, 300);
        case ' ': return item.location == storage::expired_location ? "nowhere: the copy has expired" : "nowhere";
        default: return fmt::format("type {}, {}", safe_text(item.type, 5), safe_text(item.location, 300));
    }
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t limit, Lines lines) {
    std::string out;
    for (std::size_t count = 0; !text.empty(); ++count) {
        if (count >= limit) return out + "...";
        std::size_t length = 1;
        while (length < text.size() && length < 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
        const auto character = text.substr(0, is_utf8(text.substr(0, length)) ? length : 1);
        text.remove_prefix(character.size());
        if (lines == Lines::many && (character == "\n" || character == "\t")) {
            out += character;
        } else if (lines == Lines::many && character == "\r" && text.starts_with('\n')) {
            continue;
        } else if (!is_utf8(character)) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character.front()));
        } else if (const auto point = point_of(character); is_unsafe(point)) {
            out += point < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(point))
                                : fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(point));
        } else {
            out += character;
        }
    }
    return out;
}

std::string category_word(char letter) {
    const auto found = std::ranges::find(categories, letter, &Category::letter);
    return found == categories.end()
               ? letter == ' ' ? "unfinished" : fmt::format("category {}", escaped(std::string_view(&letter, 1)))
               : std::string(found->word);
}

std::optional<char> category_letter(std::string_view word) {
    for (const auto& category : categories)
        if (equal_fold(word, category.word)) return category.letter;
    if (word.size() == 1 && word.front() > ' ' && word.front() < 0x7f) return word.front();
    return {};
}

std::optional<char> state_letter(std::string_view word) {
    for (const char letter : {' ', 'V', 'p', 'R', 't', 'D', 'S', 'H', 'M'})
        if (equal_fold(word, state_words(std::string_view(&letter, 1)))) return letter;
    if (word == "requested") return 'p';
    if (word.size() == 1 && word.front() > ' ' && word.front() < 0x7f) return word.front();
    return {};
}

std::string list_text(const storage::QuarantineItem& item) {
    std::string to, states;
    for (const auto& recipient : item.recipients) {
        to += (to.empty() ? "" : ", ") + safe_text(recipient.address, 100);
        const auto words = state_words(recipient.state);
        if (states.find(words) == std::string::npos) states += (states.empty() ? "" : ", ") + words;
    }
    if (item.has_more_recipients) to += ", ...";
    const auto tag = item.key.partition_tag == 0 ? "" : fmt::format("[{}]", item.key.partition_tag);
    return fmt::format("{}  {}{}  {:<9} {:>7.1f}  {}\n    <{}> -> {}\n    {}\n", time_text(item.time),
                       safe_text(item.key.mail_id, 40), tag, category_word(item.content), item.score, states,
                       safe_text(item.sender, 100), to, safe_text(item.subject, 200));
}

std::string show_text(const storage::QuarantineItem& item) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) out += fmt::format("{:<12} {}\n", name, value);
    };
    line("mail_id", safe_text(item.key.mail_id, 40));
    if (item.key.partition_tag != 0) line("partition", fmt::format("{}", item.key.partition_tag));
    line("received", fmt::format("{} by {} ({})", time_text(item.time), safe_text(item.host, 255), safe_text(item.log_id, 30)));
    line("category", category_word(item.content));
    line("score", fmt::format("{:.3f}", item.score));
    line("sender", fmt::format("<{}>", safe_text(item.sender, 300)));
    line("client", safe_text(item.client_address, 60));
    line("policy", safe_text(item.policy, 255));
    line("size", fmt::format("{}", item.size));
    line("from", safe_text(item.from, 300));
    line("subject", safe_text(item.subject, 300));
    line("message-id", safe_text(item.message_id, 300));
    line("copy", kept_in(item));
    for (const auto& to : item.recipients) {
        out += fmt::format("recipient    <{}>: {}, {}, {}, score {:.3f}\n", safe_text(to.address, 300), state_words(to.state),
                           category_word(to.content), disposition_word(to.disposition), to.score);
        line("", safe_text(without_note(to.response), 300));
        const auto standing = standing_of(to.state, to.response);
        if (standing.kind != Standing::Kind::free) line("", safe_text(describe_note(standing.note), 300));
    }
    return out;
}

std::string release_text(const std::string& mail_id, const std::vector<ReleaseResult>& results) {
    std::string out;
    for (const auto& result : results) {
        const auto to = fmt::format("{} to <{}>: ", mail_id, safe_text(result.address, 300));
        if (result.end == ReleaseResult::End::delivered)
            out += fmt::format("{}delivered, queue id {}\n", to, safe_text(result.queue_id, 100));
        else if (result.end == ReleaseResult::End::already)
            out += fmt::format("{}{} (--again delivers it once more)\n", to, safe_text(result.text, 300));
        else if (result.end == ReleaseResult::End::releasing)
            out += fmt::format("{}NOT delivered: {}; look into the log of the next hop, --again delivers it once more\n", to,
                               safe_text(result.text, 300));
        else if (result.end == ReleaseResult::End::unknown)
            out +=
                fmt::format("{}UNKNOWN: the connection died after the message was sent: {}\n", to, safe_text(result.text, 300));
        else
            out += fmt::format("{}NOT delivered: {} {} {}\n", to, result.code, safe_text(result.enhanced, 20),
                               safe_text(result.text, 500));
        if (!result.trouble.empty()) out += fmt::format("{}this could not be recorded: {}\n", to, safe_text(result.trouble, 300));
    }
    return out;
}

std::string stats_text(const storage::QuarantineStats& stats) {
    struct Sum {
        std::uint64_t messages = 0, octets = 0;
    };
    std::map<std::string, Sum> hosts;
    std::map<char, Sum> kinds;
    Sum all;
    for (const auto& count : stats.counts)
        for (auto* sum : {&hosts[count.host], &kinds[count.content], &all}) {
            sum->messages += count.messages;
            sum->octets += count.octets;
        }
    std::string out;
    const auto line = [&](std::string_view what, const std::string& name, const Sum& sum) {
        out += fmt::format("{:<10} {:<30} {:>19} {:>22}\n", what, name, counted(sum.messages, "message"),
                           counted(sum.octets, "octet"));
    };
    for (const auto& [letter, sum] : kinds) line("category", category_word(letter), sum);
    for (const auto& [host, sum] : hosts) line("host", safe_text(host, 255), sum);
    for (const auto& [state, count] : stats.states)
        out += fmt::format("{:<10} {:<30} {:>19}\n", "state", state_words(state), counted(count, "recipient"));
    line("all", "", all);
    return out;
}

Result<MailView> mail_view(const StoredCopy& copy, std::size_t limit) {
    MailView view;
    const auto head = copy.spool->head().substr(copy.begin);
    const auto header = mail::parse_header(head);
    constexpr std::size_t most_fields = 200;
    for (const auto& field : header.fields) {
        if (view.fields.size() == most_fields) break;
        const auto name = mail::HeaderBlock::name(field, head);
        view.fields.emplace_back(safe_text(name.empty() ? "(no field)" : name, 100),
                                 safe_text(mail::decode_words(mail::unfolded(mail::HeaderBlock::value(field, head))), 1000));
    }
    std::string buffer(limit, '\0');
    const auto offset = copy.begin + header.size;
    const auto body = copy.spool->view(offset, buffer);
    if (!body) return std::unexpected(body.error());
    view.body = safe_text(body->substr(0, limit), limit, Lines::many);
    view.is_cut = offset + limit < copy.spool->size();
    return view;
}

std::string json_of(const storage::QuarantineItem& item) { return json::serialize(object_of(item)); }

std::string json_of(const storage::QuarantineItem& item, const MailView& view) {
    auto out = object_of(item);
    json::array fields;
    for (const auto& [name, value] : view.fields) fields.push_back(json::object{{"name", utf8(name)}, {"value", utf8(value)}});
    out["header"] = std::move(fields);
    out["body"] = utf8(view.body);
    out["body_cut"] = view.is_cut;
    return json::serialize(out);
}

std::string json_of(const std::string& mail_id, const std::vector<ReleaseResult>& results) {
    json::array recipients;
    for (const auto& result : results)
        recipients.push_back(json::object{{"address", named(result.address)},
                                          {"result", utf8(end_word(result.end))},
                                          {"code", result.code},
                                          {"enhanced", utf8(result.enhanced)},
                                          {"text", utf8(result.text)},
                                          {"queue_id", utf8(result.queue_id)},
                                          {"trouble", utf8(result.trouble)}});
    return json::serialize(json::object{{"mail_id", utf8(mail_id)}, {"recipients", std::move(recipients)}});
}

std::string json_of(const storage::QuarantineStats& stats) {
    json::array counts, states;
    for (const auto& count : stats.counts)
        counts.push_back(json::object{{"host", utf8(count.host)},
                                      {"category", utf8(category_word(count.content))},
                                      {"messages", count.messages},
                                      {"octets", count.octets}});
    for (const auto& [state, count] : stats.states)
        states.push_back(json::object{{"state", utf8(state_words(state))}, {"rs", utf8(state)}, {"recipients", count}});
    return json::serialize(json::object{{"counts", std::move(counts)}, {"states", std::move(states)}});
}

std::string json_text(std::string_view text) { return json::serialize(utf8(text)); }

}  // namespace tamis::proxy::tools
