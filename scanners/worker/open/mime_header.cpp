#include "scanners/worker/open/mime_header.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/charset.h"

namespace tamis::worker {
namespace {

bool is_line_end(char c) { return c == '\r' || c == '\n'; }
bool is_space(char c) { return is_blank(c) || is_line_end(c); }
bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !is_space(c)) || byte == 0x7f;
}

// Cursor - one pass over a field's value
struct Cursor {
    std::string_view text;
    std::size_t at = 0;
    bool saw_comment = false, saw_unclosed = false;

    bool at_end() const { return at >= text.size(); }
    char now() const { return text[at]; }

    // skip_comment - nested comments too; an unclosed one takes the rest of the field
    void skip_comment() {
        saw_comment = true;
        std::size_t depth = 0;
        for (; at < text.size(); ++at) {
            if (text[at] == '\\') ++at;
            else if (text[at] == '(') ++depth;
            else if (text[at] == ')' && --depth == 0) break;
        }
        if (at >= text.size()) saw_unclosed = true;
        else ++at;
    }
    // quoted - the text of a quoted string, escapes removed; line ends vanish, the blanks behind them stay
    std::string quoted(bool& folded) {
        std::string out;
        for (++at; at < text.size() && text[at] != '"'; ++at) {
            if (text[at] == '\\' && at + 1 < text.size() && !is_line_end(text[at + 1])) ++at;
            if (is_line_end(text[at])) folded = true;
            else out += text[at];
        }
        if (at >= text.size()) saw_unclosed = true;
        else ++at;
        return out;
    }
};

std::string_view trimmed(std::string_view text) { return trim(text); }

std::string without_line_ends(std::string_view text) {
    std::string out;
    for (const char c : trimmed(text))
        if (!is_line_end(c)) out += c;
    return out;
}

void add_unique(std::vector<std::string>& to, std::string value, std::size_t limit) {
    if (!value.empty() && to.size() < limit && std::ranges::find(to, value) == to.end()) to.push_back(std::move(value));
}

// read_name - up to "="; false when a ";" or the end comes first
bool read_name(Cursor& cursor, Parameter& out) {
    bool blank_inside = false;
    for (; !cursor.at_end() && cursor.now() != ';';) {
        const char c = cursor.now();
        if (c == '=') {
            ++cursor.at;
            return !out.name.empty();
        }
        if (c == '(') {
            cursor.skip_comment();
            out.odd = true;
            continue;
        }
        if (is_space(c)) blank_inside = !out.name.empty();
        else if (is_control(c)) out.odd = true;
        else {
            if (blank_inside) out.odd = true;
            out.name += lower(c);
        }
        ++cursor.at;
    }
    return false;
}

void read_value(Cursor& cursor, Parameter& out) {
    const auto begin = cursor.at;
    std::size_t blanks = 0;
    std::size_t quotes = 0;
    bool text_beside = false;
    for (; !cursor.at_end() && cursor.now() != ';';) {
        const char c = cursor.now();
        if (c == '"') {
            out.value.append(out.value.empty() ? 0 : blanks, ' ');
            blanks = 0;
            const auto text = cursor.quoted(out.folded);
            if (quotes++ == 0) out.first_quoted = text;
            out.value += text;
        } else if (c == '(') {
            cursor.skip_comment();
        } else if (is_space(c)) {
            out.folded |= is_line_end(c) && !out.value.empty();
            blanks += is_blank(c) ? 1 : 0;
            ++cursor.at;
        } else {
            if (is_control(c)) out.odd = true;
            out.value.append(out.value.empty() ? 0 : blanks, ' ');
            blanks = 0;
            out.value += c;
            text_beside = true;
            ++cursor.at;
        }
    }
    if (out.folded && blanks != 0 && quotes == 0) out.folded = out.value.find(' ') != std::string::npos;
    out.quoted = quotes != 0;
    out.odd |= cursor.saw_unclosed || quotes > 1 || (quotes == 1 && text_beside);
    if (quotes < 2 && !text_beside) out.first_quoted.clear();
    out.raw = without_line_ends(cursor.text.substr(begin, cursor.at - begin));
    if (out.raw.size() >= 2 && out.raw.front() == '"' && out.raw.back() == '"') out.raw = out.raw.substr(1, out.raw.size() - 2);
}

