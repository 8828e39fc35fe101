// perl_quotes - texts, patterns and what stands in them (perl_reader.h)
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

bool is_word_character(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | (code >> 6));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        out += static_cast<char>(0xe0 | ((code >> 12) & 0xf));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

// escape - what a backslash and what follows mean in "..."; `at` is on the character behind the backslash, and then on the last one
void escape(std::string& out, std::string_view body, std::size_t& at) {
    const auto digits = [&](std::string_view allowed, std::size_t most, int base) {
        std::string found;
        while (at + 1 < body.size() && found.size() < most && allowed.find(lower(body[at + 1])) != std::string_view::npos)
            found += body[++at];
        return found.empty() ? 0U : static_cast<unsigned>(std::stoul(found, nullptr, base));
    };
    switch (body[at]) {
        case 'n': out += '\n'; return;
        case 't': out += '\t'; return;
        case 'r': out += '\r'; return;
        case 'f': out += '\f'; return;
        case 'a': out += '\a'; return;
        case 'e': out += '\033'; return;
        case 'x': {
            const bool has_braces = at + 1 < body.size() && body[at + 1] == '{';
            if (has_braces) ++at;
            append_utf8(out, digits("0123456789abcdef", has_braces ? 4 : 2, 16));
            if (has_braces && at + 1 < body.size() && body[at + 1] == '}') ++at;
            return;
        }
        case '0':
        case '1':
        case '2':
        case '3':
        case '4':
        case '5':
        case '6':
        case '7':
            --at;
            out += static_cast<char>(digits("01234567", 3, 8) & 0xff);
            return;
        default: out += body[at];
    }
}

}  // namespace

PerlValue PerlReader::plain_text(const Quoted& quote, Place at) {
    const auto& body = quote.body;
    const std::string_view ends = quote.delimiter == '{'   ? "{}"
                                  : quote.delimiter == '(' ? "()"
                                  : quote.delimiter == '[' ? "[]"
                                  : quote.delimiter == '<' ? "<>"
                                                           : std::string_view(&quote.delimiter, 1);
    std::string out;
    for (std::size_t i = 0; i < body.size(); ++i) {
        if (body[i] == '\\' && i + 1 < body.size() && (body[i + 1] == '\\' || ends.find(body[i + 1]) != std::string_view::npos))
            ++i;
        out += body[i];
    }
    spend(0, out.size());
    return text_value(std::move(out), at);
}

std::optional<PerlValue> PerlReader::interpolated_variable(std::string_view body, std::size_t& at, bool is_pattern) {
    std::size_t from = at + 1;
    const bool has_braces = from < body.size() && body[from] == '{';
    if (has_braces) ++from;
    std::size_t to = from;
    while (to < body.size() && (is_word_character(body[to]) ||
                                (body.substr(to).starts_with("::") && to + 2 < body.size() && is_word_character(body[to + 2]))))
        to += is_word_character(body[to]) ? 1 : 2;
    if (to == from || is_digit(body[from])) return {};
    if (has_braces && (to >= body.size() || body[to] != '}')) return {};
    const std::string name = body[at] + std::string(body.substr(from, to - from));
    const auto found = conf_.variables.find(name);
    if (body[at] == '@') {
        if (found == conf_.variables.end() || !found->second.is(Kind::list)) return {};  // user@example.com
        std::string joined;
        for (const auto& item : found->second.items) joined += (joined.empty() ? "" : " ") + text_of(item).value_or("");
        at = has_braces ? to : to - 1;
        conf_.used.insert(name);
        return text_value(std::move(joined), place());
    }
    std::size_t end = has_braces ? to + 1 : to;
    conf_.used.insert(name);
    PerlValue value = found == conf_.variables.end() ? PerlValue{} : found->second;
    const auto close = end < body.size() && body[end] == '{' ? body.find('}', end) : std::string_view::npos;
    const auto table = conf_.variables.find('%' + name.substr(1));
    if (!is_pattern && close != std::string_view::npos && table != conf_.variables.end()) {  // "$ENV{PATH}"
        std::string key(body.substr(end + 1, close - end - 1));
        std::erase_if(key, [](char c) { return c == '\'' || c == '"'; });
        const auto* entry = table->second.entry(key);
        value = entry == nullptr ? PerlValue{} : *entry;
        end = close + 1;
    }
    if (value.is(Kind::undef) && is_pattern) return {};
    // Perl would make nothing of it; a domain or host without a name is worth a question
    if (value.is(Kind::undef) && (name == "$mydomain" || name == "$myhostname"))
        value = unknown_value(fmt::format("{} has no value", name), place());
    at = end - 1;
    return value;
}

