#include "scanners/worker/open/embedded.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "mail/header.h"
#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/mime_header.h"
#include "scanners/worker/open/text_decode.h"
#include "scanners/worker/open/writer_output.h"

namespace tamis::worker {
namespace {

using mail::AnomalyKind;
using mail::PartFlag;

constexpr std::size_t convert_limit = 8 * 1024 * 1024;  // text in UTF-16 and the like that is looked through

// Found - one file: what decodes it, and where its data begin
struct Found {
    const char* container = nullptr;
    std::string name;
    TextNotes (*decode)(std::string_view, Output&) = nullptr;  // null: none
    std::size_t data = 0;
    bool has_resource = false;  // a second fork
};

// Lines - a text's lines one by one; CRLF, LF or CR ends them
class Lines {
public:
    Lines(std::string_view text, std::size_t begin)
        : text_(text), next_(std::min(begin, text.size())), lf_(std::min(text.find('\n', next_), text.size())) {}
    bool next() {
        at_ = next_;
        if (at_ >= text_.size()) return false;
        if (lf_ < at_) lf_ = std::min(text_.find('\n', at_), text_.size());
        const auto cr = text_.substr(at_, lf_ - at_).find('\r');
        const bool is_cut =
            cr != std::string_view::npos && text_.substr(at_, lf_ - at_).find_first_not_of('\r', cr) != std::string_view::npos;
        const auto end = is_cut ? at_ + cr : lf_;
        next_ = std::min(end + 1, text_.size());
        line_ = text_.substr(at_, end - at_);
        while (line_.ends_with('\r')) line_.remove_suffix(1);
        return true;
    }
    // go_on - the next line begins there
    void go_on(std::size_t at) { next_ = std::max(next_, at); }
    std::string_view line() const { return line_; }
    std::size_t at() const { return at_; }        // where the line begins
    std::size_t behind() const { return next_; }  // where the next one begins

private:
    std::string_view text_, line_;
    std::size_t at_ = 0, next_ = 0;
    std::size_t lf_ = 0;  // the first line feed from at_ on
};

// uu_decoder - for the lines that follow a line "begin ..."; null: they are no data, and the line is prose
decltype(Found::decode) uu_decoder(std::string_view text, std::size_t behind, const UuBegin& begin) {
    constexpr int most_empty = 2;
    constexpr std::size_t window = 1024;  // some lines of data, whatever ends them
    Lines lines(text.substr(std::min(behind, text.size()), window), 0);
    for (int empty = 0; lines.next() && trim(lines.line()).empty();)
        if (++empty > most_empty) return nullptr;
    const auto first = lines.line();
    if (begin.is_base64) return is_base64_line(first) ? decode_uu_base64 : nullptr;
    bool is_uu = is_uu_line(first);
    if (!is_uu && begin.has_mode && is_short_uu_line(first)) {  // one of the next lines has to be whole
        constexpr int most_short = 8;
        for (int count = 0;
             !is_uu && count < most_short && lines.next() && (is_uu_line(lines.line()) || is_short_uu_line(lines.line()));
             ++count)
            is_uu = is_uu_line(lines.line());
        return is_uu ? decode_uu : nullptr;
    }
    if (!is_uu && !is_xx_line(first)) return nullptr;
    const auto decode = is_uu ? decode_uu : decode_xx;
    if (begin.has_mode || !lines.next()) return decode;
    const auto second = lines.line();  // without a mode, one line that looks like data is not enough
    const bool goes_on = is_uu ? is_uu_line(second) : is_xx_line(second);
    return goes_on || second == "end" || second == "`" || trim(second).empty() ? decode : nullptr;
}

// look_at_line - a file may begin on this line, which stands at `at`; `behind` is where the next line begins
Found look_at_line(std::string_view text, std::string_view line, std::size_t at, std::size_t behind, bool is_declared_binhex) {
    if (lower(line[0]) == 'b') {
        const auto begin = uu_begin(line);
        if (!begin) return {};
        return {"uuencode", begin->name, uu_decoder(text, behind, *begin), behind};
    }
    if (line[0] == '=') {
        if (const auto name = yenc_name(line)) return {"yenc", *name, decode_yenc, behind};
    } else if (line[0] == ':') {  // BinHex without the words before it
        const auto header = binhex_header(text.substr(at));
        if (header && (header->is_sure || is_declared_binhex))
            return {"binhex", header->name, decode_binhex, at, header->resource_size != 0};
    } else if (is_binhex_line(line)) {
        if (const auto header = binhex_header(text.substr(behind)))
            return {"binhex", header->name, decode_binhex, behind, header->resource_size != 0};
    }
    return {};
}

// decode_found - one part; its notes, nothing without budget
std::optional<TextNotes> decode_found(Opener& opener, std::uint32_t part, std::string_view data, const Found& found) {
    auto writer = opener.new_part({.parent = part, .container = found.container, .names = {decode_words(found.name), found.name}},
                                  found.container);
    if (!writer) return {};
    WriterOutput out(writer);
    auto notes = found.decode(data, out);
    if (notes.complete) writer.finish();
    return notes;
}

// open_found - returns where the text goes on
std::size_t open_found(Opener& opener, std::uint32_t part, std::string_view text, Found found) {
    const auto data = text.substr(std::min(found.data, text.size()));
    const auto notes = decode_found(opener, part, data, found);
    if (!notes) return text.size();
    // a file of that kind is no riddle, a text is; so is one with strange lines between its data
    const auto& types = opener.part(part).types;
    if (notes->damaged || std::ranges::any_of(types, [](const auto& type) { return type.starts_with("text/"); }))
        opener.add_anomaly(AnomalyKind::embedded_encoding, part, found.container);
    if (notes->damaged || !notes->ended) opener.add_anomaly(AnomalyKind::bad_uuencode, part, found.container);
    if (found.has_resource) {
        found.decode = decode_binhex_resource;
        found.name += "/..namedfork/rsrc";
        (void)decode_found(opener, part, data, found);
    }
    return found.data + notes->consumed;
}

// FileSearch - tries every line of a text. Data that end nowhere hide nothing: behind an encoding that takes any line for
// data (yEnc) the search goes on with its next line, for readers that do not know it.
class FileSearch {
public:
    FileSearch(Opener& opener, std::uint32_t part, std::string_view text, bool is_declared_binhex)
        : opener_(opener), part_(part), text_(text), is_declared_binhex_(is_declared_binhex) {}
    // try_line - true: a file began there, `lines` stands where the text goes on
    bool try_line(Lines& lines) {
        const auto line = lines.line();
        if (line.empty() || std::string_view("bB=(:").find(line[0]) == std::string_view::npos) return false;
        if (line[0] == '=' && lines.at() < yenc_until_) return false;
        auto found = look_at_line(text_, line, lines.at(), lines.behind(), is_declared_binhex_);
        if (found.decode == nullptr) return false;
        const bool is_yenc = found.decode == decode_yenc;
        const auto behind = open_found(opener_, part_, text_, std::move(found));
        if (is_yenc) yenc_until_ = behind;
        else lines.go_on(behind);
        return true;
    }

private:
    Opener& opener_;
    std::uint32_t part_;
    std::string_view text_;
    bool is_declared_binhex_;
    std::size_t yenc_until_ = 0;
};

// FieldRun - lines that look like header fields, one behind the other
struct FieldRun {
    std::size_t begin = 0, fields = 0;
    bool has_id = false, has_type = false, open = false;

