#include "scanners/worker/open/mail_shape.h"

#include <algorithm>

#include "base/text.h"

namespace tamis::worker {
namespace {

constexpr std::size_t most_fields = 500;

// next_line - without its end; `at` moves behind it
std::string_view next_line(std::string_view text, std::size_t& at) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = std::min(end + 1, text.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// field_name - of "Name: value"; "" when the line is none
std::string_view field_name(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon > 77) return {};
    const auto name = line.substr(0, colon);
    const bool is_name =
        std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }) && is_alpha(name[0]);
    return is_name ? name : std::string_view();
}

struct Fields {
    unsigned count = 0, of_mail = 0;
    bool has_origin = false, has_version = false, has_type = false, has_boundary = false, is_structured = false;

    void take(std::string_view name, std::string_view value) {
        constexpr std::string_view mail[] = {"from",       "to",       "cc",          "subject",     "date",
                                             "message-id", "received", "return-path", "delivered-to"};
        constexpr std::string_view origins[] = {"from", "received", "return-path", "message-id"};
        const auto is = [&](std::string_view known) { return equal_fold(name, known); };
        ++count;
        if (std::ranges::any_of(mail, is) && !value.empty()) ++of_mail;
        has_origin |= std::ranges::any_of(origins, is);
        has_version |= is("mime-version") && value.starts_with("1.");
        const auto slash = value.find('/');
        if (is("content-type") && slash != std::string_view::npos && slash != 0) {
            has_type = is_structured = true;
            has_boundary |= starts_with_fold(value, "multipart/");
        }
        is_structured |= is("mime-version") || is("content-transfer-encoding") || is("content-disposition");
    }
};

// read_fields - from `at` to the first line that is none
Fields read_fields(std::string_view text, std::size_t at) {
    Fields out;
    while (at < text.size() && out.count < most_fields) {
        const auto line = next_line(text, at);
        if (!line.empty() && is_blank(line[0]) && out.count != 0) {  // a folded value; the boundary stands there, mostly
            continue;
        }
        const auto name = field_name(line);
        if (name.empty()) break;
        out.take(name, trim(line.substr(name.size() + 1)));
    }
    return out;
}

bool is_mail(const Fields& fields) {
    constexpr unsigned enough = 3;
    if (fields.has_type && (fields.has_version || fields.has_boundary)) return true;
    return fields.has_origin && fields.of_mail >= enough;
}

// is_from_line - "From somebody@example.org Mon Nov 30 07:00:00 2026", as it begins each mail of an mbox
bool is_from_line(std::string_view line) {
    if (!line.starts_with("From ") || line.size() > 1000) return false;
    const auto rest = trim(line.substr(5));
    return rest.contains(' ') && rest.contains(':') && std::ranges::any_of(rest, is_digit);
}

}  // namespace

std::size_t mail_begin(std::string_view text) {
    const auto begin = text.starts_with("\xef\xbb\xbf") ? std::size_t{3} : std::size_t{0};
    const auto at = text.find_first_not_of("\r\n", begin);
    return at == std::string_view::npos ? text.size() : at;
}

MailShape mail_shape(std::string_view head) {
    constexpr std::size_t most_blank = 64;
    const auto begin = mail_begin(head.substr(0, most_blank));
    if (begin >= head.size() || begin >= most_blank) return MailShape::none;
    const auto first = head[begin];
    if (!is_alpha(first) && first != '>') return MailShape::none;
    auto at = begin;
    const auto line = next_line(head, at);
    if (is_from_line(line)) return is_mail(read_fields(head, at)) ? MailShape::mbox : MailShape::none;
    if (is_from_line(line.substr(first == '>' ? 1 : 0)))
        return is_mail(read_fields(head, at)) ? MailShape::message : MailShape::none;
    if (field_name(line).empty()) return MailShape::none;
    return is_mail(read_fields(head, begin)) ? MailShape::message : MailShape::none;
}

bool is_mime_entity(std::string_view text) {
    return read_fields(text, 0).is_structured || mail_shape(text.substr(0, 65536)) == MailShape::message;
}

std::vector<Range> mbox_messages(std::string_view text, std::size_t most) {
    std::vector<Range> out;
    bool after_empty = true;
    for (auto at = mail_begin(text); at < text.size();) {
        const auto begin = at;
        const auto line = next_line(text, at);
        auto next = at;
        if (after_empty && line.starts_with("From ") && is_from_line(line) && !field_name(next_line(text, next)).empty()) {
            if (!out.empty()) out.back().end = begin;
            if (out.size() == most) return out;
            out.push_back({at, text.size()});
        }
        after_empty = line.empty();
    }
    return out;
}

}  // namespace tamis::worker
