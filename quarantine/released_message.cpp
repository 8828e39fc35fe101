#include "quarantine/released_message.h"

#include <fmt/format.h>

#include "base/text.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/header_edit.h"
#include "policy/marks.h"

namespace tamis::quarantine {
namespace {

using mail::field_text;

std::string to_whom(const ReleaseFacts& facts) {
    return facts.recipients.size() == 1 ? mail::smtp_form(facts.recipients.front()) : "undisclosed-recipients:;";
}

std::string received(const ReleaseFacts& facts) {
    return field_text("Received", fmt::format("by {} (Tamis, release of {})\n\tid {}; {}", facts.hostname, facts.mail_id,
                                              facts.new_id, policy::rfc5322_date(facts.now)));
}

std::string resent_fields(const ReleaseFacts& facts) {
    const auto filter = fmt::format("\"Content-filter at {}\" <{}>", facts.hostname, facts.from);
    std::string out = received(facts);
    if (facts.requested_by.empty()) {
        out += field_text("Resent-From", filter);
    } else {
        out += field_text("Resent-From", mail::smtp_form(facts.requested_by));
        out += field_text("Resent-Sender", filter);
    }
    out += field_text("Resent-To", to_whom(facts));
    out += field_text("Resent-Date", policy::rfc5322_date(facts.now));
    out += field_text("Resent-Message-ID", fmt::format("<{}-{}@{}>", facts.mail_id, facts.new_id, facts.hostname));
    return out;
}

std::string original_field(const StoredCopy& copy, std::string_view name) {
    const auto head = copy.spool->head().substr(copy.begin);
    const auto header = mail::parse_header(head);
    const auto* field = header.find(name, head);
    return field == nullptr ? std::string()
                            : utf8_or_replaced(mail::decode_words(mail::unfolded(mail::HeaderBlock::value(*field, head))), 200);
}

// envelope_fields - of a message of our own around the original
std::string envelope_fields(const StoredCopy& copy, const ReleaseFacts& facts) {
    const bool report = facts.format == ReleaseFormat::arf;
    std::string subject = report ? fmt::format("Report of mail ({}): ", facts.feedback_type) : std::string("From quarantine: ");
    subject += original_field(copy, "Subject");
    std::string out = received(facts);
    out += field_text("From", fmt::format("\"Content-filter at {}\" <{}>", facts.hostname, facts.from));
    out += field_text("To", to_whom(facts));
    out += field_text("Date", policy::rfc5322_date(facts.now));
    out += field_text("Subject", mail::encode_words(subject, std::string_view("Subject: ").size()));
    out += field_text("Message-ID", fmt::format("<{}{}@{}>", report ? "ARF" : "QRA", facts.new_id, facts.hostname));
    out += field_text("Auto-Submitted", "auto-generated");
    out += field_text("MIME-Version", "1.0");
    return out;
}

std::string note(const StoredCopy& copy, const ReleaseFacts& facts) {
    std::string who = facts.requested_by.empty()
                          ? std::string()
                          : fmt::format(" by request of {}", printable_or(mail::smtp_form(facts.requested_by), '?'));
    return fmt::format(
        "The message below was held in the quarantine of {}\r\nunder the id {} and has been {}{}.\r\n"
        "Be careful: it was held for a reason.\r\n\r\nSender: {}\r\n",
        facts.hostname, facts.mail_id, facts.format == ReleaseFormat::arf ? "reported" : "released", who,
        printable_or(mail::smtp_form(*copy.sender), '?'));
}

std::string encoding(const StoredCopy& copy) { return copy.has_8bit ? "8bit" : "7bit"; }

std::string feedback_report(const StoredCopy& copy, const ReleaseFacts& facts) {
    std::string out = field_text("Feedback-Type", facts.feedback_type);
    out += field_text("User-Agent", fmt::format("Tamis/{}", TAMIS_VERSION));
    out += field_text("Version", "1");
    out += field_text("Original-Mail-From", mail::smtp_form(*copy.sender));
    for (const auto& recipient : copy.recipients) out += field_text("Original-Rcpt-To", mail::smtp_form(recipient));
    out += field_text("Reporting-MTA", "dns; " + facts.hostname);
    out += field_text("Arrival-Date", policy::rfc5322_date(facts.received_at));
    if (!facts.client_address.empty()) out += field_text("Source-IP", printable_or(facts.client_address, '?'));
    out += field_text("Incidents", "1");
    return out;
}

}  // namespace

mail::EditedMessage released_message(const StoredCopy& copy, const ReleaseFacts& facts) {
    mail::EditedMessage out;
    out.spool = copy.spool;
    const auto literal = [&](std::string text) { out.pieces.push_back({std::move(text), 0, 0}); };
    const auto original = [&] {
        if (copy.spool->size() > copy.begin) out.pieces.push_back({{}, copy.begin, copy.spool->size() - copy.begin});
    };
    const auto part = [&](std::string_view type, std::string_view more = {}) {
        return fmt::format("\r\n--{}\r\nContent-Type: {}\r\n{}", facts.boundary, type, more);
    };
    const auto end = fmt::format("\r\n--{}--\r\n", facts.boundary);
    const auto message_part = part("message/rfc822", fmt::format("Content-Disposition: attachment; filename=\"msg-{}.eml\"\r\n"
                                                                 "Content-Transfer-Encoding: {}\r\n\r\n",
                                                                 facts.mail_id, encoding(copy)));
    const std::string note_part =
        part("text/plain; charset=us-ascii", "Content-Transfer-Encoding: 7bit\r\n\r\n") + note(copy, facts);
    switch (facts.format) {
        case ReleaseFormat::resend:
            literal(resent_fields(facts));
            original();
            break;
        case ReleaseFormat::plain:
            literal(envelope_fields(copy, facts) +
                    fmt::format("Content-Type: text/plain{}\r\nContent-Transfer-Encoding: {}\r\n\r\n",
                                copy.has_8bit ? "; charset=utf-8" : "; charset=us-ascii", encoding(copy)) +
                    note(copy, facts) + "\r\n");
            original();
            break;
        case ReleaseFormat::attach:
            literal(envelope_fields(copy, facts) +
                    fmt::format("Content-Type: multipart/mixed; boundary=\"{}\"\r\n", facts.boundary) + note_part + message_part);
            original();
            literal(end);
            break;
        case ReleaseFormat::arf:
            literal(envelope_fields(copy, facts) +
                    fmt::format("Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=\"{}\"\r\n",
                                facts.boundary) +
                    note_part + part("message/feedback-report", "\r\n") + feedback_report(copy, facts) + message_part);
            original();
            literal(end);
            break;
    }
    return out;
}

}  // namespace tamis::quarantine
