#include "policy/bounce.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace tamis::policy {
namespace {

constexpr std::size_t message_id_limit = 998;

bool has_type(const mail::Part& part, std::string_view type) { return std::ranges::find(part.types, type) != part.types.end(); }

template <std::size_t Count>
bool has_any_type(const mail::Part& part, const std::array<std::string_view, Count>& types) {
    return std::ranges::any_of(types, [&](std::string_view type) { return has_type(part, type); });
}

// report_kind - what a part of a multipart/report reports; "" when it does not
std::string_view report_kind(const mail::Part& part) {
    if (has_type(part, "message/delivery-status") || has_type(part, "message/global-delivery-status")) return "DSN";
    if (has_type(part, "message/disposition-notification") || has_type(part, "message/global-disposition-notification"))
        return "MDN";
    if (has_type(part, "message/feedback-report")) return "ARF";
    return {};
}

// holds_original - the original itself, or what is left of it; message/rfc822-headers and message/partial are common mistakes
bool holds_original(const mail::Part& part) {
    static constexpr std::array<std::string_view, 6> types = {"message/rfc822",         "message/global",
                                                              "text/rfc822-headers",    "message/global-headers",
                                                              "message/rfc822-headers", "message/partial"};
    return has_any_type(part, types);
}

// is_telling - enough of a header section to be that of a message, not a few lines of a text that look like one
bool is_telling(const mail::AttachedHeader& header) {
    constexpr std::uint32_t with_message_id = 3;
    constexpr std::uint32_t without = 5;
    return !header.from.empty() && header.fields >= (header.message_id.empty() ? without : with_message_id);
}

// clean_id - the first "<...>" of a value; ids without brackets get them, as msgs.message_id has them in most cases
std::string clean_id(std::string_view value) {
    const auto begin = value.find('<');
    const auto end = begin == std::string_view::npos ? begin : value.find('>', begin);
    if (end != std::string_view::npos) return std::string(value.substr(begin, end - begin + 1));
    const auto plain = trim(value);
    if (plain.empty() || plain.find_first_of("<> \t\r\n") != std::string_view::npos) return {};
    return "<" + std::string(plain) + ">";
}

// Structure - the main part of the message and the parts right below it, and the header sections found in them
struct Structure {
    const mail::Part* top = nullptr;
    std::vector<const mail::Part*> below;
    std::vector<const mail::AttachedHeader*> headers;  // of these parts only: what lies deeper is somebody else's
};

Structure structure_of(const mail::Contents& contents) {
    Structure out;
    for (const auto& part : contents.parts) {
        if (part.parent == 0 && out.top == nullptr) out.top = &part;
        else if (out.top != nullptr && part.parent == out.top->number) out.below.push_back(&part);
    }
    const auto is_near = [&](std::uint32_t number) {
        return (out.top != nullptr && out.top->number == number) ||
               std::ranges::any_of(out.below, [&](const auto* part) { return part->number == number; });
    };
    for (const auto& header : contents.attached_headers)
        if (is_near(header.part)) out.headers.push_back(&header);
    return out;
}

// standard_report - multipart/report with a report and the original beside it
std::optional<Bounce> standard_report(const Structure& structure) {
    if (structure.top == nullptr || !has_type(*structure.top, "multipart/report")) return {};
    std::string_view kind;
    const mail::Part* original = nullptr;
    for (const auto* part : structure.below) {
        if (kind.empty()) kind = report_kind(*part);
        if (holds_original(*part)) original = part;
    }
    if (original == nullptr) return {};
    const auto header = std::ranges::find(structure.headers, original->number, &mail::AttachedHeader::part);
    return Bounce{kind.empty() ? "DSN" : kind, header == structure.headers.end() ? "" : clean_id((*header)->message_id)};
}

}  // namespace

BounceSigns bounce_signs(const mail::Envelope& envelope, const mail::Message& message) {
    constexpr std::size_t looked_at = 8192;
    const auto head = message.spool->head();
    BounceSigns out;
    out.null_sender = envelope.sender.empty();
    const auto first = [&](std::string_view name) {
        const auto* field = message.header.find(name, head);
        return field == nullptr ? std::string_view() : mail::HeaderBlock::value(*field, head).substr(0, looked_at);
    };
    out.is_reply_of_automat = starts_with_fold(trim(first("Auto-Submitted")), "auto-replied");
    const auto authors = mail::addresses_of(first("From"), 1);
    if (!authors.empty()) {
        const auto local = to_lower(std::string_view(authors.front()).substr(0, authors.front().rfind('@')));
        out.from_daemon = local == "mailer-daemon" || local == "postmaster";
    }
    out.answered = clean_id(first("In-Reply-To"));
    const auto references = first("References");
    if (const auto last = references.rfind('<'); out.answered.empty() && last != std::string_view::npos)
        out.answered = clean_id(references.substr(last));
    if (out.answered.size() > message_id_limit) out.answered.clear();
    return out;
}

std::optional<Bounce> recognise_bounce(const mail::Contents& contents, const BounceSigns& signs) {
    const auto structure = structure_of(contents);
    if (auto report = standard_report(structure)) return report;
    if (signs.null_sender || signs.from_daemon)
        for (const auto* header : structure.headers)
            if (is_telling(*header)) return Bounce{"bounce", clean_id(header->message_id)};
    if (signs.null_sender && signs.is_reply_of_automat && !signs.answered.empty()) return Bounce{"autoresponse", signs.answered};
    return {};
}

std::string message_id_domain(std::string_view message_id) {
    const auto at = message_id.rfind('@');
    if (at == std::string_view::npos) return {};
    auto domain = message_id.substr(at + 1);
    domain = domain.substr(0, domain.find('>'));
    return to_lower(trim(domain));
}

}  // namespace tamis::policy