PerlValue PerlReader::interpolated(std::string_view body, Place at, bool is_pattern) {
    std::string out;
    std::optional<PerlValue> unknown;
    for (std::size_t i = 0; i < body.size() && !is_stopped(); ++i) {
        if (body[i] == '\\' && i + 1 < body.size()) {
            if (is_pattern) out += body.substr(i, 2), ++i;
            else escape(out, body, ++i);
            continue;
        }
        if (body[i] != '$' && body[i] != '@') {
            out += body[i];
            continue;
        }
        const auto value = interpolated_variable(body, i, is_pattern);
        if (!value) {
            out += body[i];
            continue;
        }
        const auto text = text_of(*value);
        if (!text && !unknown) unknown = value->is_known() ? unknown_value("a reference inside of a text", at) : *value;
        out += text.value_or("");
        if (!spend(0, text.value_or("").size() + 1)) break;
    }
    if (unknown) return unknown_value(unknown->text, at);
    spend(0, out.size());
    return text_value(std::move(out), at);
}

std::string PerlReader::pattern_flags() {
    std::string flags;
    while (is_alpha(text_.peek())) {
        flags += text_.peek();
        text_.advance();
    }
    return flags;
}

// quote_like - q qq qw qr qx m s tr y with what follows; nothing when it is another word
std::optional<PerlValues> PerlReader::quote_like(const std::string& word) {
    const Place at = place();
    const bool is_match = word == "m" || word == "s" || word == "tr" || word == "y";
    if (!is_match && word != "q" && word != "qq" && word != "qw" && word != "qr" && word != "qx") return {};
    const bool has_blank = is_blank(text_.peek()) || text_.peek() == '\n' || text_.peek() == '\r';
    text_.skip();
    const char open = text_.peek();
    if (text_.looking_at("=>") || open == ',' || open == ';' || open == ')' || (has_blank && is_word_character(open)) ||
        open == '\0')
        return {};
    if (is_match) {
        stop("a match or a substitution");
        return PerlValues{};
    }
    auto quote = good(text_.quoted());
    if (!quote) return PerlValues{};
    if (word == "q") return PerlValues{plain_text(*quote, at)};
    if (word == "qq") return PerlValues{interpolated(quote->body, at, false)};
    if (word == "qx") return PerlValues{program_output(quote->body, at)};
    if (word == "qr") {
        PerlValue pattern = open == '\'' ? text_value(quote->body, at) : interpolated(quote->body, at, true);
        if (pattern.is_known()) pattern.kind = Kind::pattern;
        pattern.flags = pattern_flags();
        return PerlValues{std::move(pattern)};
    }
    PerlValues out;
    unsigned line = at.line;
    std::size_t from = 0;
    const auto& body = quote->body;
    for (std::size_t i = 0; i <= body.size(); ++i) {
        if (i < body.size() && !is_blank(body[i]) && body[i] != '\n' && body[i] != '\r') continue;
        if (i > from) out.push_back(text_value(body.substr(from, i - from), {at.file, line}));
        from = i + 1;
        if (i < body.size() && body[i] == '\n' && line != 0) ++line;
    }
    spend(out.size(), body.size());
    return out;
}

// program_output - of the few programs that stand in many files; no program is run
PerlValue PerlReader::program_output(std::string_view command, Place at) {
    const auto parts = words(command);
    const auto is = [&](std::initializer_list<std::string_view> wanted) { return std::ranges::equal(parts, wanted); };
    const auto unknown = [&] {
        return unknown_value(fmt::format("it is what a program prints: `{}`", escaped(trim(command), 60)), at);
    };
    if (!parts.empty() && (parts[0] == "hostname" || parts[0] == "/bin/hostname") &&
        (parts.size() == 1 || is({parts[0], "--fqdn"}) || is({parts[0], "-f"}))) {
        const std::string name = around_.host_name ? around_.host_name() : std::string();
        return name.empty() ? unknown() : text_value(name + "\n", at);
    }
    const bool is_head =
        is({"head", "-n", "1", parts.empty() ? "" : parts.back()}) || is({"head", "-1", parts.empty() ? "" : parts.back()});
    if (!(is_head || (parts.size() == 2 && parts[0] == "cat")) || !around_.read_file) return unknown();
    const auto text = around_.read_file(std::string(parts.back()));
    if (!text)
        return unknown_value(
            fmt::format("it is what a program prints: `{}`, and {}", escaped(trim(command), 60), text.error().detail), at);
    return text_value(is_head ? text->substr(0, text->find('\n')) : *text, at);
}

}  // namespace tamis::tools
