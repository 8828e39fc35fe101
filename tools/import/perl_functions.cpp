// perl_functions - words: constants, Perl's own functions, and those that amavisd gives its configuration (perl_reader.h)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

struct Constant {
    std::string_view name;
    int value;
};
constexpr std::array constants = std::to_array<Constant>({{"D_TEMPFAIL", -4},
                                                          {"D_REJECT", -3},
                                                          {"D_BOUNCE", -2},
                                                          {"D_DISCARD", 0},
                                                          {"D_PASS", 1},
                                                          {"CC_CATCHALL", 0},
                                                          {"CC_CLEAN", 1},
                                                          {"CC_MTA", 2},
                                                          {"CC_OVERSIZED", 3},
                                                          {"CC_BADH", 4},
                                                          {"CC_SPAMMY", 5},
                                                          {"CC_SPAM", 6},
                                                          {"CC_UNCHECKED", 7},
                                                          {"CC_BANNED", 8},
                                                          {"CC_VIRUS", 9}});

// functions that take one argument when there are no parentheses
constexpr std::array<std::string_view, 8> unary_functions = {"lc",      "uc",     "ucfirst", "lcfirst",
                                                             "defined", "scalar", "exists",  "length"};
constexpr std::array<std::string_view, 12> list_functions = {"new_RE",    "join",       "reverse",   "sort",
                                                             "read_hash", "read_array", "read_cidr", "read_text",
                                                             "Opaque",    "keys",       "values",    "chomp"};

template <class List>
bool is_in(const List& list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
}

// hash_line - the two columns of a line of a table file; "" and "" for an empty one
std::pair<std::string, std::string> hash_line(std::string_view line) {
    std::string left, right;
    bool is_right = false, in_quotes = false, has_comment = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"') in_quotes = !in_quotes;
        if (!in_quotes && c == '#') {
            has_comment = true;
            break;
        }
        if (!in_quotes && !is_right && is_blank(c)) {
            is_right = true;
            while (i + 1 < line.size() && is_blank(line[i + 1])) ++i;
            continue;
        }
        (is_right ? right : left) += c;
    }
    if (has_comment) right = std::string(trim(right));
    return {left, right};
}

// setting_named - of "{ c('name') }" and "{ ca('name') }", as amavisd's own tables by category have them: the variable with its
// sign; "" for all other code
std::string setting_named(std::string_view block) {
    std::string code;
    for (const char c : block)
        if (!is_blank(c) && c != '\n' && c != '\r' && c != ';') code += c == '"' ? '\'' : c;
    const auto unwrap = [&](std::string_view before, std::string_view after) {
        if (code.size() < before.size() + after.size() || !code.starts_with(before) || !code.ends_with(after)) return false;
        code = code.substr(before.size(), code.size() - before.size() - after.size());
        return true;
    };
    if (!unwrap("{", "}")) return {};
    if (!unwrap("Opaque(", ")")) unwrap("[", "]");
    const bool is_list = unwrap("ca('", "')");
    if (!is_list && !unwrap("c('", "')") && !unwrap("cr('", "')")) return {};
    const bool is_name =
        !code.empty() && std::ranges::all_of(code, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
    return is_name ? (is_list ? "@" : "$") + code : std::string();
}

}  // namespace

