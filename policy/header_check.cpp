#include "policy/header_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"

namespace tamis::policy {
namespace {

enum Minor {
    minor_mime = 1,
    minor_8bit,
    minor_control,
    minor_blank_line,
    minor_long_line,
    minor_syntax,
    minor_missing,
    minor_multiple
};

constexpr std::size_t problems_limit = 100;
constexpr std::size_t line_limit = 998;  // RFC 5322 section 2.1.1
constexpr std::string_view cut_mark = "[...]";

bool is_8bit(char c) { return static_cast<unsigned char>(c) >= 0x80; }

// shown - printable ASCII; what is not stands there as \x{XX}, and nobody can write that himself
std::string shown(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool looks_escaped = text[i] == '\\' && text.substr(i + 1).starts_with("x{");
        if (byte < 0x20 || byte > 0x7e || looks_escaped) out += fmt::format("\\x{{{:02X}}}", static_cast<unsigned>(byte));
        else out += text[i];
    }
    return out;
}

// shortened - to `keep` bytes, not inside a UTF-8 character, when it is longer than `limit`
std::string shortened(std::string_view text, std::size_t limit, std::size_t keep) {
    if (text.size() <= limit) return std::string(text);
    std::size_t at = keep;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    return std::string(text.substr(0, at)) + std::string(cut_mark);
}

// Offence - what is wrong with a field, and where
struct Offence {
    int minor = 0;
    std::string_view text;
    std::size_t at = 0, size = 0;  // of the bytes in the field; with size 0 the beginning of the field is shown
    char taken_out = '\0';         // for a control character: it stood at `at` and is there no more
};

std::string with_lf(std::string_view text) {
    std::string out(text);
    std::erase(out, '\r');
    return out;
}

// described - amavisd's text: what, the offending bytes in hex when there are few, and where
std::string described(const Offence& offence, std::string_view field, std::string_view name) {
    constexpr std::size_t head_limit = 200;
    if (offence.size == 0 && offence.minor != minor_control) {
        const auto line = trim(field.substr(0, head_limit + 2));
        const bool is_line = offence.minor == minor_long_line;
        return shown(
            fmt::format("{}: {}", offence.text,
                        is_line ? shortened(field.substr(offence.at), 55, 50) : shortened(line, head_limit, head_limit)));
    }
    const bool was_taken_out = offence.minor == minor_control;
    const std::string middle =
        was_taken_out ? std::string(1, offence.taken_out) : with_lf(field.substr(offence.at, offence.size));
    std::string before = with_lf(field.substr(0, offence.at));
    std::string after = with_lf(field.substr(offence.at + offence.size, 100));
    if (after.ends_with('\n')) after.pop_back();
    after = shortened(after, 20, 15);
    constexpr std::size_t room = 50;
    if (before.size() > name.size() + 2 + room - std::min(after.size(), room)) {
        const std::size_t keep = room - 5 - std::min(after.size(), room - 5);
        before = std::string(name) + ": ..." + before.substr(before.size() - std::min(keep, before.size()));
    }
    std::string text(offence.text);
    constexpr std::size_t few = 4;
    if (middle.size() <= few) {
        text += " (char";
        for (const char c : middle) text += fmt::format(" {:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        text += " hex)";
    }
    return shown(fmt::format("{}: {}{}{}", text, before, shortened(middle, 20, 15), after));
}

// full_name - bytes above 127 are taken for a part of a name here, so that they can be told
std::string_view full_name(std::string_view field) {
    std::size_t size = 0;
    while (size < field.size() && (is_8bit(field[size]) || (field[size] > 0x20 && field[size] < 0x7f && field[size] != ':')))
        ++size;
    std::size_t colon = size;
    while (colon < field.size() && is_blank(field[colon])) ++colon;
    return size != 0 && colon < field.size() && field[colon] == ':' ? field.substr(0, size) : std::string_view();
}

// line_offence - the first line of blanks only, else the first that is too long
std::optional<Offence> line_offence(std::string_view field, const HeaderChecks& checks) {
    std::optional<Offence> long_line;
    for (std::size_t at = 0; at < field.size();) {
        auto end = field.find('\n', at);
        end = end == std::string_view::npos ? field.size() : end + 1;
        auto line = field.substr(at, end - at);
        while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
        const bool is_blank_line = at != 0 && is_blank(field[at]) && line.find_first_not_of(" \t") == std::string_view::npos;
        if (checks.empty && is_blank_line)
            return Offence{minor_blank_line, "Improper folded header field made up entirely of whitespace", at, line.size()};
        if (checks.long_lines && !long_line && line.size() > line_limit)
            long_line = Offence{minor_long_line, "Header line longer than 998 characters", at, 0};
        at = end;
    }
    return long_line;
}

std::size_t utf8_size(std::string_view text) {
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) ++size;
    return size;
}

std::optional<Offence> eight_bit_offence(std::string_view field, bool smtputf8, const HeaderChecks& checks) {
    const auto first = static_cast<std::size_t>(std::ranges::find_if(field, is_8bit) - field.begin());
    if (first == field.size()) return {};
    if (!is_utf8(field)) return Offence{minor_8bit, "Non-encoded non-ASCII data (and not UTF-8)", first, 1};
    for (std::size_t i = 0; i < field.size(); ++i) {
        const auto byte = static_cast<unsigned char>(field[i]);
        if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
            return Offence{minor_8bit, "UTF-8 string contains C0 Controls", i, 1};
        if (byte == 0xc2 && i + 1 < field.size() && static_cast<unsigned char>(field[i + 1]) < 0xa0)
            return Offence{minor_8bit, "UTF-8 string contains C1 Controls", i, 2};
    }
    if (smtputf8 || !checks.utf8) return {};
    return Offence{minor_8bit, "Non-encoded UTF-8 string in non-EAI mail", first, utf8_size(field.substr(first))};
}

