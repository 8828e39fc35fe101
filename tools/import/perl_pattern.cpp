#include "tools/import/perl_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/static_tables.h"

namespace tamis::tools {
namespace {

// class_end - behind the "]" of the character class that begins at `at`
std::size_t class_end(std::string_view text, std::size_t at) {
    std::size_t i = at + 1;
    if (i < text.size() && text[i] == '^') ++i;
    if (i < text.size() && text[i] == ']') ++i;
    for (; i < text.size() && text[i] != ']'; ++i) {
        if (text[i] == '\\') ++i;
        else if (text.substr(i).starts_with("[:")) {
            const auto end = text.find(":]", i);
            if (end != std::string_view::npos) i = end + 1;
        }
    }
    return std::min(i + 1, text.size());
}

// group_end - behind the ")" of the group that begins at `at`
std::size_t group_end(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    for (std::size_t i = at; i < text.size();) {
        if (text[i] == '\\') {
            i += 2;
            continue;
        }
        if (text[i] == '[') {
            i = class_end(text, i);
            continue;
        }
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return i + 1;
        ++i;
    }
    return text.size();
}

// inline_flags - takes a "(?imsx)" at the beginning
void inline_flags(std::string& text, std::string& flags) {
    while (text.starts_with("(?") && text.size() > 3 && is_alpha(text[2])) {
        const auto end = text.find_first_not_of("imsx", 2);
        if (end == std::string::npos || text[end] != ')') return;
        flags += text.substr(2, end - 2);
        text.erase(0, end + 1);
    }
}

// without_beginning - "^(?!cid:).*\.x": not beginning with a plain text, when what follows ".*" begins with a character that is not in
// that text. Then where the text differs first is before that character, or at it: both can be spelled out.
std::string without_beginning(std::string_view text) {
    constexpr std::string_view sign = "^(?!";
    if (!text.starts_with(sign)) return std::string(text);
    const auto close = text.find(')');
    if (close == std::string_view::npos) return std::string(text);
    const auto plain = text.substr(sign.size(), close - sign.size());
    const auto rest = text.substr(close + 1);
    const bool is_plain = !plain.empty() && plain.size() <= 20 && std::ranges::all_of(plain, [](char c) {
        return is_alpha(c) || is_digit(c) || std::string_view(":/-_@ ").find(c) != std::string_view::npos;
    });
    constexpr std::string_view anything = ".*";
    if (!is_plain || !rest.starts_with(anything) || rest.size() < anything.size() + 2) return std::string(text);
    const auto behind = rest.substr(anything.size());
    const char first = behind[0] == '\\' ? behind[1] : behind[0];
    const bool is_literal =
        behind[0] == '\\' ? !is_alpha(first) && !is_digit(first)
                          : is_alpha(first) || is_digit(first) || first == '-' || first == '_' || first == ':' || first == '/';
    const auto next = behind[0] == '\\' ? 2U : 1U;
    const bool is_optional = behind.size() > next && std::string_view("?*{").find(behind[next]) != std::string_view::npos;
    if (!is_literal || is_optional || to_lower(plain).find(lower(first)) != std::string::npos) return std::string(text);
    std::vector<std::string> differing, beginnings = {""};
    for (std::size_t i = 0; i < plain.size(); ++i) {
        differing.push_back(fmt::format("{}[^{}\\n]", plain.substr(0, i), plain[i]));
        if (i > 0) beginnings.emplace_back(plain.substr(0, i));
    }
    return fmt::format("^(?:(?:{}).*|{}){}", join(differing, "|"), join(beginnings, "|"), behind);
}

// rewritten - what RE2 says in another way: \Z, \h, (?^i:...), \d behind a pattern that must not go on
std::string rewritten(std::string_view text, PatternUse use) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto rest = text.substr(i);
        if (text[i] == '\\' && i + 1 < text.size()) {
            if (text[i + 1] == 'Z') out += "\\z";
            else if (text[i + 1] == 'h') out += "[ \\t]";
            else out += text.substr(i, 2);
            i += 2;
        } else if (text[i] == '[') {
            const auto end = class_end(text, i);
            out += text.substr(i, end - i);
            i = end;
        } else if (rest.starts_with("(?#") && use != PatternUse::banned) {
            i = std::min(text.find(')', i), text.size() - 1) + 1;
        } else if (rest.starts_with("(?!") && use == PatternUse::name) {
            i = group_end(text, i);
        } else if (rest == "(?!\\d)" || rest == "(?!\\w)" || rest == "(?!\\S)") {
            out += "(?:\\" + std::string(1, text[i + 4] == 'S' ? 's' : upper(text[i + 4])) + "|$)";
            i = text.size();
        } else {
            out += text[i++];
        }
    }
    return out;
}

}  // namespace

