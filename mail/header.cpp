#include "mail/header.h"

#include <algorithm>

#include "base/text.h"

namespace tamis::mail {
namespace {

bool is_name_char(char c) { return c > 0x20 && c < 0x7f && c != ':'; }

}  // namespace

std::string_view HeaderBlock::name(const Field& field, std::string_view head) {
    return head.substr(field.begin, field.name_size);
}

std::string_view HeaderBlock::value(const Field& field, std::string_view head) {
    auto text = head.substr(field.value_begin, field.end - field.value_begin);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

const Field* HeaderBlock::find(std::string_view wanted, std::string_view head) const {
    for (const auto& field : fields)
        if (equal_fold(name(field, head), wanted)) return &field;
    return nullptr;
}

std::vector<const Field*> HeaderBlock::find_all(std::string_view wanted, std::string_view head) const {
    std::vector<const Field*> found;
    for (const auto& field : fields)
        if (equal_fold(name(field, head), wanted)) found.push_back(&field);
    return found;
}

HeaderBlock parse_header(std::string_view head) {
    HeaderBlock block;
    const std::string_view text = head.substr(0, header_limit);
    std::size_t at = 0;
    while (at < text.size()) {
        auto end = text.find('\n', at);
        end = end == std::string_view::npos ? text.size() : end + 1;
        auto line = text.substr(at, end - at);
        auto bare = line;
        if (bare.ends_with('\n')) bare.remove_suffix(1);
        if (bare.ends_with('\r')) bare.remove_suffix(1);
        if (bare.empty() && line.ends_with('\n')) {
            block.has_separator = true;
            at = end;
            break;
        }
        if (is_blank(line.front()) && !block.fields.empty()) {
            block.fields.back().end = static_cast<std::uint32_t>(end);
        } else {
            Field field;
            field.begin = static_cast<std::uint32_t>(at);
            field.end = static_cast<std::uint32_t>(end);
            std::size_t name = 0;
            while (name < bare.size() && is_name_char(bare[name])) ++name;
            std::size_t colon = name;
            while (colon < bare.size() && is_blank(bare[colon])) ++colon;  // RFC 5322 obs-optional: blanks before ":"
            if (name != 0 && colon < bare.size() && bare[colon] == ':') {
                field.name_size = static_cast<std::uint32_t>(name);
                field.value_begin = static_cast<std::uint32_t>(at + colon + 1);
            } else {
                field.value_begin = field.begin;
            }
            block.fields.push_back(field);
        }
        at = end;
    }
    block.size = static_cast<std::uint32_t>(at);
    block.truncated = !block.has_separator && head.size() >= header_limit;
    // the last field may go on behind the limit: whoever removes or replaces half of it would leave the other half as
    // lines of their own
    if (block.truncated && !block.fields.empty()) {
        block.size = block.fields.back().begin;
        block.fields.pop_back();
    }
    return block;
}

std::string unfolded(std::string_view value) {
    std::string out;
    for (const char c : trim(value))
        if (c != '\r' && c != '\n') out += c;
    return out;
}

namespace {

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 63));
    } else {
        out += static_cast<char>(0xe0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 63));
        out += static_cast<char>(0x80 | (code & 63));
    }
}

std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset) {
    static constexpr unsigned windows_1252[32] = {0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                                  0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
                                                  0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                                  0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};
    const std::string name = to_lower(charset);
    if (name == "utf-8" || name == "utf8" || name == "us-ascii" || name == "ascii")
        return is_utf8(bytes) ? std::optional<std::string>(bytes) : std::nullopt;
    const bool latin1 = name == "iso-8859-1" || name == "latin1" || name == "iso-8859-15" || name == "iso8859-1";
    const bool windows = name == "windows-1252" || name == "cp1252";
    if (!latin1 && !windows) return {};
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (name == "iso-8859-15" && byte == 0xa4) append_utf8(out, 0x20ac);
        else if (windows && byte >= 0x80 && byte < 0xa0) append_utf8(out, windows_1252[byte - 0x80]);
        else append_utf8(out, byte);
    }
    return out;
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::optional<std::string> decode_q(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '_') {
            out += ' ';
        } else if (text[i] == '=') {
            if (i + 2 >= text.size()) return {};
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return {};
            out += static_cast<char>(high << 4 | low);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

struct Word {
    std::string text;
    std::size_t size = 0;
};

// encoded_word - the encoded word at the start of text, decoded
std::optional<Word> encoded_word(std::string_view text) {
    constexpr std::size_t longest = 1000;  // RFC 2047 says 75; real mail does not care
    if (!text.starts_with("=?")) return {};
    const auto view = text.substr(0, longest);
    const auto charset_end = view.find('?', 2);
    if (charset_end == std::string_view::npos || charset_end + 2 >= view.size() || view[charset_end + 2] != '?') return {};
    const auto end = view.find("?=", charset_end + 3);
    if (end == std::string_view::npos) return {};
    auto charset = view.substr(2, charset_end - 2);
    charset = charset.substr(0, charset.find('*'));  // RFC 2231 language
    const char encoding = lower(view[charset_end + 1]);
    const auto payload = view.substr(charset_end + 3, end - charset_end - 3);
    if (payload.find_first_of(" \t?") != std::string_view::npos) return {};
    std::optional<std::string> bytes;
    if (encoding == 'q') {
        bytes = decode_q(payload);
    } else if (encoding == 'b') {
        std::string padded(payload);
        while (padded.size() % 4 != 0) padded += '=';
        bytes = base64_decode(padded);
    }
    if (!bytes) return {};
    auto utf8 = to_utf8(*bytes, charset);
    if (!utf8) return {};
    return Word{std::move(*utf8), end + 2};
}

}  // namespace

