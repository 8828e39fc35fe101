#include "quarantine/stored_copy.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "mail/header.h"
#include "mail/path.h"

namespace tamis::quarantine {
namespace {

bool is_finding(std::string_view name) {
    for (const auto prefix : {"X-Spam-", "X-CRM114-"})
        if (starts_with_fold(name, prefix)) return true;
    for (const auto known : {"X-Amavis-Hold", "X-Amavis-Alert", "X-Amavis-Modified", "X-Amavis-PenPals", "X-Amavis-PolicyBank",
                             "X-Amavis-OS-Fingerprint"})
        if (equal_fold(name, known)) return true;
    return false;
}

// without_folds - every blank of an address belongs to it
std::string without_folds(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c != '\r' && c != '\n') out += c;
    return out;
}

// is_8bit_from - whether the message itself has octets above 127; those of the fields put on top are no matter of its own
Result<bool> is_8bit_from(const mail::SealedSpool& spool, std::uint64_t begin) {
    std::array<char, 65536> buffer{};
    for (auto offset = begin; offset < spool.size();) {
        const auto piece = spool.view(offset, buffer);
        if (!piece) return std::unexpected(piece.error());
        if (piece->empty()) break;
        if (!is_ascii(*piece)) return true;
        offset += piece->size();
    }
    return false;
}

std::string unbracketed(std::string text) {
    if (text.size() >= 2 && text.front() == '<' && text.back() == '>') return text.substr(1, text.size() - 2);
    return text;
}

}  // namespace

std::vector<std::string> angle_addresses(std::string_view value) {
    std::vector<std::string> out;
    constexpr std::size_t most = 20'000;
    while (out.size() < most) {
        const auto begin = value.find_first_not_of(" \t\r\n,");
        if (begin == std::string_view::npos) break;
        value.remove_prefix(begin);
        if (!value.starts_with('<')) {  // of an old amavisd: an address list as in From
            for (auto& address : mail::addresses_of(value, most - out.size())) out.push_back(std::move(address));
            break;
        }
        value.remove_prefix(1);
        const auto end = std::min(mail::path_end(value), value.size());
        out.push_back(without_folds(value.substr(0, end)));
        value.remove_prefix(std::min(end + 1, value.size()));
    }
    return out;
}

// parse_stored_copy - the prefix is trusted (it says who gets the message), the message below it is a stranger's. They are told
// apart only by order, so the prefix ends at the first field that amavisd or we do not put there, and at the second one of a kind:
// a message that begins with an X-Envelope-To of its own adds no recipient.
Result<StoredCopy> parse_stored_copy(std::shared_ptr<const mail::SealedSpool> spool, bool has_8bit, FindingFields findings) {
    StoredCopy copy;
    const auto head = spool->head();
    if (head.starts_with("From "))
        return fail(
            Errc::bad_input,
            "the copy lies in a mailbox file with others; nothing can be released from there: open it with a mail program");
    const auto header = mail::parse_header(head);
    std::optional<std::string> return_path;
    std::set<std::string> seen;
    for (const auto& field : header.fields) {
        const auto name = mail::HeaderBlock::name(field, head);
        const auto value = mail::HeaderBlock::value(field, head);
        const bool is_ours = equal_fold(name, "Return-Path") || equal_fold(name, "Delivered-To") ||
                             equal_fold(name, "X-Envelope-From") || equal_fold(name, "X-Envelope-To") ||
                             equal_fold(name, "X-Envelope-To-Blocked") || equal_fold(name, "X-Quarantine-ID");
        if (!is_ours && (findings == FindingFields::keep || !is_finding(name))) break;
        if (is_ours && !seen.insert(to_lower(name)).second) break;
        if (equal_fold(name, "X-Envelope-To")) copy.recipients = angle_addresses(value);
        else if (equal_fold(name, "X-Envelope-To-Blocked")) copy.blocked = angle_addresses(value);
        else if (equal_fold(name, "X-Quarantine-ID")) copy.mail_id = unbracketed(mail::unfolded(value));
        else if (equal_fold(name, "X-Envelope-From") || equal_fold(name, "Return-Path")) {
            const auto found = angle_addresses(value);
            auto& into = equal_fold(name, "Return-Path") ? return_path : copy.sender;
            if (found.size() == 1) into = found.front();
        }
        copy.begin = field.end;
    }
    if (!copy.sender) copy.sender = return_path;
    if (copy.mail_id.empty()) return fail(Errc::bad_input, "the stored copy has no X-Quarantine-ID: it is no quarantined mail");
    if (!copy.sender) return fail(Errc::bad_input, "the stored copy says no sender (X-Envelope-From or Return-Path)");
    copy.has_8bit = has_8bit;
    if (has_8bit && !is_ascii(head.substr(0, copy.begin))) {
        const auto message_has = is_8bit_from(*spool, copy.begin);
        if (!message_has) return std::unexpected(message_has.error());
        copy.has_8bit = *message_has;
    }
    const auto original = mail::parse_header(head.substr(copy.begin));
    copy.has_8bit_header = copy.has_8bit && !is_ascii(head.substr(copy.begin, original.size));
    copy.spool = std::move(spool);
    return copy;
}

}  // namespace tamis::quarantine
