#include "scanners/worker/open/charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/text.h"

namespace tamis::worker {
namespace {

// No name whose converter finds out the byte order by itself ("UTF-16", "UTF-32"): glibc keeps what it found, whatever
// is reset, and the next message would be read in the order of the last one.
constexpr std::array<std::string_view, 47> iconv_names = {
    "UTF-8",      "ISO-8859-1", "ISO-8859-2",  "ISO-8859-3",    "ISO-8859-4",  "ISO-8859-5",  "ISO-8859-6",  "ISO-8859-7",
    "ISO-8859-8", "ISO-8859-9", "ISO-8859-10", "ISO-8859-13",   "ISO-8859-14", "ISO-8859-15", "ISO-8859-16", "CP1250",
    "CP1251",     "CP1252",     "CP1253",      "CP1254",        "CP1255",      "CP1256",      "CP1257",      "CP1258",
    "CP874",      "CP437",      "CP850",       "CP866",         "KOI8-R",      "KOI8-U",      "MACINTOSH",   "GB18030",
    "BIG5-HKSCS", "CP932",      "EUC-JP",      "ISO-2022-JP-2", "EUC-KR",      "UHC",         "ISO-2022-KR", "UTF-7",
    "UTF-16LE",   "UTF-16BE",   "UTF-32LE",    "UTF-32BE",      "IBM037",      "IBM500",      "IBM1047"};

// What messages write; "iso-8859-N" and "windows-125N" are read by rule.
constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"utf8", "UTF-8"},
    {"us-ascii", "ISO-8859-1"},
    {"ascii", "ISO-8859-1"},
    {"ansi_x3.4-1968", "ISO-8859-1"},
    {"latin1", "ISO-8859-1"},
    {"latin-1", "ISO-8859-1"},
    {"l1", "ISO-8859-1"},
    {"latin2", "ISO-8859-2"},
    {"latin9", "ISO-8859-15"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-6-i", "ISO-8859-6"},
    {"iso-8859-11", "CP874"},
    {"tis-620", "CP874"},
    {"windows-874", "CP874"},
    {"dos-874", "CP874"},
    {"ibm437", "CP437"},
    {"ibm850", "CP850"},
    {"ibm866", "CP866"},
    {"koi8", "KOI8-R"},
    {"mac", "MACINTOSH"},
    {"x-mac-roman", "MACINTOSH"},
    {"macroman", "MACINTOSH"},
    {"gb2312", "GB18030"},
    {"gb_2312-80", "GB18030"},
    {"gbk", "GB18030"},
    {"cp936", "GB18030"},
    {"x-gbk", "GB18030"},
    {"euc-cn", "GB18030"},
    {"big5", "BIG5-HKSCS"},
    {"x-x-big5", "BIG5-HKSCS"},
    {"cp950", "BIG5-HKSCS"},
    {"shift_jis", "CP932"},
    {"shift-jis", "CP932"},
    {"sjis", "CP932"},
    {"x-sjis", "CP932"},
    {"windows-31j", "CP932"},
    {"ms_kanji", "CP932"},
    {"x-euc-jp", "EUC-JP"},
    {"iso-2022-jp", "ISO-2022-JP-2"},
    {"iso-2022-jp-1", "ISO-2022-JP-2"},
    {"csiso2022jp", "ISO-2022-JP-2"},
    {"iso-2022-jp-ms", "ISO-2022-JP-2"},
    {"ks_c_5601-1987", "UHC"},
    {"ks_c_5601", "UHC"},
    {"ksc5601", "UHC"},
    {"cp949", "UHC"},
    {"korean", "UHC"},
    {"unicode-1-1-utf-7", "UTF-7"},
    {"utf7", "UTF-7"},
    {"x-unicode-2-0-utf-7", "UTF-7"},
    {"csunicode11utf7", "UTF-7"},
    {"utf-8-sig", "UTF-8"},
    {"unicode-1-1-utf-8", "UTF-8"},
    {"ibm-037", "IBM037"},
    {"cp037", "IBM037"},
    {"ebcdic-cp-us", "IBM037"},
    {"csibm037", "IBM037"},
    {"cp500", "IBM500"},
    {"ibm-500", "IBM500"},
    {"cp1047", "IBM1047"},
    {"ibm-1047", "IBM1047"},
    // without a byte order of their own: RFC 2781 section 4.3 says big endian
    {"utf-16", "UTF-16BE"},
    {"utf16", "UTF-16BE"},
    {"unicode", "UTF-16BE"},
    {"csunicode", "UTF-16BE"},
    {"ucs-2", "UTF-16BE"},
    {"iso-10646-ucs-2", "UTF-16BE"},
    {"ucs-2be", "UTF-16BE"},
    {"unicodefffe", "UTF-16BE"},
    {"utf16be", "UTF-16BE"},
    {"ucs-2le", "UTF-16LE"},
    {"utf16le", "UTF-16LE"},
    {"unicodefeff", "UTF-16LE"},
    {"utf-32", "UTF-32BE"},
    {"utf32", "UTF-32BE"},
    {"ucs-4", "UTF-32BE"},
    {"iso-10646-ucs-4", "UTF-32BE"},
    {"ucs-4be", "UTF-32BE"},
    {"utf32be", "UTF-32BE"},
    {"ucs-4le", "UTF-32LE"},
    {"utf32le", "UTF-32LE"}};

constexpr std::size_t none = SIZE_MAX;
constexpr std::size_t name_limit = 40;

// place_of - in iconv_names, `none` for a name nobody knows
std::size_t place_of(std::string_view charset) {
    charset = trim(charset);
    if (charset.empty() || charset.size() > name_limit) return none;
    std::string name = to_lower(charset);
    for (const auto& [alias, target] : aliases)
        if (alias == name) name = to_lower(target);
    if (name.starts_with("windows-")) name = "cp" + name.substr(8);
    if (name.starts_with("cp-")) name = "cp" + name.substr(3);
    if (name.starts_with("iso8859-") || name.starts_with("iso_8859-")) name = "iso-8859-" + name.substr(name.find('-') + 1);
    if (name.starts_with("iso-8859_")) name[8] = '-';
    for (std::size_t i = 0; i < iconv_names.size(); ++i)
        if (equal_fold(iconv_names[i], name)) return i;
    return none;
}

struct CloseIconv {
    void operator()(void* descriptor) const noexcept { ::iconv_close(descriptor); }
};

// Table - descriptors, opened once for the life of the process: inside the sandbox none can be opened any more
class Table {
public:
    static Table& get() {
        static Table table;
        return table;
    }
    iconv_t descriptor(std::size_t place) {
        if (!tried_[place]) {
            tried_[place] = true;
            const iconv_t made = ::iconv_open("UTF-8", std::string(iconv_names[place]).c_str());
            if (made != no_descriptor()) open_[place].reset(made);
        }
        return open_[place] ? open_[place].get() : no_descriptor();
    }
    static iconv_t no_descriptor() { return std::bit_cast<iconv_t>(std::uintptr_t{UINTPTR_MAX}); }

private:
    std::array<bool, iconv_names.size()> tried_{};
    std::array<std::unique_ptr<void, CloseIconv>, iconv_names.size()> open_;
};

std::size_t named(std::string_view iconv_name) {
    return static_cast<std::size_t>(std::ranges::find(iconv_names, iconv_name) - iconv_names.begin());
}

// with_byte_order - of UTF-16 and UTF-32 the place that the mark at the beginning names, which is taken off; whatever order
// was declared, for readers believe the mark
std::size_t with_byte_order(std::size_t place, std::string_view& bytes) {
    using namespace std::string_view_literals;
    struct Mark {
        std::string_view family, bytes, name;
    };
    static constexpr Mark marks[] = {{"UTF-16", "\xff\xfe"sv, "UTF-16LE"},
                                     {"UTF-16", "\xfe\xff"sv, "UTF-16BE"},
                                     {"UTF-32", "\xff\xfe\0\0"sv, "UTF-32LE"},
                                     {"UTF-32", "\0\0\xfe\xff"sv, "UTF-32BE"}};
    for (const auto& mark : marks) {
        if (!iconv_names[place].starts_with(mark.family) || !bytes.starts_with(mark.bytes)) continue;
        bytes.remove_prefix(mark.bytes.size());
        return named(mark.name);
    }
    return place;
}

std::optional<std::string> convert(std::string_view bytes, std::size_t place) {
    place = with_byte_order(place, bytes);
    const auto descriptor = Table::get().descriptor(place);
    if (descriptor == Table::no_descriptor()) return {};
    ::iconv(descriptor, nullptr, nullptr, nullptr, nullptr);
    std::string out;
    std::array<char, 4096> chunk;
    char* from = const_cast<char*>(bytes.data());  // iconv's prototype; it does not write there
    std::size_t left = bytes.size();
    const std::size_t unit = iconv_names[place].starts_with("UTF-16") ? 2 : iconv_names[place].starts_with("UTF-32") ? 4 : 1;
    for (bool flushing = false;;) {
        char* to = chunk.data();
        std::size_t room = chunk.size();
        const auto done =
            flushing ? ::iconv(descriptor, nullptr, nullptr, &to, &room) : ::iconv(descriptor, &from, &left, &to, &room);
        const int trouble = errno;
        out.append(chunk.data(), to);
        if (done != SIZE_MAX || (trouble != E2BIG && left == 0)) {
            if (flushing) return out;
            flushing = true;
        } else if (trouble != E2BIG) {
            out += "\xef\xbf\xbd";
            const auto skipped = std::min(unit, left);
            from += skipped;
            left -= skipped;
        }
    }
}

struct Word {
    std::string bytes;
    std::string_view charset;
    std::size_t end = 0;  // one past it
};

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string decode_q(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '=' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high << 4 | low);
            i += 2;
        } else {
            out += text[i] == '_' ? ' ' : text[i];
        }
    }
    return out;
}