void read_first(Cursor& cursor, Structured& out) {
    const auto begin = cursor.at;
    while (!cursor.at_end() && cursor.now() != ';') {
        if (cursor.now() == '(') {
            cursor.skip_comment();
            continue;
        }
        if (!is_space(cursor.now()) && !is_control(cursor.now())) out.value += lower(cursor.now());
        ++cursor.at;
    }
    out.raw_value = to_lower(without_line_ends(cursor.text.substr(begin, cursor.at - begin)));
}

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text, bool& broken) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0) {
            broken = true;
            out += text[i];
        } else {
            out += static_cast<char>(high << 4 | low);
            i += 2;
        }
    }
    return out;
}

struct Piece {
    std::size_t index = 0;
    bool extended = false;
    bool whole = false;  // "name*": not numbered
    const Parameter* from = nullptr;
};

// piece_of - "filename*0*" as a piece of "filename"
std::optional<Piece> piece_of(const Parameter& parameter, std::string_view name) {
    std::string_view rest = parameter.name;
    if (!rest.starts_with(name) || rest.size() == name.size() || rest[name.size()] != '*') return {};
    rest.remove_prefix(name.size() + 1);
    Piece piece;
    piece.from = &parameter;
    if (rest.empty()) {
        piece.extended = piece.whole = true;
        return piece;
    }
    if (rest.ends_with('*')) {
        piece.extended = true;
        rest.remove_suffix(1);
    }
    const auto index = parse_unsigned(rest, 1'000'000);
    if (!index) return {};
    piece.index = *index;
    return piece;
}

struct Joined {
    std::string decoded, raw;
    bool broken = false;
};

// join_pieces - RFC 2231 section 3 and 4: charset and language stand in the first piece only
Joined join_pieces(const std::vector<Piece>& pieces) {
    Joined out;
    std::string bytes, charset;
    bool first = true;
    for (const auto& piece : pieces) {
        std::string_view text = piece.from->value;
        out.raw += text;
        if (piece.extended && first) {
            const auto quote = text.find('\'');
            const auto second = quote == std::string_view::npos ? quote : text.find('\'', quote + 1);
            if (second == std::string_view::npos) {
                out.broken = true;
            } else {
                charset = text.substr(0, quote);
                text.remove_prefix(second + 1);
            }
        }
        bytes += piece.extended ? percent_decoded(text, out.broken) : std::string(text);
        first = false;
    }
    if (!charset.empty() && !is_known_charset(charset)) out.broken = true;
    out.decoded = charset.empty() ? bytes : to_utf8(bytes, charset).value_or(bytes);
    return out;
}

void add_extended(const Structured& field, std::string_view name, Readings& out) {
    std::vector<Piece> numbered;
    for (const auto& parameter : field.parameters) {
        const auto piece = piece_of(parameter, name);
        if (!piece) continue;
        out.extended = true;
        out.broken |= parameter.odd;
        if (!piece->whole) {
            numbered.push_back(*piece);
            continue;
        }
        const auto joined = join_pieces({*piece});
        out.broken |= joined.broken;
        add_unique(out.values, joined.decoded, readings_limit);
        add_unique(out.values, joined.raw, readings_limit);
    }
    if (numbered.empty()) return;
    auto sorted = numbered;
    // `from` points into one vector: doubles keep their order
    std::ranges::sort(sorted, {}, [](const Piece& piece) { return std::pair(piece.index, piece.from); });
    const auto twice = std::ranges::adjacent_find(sorted, {}, &Piece::index);
    out.duplicate |= twice != sorted.end();
    const auto in_order = join_pieces(numbered);  // with doubles and gaps, as they stand
    if (twice != sorted.end()) {
        const auto tail = std::ranges::unique(sorted, {}, &Piece::index);
        sorted.erase(tail.begin(), tail.end());
    }
    std::size_t together = 0;
    while (together < sorted.size() && sorted[together].index == together) ++together;
    const bool gap = together != sorted.size();
    const auto all = join_pieces(sorted);
    add_unique(out.values, all.decoded, readings_limit);
    if (gap) {
        sorted.resize(together);
        add_unique(out.values, join_pieces(sorted).decoded, readings_limit);
    }
    if (gap || twice != sorted.end()) add_unique(out.values, in_order.decoded, readings_limit);
    add_unique(out.values, all.raw, readings_limit);
    out.broken |= gap || all.broken;
}

}  // namespace

Structured parse_structured(std::string_view field_value, std::size_t parameters_limit) {
    Structured out;
    Cursor cursor{field_value};
    read_first(cursor, out);
    while (!cursor.at_end()) {
        ++cursor.at;  // the ";"
        Parameter parameter;
        const auto begin = cursor.at;
        if (!read_name(cursor, parameter)) {
            out.has_junk |= !trimmed(field_value.substr(begin, cursor.at - begin)).empty();
            continue;
        }
        if (out.parameters.size() == parameters_limit) {
            out.too_many = true;
            break;
        }
        const bool comments = cursor.saw_comment;
        read_value(cursor, parameter);
        out.has_comment |= comments;
        out.parameters.push_back(std::move(parameter));
    }
    out.has_comment |= cursor.saw_comment;
    return out;
}

