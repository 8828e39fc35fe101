#include "policy/summary.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/text.h"
#include "mail/address.h"
#include "policy/fields.h"

namespace tamis::policy {
namespace {

using mail::ContentCategory;
using mail::Major;

// amavisd sorts by its long word for it and then writes "Relayed": RelayedTagged comes first
constexpr std::string_view untagged = "RelayedUntagged";

// is_tagged - the recipient can see it: by the subject, X-Spam-Flag or the address (not somebody else's recipient), or by the
// alert of a virus or banned contents
bool is_tagged(const RecipientOutcome& outcome, const RecipientVerdict& verdict, bool is_local) {
    const bool has_alert = std::ranges::any_of(
        verdict.categories, [](auto category) { return category.major == Major::virus || category.major == Major::banned; });
    return has_alert || !outcome.final_address.empty() || (is_local && (verdict.tag2 || !verdict.subject_tag.empty()));
}

// the words of amavisd's actions: what happened, then in which direction. Over SMTP the one reply counts for all who did not
// get the mail: a 4xx brings it back for all, and a rejection that hides behind a 250 is a bounce.
std::string action_word(const Case& in, std::size_t i) {
    const auto& outcome = in.outcomes[i];
    const auto& verdict = in.verdicts[i];
    if (outcome.relayed) return is_tagged(outcome, verdict, in.policies[i].is_local) ? "RelayedTagged" : std::string(untagged);
    const int told = in.one_reply.value_or(outcome.response.code) / 100;
    const bool is_rejected = outcome.response.code / 100 == 5;
    if (told == 4 || outcome.tempfailed()) return "TempFailed";
    if (verdict.destiny == Destiny::discard && !verdict.passes()) return "Discarded";
    if ((verdict.destiny == Destiny::bounce && !verdict.passes()) || (is_rejected && told == 2))
        return in.dsn_sent ? "Bounced" : "NoBounce";
    return is_rejected ? "Rejected" : "Accepted";
}

std::string direction(bool originating, bool is_local) {
    if (originating) return is_local ? "Internal" : "Outbound";
    return is_local ? "Inbound" : "OpenRelay";
}

// quarantined_as - the names of the copies that are kept because of what was found
std::vector<std::string> quarantined_as(const Case& in) {
    std::vector<std::string> out;
    for (const auto& copy : in.copies)
        if (!copy.is_archive) out.push_back(copy.location);
    return out;
}

std::string actions(const Case& in, std::string_view separator) {
    std::set<std::string> words;
    for (std::size_t i = 0; i < in.outcomes.size(); ++i) {
        words.insert(action_word(in, i) + direction(in.originating, in.policies[i].is_local));
    }
    std::vector<std::string> list;
    for (const auto& word : words) list.push_back(word.starts_with(untagged) ? "Relayed" + word.substr(untagged.size()) : word);
    if (!quarantined_as(in).empty()) list.emplace_back("Quarantined");
    if (std::ranges::any_of(in.copies, &KeptCopy::is_archive)) list.emplace_back("Archived");
    return join(list, separator);
}

// Widths - how much of each value a line shows
struct Widths {
    std::size_t word = 700, address = 330, recipients = 10'000, id = 250, queued = 300, bank = 10'000;
};
// from all there is to what fits in any case: the fixed words of a line and these are shorter than log::line_limit
constexpr Widths widths[] = {
    {}, {300, 250, 10, 200, 200, 200}, {200, 120, 4, 120, 100, 60}, {100, 80, 2, 60, 60, 30}, {60, 50, 1, 40, 40, 30}};

// shortened - the end of a value that is too long, and of it only, is replaced by "..."
std::string shortened(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    std::size_t at = most - std::min<std::size_t>(most, 3);
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) --at;  // not inside a character
    return text.substr(0, at) + "...";
}

// shortened_list - the first ones, and how many more there are
std::string shortened_list(const std::vector<std::string>& items, std::size_t most) {
    if (items.size() <= most) return join(items, ",");
    return fmt::format("{},...[{} more]",
                       join(std::vector<std::string>(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(most)), ","),
                       items.size() - most);
}

std::string category_word(ContentCategory category, const MessageFindings& findings, const BannedHit* banned) {
    std::string word = mail::log_word(category);
    if (category.major == Major::banned && banned != nullptr) word += fmt::format(" ({})", banned->reason);
    if (category.major == Major::virus) word += fmt::format(" ({})", join(findings.viruses, ", "));
    constexpr std::size_t longest = 700;
    if (category.major != Major::unchecked || findings.unchecked_causes.empty()) return escaped(word, longest);
    auto causes = causes_text(findings.unchecked_causes, category.minor);  // escaped already
    if (causes.size() > longest) causes = causes.substr(0, longest) + "...";
    return fmt::format("{} ({})", word, causes);
}

// told_in_full - the category with what it is exactly, also where that decided nothing: which bad header, why unchecked
ContentCategory told_in_full(ContentCategory category, const std::vector<RecipientVerdict>& verdicts) {
    for (const auto& verdict : verdicts)
        for (const auto each : verdict.categories)
            if (each.major == category.major) category.minor = std::max(category.minor, each.minor);
    return category;
}

std::string hits(const std::vector<RecipientVerdict>& verdicts) {
    std::optional<double> lowest;
    std::optional<double> highest;
    for (const auto& verdict : verdicts) {
        if (!verdict.score) continue;
        lowest = std::min(lowest.value_or(*verdict.score), *verdict.score);
        highest = std::max(highest.value_or(*verdict.score), *verdict.score);
    }
    constexpr double not_worth_a_range = 0.1;
    if (!lowest) return "-";
    if (*highest - *lowest < not_worth_a_range) return format_score(*lowest);
    return fmt::format("{}..{}", format_score(*lowest), format_score(*highest));
}

std::string header_text(const mail::Message& message, std::string_view name) {
    const auto head = message.spool->head();
    const auto* field = message.header.find(name, head);
    return field == nullptr ? "" : mail::unfolded(mail::HeaderBlock::value(*field, head));
}

// message_id - the first <...> of the field; anything else is made to look like one. It never has a blank, so that a
// stranger cannot write the rest of the log line.
std::string message_id(const mail::Message& message, std::string_view name) {
    const std::string text = header_text(message, name);
    if (trim(text).empty()) return {};
    const auto no_blanks = [](std::string_view part) {
        std::string out;
        for (const char c : part) out += is_blank(c) || c == '<' || c == '>' ? '_' : c;
        return "<" + out + ">";
    };
    const auto open = text.find('<');
    const auto close = text.find('>', open == std::string::npos ? 0 : open);
    if (open == std::string::npos || close == std::string::npos) return no_blanks(trim(text));
    return no_blanks(std::string_view(text).substr(open + 1, close - open - 1));
}

// log_text - UTF-8 stays readable, everything else that cannot stand in a log line is escaped
std::string log_text(std::string_view text, std::size_t limit) {
    std::string out;
    const bool valid = is_utf8(text);
    for (const char c : text.substr(0, limit)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) out += escaped(std::string_view(&c, 1));
        else out += c;
    }
    if (text.size() > limit) out += "...";
    return is_utf8(out) ? out : escaped(out, limit);
}

