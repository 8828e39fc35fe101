#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"
#include "mail/header_edit.h"
#include "mail/mime_write.h"
#include "policy/delivery_status.h"
#include "policy/marks.h"
#include "policy/notice_parts.h"
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
    std::string text;  // CRLF line ends
};

// recipient_list - each reported recipient of that kind and why
std::string recipient_list(const Case& in, const std::vector<NotificationDecision>& decisions, NotificationKind kind) {
    std::string out;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        if (decisions[i].kind != kind) continue;
        const auto& outcome = in.outcomes[i];
        out += fmt::format("  {}:\n    {}\n", one_line(mail::smtp_form(in.envelope.recipients[i].address), true),
                           one_line(outcome.response.line(), true));
    }
    return out;
}

TemplateValues template_values(const Case& in, const NotificationOptions& options,
                               const std::vector<NotificationDecision>& decisions) {
    const auto& message = in.message;
    return {{"host", one_line(options.hostname, true)},
            {"sender", one_line(mail::smtp_form(in.envelope.sender), true)},
            {"client", client_words(in.envelope.client)},
            {"subject", header_words(message, "Subject")},
            {"message_id", header_words(message, "Message-ID")},
            {"arrival", rfc5322_date(message.received_at)},
            {"failed", recipient_list(in, decisions, NotificationKind::failed)},
            {"relayed", recipient_list(in, decisions, NotificationKind::relayed)},
            {"log_id", one_line(message.log_id.get(), true)},
            {"mail_id", one_line(message.mail_id.get(), true)}};
}

// returned_header - Return-Path and the header of the message, cut at a line end, never any byte of the body
std::string returned_header(const Case& in) {
    const auto& block = in.message.header;
    const std::uint32_t fields_end = block.fields.empty() ? 0 : block.fields.back().end;
    auto text = in.message.spool->head().substr(0, fields_end);
    if (text.size() > returned_header_limit) {
        text = text.substr(0, returned_header_limit);
        text = text.substr(0, text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1);
    }
    std::string out = mail::field_text("Return-Path", mail::smtp_form(in.envelope.sender));
    // a first line that begins with a blank must not become a part of Return-Path
    if (!text.empty() && is_blank(text.front())) out += "X-Original-Header: damaged\r\n";
    return out + std::string(text);
}

std::string encoded_part(const Part& part, bool eight_bit) {
    const bool seven = mail::is_seven_bit(part.text);
    const bool eight = !seven && eight_bit && is_utf8(part.text) && mail::is_eight_bit(part.text);
    std::string out = fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\nContent-Description: {}\r\n", part.type,
                                  seven   ? "7bit"
                                  : eight ? "8bit"
                                          : "quoted-printable",
                                  part.description);
    if (!part.file_name.empty()) out += fmt::format("Content-Disposition: inline; filename=\"{}\"\r\n", part.file_name);
    return out + "\r\n" + (seven || eight ? part.text : mail::quoted_printable(part.text));
}

std::string top_header(const Case& in, const NotificationOptions& options, const NoticeTemplate& words,
                       const TemplateValues& values, bool utf8) {
    NoticeFields fields;
    fields.hostname = options.hostname;
    fields.from = options.postmaster;
    fields.to = {in.envelope.sender};
    fields.subject = fill_template(words.subject, values);
    fields.date = rfc5322_date(options.now);
    fields.id_prefix = "DSN";
    fields.id = options.mail_id;
    fields.auto_submitted = "auto-replied";
    fields.utf8 = utf8;
    return notice_fields(fields);
}

}  // namespace

std::optional<Notice> delivery_status_notification(const Case& in, const NotificationOptions& options,
                                                   const std::vector<NotificationDecision>& decisions) {
    const auto any = [&](NotificationKind kind) {
        return std::ranges::any_of(decisions, [&](const auto& decision) { return decision.kind == kind; });
    };
    const bool failed = any(NotificationKind::failed);
    const bool relayed = any(NotificationKind::relayed);
    if ((!failed && !relayed) || in.envelope.sender.empty()) return {};
    const bool global = in.envelope.smtputf8;
    const NoticeTemplate words = !relayed ? failure_template() : !failed ? relayed_template() : mixed_template();
    const auto values = template_values(in, options, decisions);

    std::string text = with_crlf(fill_template(words.body, values));
    std::string charset = is_ascii(text) ? "us-ascii" : "utf-8";
    std::string header = returned_header(in);
    const bool global_header = global && is_utf8(header);
    const std::string_view subtype = global ? "global-delivery-status" : "delivery-status";
    const std::vector<Part> parts = {
        {"text/plain; charset=" + charset, "Notification", "", std::move(text)},
        {fmt::format("message/{}", subtype), failed ? "Delivery error report" : "Delivery report",
         global ? "dsn_status.u8dsn" : "dsn_status.dsn", status_fields(in, options, decisions, global)},
        {global_header ? "message/global-headers" : "text/rfc822-headers", "Header of the message",
         global_header ? "header.u8hdr" : "header.hdr", std::move(header)}};

    std::vector<std::string> bodies;
    for (const auto& part : parts) bodies.push_back(encoded_part(part, global));
    const std::string boundary = mail::boundary_for(options.mail_id, {bodies.begin(), bodies.end()});
    const bool eight_bit = std::ranges::any_of(bodies, [](const auto& body) { return !is_ascii(body); });

    Notice notice;
    notice.recipients = {in.envelope.sender};
    notice.text = top_header(in, options, words, values, global);
    notice.text += fmt::format("Content-Type: multipart/report; report-type={};\r\n boundary=\"{}\"\r\n", subtype, boundary);
    if (eight_bit) notice.text += "Content-Transfer-Encoding: 8bit\r\n";
    notice.text += "\r\nThis is a delivery status notification in MIME format.\r\n";
    for (const auto& body : bodies) notice.text += fmt::format("\r\n--{}\r\n{}", boundary, body);
    notice.text += fmt::format("\r\n--{}--\r\n", boundary);
    notice.smtputf8 = global && (!is_ascii(notice.text) || !is_ascii(in.envelope.sender));
    return notice;
}

}  // namespace tamis::policy