PerlValues PerlReader::word_value(const std::string& word) {
    const Place at = place();
    const auto behind = text_.position();
    text_.skip();
    if (text_.looking_at("=>")) return {text_value(word, at)};  // a key
    text_.move_to(behind);
    if (auto quote = quote_like(word)) return *quote;
    text_.move_to(behind);
    if (word == "undef") {
        text_.skip();
        if (text_.peek() == '(') {
            text_.advance();
            list(')');
        }
        return {{Kind::undef, at}};
    }
    for (const auto& constant : constants)
        if (word == constant.name || word == fmt::format("Amavis::Conf::{}", constant.name)) {
            if (text_.take("(")) list(')');
            return {number_value(constant.value, at)};
        }
    if (word == "sub" || word == "do" || word == "eval") {
        text_.skip();
        if (text_.peek() != '{') {
            PerlValues values = arguments(true);
            return {unknown_value(fmt::format("{} of a file or a text", word), at)};
        }
        const auto block = text_.position();
        if (auto done = text_.skip_block(); !done && !fatal_) fatal_ = std::move(done.error());
        const std::string name = word == "sub" ? setting_named(text_.between(block, text_.position())) : std::string();
        if (!name.empty()) return {{Kind::variable, at, name}};
        return {unknown_value(fmt::format("code: {} {{...}}", word), at)};
    }
    if (word == "my" || word == "our" || word == "local") return primary();
    if (word == "map" || word == "grep") {
        if (word == "map") return map_function();
        stop("grep");
        return {};
    }
    if (word == "__FILE__") return {text_value(conf_.files[file_], at)};
    const std::string name = word.starts_with("Amavis::") ? word.substr(word.rfind(':') + 1) : word;
    const bool is_known = is_in(unary_functions, name) || is_in(list_functions, name);
    text_.skip();
    if (!is_known && text_.peek() != '(') {
        if (text_.looking_at("->")) stop("a method call");
        return {unknown_value(fmt::format("\"{}\" is only known to Perl", escaped(word, 60)), at)};
    }
    return function(name, arguments(is_in(unary_functions, name)), at);
}

// arguments - of a call: in parentheses, or up to the end of the list; one argument for unary functions
PerlValues PerlReader::arguments(bool one) {
    if (text_.take("(")) return list(')');
    if (one) {
        text_.skip();
        const char c = text_.peek();
        if (c == ',' || c == ')' || c == '}' || c == ';' || c == ']') return variable_values('$', "_");
        return unary();
    }
    PerlValues out;
    while (!is_stopped()) {
        text_.skip();
        const char c = text_.peek();
        if (c == ')' || c == ']' || c == '}' || c == ';' || text_.at_end()) break;
        for (auto& value : expression()) out.push_back(std::move(value));
        text_.skip();
        if (text_.peek() == ',') text_.advance();
        else if (text_.looking_at("=>")) text_.advance(2);
        else break;
    }
    return out;
}

PerlValues PerlReader::function(const std::string& name, PerlValues values, Place at) {
    if (is_stopped()) return {};
    const PerlValue first = values.empty() ? PerlValue{Kind::undef, at} : values.front();
    if (name == "new_RE") return {regular_expressions(values, at)};
    if (name == "read_hash") return {read_file_hash(values, at)};
    if (name == "read_array") return {read_file_array(values, at)};
    if (name == "read_cidr") {  // the file comes first here, and then the table or list it is added to
        std::ranges::reverse(values);
        const bool has_table = !values.empty() && (values.front().is(Kind::table) ||
                                                   (values.front().is(Kind::variable) && values.front().text.starts_with('%')));
        return {has_table ? read_file_hash(values, at) : read_file_array(values, at, true)};
    }
    if (name == "defined" || name == "exists") {
        if (!first.is_known()) return {first};
        return {text_value(first.is(Kind::undef) ? "" : "1", at)};
    }
    if (name == "Opaque" || name == "scalar") return {scalar(values)};
    if (name == "reverse") {
        std::ranges::reverse(values);
        return values;
    }
    if (name == "sort") {
        std::ranges::sort(values, {}, &PerlValue::text);
        return values;
    }
    if (name == "keys" || name == "values") {  // a hash is a flat list here
        PerlValues out;
        for (std::size_t i = name == "keys" ? 0 : 1; i < values.size(); i += 2) out.push_back(values[i]);
        return out;
    }
    for (const auto& value : values)
        if (!value.is_known()) return {unknown_value(value.text, at)};
    if (name == "lc" || name == "lcfirst") return {text_value(to_lower(text_of(first).value_or("")), at)};
    if (name == "uc") return {text_value(to_upper(text_of(first).value_or("")), at)};
    if (name == "length") return {number_value(static_cast<double>(text_of(first).value_or("").size()), at)};
    if (name == "join") {
        std::string out;
        for (std::size_t i = 1; i < values.size(); ++i)
            out += (i == 1 ? "" : text_of(first).value_or("")) + text_of(values[i]).value_or("");
        spend(0, out.size());
        return {text_value(std::move(out), at)};
    }
    return {unknown_value(fmt::format("it calls {}()", escaped(name, 60)), at)};
}

