#include "scanners/worker/open/embedded.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "mail/header.h"
#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/text_decode.h"
#include "scanners/worker/open/writer_output.h"

namespace tamis::open {
namespace {

using mail::AnomalyKind;
using mail::PartFlag;

constexpr std::size_t convert_limit = 8 * 1024 * 1024;  // text in UTF-16 and the like that is looked through

// Found - one file: what decodes it, and where its data begin
struct Found {
    const char*      container = nullptr;
    std::string      name;
    TextNotes      (*decode)(std::string_view, Output&) = nullptr;
    std::size_t      data = 0;
};

// next_line_of - the line that begins at `at`, without its end
std::string_view line_at(std::string_view text, std::size_t at) {
    auto line = text.substr(at, text.find('\n', at) - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// look_at_line - a file may begin on this line; `behind` is where the next line begins
Found look_at_line(std::string_view text, std::string_view line, std::size_t behind) {
    if (line.starts_with("begin")) {
        const auto begin = uu_begin(line);
        if (!begin) return {};
        const auto next = line_at(text, std::min(behind, text.size()));
        if (begin->is_base64) return {"uuencode", begin->name, decode_uu_base64, behind};
        if (!is_uu_line(next) || next == "end") return {};
        return {"uuencode", begin->name, decode_uu, behind};
    }
    if (line.starts_with("=ybegin ")) {
        if (const auto name = yenc_name(line)) return {"yenc", *name, decode_yenc, behind};
    } else if (is_binhex_line(line)) {
        if (const auto header = binhex_header(text.substr(std::min(behind, text.size()))))
            return {"binhex", header->name, decode_binhex, behind};
    }
    return {};
}

// open_found - returns where the text goes on
std::size_t open_found(Opener& opener, std::uint32_t part, std::string_view text, Found found) {
    const auto& types = opener.part(part).types;  // a file of that kind is no riddle, a text is
    if (std::ranges::any_of(types, [](const auto& type) { return type.starts_with("text/"); }))
        opener.add_anomaly(AnomalyKind::embedded_encoding, part, found.container);
    auto writer = opener.new_part({.parent = part, .container = found.container, .names = {decode_words(found.name), found.name}},
                                  found.container);
    if (!writer) return text.size();
    WriterOutput out(writer);
    const auto   notes = found.decode(text.substr(std::min(found.data, text.size())), out);
    if (notes.complete) writer.finish();
    if (notes.damaged || !notes.ended) opener.add_anomaly(AnomalyKind::bad_uuencode, part, found.container);
    return found.data + notes.consumed;
}

// FieldRun - lines that look like header fields, one behind the other
struct FieldRun {
    std::size_t begin = 0, fields = 0;
    bool        has_id = false, has_type = false, open = false;

    // is_field - "Name: ..." with a name of letters, digits and dashes
    static bool is_field(std::string_view line) {
        const auto colon = std::ranges::find_if(line, [](char c) { return !is_alpha(c) && !is_digit(c) && c != '-'; });
        return colon != line.end() && colon != line.begin() && *colon == ':';
    }
    // take - false: the line ends the run
    bool take(std::string_view line, std::size_t at) {
        if (open && !line.empty() && is_blank(line[0])) return true;
        if (!is_field(line)) return false;
        if (!open) *this = {at, 0, false, false, true};
        ++fields;
        has_id |= starts_with_fold(line, "message-id:");
        has_type |= starts_with_fold(line, "content-t");
        return true;
    }
    bool is_header() const { return open && ((fields >= 3 && has_id) || fields >= 5); }
};

// open_quoted - a header section with a Content-Type within a text: bounces carry whole messages that way, and some readers
// find parts where others see none. What follows is opened as one more reading; its oddities are not held against the
// message. Once per text, and never within such a reading.
void open_quoted(Opener& opener, std::uint32_t part, const Blob& bytes, std::size_t begin) {
    if (opener.part(part).has(PartFlag::alternate)) return;
    if (!opener.budget().check_mime_depth(opener.mime_depth(part) + 2)) return;
    mail::Part flags;
    flags.set(PartFlag::alternate);
    opener.new_part_of({.parent = part, .container = quoted_container, .types = {"message/rfc822"}, .flags = flags.flags, .is_mime = true},
                       bytes.slice(begin, bytes.bytes().size()), "text", false);
}

void look_through(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto  text = bytes.bytes();
    bool        opened_quoted = false;
    FieldRun    run;
    std::size_t at = 0;
    std::size_t looked_at_clock = 0;
    constexpr std::size_t clock_step = 1 << 20;
    while (at < text.size()) {
        if (at - looked_at_clock > clock_step) {
            looked_at_clock = at;
            if (!opener.budget().check_time()) return;
        }
        auto end = text.find('\n', at);
        end = end == std::string_view::npos ? text.size() : end + 1;
        auto line = text.substr(at, end - at);
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
        if (!line.empty() && (line[0] == 'b' || line[0] == '=' || line[0] == '(')) {
            if (auto found = look_at_line(text, line, end); found.decode != nullptr) {
                at = std::max(open_found(opener, part, text, std::move(found)), end);
                run.open = false;
                continue;
            }
        }
        if (!run.take(line, at)) {
            if (run.is_header()) note_attached_header(opener, part, text.substr(run.begin, at - run.begin), false);
            if (run.open && run.has_type && line.empty() && !std::exchange(opened_quoted, true)) open_quoted(opener, part, bytes, run.begin);
            run.open = false;
        }
        at = end;
    }
    if (run.is_header()) note_attached_header(opener, part, text.substr(run.begin), false);
}

// look_at_converted - text whose charset hides ASCII becomes a part of its own, and is looked through
void look_at_converted(Opener& opener, std::uint32_t part, std::string_view text, const std::string& charset) {
    if (text.size() > convert_limit) {
        opener.part(part).set(PartFlag::undecipherable);
        return;
    }
    auto converted = to_utf8(text, charset);
    if (!converted) return;
    mail::Part flags;
    flags.set(PartFlag::alternate);
    auto writer = opener.new_part({.parent = part, .container = "charset", .types = opener.part(part).types, .flags = flags.flags},
                                  "charset");
    const auto number = writer.number();
    if (!writer || !writer.write(*converted)) return;
    writer.finish();
    look_through(opener, number, Blob::of(std::move(*converted)));
}

}  // namespace

bool begins_with_file(std::string_view text) {
    constexpr std::size_t enough = 200;
    text = trim(text.substr(0, enough));
    return text.starts_with("begin ") || text.starts_with("begin-base64 ") || text.starts_with("=ybegin ") || is_binhex_line(text);
}

bool is_text(const mail::Part& part) {
    constexpr std::string_view encodings[] = {"uue", "ync", "hqx"};
    if (std::ranges::any_of(part.kinds, [&](const auto& kind) { return std::ranges::find(encodings, kind) != std::end(encodings); }))
        return true;
    if (part.container == "charset" || (part.container != "mime" && !part.container.empty())) return false;
    return part.types.empty() || std::ranges::any_of(part.types, [](const auto& type) { return type.starts_with("text/"); });
}

void open_text(Opener& opener, std::uint32_t number, const Blob& bytes) {
    const auto  text = bytes.bytes();
    const auto& part = opener.part(number);
    if (text.substr(0, 512).find("-----BEGIN PGP MESSAGE-----") == text.find_first_not_of(" \t\r\n") && !text.empty() &&
        text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
        opener.part(number).set(PartFlag::encrypted);
        opener.part(number).set(PartFlag::undecipherable);
    }
    const auto charset = part.charset;
    if (!charset.empty() && !is_known_charset(charset) && !is_ascii(text.substr(0, 65536)))
        opener.add_anomaly(AnomalyKind::unknown_charset, number, charset);
    if (std::ranges::find(part.types, "text/rfc822-headers") != part.types.end())
        note_attached_header(opener, number, text, false);
    else
        look_through(opener, number, bytes);
    if (hides_ascii(charset)) look_at_converted(opener, number, text, charset);
}

void note_attached_header(Opener& opener, std::uint32_t part, std::string_view text, bool is_whole_message) {
    constexpr std::size_t longest = 998;
    const auto            block = mail::parse_header(text);
    mail::AttachedHeader  found;
    found.part = part;
    found.is_whole_message = is_whole_message;
    for (const auto& field : block.fields)
        if (field.name_size != 0) ++found.fields;
    if (found.fields == 0) return;
    if (const auto* id = block.find("message-id", text))
        found.message_id = mail::unfolded(mail::HeaderBlock::value(*id, text)).substr(0, longest);
    if (const auto* from = block.find("from", text))
        found.from = mail::unfolded(mail::HeaderBlock::value(*from, text)).substr(0, longest);
    opener.add_attached_header(std::move(found));
}

}  // namespace tamis::open
