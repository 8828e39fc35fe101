#include "mail/path.h"

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::mail {
namespace {

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

bool needs_quotes(char c) noexcept { return c == ' ' || c == '<' || c == '>'; }

// Quoted - a quoted string that begins at an index of the text
struct Quoted {
    std::size_t end = std::string_view::npos;  // behind its closing quote; npos when it is not closed
    bool holds_odd = false;                    // what could not stand without the quotes
};

Quoted quoted_at(std::string_view text, std::size_t begin) noexcept {
    Quoted out;
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            out.end = i + 1;
            return out;
        }
        if (text[i] == '\\' && ++i == text.size()) return out;
        out.holds_odd = out.holds_odd || needs_quotes(text[i]);
    }
    return out;
}

int hex_digit(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace

bool is_path(std::string_view address) noexcept {
    if (address.size() > longest_path || std::ranges::any_of(address, is_control)) return false;
    for (std::size_t i = 0; i < address.size(); ++i) {
        if (needs_quotes(address[i])) return false;
        if (address[i] != '"') continue;
        const auto word = quoted_at(address, i);
        if (word.end == std::string_view::npos) return false;
        const bool begins = i == 0 || address[i - 1] == '.';
        const bool ends = word.end == address.size() || address[word.end] == '.' || address[word.end] == '@';
        // a server that knows quotes at the begin of a word only must not take the address for ended
        if (word.holds_odd && !(begins && ends)) return false;
        i = word.end - 1;
    }
    return true;
}

bool needs_smtputf8(std::string_view address) noexcept { return !is_ascii(address) && is_utf8(address); }

std::size_t path_end(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '>') return i;
        if (text[i] != '"') continue;
        const auto word = quoted_at(text, i);
        if (word.end == std::string_view::npos) return word.end;
        i = word.end - 1;
    }
    return std::string_view::npos;
}

std::string bare_address(std::string_view address) {
    if (address.size() >= 2 && address.front() == '<' && address.back() == '>') address = address.substr(1, address.size() - 2);
    return std::string(address);
}

std::string stored_path(std::string_view address) {
    std::string out = "<";
    for (const char c : address) out += c == '\r' || c == '\n' || c == '\0' ? '?' : c;
    return out + ">";
}

std::string unquoted_path(std::string_view address) {
    const auto parts = split_address(address);
    std::string out;
    for (std::size_t i = 0; i < parts.local.size();) {
        const auto word = parts.local[i] == '"' ? quoted_at(parts.local, i) : Quoted();
        if (word.end == std::string_view::npos) {
            out += parts.local[i++];
            continue;
        }
        out += unquoted_local(parts.local.substr(i, word.end - i));
        i = word.end;
    }
    if (address.size() > parts.local.size()) out += address.substr(parts.local.size());
    return out;
}

std::string quoted_path(std::string_view address) {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos || is_path(address)) return std::string(address);
    std::string out = "\"";
    for (const char c : address.substr(0, at)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
    out += address.substr(at);
    return out;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string out;
    bool found = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\\') {
            out += text[i++];
            continue;
        }
        const bool is_octet = text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && hex_digit(text[i + 2]) >= 0 &&
                              hex_digit(text[i + 3]) >= 0;
        if (!is_octet) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(hex_digit(text[i + 2]) << 4 | hex_digit(text[i + 3]));
        i += 3;
        found = true;
    }
    return found ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace tamis::mail