std::string without_blanks(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '\\' && i + 1 < text.size()) {
            out += text.substr(i, 2);
            i += 2;
        } else if (c == '[') {
            const auto end = class_end(text, i);
            out += text.substr(i, end - i);
            i = end;
        } else if (is_blank(c) || c == '\n' || c == '\r') {
            ++i;
        } else if (c == '#') {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.substr(i).starts_with("(?#")) {  // its blanks stay
            const auto end = std::min(text.find(')', i), text.size() - 1) + 1;
            out += text.substr(i, end - i);
            i = end;
        } else {
            out += c;
            ++i;
        }
    }
    return out;
}

std::string shown_pattern(const std::string& text) {
    constexpr std::size_t most = 200;
    return fmt::format("qr/{}{}/", printable_or(std::string_view(text).substr(0, most), '?'), text.size() > most ? "..." : "");
}

Result<std::string> re2_pattern(const PerlValue& pattern, PatternUse use) {
    if (!pattern.is_known()) return fail(Errc::bad_input, pattern.text);
    if (!pattern.is(PerlValue::Kind::pattern) && !pattern.is(PerlValue::Kind::text))
        return fail(Errc::bad_input, "it is no regular expression");
    std::string text = pattern.text, flags = pattern.flags;
    inline_flags(text, flags);
    const auto has = [&](char flag) { return flags.find(flag) != std::string::npos; };
    if (has('x')) text = without_blanks(text);
    inline_flags(text, flags);
    text = rewritten(without_beginning(text), use);
    std::string on;
    if (has('i') && use != PatternUse::banned) on += 'i';
    if (has('m') && (use == PatternUse::address || use == PatternUse::banned)) on += 'm';
    if (has('s')) on += 's';
    std::string out = on.empty() ? text : "(?" + on + ")" + text;
    if (!has('i') && use == PatternUse::banned) out = (on.empty() ? "(?-i)" : "(?" + on + "-i)") + text;
    Problems problems("");
    if (out.empty()) return fail(Errc::bad_input, "an empty regular expression, which everything matches");
    std::string bare = out;  // RE2 itself knows no comments; the rules on banned contents take them out
    for (auto at = bare.find("(?#"); use == PatternUse::banned && at != std::string::npos; at = bare.find("(?#")) {
        const auto end = bare.find(')', at);
        bare.erase(at, end == std::string::npos ? end : end - at + 1);
    }
    policy::compile_pattern(bare, {}, "it", problems);
    if (problems.none()) return out;
    for (const std::string_view sign : {"(?!", "(?=", "(?<!", "(?<="})
        if (bare.find(sign) != std::string::npos)
            return fail(Errc::bad_input,
                        fmt::format("RE2 knows no \"{}\" (look-around); write it in another way, or several patterns", sign));
    const auto& line = problems.lines().front();
    return fail(Errc::bad_input,
                "RE2 does not know this: " + line.substr(line.rfind("): ") == std::string::npos ? 0 : line.rfind("): ") + 3));
}

}  // namespace tamis::tools
