#include "policy/delivery_status.h"

#include <fmt/format.h>

#include "base/text.h"
#include "mail/header_edit.h"
#include "policy/marks.h"

namespace tamis::policy {
namespace {

// code_point - the valid UTF-8 sequence at the start of text: its value and how many octets it has
std::pair<unsigned, std::size_t> code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
    if (byte(0) < 0x80) return {byte(0), 1};
    if (byte(0) < 0xe0) return {(byte(0) & 31) << 6 | (byte(1) & 63), 2};
    if (byte(0) < 0xf0) return {(byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63), 3};
    return {(byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63), 4};
}

// unitext - a valid UTF-8 address with \x{HEX} for what is not printable, and, unless `utf8`, for all that is not ASCII
std::string unitext(std::string_view address, bool utf8) {
    std::string out;
    while (!address.empty()) {
        const auto [code, size] = code_point(address);
        const bool as_is = (code > 0x20 && code < 0x7f && code != '\\') || (code >= 0xa0 && utf8);
        if (as_is) out += address.substr(0, size);
        else out += fmt::format("\\x{{{:02X}}}", code);
        address.remove_prefix(size);
    }
    return out;
}

// from_embedded - \x{HEX} turned into UTF-8 (the utf-8-addr-xtext of RFC 6533); what is no such thing stays
std::string from_embedded(std::string_view text) {
    constexpr std::size_t digits_limit = 6;
    constexpr std::string_view open = "\\x{";
    std::string out;
    while (!text.empty()) {
        const auto close = text.substr(0, open.size() + digits_limit + 1).find('}');
        unsigned code = 0;
        bool valid = text.starts_with(open) && close != std::string_view::npos && close > open.size();
        for (std::size_t i = open.size(); valid && i < close; ++i) {
            const char c = lower(text[i]);
            valid = is_digit(c) || (c >= 'a' && c <= 'f');
            code = code * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'a' + 10);
        }
        std::string octets;
        if (valid && code < 0x80) octets = {static_cast<char>(code)};
        else if (valid && code < 0x800) octets = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
        else if (valid && code < 0x10000)
            octets = {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
                      static_cast<char>(0x80 | (code & 63))};
        else if (valid && code < 0x110000)
            octets = {static_cast<char>(0xf0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
                      static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
        if (octets.empty() || !is_utf8(octets)) {
            out += text.front();
            text.remove_prefix(1);
        } else {
            out += octets;
            text.remove_prefix(close + 1);
        }
    }
    return out;
}

constexpr std::size_t address_limit = 900;  // octets as written; RFC 5321 allows 254 in an address

bool is_plain(std::string_view text) { return text.size() <= address_limit && printable_or(text, '\n') == text; }

// field - folded at blanks to 78 columns; a value is at most one_line's limit, so no line passes 998 octets
std::string field(std::string_view name, std::string_view value) {
    std::vector<std::string> items;
    for (const auto word : words(value)) items.emplace_back(word);
    return mail::field_text(name, mail::fold_items(name, items));
}

std::string_view enhanced_code(const Response& response) {
    const auto& code = response.enhanced;
    const bool fits = !code.empty() && code[0] == static_cast<char>('0' + response.code / 100);
    if (fits && words(code, ".").size() == 3 && code.find_first_not_of("0123456789.") == std::string::npos) return code;
    return response.code / 100 == 5 ? "5.0.0" : "2.0.0";
}

std::string recipient_fields(const Case& in, const NotificationOptions& options, std::size_t i, NotificationKind kind,
                             bool utf8) {
    const auto& recipient = in.envelope.recipients[i];
    const auto& outcome = in.outcomes[i];
    const bool rewritten = !outcome.final_address.empty() && outcome.final_address != recipient.address &&
                           !outcome.remote_mta.empty() && recipient.original_recipient.empty();
    std::string out;
    // addresses are never folded: a blank in a quoted local part counts
    if (!recipient.original_recipient.empty())
        out += mail::field_text("Original-Recipient", typed_original(recipient.original_recipient, utf8));
    if (rewritten) out += mail::field_text("X-NextToLast-Final-Recipient", typed_address(recipient.address, utf8));
    out += mail::field_text("Final-Recipient", typed_address(rewritten ? outcome.final_address : recipient.address, utf8));
    out += field("Action", kind == NotificationKind::failed ? "failed" : "relayed");
    out += field("Status", enhanced_code(outcome.response));
    const bool remote = !outcome.remote_mta.empty() && !outcome.remote_reply.empty();
    if (remote) out += field("Remote-MTA", "dns; " + one_line(outcome.remote_mta, utf8));
    out += field("Diagnostic-Code", "smtp; " + one_line(remote ? outcome.remote_reply : outcome.response.line(), utf8));
    out += field("Last-Attempt-Date", rfc5322_date(options.now));
    out += field("Final-Log-ID", one_line(in.message.log_id.get() + "/" + in.message.mail_id.get(), utf8));
    return out;
}

}  // namespace

std::string one_line(std::string_view text, bool utf8, std::size_t limit) {
    const bool keeps = utf8 && is_utf8(text);
    std::string out;
    while (!text.empty()) {
        const std::size_t size = keeps ? code_point(text).second : 1;
        const auto octets = text.substr(0, size);
        const char c = octets.front();
        const bool c1_control = keeps && octets.size() == 2 && octets[0] == '\xc2' && octets[1] < '\xa0';
        std::string piece(octets);
        if (c == '\r' || c == '\n' || c == '\t') piece = " ";
        else if (c == '\\') piece = "\\";
        else if (size == 1 || c1_control) piece = escaped(octets);
        if (out.size() + piece.size() > limit) return out + "...";
        out += piece;
        text.remove_prefix(size);
    }
    return std::string(trim(out));
}

std::string typed_address(std::string_view address, bool utf8) {
    if (is_plain(address) && is_ascii(address)) return "rfc822;" + std::string(address);
    if (is_ascii(address) || !is_utf8(address)) return "rfc822;" + one_line(address, false);
    const std::string text = unitext(address, utf8);
    return text.size() <= address_limit ? "utf-8;" + text : "rfc822;" + one_line(address, false);
}

std::string typed_original(std::string_view orcpt, bool utf8) {
    const auto semicolon = orcpt.find(';');
    const auto type = trim(orcpt.substr(0, semicolon));
    auto encoded = semicolon == std::string_view::npos ? std::string_view() : orcpt.substr(semicolon + 1);
    const auto address = xtext_decode(encoded);
    if (semicolon == std::string_view::npos || !address) return "unknown;" + one_line(orcpt, false);
    if (equal_fold(type, "utf-8")) {
        const std::string real = from_embedded(*address);
        const std::string text = is_utf8(real) ? unitext(real, utf8) : std::string();
        if (!text.empty() && text.size() <= address_limit) return "utf-8;" + text;
    }
    return one_line(type, false, 40) + ";" + one_line(*address, false);
}

std::string status_fields(const Case& in, const NotificationOptions& options, const std::vector<NotificationDecision>& decisions,
                          bool utf8) {
    const auto& envelope = in.envelope;
    std::string out = field("Reporting-MTA", "dns; " + one_line(options.hostname, utf8));
    if (!envelope.peer_helo.empty()) {
        const std::string address = envelope.peer_address.empty() ? "" : fmt::format(" ([{}])", envelope.peer_address);
        out += field("Received-From-MTA", "dns; " + one_line(envelope.peer_helo + address, utf8));
    }
    out += field("Arrival-Date", rfc5322_date(in.message.received_at));
    if (!envelope.envelope_id.empty()) {
        const auto id = xtext_decode(envelope.envelope_id);
        out += field("Original-Envelope-Id", one_line(id ? *id : envelope.envelope_id, utf8));
    }
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        const auto kind = decisions[i].kind;
        if (kind != NotificationKind::failed && kind != NotificationKind::relayed) continue;
        out += "\r\n" + recipient_fields(in, options, i, kind, utf8);
    }
    return out;
}

}  // namespace tamis::policy