// decode_b - tolerant: what is no base64 is skipped, padding may be missing
std::string decode_b(std::string_view text) {
    std::string clean;
    for (const char c : text)
        if (is_alpha(c) || is_digit(c) || c == '+' || c == '/') clean += c;
    if (clean.size() % 4 == 1) clean.pop_back();
    while (clean.size() % 4 != 0) clean += '=';
    return base64_decode(clean).value_or("");
}

// word_at - the encoded word that begins at `at`; `next_end` remembers where the next "?=" lies, so that a text full of
// beginnings is still read once
std::optional<Word> word_at(std::string_view text, std::size_t at, std::size_t& next_end) {
    const auto charset_end = text.find('?', at + 2);
    if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?') return {};
    const auto payload = charset_end + 3;
    if (next_end < payload) next_end = std::min(text.find("?=", payload), text.size());
    const auto end = text.find('?', payload);  // no "?" within
    if (next_end >= text.size() || end != next_end) return {};
    auto charset = text.substr(at + 2, charset_end - at - 2);
    charset = charset.substr(0, charset.find('*'));  // RFC 2231 section 5: language
    const auto body = text.substr(payload, end - payload);
    const char encoding = lower(text[charset_end + 1]);
    if (place_of(charset) == none || (encoding != 'q' && encoding != 'b')) return {};
    return Word{encoding == 'q' ? decode_q(body) : decode_b(body), charset, end + 2};
}

}  // namespace