std::string client_part(const Case& in) {
    const auto& client = in.envelope.client;
    if (!client.address) return "";
    std::string out = in.originating ? " LOCAL" : "";
    out += fmt::format(" [{}]", printable_or(*client.address, '?'));
    if (client.port) out += fmt::format(":{}", printable_or(*client.port, '?'));
    return out;
}

}  // namespace

std::string queue_id_of(std::string_view reply) {
    constexpr std::string_view mark = "queued as ";
    const auto at = reply.rfind(mark);
    if (at != std::string_view::npos) {
        const auto id = reply.substr(at + mark.size());
        if (!id.empty() && std::ranges::all_of(id, [](char c) { return is_alpha(c) || is_digit(c); })) return std::string(id);
    }
    return std::string(reply);
}

namespace {

// from_clause - what is before "by" in a Received value: who connected, not who took the message
std::string_view from_clause(std::string_view value) {
    int depth = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '(') ++depth;
        if (value[i] == ')') depth = std::max(depth - 1, 0);
        const bool starts_word = i == 0 || trim(value.substr(i - 1, 1)).empty();
        if (depth == 0 && starts_word && starts_with_fold(value.substr(i), "by") &&
            (i + 2 == value.size() || trim(value.substr(i + 2, 1)).empty()))
            return value.substr(0, i);
    }
    return value;
}

}  // namespace

