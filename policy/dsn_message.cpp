#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"
#include "mail/header_edit.h"
#include "mail/mime_write.h"
#include "policy/delivery_status.h"
#include "policy/marks.h"
#include "policy/notice_text.h"
#include "policy/notices.h"

namespace tamis::policy {
namespace {

constexpr std::size_t returned_header_limit = 64 * 1024;

// Part - one body part before it is encoded for the way
struct Part {
    std::string type;         // with parameters
    std::string description;  // our own words
    std::string file_name;
    std::string text;         // CRLF line ends
};

std::string crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

// header_text - a field of the message for people: decoded, on one line
std::string header_text(const mail::Message& message, std::string_view name) {
    constexpr std::size_t limit = 200;
    const auto head = message.spool->head();
    const auto* field = message.header.find(name, head);
    if (field == nullptr) return "-";
    const auto value = mail::HeaderBlock::value(*field, head).substr(0, 4 * limit);
    return one_line(mail::decode_words(mail::unfolded(value)), true, limit);
}

std::string client_text(const mail::Client& client) {
    if (client.address)
        return one_line(fmt::format("{} [{}]", client.name.value_or("unknown"), *client.address), true, 300);
    return "-";
}

// recipient_list - each reported recipient of that kind and why
std::string recipient_list(const DsnInput& in, const std::vector<DsnDecision>& decisions, DsnKind kind) {
    std::string out;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        if (decisions[i].kind != kind) continue;
        const auto& outcome = (*in.outcomes)[i];
        out += fmt::format("  {}:\n    {}\n", one_line(mail::smtp_form(in.envelope->recipients[i].address), true),
                           one_line(outcome.response.line(), true));
    }
    return out;
}

TemplateValues template_values(const DsnInput& in, const std::vector<DsnDecision>& decisions) {
    const auto& message = *in.message;
    return {{"host", one_line(in.hostname, true)},
            {"sender", one_line(mail::smtp_form(in.envelope->sender), true)},
            {"client", client_text(in.envelope->client)},
            {"subject", header_text(message, "Subject")},
            {"message_id", header_text(message, "Message-ID")},
            {"arrival", rfc5322_date(message.received_at)},
            {"failed", recipient_list(in, decisions, DsnKind::failed)},
            {"relayed", recipient_list(in, decisions, DsnKind::relayed)},
            {"log_id", one_line(message.log_id.get(), true)},
            {"mail_id", one_line(message.mail_id.get(), true)}};
}

// returned_header - Return-Path and the header of the message, cut at a line end, never any byte of the body
std::string returned_header(const DsnInput& in) {
    const auto& block = in.message->header;
    const std::uint32_t fields_end = block.fields.empty() ? 0 : block.fields.back().end;
    auto text = in.message->spool->head().substr(0, fields_end);
    if (text.size() > returned_header_limit) {
        text = text.substr(0, returned_header_limit);
        text = text.substr(0, text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1);
    }
    std::string out = mail::field_text("Return-Path", mail::smtp_form(in.envelope->sender));
    // a first line that begins with a blank must not become a part of Return-Path
    if (!text.empty() && is_blank(text.front())) out += "X-Original-Header: damaged\r\n";
    return out + std::string(text);
}

std::string encoded_part(const Part& part, bool eight_bit) {
    const bool seven = mail::is_seven_bit(part.text);
    const bool eight = !seven && eight_bit && is_utf8(part.text) && mail::is_eight_bit(part.text);
    std::string out = fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\nContent-Description: {}\r\n",
                                  part.type, seven ? "7bit" : eight ? "8bit" : "quoted-printable", part.description);
    if (!part.file_name.empty())
        out += fmt::format("Content-Disposition: inline; filename=\"{}\"\r\n", part.file_name);
    return out + "\r\n" + (seven || eight ? part.text : mail::quoted_printable(part.text));
}

// can_be_named - an address that may stand between < and > in a header field of ours
bool can_be_named(std::string_view address, bool utf8) {
    constexpr std::size_t limit = 500;
    if (address.size() > limit || !(utf8 ? is_utf8(address) : is_ascii(address))) return false;
    return std::ranges::none_of(address, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7f || std::string_view("<>()[],;:\\\"").find(c) != std::string_view::npos;
    });
}

