#include "storage/records/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "storage/retention/week_tag.h"

namespace tamis::storage {
namespace {

// cut_bytes - at most `width` bytes, never in the middle of a UTF-8 character
std::string cut_bytes(std::string text, std::size_t width) {
    if (text.size() <= width) return text;
    while (width > 0 && (static_cast<unsigned char>(text[width]) & 0xc0) == 0x80) --width;
    text.resize(width);
    return text;
}

std::string printable(std::string_view text, std::size_t width) { return printable_or(text.substr(0, width), '?'); }

std::string code(char letter) { return std::string(1, letter >= 0x20 && letter < 0x7f ? letter : '?'); }

std::string yes_no(bool value) { return value ? "Y" : "N"; }

// score_text - a `real`: finite, within a float's range
std::string score_text(double score) {
    if (!std::isfinite(score)) score = 0;
    return fmt::format("{:.3f}", std::clamp(score, -1e9, 1e9));
}

std::string integer_text(std::uint64_t value) {
    return fmt::format("{}", std::min<std::uint64_t>(value, std::numeric_limits<std::int32_t>::max()));
}

// iso_utc - 20230106T101500Z
std::string iso_utc(std::int64_t seconds) {
    const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

// is_latin1 - valid UTF-8 without anything beyond U+00FF: no lead byte above 0xc3
bool is_latin1(std::string_view text) {
    return is_utf8(text) && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) > 0xc3; });
}

using Octets = Concession::Octets;

// stored_address - the key as the columns can take it: without NUL, and what is no text of the charset in ASCII
AddressKey stored_address(std::string_view address, LocalCase local_case, const TextRules& rules) {
    AddressKey key = address_key(address, local_case);
    const auto octets = rules.concession.octets;
    const bool is_text = is_utf8(key.email) && can_hold(key.email, rules.charset);
    const bool is_given_up = octets >= Octets::ascii || (octets == Octets::utf8_addresses && !is_utf8(key.email));
    if (is_given_up) key.email = printable_address(key.email);
    else if (rules.eight_bit_addresses) std::ranges::replace(key.email, '\0', '?');
    else key.email = is_text ? fitted(key.email, rules.widths.email, rules) : printable(key.email, rules.widths.email);
    if (octets == Octets::plain) key.email = plain_text(key.email);
    const std::size_t width =
        rules.eight_bit_addresses ? rules.concession.most : std::min(rules.concession.most, rules.widths.email);
    key.email = cut_bytes(std::move(key.email), width);
    key.domain = fitted(key.domain, rules.widths.domain, rules);
    return key;
}

// poorer - a text that fits its column, as far as the concession lets it
std::string poorer(std::string text, const Concession& concession) {
    if (concession.octets >= Octets::ascii && !is_ascii(text))
        text = fitted(text, text.size(), {.charset = TextRules::Charset::ascii});
    if (concession.octets == Octets::plain) text = plain_text(text);
    return concession.most == Concession().most ? text : cut_bytes(std::move(text), concession.most);
}

}  // namespace

TextRules::Charset charset_of(std::string_view encoding) {
    if (encoding == "UTF8") return TextRules::Charset::utf8;
    if (encoding == "SQL_ASCII") return TextRules::Charset::any_bytes;
    if (encoding == "LATIN1") return TextRules::Charset::latin1;
    return TextRules::Charset::ascii;
}

bool can_hold(std::string_view text, TextRules::Charset charset) {
    if (text.find('\0') != std::string_view::npos) return false;
    switch (charset) {
        case TextRules::Charset::utf8: return is_utf8(text);
        case TextRules::Charset::any_bytes: return true;
        case TextRules::Charset::latin1: return is_latin1(text);
        case TextRules::Charset::ascii: return is_ascii(text);
    }
    return false;
}

namespace {

// in_charset - as the column can take it
std::string in_charset(std::string_view text, std::size_t width, const TextRules& rules) {
    std::string out = utf8_or_replaced(text, width);
    if (rules.charset == TextRules::Charset::any_bytes) return cut_bytes(std::move(out), width);
    if (rules.charset == TextRules::Charset::utf8 || is_ascii(out)) return out;
    const unsigned highest_lead = rules.charset == TextRules::Charset::latin1 ? 0xc3 : 0x7f;
    std::string poorer_text;
    bool kept = true;  // the character whose bytes follow
    for (const char c : out) {
        const auto byte = static_cast<unsigned char>(c);
        const bool starts = (byte & 0xc0) != 0x80;
        if (starts) kept = byte <= highest_lead;
        if (kept) poorer_text += c;
        else if (starts) poorer_text += '?';
    }
    return poorer_text;
}

}  // namespace

std::string fitted(std::string_view text, std::size_t width, const TextRules& rules) {
    return poorer(in_charset(text, width, rules), rules.concession);
}

std::optional<Concession> next_concession(Concession before, bool is_too_long) {
    constexpr std::size_t shortest = 32;
    const bool may_shorten = before.most > shortest, may_replace = before.octets != Octets::plain;
    if (!may_shorten && !may_replace) return {};
    if (may_shorten && (is_too_long || !may_replace)) before.most = (before.most + 1) / 2;
    else before.octets = static_cast<Octets>(static_cast<int>(before.octets) + 1);
    return before;
}