std::string oldest_public_address(const mail::Message& message) {
    static const AddressList private_networks =
        AddressList::parse({"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                            "0.0.0.0/8", "224.0.0.0/3", "::/127", "fe80::/10", "fc00::/7", "ff00::/8"})
            .value();
    const auto head = message.spool->head();
    std::string oldest;
    for (const auto& field : message.header.fields) {
        if (!equal_fold(mail::HeaderBlock::name(field, head), "Received")) continue;
        const auto value = from_clause(mail::HeaderBlock::value(field, head).substr(0, 1000));
        for (auto open = value.find('['); open != std::string_view::npos; open = value.find('[', open + 1)) {
            const auto close = value.find(']', open);
            if (close == std::string_view::npos) break;
            constexpr std::size_t longest_address = 60;  // "[IPv6:...]" and brackets that are none
            if (close - open > longest_address) continue;
            const std::string address = normal_address(value.substr(open, close - open + 1));
            if (!address.empty() && !private_networks.contains(address)) oldest = address;
        }
    }
    return oldest;
}

namespace {

// lines_of - with the values cut to these widths
std::vector<std::string> lines_of(const Case& in, const Widths& width) {
    std::vector<std::string> passed;
    std::vector<std::string> blocked;
    std::vector<std::string> queued;
    for (std::size_t i = 0; i < in.outcomes.size(); ++i) {
        const auto& outcome = in.outcomes[i];
        auto& side = outcome.relayed ? passed : blocked;
        side.push_back(side.size() < width.recipients
                           ? log_text(mail::smtp_form(in.envelope.recipients[i].address), width.address)
                           : std::string());
        if (outcome.relayed && !outcome.queued_as.empty() && std::ranges::find(queued, outcome.queued_as) == queued.end())
            queued.push_back(outcome.queued_as);
    }
    const auto blocking = worst_blocking(in.verdicts);
    const auto main = worst_main(in.verdicts);
    const auto word = [&](ContentCategory category) {
        if (category.minor == 0 && category.major != Major::mta) category = told_in_full(category, in.verdicts);
        return shortened(category_word(category, in.findings, first_banned(in.verdicts)), width.word);
    };
    const std::string oldest = oldest_public_address(in.message);
    std::string middle = in.policy_path.empty() ? "" : " " + shortened(in.policy_path, width.bank);
    middle += client_part(in);
    if (!oldest.empty()) middle += fmt::format(" [{}]", oldest);
    middle += " " + log_text(mail::smtp_form(in.envelope.sender), width.address);

    std::string tail;
    if (const auto places = quarantined_as(in); !places.empty())
        tail += ", quarantine: " + shortened(join(places, ", "), width.queued);
    if (in.envelope.client.ident)
        tail += ", Queue-ID: " + log_text(*in.envelope.client.ident, std::min<std::size_t>(60, width.id));
    if (const auto id = message_id(in.message, "Message-ID"); !id.empty()) tail += ", Message-ID: " + log_text(id, width.id);
    if (const auto id = message_id(in.message, "Resent-Message-ID"); !id.empty())
        tail += ", Resent-Message-ID: " + log_text(id, width.id);
    tail += fmt::format(", mail_id: {}, Hits: {}, size: {}", in.message.mail_id.get(), hits(in.verdicts), in.message.size);
    const std::string end = fmt::format(", {} ms", in.elapsed.count());
    std::vector<std::string> lines;
    if (!passed.empty()) {
        const std::string queued_as = queued.empty() ? "" : ", queued_as: " + log_text(join(queued, "/"), width.queued);
        lines.push_back(fmt::format("Passed {} {{{}}},{} -> {}{}{}{}", word(blocking.value_or(main)), actions(in, ","), middle,
                                    shortened_list(passed, width.recipients), tail, queued_as, end));
    }
    if (!blocked.empty()) {
        // a recipient that was to pass and did not was stopped by the next hop
        const ContentCategory why = blocking.value_or(ContentCategory{Major::mta, 0});
        lines.push_back(fmt::format("Blocked {} {{{}}},{} -> {}{}{}", word(why), actions(in, ","), middle,
                                    shortened_list(blocked, width.recipients), tail, end));
    }
    return lines;
}

}  // namespace

std::vector<std::string> summary_lines(const Case& in) {
    const std::size_t room = log::line_limit - std::min<std::size_t>(in.message.log_id.get().size() + 3, 100);  // "(id) "
    std::vector<std::string> lines;
    for (const auto& width : widths) {
        lines = lines_of(in, width);
        if (std::ranges::all_of(lines, [&](const auto& line) { return line.size() <= room; })) break;
    }
    return lines;
}

namespace {

// JsonRoom - how much of a text and how many items of a list an object shows
struct JsonRoom {
    std::size_t text = 2000, items = 100'000;
};
constexpr JsonRoom json_rooms[] = {{}, {500, 50}, {300, 10}, {150, 5}, {80, 2}};

std::string json_text(std::string_view text, const JsonRoom& room = {}) {
    std::string out = "\"";
    for (const char c : utf8_or_replaced(text, room.text)) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string json_list(const std::vector<std::string>& items, const JsonRoom& room) {
    std::vector<std::string> quoted;
    for (const auto& item : items)
        if (quoted.size() < room.items) quoted.push_back(json_text(item, room));
    return "[" + join(quoted, ",") + "]";
}

// json_of - long, and one list on purpose: it is the format, field by field (docs/operations.md), and there is nothing to decide in
// it. What does not fit a line of syslog is cut by `room`, never the JSON.
std::string json_of(const Case& in, const JsonRoom& room) {
    std::vector<std::string> fields;
    const auto add = [&](std::string_view key, const std::string& value) {
        fields.push_back(fmt::format("\"{}\":{}", key, value));
    };
    const auto add_text = [&](std::string_view key, std::string_view value) {
        if (!value.empty()) add(key, json_text(value, room));
    };
    std::vector<std::string> addresses;
    std::vector<std::string> recipients;
    std::vector<std::string> queued;
    for (std::size_t i = 0; i < in.outcomes.size(); ++i) {
        const auto& outcome = in.outcomes[i];
        const auto& verdict = in.verdicts[i];
        const auto& address = in.envelope.recipients[i].address;
        addresses.push_back(address);
        if (outcome.relayed && !outcome.queued_as.empty()) queued.push_back(outcome.queued_as);
        if (recipients.size() == room.items) continue;
        std::vector<std::string> item = {
            "\"rcpt_to\":" + json_text(address, room),
            fmt::format("\"rcpt_is_local\":{}", in.policies[i].is_local),
            fmt::format("\"action\":\"{}\"", to_upper(destiny_name(verdict.destiny))),
            "\"smtp_response\":" + json_text(outcome.response.line(), room),
            fmt::format("\"smtp_code\":\"{}\"", outcome.response.code),
            fmt::format("\"ccat_main\":\"{}\"", mail::display_name(verdict.main())),
        };
        if (verdict.blocking) item.push_back(fmt::format("\"ccat_blocking\":\"{}\"", mail::display_name(*verdict.blocking)));
        if (verdict.banned) item.push_back("\"banning_reason\":" + json_text(verdict.banned->reason, room));
        if (verdict.score) item.push_back("\"spam_score\":" + format_score(*verdict.score));
        if (!outcome.queued_as.empty()) item.push_back("\"queued_as\":" + json_text(outcome.queued_as, room));
        recipients.push_back("{" + join(item, ",") + "}");
    }
    add_text("type", "amavis");
    add_text("log_id", in.message.log_id.get());
    add_text("mail_id", in.message.mail_id.get());
    if (in.envelope.client.address) add_text("client_ip", *in.envelope.client.address);
    if (in.envelope.client.port) add_text("client_port", *in.envelope.client.port);
    if (in.envelope.client.ident) add_text("queue_id", *in.envelope.client.ident);
    add_text("protocol", in.envelope.protocol);
    add("mail_from", json_text(in.envelope.sender, room));
    add("rcpt_to", json_list(addresses, room));
    add("rcpt_num", std::to_string(addresses.size()));
    if (addresses.size() > recipients.size()) add("rcpt_omitted", std::to_string(addresses.size() - recipients.size()));
    add("recipients", "[" + join(recipients, ",") + "]");
    add_text("subject", mail::decode_words(header_text(in.message, "Subject")));
    add_text("message_id", message_id(in.message, "Message-ID"));
    if (!in.policy_path.empty()) {
        std::vector<std::string> banks;
        for (const auto bank : split(in.policy_path, '/')) banks.emplace_back(bank);
        add("policy_banks", json_list(banks, room));
    }
    add("size", std::to_string(in.message.size));
    add_text("digest_body", in.message.digest);
    if (const auto places = quarantined_as(in); !places.empty()) add("quarantine", json_list(places, room));
    std::vector<std::string> tests;
    if (!in.verdicts.empty())
        for (const auto& test : in.verdicts.front().tests) tests.push_back(test.name + "=" + format_score(test.score));
    if (!tests.empty()) add("tests", json_list(tests, room));
    if (!in.findings.viruses.empty()) add("virusnames", json_list(in.findings.viruses, room));
    std::vector<std::string> causes;
    for (const auto& cause : in.findings.unchecked_causes) causes.push_back(cause.text);
    if (!causes.empty()) add("unchecked_causes", json_list(causes, room));
    add("originating", in.originating ? "true" : "false");
    add_text("actions_performed", actions(in, " "));
    if (!queued.empty()) add("queued_as", json_list(queued, room));
    const auto seconds = std::chrono::duration<double>(in.message.received_at.time_since_epoch()).count();
    add("time_unix", fmt::format("{:.3f}", seconds));
    const auto moment = std::chrono::time_point_cast<std::chrono::seconds>(in.message.received_at);
    add_text("@timestamp", fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(moment))));
    add("elapsed", fmt::format("{{\"Total\":{:.3f}}}", static_cast<double>(in.elapsed.count()) / 1000.0));
    return "{" + join(fields, ",") + "}";
}

}  // namespace

std::string summary_json(const Case& in, std::size_t limit) {
    std::string out;
    for (const auto& room : json_rooms) {
        out = json_of(in, room);
        if (limit == 0 || out.size() <= limit) break;
    }
    return out;
}

}  // namespace tamis::policy