Readings readings_of(const Structured& field, std::string_view name) {
    Readings out;
    const Parameter* first = nullptr;
    for (const auto& parameter : field.parameters) {
        if (parameter.name != name) continue;
        out.has_plain = true;
        out.broken |= parameter.odd;
        if (first != nullptr && first->value != parameter.value) out.duplicate = true;
        if (first == nullptr) first = &parameter;
        const bool has_word = parameter.value.find("=?") != std::string::npos;
        const auto decoded = has_word ? decode_words(parameter.value) : parameter.value;
        out.encoded_word |= decoded != parameter.value;
        add_unique(out.values, decoded, readings_limit);
        add_unique(out.values, parameter.value, readings_limit);
        if (parameter.folded && parameter.quoted) {  // what was folded may be joined without the blank
            std::string joined = parameter.value;
            std::erase_if(joined, is_blank);
            add_unique(out.values, std::move(joined), readings_limit);
        }
    }
    add_extended(field, name, out);
    return out;
}

std::string naive_parameter(std::string_view field_value, std::string_view name) {
    const std::string low = to_lower(field_value);
    const std::string wanted = std::string(name) + "=";
    const auto found = low.find(wanted);
    if (found == std::string::npos) return {};
    auto rest = field_value.substr(found + wanted.size());
    if (rest.starts_with('"')) return without_line_ends(rest.substr(1, rest.find('"', 1) - 1));
    return std::string(rest.substr(0, rest.find_first_of(" \t\r\n;\"")));
}

bool has_bare_blank(const Parameter& parameter) {
    const bool bare = !parameter.quoted || (parameter.odd && !parameter.raw.starts_with('"'));
    return bare && parameter.value.find_first_of(" \t") != std::string::npos;
}

// what the words hold is structure then
std::vector<std::string> values_decoded_first(std::string_view field_value, std::string_view name, std::size_t parameters_limit) {
    if (field_value.find("=?") == std::string_view::npos) return {};
    const auto decoded = decode_words(field_value);
    if (decoded == field_value) return {};
    std::vector<std::string> out;
    out = readings_of(parse_structured(decoded, parameters_limit), name).values;
    add_unique(out, naive_parameter(decoded, name), readings_limit);
    return out;
}

std::vector<std::string> names_of(const Structured& field, std::string_view field_value, std::string_view name) {
    constexpr std::size_t limit = 2 * readings_limit;
    auto readings = readings_of(field, name);
    std::vector<std::string> out;
    // RFC 2231 section 4: the extended form is the better one; both are kept
    for (auto& value : readings.values) add_unique(out, std::string(trimmed(value)), limit);
    bool is_odd = readings.broken || readings.duplicate || field.has_junk;
    for (const auto& parameter : field.parameters) {
        if (parameter.name != name) continue;
        if (parameter.raw != parameter.value) add_unique(out, parameter.raw, limit);
        is_odd |= parameter.odd;
    }
    for (const auto& value : readings.values)
        if (value.find("=?") != std::string::npos) add_unique(out, decode_words(value), limit);  // words within RFC 2231
    for (auto& value : values_decoded_first(field_value, name, readings_limit * 4)) add_unique(out, std::move(value), limit);
    const auto has_more = [](const Parameter& parameter) { return has_bare_blank(parameter) || !parameter.first_quoted.empty(); };
    if (std::ranges::any_of(field.parameters, has_more)) {  // for some readers a value ends at the blank or the quote
        auto cut = field;
        for (auto& parameter : cut.parameters) {
            if (!parameter.first_quoted.empty()) parameter.value = parameter.first_quoted;
            else if (has_bare_blank(parameter)) parameter.value.resize(parameter.value.find_first_of(" \t"));
        }
        for (auto& value : readings_of(cut, name).values) add_unique(out, std::move(value), limit);
    }
    if (out.empty() || is_odd) add_unique(out, naive_parameter(field_value, name), limit);
    return out;
}

std::string extension_of(std::string_view name) {
    while (!name.empty() && (is_space(name.back()) || name.back() == '.' || name.back() == '\0')) name.remove_suffix(1);
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? std::string() : to_lower(name.substr(dot + 1));
}

}  // namespace tamis::worker