std::span<const std::string_view> charset_names_to_preopen() { return iconv_names; }

std::size_t preopen_charsets() {
    std::size_t known = 0;
    for (std::size_t i = 0; i < iconv_names.size(); ++i)
        if (Table::get().descriptor(i) != Table::no_descriptor()) ++known;
    return known;
}

bool is_known_charset(std::string_view charset) {
    const auto place = place_of(charset);
    return place != none && Table::get().descriptor(place) != Table::no_descriptor();
}

std::string_view wide_charset_of(std::string_view text) {
    using namespace std::string_view_literals;
    if (text.starts_with("\xff\xfe\0\0"sv)) return "UTF-32LE";
    if (text.starts_with("\0\0\xfe\xff"sv)) return "UTF-32BE";
    if (text.starts_with("\xff\xfe"sv)) return "UTF-16LE";
    if (text.starts_with("\xfe\xff"sv)) return "UTF-16BE";
    // without a mark: ASCII in pairs or fours of which one byte says something
    constexpr std::size_t enough = 64;
    const auto head = text.substr(0, enough);
    if (head.size() < 16) return {};
    for (const auto name : {"UTF-32LE"sv, "UTF-32BE"sv, "UTF-16LE"sv, "UTF-16BE"sv}) {
        const std::size_t unit = name.starts_with("UTF-32") ? 4 : 2;
        const std::size_t place = name.ends_with("LE") ? 0 : unit - 1;
        bool fits = true;
        for (std::size_t i = 0; i < head.size() && fits; ++i) {
            const auto byte = static_cast<unsigned char>(head[i]);
            fits = i % unit == place ? (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\r' || byte == '\n' : byte == 0;
        }
        if (fits) return name;
    }
    return {};
}

bool hides_ascii(std::string_view charset) {
    const auto place = place_of(charset);
    return place != none && (iconv_names[place].starts_with("UTF-16") || iconv_names[place].starts_with("UTF-32") ||
                             iconv_names[place].starts_with("IBM") || iconv_names[place] == "UTF-7");
}

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
    const auto place = place_of(charset);
    if (place == none) return {};
    if (is_ascii(bytes) && !hides_ascii(charset) && bytes.find('\x1b') == std::string_view::npos &&
        bytes.find('~') == std::string_view::npos)
        return std::string(bytes);
    if (place == 0 && is_utf8(bytes)) return std::string(bytes);
    return convert(bytes, place);
}

std::string decode_words(std::string_view text) {
    std::string out;
    std::string pending;  // bytes of the words so far, not yet converted
    std::string pending_charset;
    std::string blanks;  // after a word: they vanish if another word follows
    bool after_word = false;
    std::size_t next_end = 0;
    const auto flush = [&] {
        if (after_word) out += to_utf8(pending, pending_charset).value_or(pending);
        pending.clear();
        out += blanks;
        blanks.clear();
        after_word = false;
    };
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '=' && i + 1 < text.size() && text[i + 1] == '?') {
            if (auto word = word_at(text, i, next_end)) {
                blanks.clear();
                if (after_word && !equal_fold(pending_charset, word->charset)) flush();
                pending += word->bytes;
                pending_charset = word->charset;
                after_word = true;
                i = word->end;
                continue;
            }
        }
        if (after_word && (is_blank(text[i]) || text[i] == '\r' || text[i] == '\n')) {
            blanks += text[i++];
            continue;
        }
        if (after_word) flush();
        out += text[i++];
    }
    flush();
    return out;
}

}  // namespace tamis::worker