    // is_field - "Name: ..." with a name of letters, digits and dashes; blanks and bytes above 127 may follow the name
    static bool is_field(std::string_view line) {
        auto colon = std::ranges::find_if(line, [](char c) { return !is_alpha(c) && !is_digit(c) && c != '-'; });
        if (colon == line.begin()) return false;
        colon = std::find_if(colon, line.end(), [](char c) { return c > 0x20; });
        return colon != line.end() && *colon == ':';
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
    opener.new_part_of(
        {.parent = part, .container = quoted_container, .types = {"message/rfc822"}, .flags = flags.flags, .is_mime = true},
        bytes.slice(begin, bytes.bytes().size()), "text", false);
}

bool is_declared_binhex(const mail::Part& part) {
    return std::ranges::any_of(part.types, [](const auto& type) { return type.find("binhex") != std::string::npos; }) ||
           std::ranges::any_of(part.names, [](const auto& name) { return extension_of(name) == "hqx"; });
}

constexpr std::size_t clock_step = 1 << 20;  // bytes looked through between two looks at the clock

// look_for_files - in a text that nobody takes for mail
void look_for_files(Opener& opener, std::uint32_t part, std::string_view text) {
    FileSearch search(opener, part, text, is_declared_binhex(opener.part(part)));
    Lines lines(text, 0);
    std::size_t looked_at_clock = 0;
    while (lines.next()) {
        if (lines.at() - looked_at_clock > clock_step) {
            looked_at_clock = lines.at();
            if (!opener.budget().check_time()) return;
        }
        search.try_line(lines);
    }
}

// look_through - for files, and for header sections of other messages
void look_through(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto text = bytes.bytes();
    FileSearch search(opener, part, text, is_declared_binhex(opener.part(part)));
    Lines lines(text, 0);
    FieldRun run;
    bool opened_quoted = false;
    std::size_t looked_at_clock = 0;
    while (lines.next()) {
        if (lines.at() - looked_at_clock > clock_step) {
            looked_at_clock = lines.at();
            if (!opener.budget().check_time()) return;
        }
        const auto at = lines.at();
        if (search.try_line(lines)) {
            run.open = false;
            continue;
        }
        if (run.take(lines.line(), at)) continue;
        if (run.is_header()) note_attached_header(opener, part, text.substr(run.begin, at - run.begin), false);
        if (run.open && run.has_type && lines.line().empty() && !std::exchange(opened_quoted, true))
            open_quoted(opener, part, bytes, run.begin);
        run.open = false;
    }
    if (run.is_header()) note_attached_header(opener, part, text.substr(run.begin), false);
}

bool is_named_base64(const mail::Part& part) {
    return std::ranges::any_of(part.names, [](const auto& name) { return extension_of(name) == "b64"; });
}

// open_base64 - a file of base64 and nothing else, as some programs save and open it
void open_base64(Opener& opener, std::uint32_t part, std::string_view text) {
    std::vector<std::string> names;
    for (const auto& name : opener.part(part).names)
        if (extension_of(name) == "b64") names.push_back(name.substr(0, name.rfind('.')));
    auto writer = opener.new_part({.parent = part, .container = "base64", .names = std::move(names)}, "base64");
    if (!writer) return;
    WriterOutput out(writer);
    if (decode_base64(text, Base64Reading::skip_padding, out).complete) writer.finish();
}

// orders_of - the charsets to convert a text with: what is declared, and for UTF-16 without an order and without a mark also the
// other order, which browsers take
std::vector<std::string_view> orders_of(std::string_view charset, std::string_view text) {
    std::vector<std::string_view> out = {charset};
    const auto seen = wide_charset_of(text);
    const bool is_wide =
        charset.find("16") != std::string_view::npos || charset.starts_with("ucs") || charset.starts_with("unicode");
    if (is_wide && (seen.empty() || seen == "UTF-16LE") && charset.find("be") == std::string_view::npos)
        out.emplace_back("UTF-16LE");
    else if (!seen.empty()) out.push_back(seen);
    return out;
}

// look_at_converted - text whose charset hides ASCII becomes a part of its own, and is looked through
void look_at_converted(Opener& opener, std::uint32_t part, std::string_view text, const std::string& charset) {
    if (text.size() > convert_limit) {
        opener.part(part).set(PartFlag::undecipherable);
        return;
    }
    std::string known;
    for (const auto order : orders_of(charset, text)) {
        auto converted = to_utf8(text, order);
        if (!converted || *converted == known) continue;
        known = *converted;
        mail::Part flags;
        flags.set(PartFlag::alternate);
        auto writer = opener.new_part(
            {.parent = part, .container = "charset", .types = opener.part(part).types, .flags = flags.flags}, "charset");
        const auto number = writer.number();
        if (!writer || !writer.write(*converted)) return;
        writer.finish();
        look_through(opener, number, Blob::of(std::move(*converted)));
    }
}

// look_at_wide - UTF-16 or UTF-32 that nobody declared
void look_at_wide(Opener& opener, std::uint32_t part, std::string_view text) {
    const auto charset = wide_charset_of(text);
    if (charset.empty()) return;
    if (text.size() > convert_limit) return mark_unreadable(opener, part);
    if (!opener.budget().take_bytes(text.size(), "charset")) return;
    if (const auto converted = to_utf8(text, charset)) look_for_files(opener, part, *converted);
}

}  // namespace

bool begins_with_file(std::string_view text) {
    constexpr std::size_t enough = 200;
    text = trim(text.substr(0, enough));
    return text.starts_with("begin ") || text.starts_with("begin-base64") || text.starts_with("=ybegin ") ||
           is_binhex_line(text) || text.starts_with(':');
}

bool is_text(const mail::Part& part) {
    constexpr std::string_view encodings[] = {"uue", "ync", "hqx"};
    if (std::ranges::any_of(part.kinds,
                            [&](const auto& kind) { return std::ranges::find(encodings, kind) != std::end(encodings); }))
        return true;
    if (part.container == "charset" || (part.container != "mime" && !part.container.empty())) return false;
    return part.types.empty() || std::ranges::any_of(part.types, [](const auto& type) { return type.starts_with("text/"); });
}

bool may_hold_files(const mail::Part& part) {
    constexpr std::string_view texts[] = {"asc", "txt", "html", "xml", "sgml", "script", "lat", "mail"};
    constexpr std::string_view endings[] = {"uu", "uue", "xx", "xxe", "b64", "hqx", "ync", "yenc", "ntx", "enc"};
    const auto is_among = [](std::string_view what, auto& list) { return std::ranges::find(list, what) != std::end(list); };
    if (is_text(part)) return true;
    if (part.container == "charset" || part.container == quoted_container) return false;
    const bool is_mime = part.container == "mime" || part.container.empty();
    if (part.kinds.empty() || (is_mime && has_kind(part, "dat"))) return is_mime;
    const bool is_readable = std::ranges::any_of(part.kinds, [&](const auto& kind) { return is_among(kind, texts); });
    const bool is_named =
        std::ranges::any_of(part.names, [&](const auto& name) { return is_among(extension_of(name), endings); });
    if (is_mime) return is_readable;
    return is_named && (is_readable || has_kind(part, "dat"));  // yEnc holds octets that no text has
}

void open_text(Opener& opener, std::uint32_t number, const Blob& bytes) {
    const auto text = bytes.bytes();
    const auto part = opener.part(number);  // a copy: parts are added
    if (is_named_base64(part) && looks_like_base64(text)) open_base64(opener, number, text);
    if (!is_text(part)) {
        look_for_files(opener, number, text);
        look_at_wide(opener, number, text);
        return;
    }
    const auto charset = part.charset;
    if (!charset.empty() && !is_known_charset(charset) && !is_ascii(text.substr(0, 65536)))
        opener.add_anomaly(AnomalyKind::unknown_charset, number, charset);
    if (std::ranges::find(part.types, "text/rfc822-headers") != part.types.end())
        note_attached_header(opener, number, text, false);
    else look_through(opener, number, bytes);
    if (hides_ascii(charset)) look_at_converted(opener, number, text, charset);
    else look_at_wide(opener, number, text);
}

void note_attached_header(Opener& opener, std::uint32_t part, std::string_view text, bool is_whole_message) {
    constexpr std::size_t longest = 998;
    const auto block = mail::parse_header(text);
    mail::AttachedHeader found;
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

}  // namespace tamis::worker