std::string printable_address(std::string_view email) { return printable_or(email, '?'); }

std::string plain_text(std::string_view text) {
    constexpr std::string_view signs = " .,:;@<>()[]_+-=?!/#*&~";
    std::string out(text);
    for (char& c : out)
        if (!is_alpha(c) && !is_digit(c) && signs.find(c) == std::string_view::npos) c = '?';
    return out;
}

std::string stored_message_id(std::string_view message_id, std::size_t width) { return printable(message_id, width); }

// make_rows - every text as these tables can take it, decided here and not by the server: a single octet that a column refuses would
// undo the transaction of everybody whose message is in it. Addresses are sorted and each is there once: two hosts that lock the same
// ones in the same order wait for each other instead of dying of a deadlock.
MessageRows make_rows(const mail::MessageRecord& record, const TextRules& rules) {
    const auto seconds =
        std::clamp<std::int64_t>(std::chrono::floor<std::chrono::seconds>(record.received_at.time_since_epoch()).count(), 0,
                                 std::numeric_limits<std::int32_t>::max());
    const auto& width = rules.widths;
    MessageRows rows;
    rows.partition_tag =
        fmt::format("{}", partition_tag_at(record.partition_tag, std::chrono::sys_seconds(std::chrono::seconds(seconds))));
    rows.mail_id = printable(record.mail_id.get(), width.mail_id);
    rows.secret_id = printable(record.secret_id.get(), width.secret_id);
    rows.am_id = printable(record.log_id.get(), width.am_id);
    rows.time_num = fmt::format("{}", seconds);
    rows.time_iso = iso_utc(seconds);
    rows.policy = fitted(record.policy_path, width.policy, rules);
    rows.client_addr = printable(record.client_address, width.client_addr);
    rows.size = integer_text(record.size);
    rows.originating = yes_no(record.originating);
    rows.has_content = record.content != '\0';
    rows.content = rows.has_content ? code(record.content) : std::string();
    rows.quar_type = code(record.quarantine_type);
    rows.quar_loc = printable(record.quarantine_location, width.quar_loc);
    rows.dsn_sent = code(record.dsn_sent);
    rows.spam_level = score_text(record.spam_level);
    rows.message_id = poorer(stored_message_id(record.message_id, width.message_id), rules.concession);
    rows.from_addr = fitted(record.from, width.from_addr, rules);
    rows.subject = fitted(record.subject, width.subject, rules);
    rows.host = fitted(record.host, width.host, rules);

    const auto local_case = record.local_case_matters ? LocalCase::kept : LocalCase::lower;
    AddressKey sender = stored_address(record.sender, local_case, rules);
    rows.sender = sender.email;
    rows.addresses.push_back(std::move(sender));
    int sequence = 0;
    for (const auto& recipient : record.recipients) {
        ++sequence;
        if (recipient.address.empty()) continue;
        AddressKey key = stored_address(recipient.address, local_case, rules);
        rows.recipients.push_back({fmt::format("{}", sequence), key.email, printable_address(key.email),
                                   yes_no(recipient.is_local), code(recipient.content == '\0' ? ' ' : recipient.content),
                                   code(recipient.disposition), code(recipient.release_state), yes_no(recipient.blacklisted),
                                   yes_no(recipient.whitelisted), score_text(recipient.score),
                                   poorer(printable(recipient.response, width.smtp_resp), rules.concession)});
        rows.addresses.push_back(std::move(key));
    }
    std::ranges::sort(rows.addresses);
    const auto [first, last] = std::ranges::unique(rows.addresses, {}, &AddressKey::email);
    rows.addresses.erase(first, last);
    return rows;
}

std::string in_full(const mail::MessageRecord& record) {
    const MessageRows rows = make_rows(record, {.charset = TextRules::Charset::ascii, .eight_bit_addresses = false});
    std::string line = fmt::format(
        "partition_tag={} mail_id={} am_id={} time_iso={} sender=<{}> policy={} client_addr={} size={} "
        "originating={} content={} quar_type={} quar_loc={} dsn_sent={} spam_level={} message_id={} from=\"{}\" "
        "subject=\"{}\" host={}",
        rows.partition_tag, rows.mail_id, rows.am_id, rows.time_iso, escaped(rows.sender, 255), rows.policy, rows.client_addr,
        rows.size, rows.originating, rows.content, rows.quar_type, rows.quar_loc, rows.dsn_sent, rows.spam_level, rows.message_id,
        escaped(rows.from_addr, 255), escaped(rows.subject, 255), rows.host);
    for (const auto& to : rows.recipients)
        line += fmt::format(" rcpt{}=<{}> is_local={} content={} ds={} rs={} bl={} wl={} bspam_level={} smtp_resp=\"{}\"",
                            to.sequence, escaped(to.email, 255), to.is_local, to.content, to.ds, to.rs, to.bl, to.wl,
                            to.bspam_level, to.smtp_resp);
    return line;
}

}  // namespace tamis::storage
