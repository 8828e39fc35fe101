#include "scanners/worker/open/plain_kinds.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "scanners/worker/open/kind_table.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t html_window = 4096;
constexpr std::size_t text_window = 64 * 1024;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_with_nocase(std::string_view text, std::string_view lower_prefix) {
    return text.size() >= lower_prefix.size() &&
           std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(), [](char p, char c) { return p == lower(c); });
}

bool contains_nocase(std::string_view text, std::string_view lower_needle) {
    return std::search(text.begin(), text.end(), lower_needle.begin(), lower_needle.end(),
                       [](char c, char n) { return lower(c) == n; }) != text.end();
}

enum class Text : std::uint8_t { none, ascii, utf8 };

constexpr std::array<bool, 256> make_text_bytes() {
    std::array<bool, 256> out{};
    for (unsigned c = 0x20; c < 0x7f; ++c) out[c] = true;
    for (const unsigned c : {'\t', '\n', '\r', '\f'}) out[c] = true;
    return out;
}
constexpr auto is_text_byte = make_text_bytes();

// sequence_length - of a well-formed UTF-8 sequence at the beginning; 0: there is none; a cut one at the very end counts
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    const std::size_t want = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
    if (want == 0) return 0;
    const auto there = std::min(want, text.size());
    for (std::size_t i = 1; i < there; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    if (there > 1 &&
        ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) || (first == 0xf0 && byte(1) < 0x90) ||
         (first == 0xf4 && byte(1) > 0x8f) || (first == 0xc2 && byte(1) < 0xa0)))
        return 0;
    return there;
}

Text text_of(std::string_view head) {
    Text out = Text::ascii;
    for (std::size_t i = 0; i < head.size();) {
        if (is_text_byte[static_cast<unsigned char>(head[i])]) {
            ++i;
            continue;
        }
        const auto length = sequence_length(head.substr(i));
        if (length == 0) return Text::none;
        out = Text::utf8;
        i += length;
    }
    return out;
}

// How a text may begin and be something else all the same: libmagic decides
constexpr std::string_view worth_a_look[] = {"!<arch>",
                                             "0707",
                                             "begin",
                                             "xbtoa",
                                             "gif8",
                                             "bm",
                                             "mz",
                                             "pk",
                                             "rar!",
                                             "%!",
                                             "%pdf",
                                             "{\\rtf",
                                             "x5o!",
                                             "from ",
                                             "xref",
                                             "-----begin",
                                             "diff ",
                                             "--- ",
                                             "*** ",
                                             "simple",
                                             "cws",
                                             "fws",
                                             "zws",
                                             "itsf",
                                             "iwad",
                                             "mscf",
                                             "id3",
                                             "riff",
                                             "oggs",
                                             "flac",
                                             "7z",
                                             "bzh",
                                             "%fdf",
                                             "ccs",
                                             "isc(",
                                             "mswim",
                                             "zm",
                                             "ne",
                                             "le",
                                             "lz",
                                             "pe",
                                             "\\input",
                                             "\\document",
                                             "%pdf",
                                             "ai",
                                             "8bps",
                                             "@",
                                             "rem ",
                                             "echo",
                                             "#!",
                                             "[internetshortcut]",
                                             "(this file must",
                                             "mime-version",
                                             "return-path",
                                             "received:",
                                             "xar!",
                                             "koly",
                                             "conectix",
                                             "vhdxfile",
                                             "zoo ",
                                             "szdd",
                                             "kdmv",
                                             "drpm",
                                             "stuffit",
                                             "activemime",
                                             "encrcdsa",
                                             "media desc",
                                             "bochs virt",
                                             "::",
                                             ":"};

bool is_worth_a_look(std::string_view text) {
    return std::ranges::any_of(worth_a_look, [&](std::string_view prefix) { return starts_with_nocase(text, prefix); });
}

