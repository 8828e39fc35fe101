#include "storage/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace tamis::storage {
namespace {

constexpr std::size_t text_width = 255;
constexpr std::size_t am_id_width = 20;
constexpr std::size_t id_width = 16;  // mail_id and secret_id where the column is varbinary(16)

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
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

// stored_address - the key as the columns can take it: without NUL, and without 8-bit bytes where these are not allowed
AddressKey stored_address(std::string_view address, const TextRules& rules) {
    AddressKey key = address_key(address);
    if (rules.eight_bit_addresses)
        std::ranges::replace(key.email, '\0', '?');
    else
        key.email = printable_or(key.email, '?');
    key.domain = fitted(key.domain, text_width, rules);
    return key;
}

}  // namespace

std::string fitted(std::string_view text, std::size_t width, const TextRules& rules) {
    std::string out = utf8_or_replaced(text, width);
    if (rules.charset == TextRules::Charset::any_bytes) return cut_bytes(std::move(out), width);
    if (rules.charset == TextRules::Charset::utf8 || is_ascii(out)) return out;
    std::string ascii;
    for (const char c : out) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80)
            ascii += c;
        else if (byte >= 0xc0)
            ascii += '?';
    }
    return ascii;
}

MessageRows make_rows(const mail::MessageRecord& record, const TextRules& rules) {
    const auto seconds = std::clamp<std::int64_t>(
        std::chrono::floor<std::chrono::seconds>(record.received_at.time_since_epoch()).count(), 0,
        std::numeric_limits<std::int32_t>::max());
    MessageRows rows;
    rows.partition_tag = fmt::format("{}", record.partition_tag);
    rows.mail_id = printable(record.mail_id.get(), id_width);
    rows.secret_id = printable(record.secret_id.get(), id_width);
    rows.am_id = printable(record.log_id.get(), am_id_width);
    rows.time_num = fmt::format("{}", seconds);
    rows.time_iso = iso_utc(seconds);
    rows.policy = fitted(record.policy_path, text_width, rules);
    rows.client_addr = printable(record.client_address, text_width);
    rows.size = integer_text(record.size);
    rows.originating = yes_no(record.originating);
    rows.has_content = record.content != '\0';
    rows.content = rows.has_content ? code(record.content) : std::string();
    rows.quar_type = code(record.quarantine_type);
    rows.quar_loc = printable(record.quarantine_location, text_width);
    rows.dsn_sent = code(record.dsn_sent);
    rows.spam_level = score_text(record.spam_level);
    rows.message_id = printable(record.message_id, text_width);
    rows.from_addr = fitted(record.from, text_width, rules);
    rows.subject = fitted(record.subject, text_width, rules);
    rows.host = fitted(record.host, text_width, rules);

    AddressKey sender = stored_address(record.sender, rules);
    rows.sender = sender.email;
    rows.addresses.push_back(std::move(sender));
    int sequence = 0;
    for (const auto& recipient : record.recipients) {
        ++sequence;
        if (recipient.address.empty()) continue;
        AddressKey key = stored_address(recipient.address, rules);
        rows.recipients.push_back({sequence, key.email, yes_no(recipient.is_local),
                                   code(recipient.content == '\0' ? ' ' : recipient.content),
                                   code(recipient.disposition), code(recipient.release_state),
                                   yes_no(recipient.blacklisted), yes_no(recipient.whitelisted),
                                   score_text(recipient.score), printable(recipient.response, text_width)});
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
        rows.partition_tag, rows.mail_id, rows.am_id, rows.time_iso, escaped(rows.sender, 255),
        rows.policy, rows.client_addr, rows.size, rows.originating, rows.content, rows.quar_type, rows.quar_loc,
        rows.dsn_sent, rows.spam_level, rows.message_id, escaped(rows.from_addr, 255), escaped(rows.subject, 255),
        rows.host);
    for (const auto& to : rows.recipients)
        line += fmt::format(" rcpt{}=<{}> is_local={} content={} ds={} rs={} bl={} wl={} bspam_level={} smtp_resp=\"{}\"",
                            to.sequence, escaped(to.email, 255), to.is_local, to.content, to.ds, to.rs, to.bl, to.wl,
                            to.bspam_level, to.smtp_resp);
    return line;
}

}  // namespace tamis::storage
