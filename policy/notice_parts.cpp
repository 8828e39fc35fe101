#include "policy/notice_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/header_edit.h"
#include "mail/mime_write.h"
#include "policy/delivery_status.h"

namespace tamis::policy {

std::string with_crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

std::string header_words(const mail::Message& message, std::string_view name) {
    constexpr std::size_t limit = 200;
    const auto head = message.spool->head();
    const auto* field = message.header.find(name, head);
    if (field == nullptr) return "-";
    const auto value = mail::HeaderBlock::value(*field, head).substr(0, 4 * limit);
    return one_line(mail::decode_words(mail::unfolded(value)), true, limit);
}

std::string client_words(const mail::Client& client) {
    if (client.address) return one_line(fmt::format("{} [{}]", client.name.value_or("unknown"), *client.address), true, 300);
    return "-";
}

bool can_be_named(std::string_view address, bool utf8) {
    constexpr std::size_t limit = 500;
    if (address.size() > limit || !(utf8 ? is_utf8(address) : is_ascii(address))) return false;
    return std::ranges::none_of(address, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7f || std::string_view("<>()[],;:\\\"").find(c) != std::string_view::npos;
    });
}

std::string host_text(std::string_view name) { return printable_or(name, '?'); }

std::string notice_fields(const NoticeFields& fields) {
    constexpr std::string_view not_in_quotes = "\\\"";
    std::string host = host_text(fields.hostname);
    std::erase_if(host, [&](char c) { return not_in_quotes.find(c) != std::string_view::npos; });
    std::string id(fields.id_prefix);
    for (const char c : fields.id)
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '+') id += c;
    std::string to;
    for (const auto& address : fields.to)
        if (can_be_named(address, fields.utf8)) to += (to.empty() ? "<" : ",\n <") + address + ">";
    const std::string subject = one_line(fields.subject, true, 200);
    std::string out;
    out += mail::field_text("From", fmt::format("\"Content-filter at {}\"\n <{}>", host, host_text(fields.from)));
    out += mail::field_text("To", to.empty() ? "undisclosed-recipients:;" : to);
    out += mail::field_text("Subject", mail::encode_words(subject, std::string_view("Subject: ").size()));
    out += mail::field_text("Date", fields.date);
    out += mail::field_text("Message-ID", fmt::format("<{}@{}>", id, host_text(fields.hostname)));
    out += mail::field_text("Auto-Submitted", fields.auto_submitted);
    return out + "MIME-Version: 1.0\r\n";
}

std::string text_body(std::string_view text) {
    const bool seven = mail::is_seven_bit(text);
    return fmt::format("Content-Type: text/plain; charset={}\r\nContent-Transfer-Encoding: {}\r\n\r\n{}",
                       is_ascii(text) ? "us-ascii" : "utf-8", seven ? "7bit" : "quoted-printable",
                       seven ? std::string(text) : mail::quoted_printable(text));
}

}  // namespace tamis::policy