// field_offence - the first kind of defect in amavisd's order
std::optional<Offence> field_offence(std::string_view field, std::string_view name, const mail::RemovedControl* control,
                                     std::size_t begin, bool smtputf8, const HeaderChecks& checks) {
    if (name.empty() || name.starts_with("--"))
        return checks.syntax ? std::optional(Offence{minor_syntax, "Invalid header field syntax"}) : std::nullopt;
    if (checks.syntax)
        if (const auto at = std::ranges::find_if(name, is_8bit); at != name.end())
            return Offence{minor_syntax, "Invalid header field name, contains non-ASCII char",
                           static_cast<std::size_t>(at - name.begin()), 1};
    if (auto offence = line_offence(field, checks)) return offence;
    if (checks.control && control != nullptr)
        return Offence{minor_control, "Improper use of control character", control->offset - begin, 0, control->what};
    return checks.eight_bit ? eight_bit_offence(field, smtputf8, checks) : std::nullopt;
}

// RFC 5322 section 3.6, RFC 2045, RFC 2183, RFC 3834: these may stand there once
constexpr std::array<std::string_view, 18> once = {"Date",
                                                   "From",
                                                   "Sender",
                                                   "Reply-To",
                                                   "To",
                                                   "Cc",
                                                   "Bcc",
                                                   "Subject",
                                                   "Message-ID",
                                                   "References",
                                                   "In-Reply-To",
                                                   "MIME-Version",
                                                   "Content-Type",
                                                   "Content-Transfer-Encoding",
                                                   "Content-ID",
                                                   "Content-Description",
                                                   "Content-Disposition",
                                                   "Auto-Submitted"};

void check_counts(const std::array<std::size_t, once.size()>& counts, const HeaderChecks& checks,
                  std::vector<HeaderProblem>& out) {
    constexpr std::size_t required = 2;  // Date and From
    for (std::size_t i = 0; i < once.size(); ++i) {
        if (counts[i] == 0 && i < required && checks.missing)
            out.emplace_back(minor_missing, fmt::format("Missing required header field: \"{}\"", once[i]));
        else if (counts[i] == 2 && checks.multiple)
            out.emplace_back(minor_multiple, fmt::format("Duplicate header field: \"{}\"", once[i]));
        else if (counts[i] > 2 && checks.multiple)
            out.emplace_back(minor_multiple,
                             fmt::format("Header field occurs more than once: \"{}\" occurs {} times", once[i], counts[i]));
    }
}

// check_from - who wrote it must be one address that everybody reads in the same way (RFC 5322 section 3.6.2)
void check_from(const mail::Message& message, std::vector<HeaderProblem>& out) {
    const auto head = message.spool->head();
    const auto* field = message.header.find("From", head);
    if (field == nullptr) return;
    const auto value = mail::HeaderBlock::value(*field, head);
    const auto authors = mail::addresses_of(value, 2).size();
    const bool has_sender = message.header.find("Sender", head) != nullptr;
    if (authors == 1 || (authors > 1 && has_sender)) return;
    out.emplace_back(
        minor_syntax,
        shown(fmt::format("{}: From: {}", authors == 0 ? "No address in header field" : "Several authors and no Sender",
                          shortened(trim(value), 55, 50))));
}

}  // namespace

std::vector<HeaderProblem> check_header(const mail::Message& message, const mail::Envelope& envelope,
                                        const HeaderChecks& checks) {
    std::vector<HeaderProblem> out;
    std::array<std::size_t, once.size()> counts{};
    const auto head = message.spool->head();
    std::size_t next_control = 0;
    for (const auto& field : message.header.fields) {
        const auto text = head.substr(field.begin, field.end - field.begin);
        auto name = mail::HeaderBlock::name(field, head);
        if (name.empty()) name = full_name(text);
        for (std::size_t i = 0; i < once.size(); ++i)
            if (name.size() == once[i].size() && equal_fold(name, once[i])) ++counts[i];
        const mail::RemovedControl* control = nullptr;
        for (; next_control < message.header_controls.size() && message.header_controls[next_control].offset < field.end;
             ++next_control)
            if (control == nullptr && message.header_controls[next_control].offset >= field.begin)
                control = &message.header_controls[next_control];
        if (out.size() == problems_limit) continue;
        if (const auto offence = field_offence(text, name, control, field.begin, envelope.smtputf8, checks))
            out.emplace_back(offence->minor, described(*offence, text, name));
    }
    check_counts(counts, checks, out);
    if (checks.from && !envelope.sender.empty()) check_from(message, out);
    if (out.size() > problems_limit) out.resize(problems_limit);
    return out;
}

HeaderProblem mime_problem(std::string_view mime_error) {
    constexpr std::size_t limit = 250;
    return {minor_mime, shown(fmt::format("MIME error: {}", mime_error.substr(0, limit)))};
}

}  // namespace tamis::policy