std::string_view without_blanks(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    const auto begin = text.find_first_not_of(" \t\r\n\f");
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

Kind described(std::string description) {
    auto kinds = kinds_of(description);
    return {std::move(kinds), std::move(description)};
}

// picture_kind - signatures long enough to stand alone; the pictures of a document's archive are many
std::optional<Kind> picture_kind(std::string_view head) {
    if (head.starts_with("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"sv)) return described("PNG image data");
    if (head.starts_with("\xff\xd8\xff\xe0\0\x10JFIF\0"sv) ||
        (head.starts_with("\xff\xd8\xff\xe1") && head.substr(6).starts_with("Exif\0\0"sv)))
        return described("JPEG image data");
    if (head.starts_with("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) return described("Composite Document File V2 Document");
    return std::nullopt;
}

}  // namespace

bool is_html(std::string_view head) {
    constexpr std::string_view tags[] = {"!doctype html", "html",   "head",   "body", "script", "title", "table",  "style",
                                         "meta",          "iframe", "a href", "div",  "p>",     "br",    "img ",   "font",
                                         "span",          "h1",     "link ",  "form", "center", "base ", "object", "embed"};
    head = head.substr(0, html_window);
    for (auto at = head.find('<'); at != std::string_view::npos; at = head.find('<', at + 1))
        if (std::ranges::any_of(tags, [&](std::string_view tag) { return starts_with_nocase(head.substr(at + 1), tag); }))
            return true;
    return false;
}

bool is_hta(std::string_view head) { return contains_nocase(head.substr(0, html_window), "<hta:application"); }

bool is_tar(std::string_view head) {
    constexpr std::size_t block = 512, at = 148, field = 8;
    if (head.size() < block || head.front() == '\0') return false;
    std::uint32_t stored = 0, sum = 0;
    auto digits = head.substr(at, field);
    digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
    if (digits.empty() || digits.front() < '0' || digits.front() > '7') return false;
    for (const char c : digits) {
        if (c < '0' || c > '7') break;
        stored = stored * 8 + static_cast<std::uint32_t>(c - '0');
    }
    for (std::size_t i = 0; i < block; ++i) sum += i >= at && i < at + field ? ' ' : static_cast<unsigned char>(head[i]);
    return stored == sum;
}

bool is_pdf(std::string_view head) {
    constexpr std::size_t window_of_readers = 1024;
    const auto at = head.substr(0, window_of_readers).find("%PDF-");
    if (at == std::string_view::npos) return false;
    if (head.substr(0, at).find_first_not_of("\0 \t\r\n\f\xef\xbb\xbf"sv) == std::string_view::npos) return true;
    const auto rest = head.substr(at);
    return rest.contains(" obj") && (rest.contains("endobj") || rest.contains("stream"));
}

std::optional<Kind> plain_kind(std::string_view head, std::uint64_t size) {
    if (size == 0) return described("empty");
    if (auto picture = picture_kind(head)) return picture;
    const auto text = text_of(head.substr(0, text_window));
    if (text == Text::none) return std::nullopt;
    const auto begin = without_blanks(head);
    if (is_worth_a_look(head) || is_worth_a_look(begin)) return std::nullopt;
    const std::string ending = text == Text::ascii ? ", ASCII text" : ", Unicode text, UTF-8 text";
    if (starts_with_nocase(begin, "<?xml") || starts_with_nocase(begin, "<svg")) {
        if (contains_nocase(begin.substr(0, html_window), "<svg")) return described("SVG Scalable Vector Graphics image");
        if (!is_html(begin)) return described("XML 1.0 document" + ending);
    }
    if (is_html(head)) {
        auto kind = described("HTML document" + ending);
        if (is_hta(head)) kind.kinds.emplace_back("hta");
        return kind;
    }
    if (is_pdf(head)) return std::nullopt;
    return described(text == Text::ascii ? "ASCII text" : "Unicode text, UTF-8 text");
}

}  // namespace tamis::worker