// host_text - a host name of ours for a header field
std::string host_text(std::string_view name) { return printable_or(name, '?'); }

std::string top_header(const DsnInput& in, const NoticeTemplate& words, const TemplateValues& values, bool utf8) {
    constexpr std::string_view not_in_quotes = "\\\"";
    std::string host = host_text(in.hostname);
    std::erase_if(host, [&](char c) { return not_in_quotes.find(c) != std::string_view::npos; });
    std::string id = "DSN";
    for (const char c : in.mail_id)
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '+') id += c;
    const std::string to = can_be_named(in.envelope->sender, utf8) ? "<" + in.envelope->sender + ">"
                                                                   : "undisclosed-recipients:;";
    const std::string subject = one_line(fill_template(words.subject, values), true, 200);
    std::string out;
    out += mail::field_text("From", fmt::format("\"Content-filter at {}\"\n <{}>", host, host_text(in.postmaster)));
    out += mail::field_text("To", to);
    out += mail::field_text("Subject", mail::encode_words(subject, std::string_view("Subject: ").size()));
    out += mail::field_text("Date", rfc5322_date(in.now));
    out += mail::field_text("Message-ID", fmt::format("<{}@{}>", id, host_text(in.hostname)));
    out += mail::field_text("Auto-Submitted", "auto-replied");
    return out;
}

}  // namespace

std::optional<Notice> delivery_status_notification(const DsnInput& in, const std::vector<DsnDecision>& decisions) {
    const auto any = [&](DsnKind kind) {
        return std::ranges::any_of(decisions, [&](const auto& decision) { return decision.kind == kind; });
    };
    const bool failed = any(DsnKind::failed);
    const bool relayed = any(DsnKind::relayed);
    if ((!failed && !relayed) || in.envelope->sender.empty()) return {};
    const bool global = in.envelope->smtputf8;
    const NoticeTemplate words = !relayed ? failure_template() : !failed ? relayed_template() : mixed_template();
    const auto values = template_values(in, decisions);

    std::string text = crlf(fill_template(words.body, values));
    std::string charset = is_ascii(text) ? "us-ascii" : "utf-8";
    std::string header = returned_header(in);
    const bool global_header = global && is_utf8(header);
    const std::string_view subtype = global ? "global-delivery-status" : "delivery-status";
    const std::vector<Part> parts = {
        {"text/plain; charset=" + charset, "Notification", "", std::move(text)},
        {fmt::format("message/{}", subtype), failed ? "Delivery error report" : "Delivery report",
         global ? "dsn_status.u8dsn" : "dsn_status.dsn", status_fields(in, decisions, global)},
        {global_header ? "message/global-headers" : "text/rfc822-headers", "Header of the message",
         global_header ? "header.u8hdr" : "header.hdr", std::move(header)}};

    std::vector<std::string> bodies;
    for (const auto& part : parts) bodies.push_back(encoded_part(part, global));
    const std::string boundary = mail::boundary_for(in.mail_id, {bodies.begin(), bodies.end()});
    const bool eight_bit = std::ranges::any_of(bodies, [](const auto& body) { return !is_ascii(body); });

    Notice notice;
    notice.recipients = {in.envelope->sender};
    notice.text = top_header(in, words, values, global);
    notice.text += "MIME-Version: 1.0\r\n";
    notice.text += fmt::format("Content-Type: multipart/report; report-type={};\r\n boundary=\"{}\"\r\n", subtype, boundary);
    if (eight_bit) notice.text += "Content-Transfer-Encoding: 8bit\r\n";
    notice.text += "\r\nThis is a delivery status notification in MIME format.\r\n";
    for (const auto& body : bodies) notice.text += fmt::format("\r\n--{}\r\n{}", boundary, body);
    notice.text += fmt::format("\r\n--{}--\r\n", boundary);
    notice.smtputf8 = global && (!is_ascii(notice.text) || !is_ascii(in.envelope->sender));
    return notice;
}

}  // namespace tamis::policy