std::string decode_words(std::string_view text) {
    std::string out;
    std::size_t blanks_from = std::string::npos;  // blanks between two encoded words are not part of the text
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '=' && i + 1 < text.size() && text[i + 1] == '?') {
            if (auto word = encoded_word(text.substr(i))) {
                if (blanks_from != std::string::npos) out.resize(blanks_from);
                out += word->text;
                blanks_from = out.size();
                i += word->size;
                continue;
            }
        }
        if (!is_blank(text[i]) && text[i] != '\r' && text[i] != '\n') blanks_from = std::string::npos;
        out += text[i++];
    }
    return out;
}

std::string encode_words(std::string_view text, std::size_t first_column) {
    if (std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }) && text.find("=?") == std::string_view::npos)
        return std::string(text);
    constexpr std::size_t line = 74;
    constexpr std::string_view open = "=?UTF-8?Q?";
    const std::string clean = utf8_or_replaced(text, text.size());
    std::string out(open);
    std::size_t column = first_column + open.size();
    for (std::size_t i = 0; i < clean.size();) {
        std::size_t length = 1;
        while (i + length < clean.size() && (static_cast<unsigned char>(clean[i + length]) & 0xc0) == 0x80) ++length;
        std::string piece;
        for (const char c : std::string_view(clean).substr(i, length)) {
            if (c == ' ') {
                piece += '_';
            } else if (is_alpha(c) || is_digit(c) || c == '-' || c == '!' || c == '*' || c == '+' || c == '/') {
                piece += c;
            } else {
                constexpr std::string_view digits = "0123456789ABCDEF";
                const auto byte = static_cast<unsigned char>(c);
                piece += {'=', digits[byte >> 4], digits[byte & 15]};
            }
        }
        if (column + piece.size() + 2 > line) {
            out += "?=\r\n ";
            out += open;
            column = 1 + open.size();
        }
        out += piece;
        column += piece.size();
        i += length;
    }
    return out + "?=";
}

std::vector<std::string> addresses_of(std::string_view value, std::size_t limit) {
    std::vector<std::string> found;
    std::string current;  // what may become an addr-spec
    std::string angled;
    bool in_angle = false;
    bool had_angle = false;
    const auto finish = [&] {
        const std::string_view address = trim(had_angle ? std::string_view(angled) : std::string_view(current));
        if (!address.empty() && address.find('@') != std::string_view::npos && found.size() < limit) found.emplace_back(address);
        current.clear();
        angled.clear();
        in_angle = had_angle = false;
    };
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        std::string& into = in_angle ? angled : current;
        if (c == '(') {
            int depth = 0;
            for (; i < value.size(); ++i) {
                if (value[i] == '\\') ++i;
                else if (value[i] == '(') ++depth;
                else if (value[i] == ')' && --depth == 0) break;
            }
        } else if (c == '"') {
            into += c;
            for (++i; i < value.size() && value[i] != '"'; ++i) {
                if (value[i] == '\\' && i + 1 < value.size()) into += value[i++];
                into += value[i];
            }
            into += '"';
        } else if (c == '<') {
            in_angle = had_angle = true;
            angled.clear();
        } else if (c == '>') {
            in_angle = false;
        } else if (c == ',' && !in_angle) {
            finish();
        } else if (c == ':' && !in_angle) {
            current.clear();  // a group's name
        } else if (c == ';' && !in_angle) {
            finish();
        } else if (c != '\r' && c != '\n') {
            if (in_angle ? !is_blank(c) : true) into += c;
        }
    }
    finish();
    return found;
}

}  // namespace tamis::mail