PerlValue PerlReader::regular_expressions(const PerlValues& values, Place at) const {
    PerlValue out{Kind::patterns, at};
    for (const auto& value : values) {
        const bool has_result = value.is(Kind::list);
        const PerlValue pattern = has_result ? (value.items.empty() ? PerlValue{} : value.items.front()) : value;
        if (pattern.is(Kind::undef)) continue;
        PerlValue result = has_result && value.items.size() > 1 ? value.items[1] : text_value("1", value.place);
        out.items.push_back(pattern);
        out.items.push_back(std::move(result));
    }
    return out;
}

// map_function - map { ... } LIST, map EXPRESSION, LIST
PerlValues PerlReader::map_function() {
    const bool has_parenthesis = text_.take("(");
    text_.skip();
    const bool has_block = text_.peek() == '{';
    const auto body = text_.position();
    if (has_block) {
        if (auto done = text_.skip_block(); !done) {
            if (!fatal_) fatal_ = std::move(done.error());
            return {};
        }
        text_.take(",");
    } else {
        expression();
        if (!text_.take(",")) stop("map without a list");
    }
    PerlValues values;
    if (has_parenthesis) values = list(')');
    else values = arguments(false);
    const auto end = text_.position();
    PerlValues out;
    foreach_value(values, "_", [&] {
        text_.move_to(body);
        PerlValues more;
        if (has_block) {
            text_.advance();
            more = list('}');
        } else {
            more = expression();
        }
        if (spend(more.size())) out.insert(out.end(), more.begin(), more.end());
    });
    text_.move_to(end);
    return out;
}

// read_file_hash - read_hash(\%table, FILE) or read_hash(FILE): what the file has is added to the table, which is the result
PerlValue PerlReader::read_file_hash(const PerlValues& values, Place at) {
    const bool has_table = !values.empty() && values.front().is(Kind::variable) && values.front().text.starts_with('%');
    const std::size_t index = has_table || (!values.empty() && values.front().is(Kind::table)) ? 1 : 0;
    const auto name = index < values.size() ? text_of(values[index]) : std::nullopt;
    PerlValue out{Kind::table, at};
    if (has_table) {
        if (const auto& old = conf_.value(values.front().text); old.is(Kind::table)) out = old;
    }
    const auto text = name && around_.read_file ? around_.read_file(*name) : fail(Errc::not_found, "it cannot be known here");
    if (has_table && text) conf_.assignments.push_back({values.front().text, {}, at, false});
    if (!text) return unknown_value(fmt::format("it stands in a file, and {}", text.error().detail), at);
    for (const auto line : split(*text, '\n')) {
        auto [key, value] = hash_line(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
        if (key.empty() && value.empty()) continue;
        if (!spend(1, key.size() + value.size())) return {};
        out.keys.push_back(to_lower(key));
        out.items.push_back(text_value(value.empty() ? "1" : value, at));
    }
    if (has_table) conf_.variables[values.front().text] = out;
    return out;
}

PerlValue PerlReader::read_file_array(const PerlValues& values, Place at, bool first_words) {
    const auto name = values.empty() ? std::nullopt : text_of(values.back());
    const auto text = name && around_.read_file ? around_.read_file(*name) : fail(Errc::not_found, "it cannot be known here");
    if (!text) return unknown_value(fmt::format("it stands in a file, and {}", text.error().detail), at);
    const bool has_list = values.size() > 1 && values.front().is(Kind::variable) && values.front().text.starts_with('@');
    PerlValues out;
    if (has_list) {
        if (const auto& old = conf_.value(values.front().text); old.is(Kind::list)) out = old.items;
        conf_.assignments.push_back({values.front().text, {}, at, false});
    }
    for (const auto line : split(*text, '\n')) {
        auto entry = trim(line.substr(0, line.find('#')));
        if (first_words) entry = entry.substr(0, entry.find_first_of(" \t"));
        if (!entry.empty() && spend(1, entry.size())) out.push_back(text_value(std::string(entry), at));
    }
    PerlValue list = list_value(std::move(out), at);
    if (has_list) conf_.variables[values.front().text] = list;
    return list;
}

}  // namespace tamis::tools
