// perl_expression - expressions and their operators (perl_reader.h)
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

constexpr std::size_t longest_text = 1U << 20;
constexpr std::size_t longest_range = 1000;

struct Operator {
    std::string_view text;
    int level;
    bool is_word = false;
};
// longer ones first; a higher level binds more strongly
constexpr std::array operators = std::to_array<Operator>(
    {{"<=>", 3},      {"..", 0},       {"||", 1},       {"//", 1},       {"&&", 2},        {"==", 3},       {"!=", 3},
     {"=~", 4},       {"!~", 4},       {"**", 7},       {"<=", 3},       {">=", 3},        {"eq", 3, true}, {"ne", 3, true},
     {"lt", 3, true}, {"gt", 3, true}, {"le", 3, true}, {"ge", 3, true}, {"cmp", 3, true}, {"<", 3},        {">", 3},
     {"+", 5},        {"-", 5},        {".", 5},        {"*", 6},        {"/", 6},         {"%", 6},        {"x", 6, true}});
constexpr int strongest = 7;

bool is_word_character(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

std::optional<double> computed(std::string_view op, double a, double b) {
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") return a * b;
    if (op == "/") return b == 0 ? std::nullopt : std::optional(a / b);
    if (op == "**") return std::pow(a, b);
    if (op == "%") return std::trunc(b) == 0 ? std::nullopt : std::optional(std::fmod(std::trunc(a), std::trunc(b)));
    if (op == "==") return a == b;
    if (op == "!=") return a != b;
    if (op == "<") return a < b;
    if (op == ">") return a > b;
    if (op == "<=") return a <= b;
    if (op == ">=") return a >= b;
    return {};
}

std::optional<bool> compared(std::string_view op, const std::string& a, const std::string& b) {
    if (op == "eq") return a == b;
    if (op == "ne") return a != b;
    if (op == "lt") return a < b;
    if (op == "gt") return a > b;
    if (op == "le") return a <= b;
    if (op == "ge") return a >= b;
    return {};
}

}  // namespace

PerlValue PerlReader::scalar(const PerlValues& values) const { return values.empty() ? PerlValue{} : values.back(); }

PerlValues PerlReader::expression() { return ternary(); }

PerlValues PerlReader::ternary() {
    const Deeper deeper(depth_);
    if (depth_ > deepest_expression) stop("it is nested too deeply");
    if (is_stopped()) return {};
    PerlValues condition = binary(0);
    if (!text_.take("?")) return condition;
    PerlValues yes = ternary();
    if (!text_.take(":")) stop("a \"?\" without its \":\"");
    PerlValues no = ternary();
    const auto truth = is_true(scalar(condition));
    if (truth) return *truth ? yes : no;
    return {unknown_value("it depends on " + scalar(condition).text, place())};
}

PerlValues PerlReader::binary(int level) {
    if (level > strongest) return unary();
    PerlValues left = binary(level + 1);
    while (!is_stopped()) {
        text_.skip();
        const Operator* found = nullptr;
        for (const auto& op : operators) {
            const char next = text_.peek(op.text.size());
            if (!text_.looking_at(op.text) || (op.is_word && is_word_character(next) && !(op.text == "x" && is_digit(next))))
                continue;
            if (!op.is_word && op.level >= 5 && next == '=') continue;  // an assignment such as .=
            found = &op;
            break;
        }
        if (found == nullptr || found->level != level || text_.looking_at("=>")) break;
        if (found->is_word) {  // "x => 1" is a key
            const auto here = text_.position();
            text_.advance(found->text.size());
            text_.skip();
            const bool is_key = text_.looking_at("=>");
            text_.move_to(here);
            if (is_key) break;
        }
        const Place at = place();
        text_.advance(found->text.size());
        PerlValues right = found->text == "**" ? binary(level) : binary(level + 1);
        if (is_stopped()) return {};
        if (found->text == ".." && level == 0) {
            const auto from = number_of(scalar(left)), to = number_of(scalar(right));
            PerlValues range;
            if (!from || !to || *to - *from > static_cast<double>(longest_range))
                return {unknown_value("a range that is too long or not known", at)};
            for (double value = *from; value <= *to; ++value) range.push_back(number_value(value, at));
            spend(range.size());
            left = std::move(range);
            continue;
        }
        left = {apply(found->text, scalar(left), scalar(right))};
    }
    return left;
}

PerlValue PerlReader::apply(std::string_view op, const PerlValue& left, const PerlValue& right) {
    const Place at = left.place;
    if (op == "||" || op == "&&" || op == "//") {
        const auto truth = op == "//" ? (left.is_known() ? std::optional(!left.is(Kind::undef)) : std::nullopt) : is_true(left);
        if (!truth) return left;
        return (*truth) == (op != "&&") ? left : right;
    }
    if (!left.is_known()) return left;
    if (!right.is_known()) return {Kind::code, at, right.text};
    if (op == "=~" || op == "!~") return unknown_value("a match with a regular expression", at);
    const auto a = text_of(left), b = text_of(right);
    if (!a || !b) return unknown_value("a computation with a reference", at);
    if (op == ".") {
        if (a->size() + b->size() > longest_text || !spend(0, a->size() + b->size()))
            return unknown_value("a text that is too long", at);
        return text_value(*a + *b, at);
    }
    if (op == "x") {
        const auto times = number_of(right).value_or(0);
        if (times > 0 && static_cast<double>(a->size()) * times > static_cast<double>(longest_text))
            return unknown_value("a text that is too long", at);
        std::string out;
        for (double i = 1; i <= times && !a->empty(); ++i) out += *a;
        spend(0, out.size());
        return text_value(std::move(out), at);
    }
    if (const auto truth = compared(op, *a, *b)) return text_value(*truth ? "1" : "", at);
    const auto result = computed(op, number_of(left).value_or(0), number_of(right).value_or(0));
    if (!result || !std::isfinite(*result)) return unknown_value(fmt::format("a computation with {}", op), at);
    if (op.find_first_of("=<>") != std::string_view::npos) return text_value(*result != 0 ? "1" : "", at);
    return number_value(*result, at);
}

PerlValues PerlReader::unary() {
    const Deeper deeper(depth_);
    if (depth_ > deepest_expression) stop("it is nested too deeply");
    if (is_stopped()) return {};
    text_.skip();
    const Place at = place();
    if (text_.looking_at("\\")) {
        text_.advance();
        return {reference()};
    }
    if (text_.looking_at("!")) {
        text_.advance();
        const auto truth = is_true(scalar(unary()));
        return {truth ? text_value(*truth ? "" : "1", at) : unknown_value("a condition", at)};
    }
    if (text_.looking_at("+")) {
        text_.advance();
        return unary();
    }
    if (!text_.looking_at("-")) return primary();
    text_.advance();
    if (is_alpha(text_.peek()) && !is_word_character(text_.peek(1))) {
        const auto here = text_.position();
        text_.advance();
        text_.skip();
        if (!text_.looking_at("=>")) {
            unary();
            return {unknown_value("a test of a file", at)};
        }
        text_.move_to(here);
    }
    const bool is_word = is_alpha(text_.peek());
    const PerlValue value = scalar(unary());
    const auto text = text_of(value);
    if (!text) return {value.is_known() ? unknown_value("a computation with a reference", at) : value};
    if (is_word) return {text_value("-" + *text, at)};
    return {number_value(-number_of(value).value_or(0), at)};
}

PerlValue PerlReader::reference() {
    text_.skip();
    const Place at = place();
    const char sign = text_.peek();
    if (sign == '$' || sign == '@' || sign == '%' || sign == '&') {
        const auto here = text_.position();
        text_.advance();
        const std::string name = text_.word();
        text_.skip();
        const char next = text_.peek();
        if (!name.empty() && next != '{' && next != '[' && !text_.looking_at("->")) {
            conf_.used.insert(sign + name);
            return {Kind::variable, at, sign + name};
        }
        text_.move_to(here);
    }
    if (sign == '(') {
        text_.advance();
        list(')');
        return unknown_value("a list of references", at);
    }
    return scalar(unary());  // a reference to a text is as good as the text
}

PerlValues PerlReader::list(char close) {
    PerlValues out;
    const Deeper deeper(depth_);
    if (depth_ > deepest_expression) stop("it is nested too deeply");
    while (!is_stopped()) {
        text_.skip();
        if (text_.at_end()) stop(fmt::format("a list without its {}", close));
        if (text_.peek() == close) {
            text_.advance();
            return out;
        }
        if (text_.peek() == ',' || text_.looking_at("=>")) {
            text_.advance(text_.peek() == ',' ? 1 : 2);
            continue;
        }
        PerlValues more = expression();
        if (!spend(more.size())) return {};
        for (auto& value : more) out.push_back(std::move(value));
        text_.skip();
        if (!is_stopped() && text_.peek() != close && text_.peek() != ',' && !text_.looking_at("=>"))
            stop(fmt::format("\"{}\" was not expected", escaped(text_.between(text_.position(), text_.position() + 20), 20)));
    }
    return {};
}

PerlValues PerlReader::primary() {
    text_.skip();
    const Place at = place();
    const char c = text_.peek();
    if (c == '$' || c == '@' || c == '%') return variable();
    if (is_digit(c) || (c == '.' && is_digit(text_.peek(1)))) return {number()};
    if (c == '(') {
        text_.advance();
        return list(')');
    }
    if (c == '[') {
        text_.advance();
        return subscripts(list_value(list(']'), at));
    }
    if (c == '{') {
        text_.advance();
        return {table_of(list('}'), at)};
    }
    if (c == '\'' || c == '"' || c == '`') {
        auto quote = good(text_.quoted());
        if (!quote) return {};
        if (c == '`') return {program_output(quote->body, at)};
        return {c == '\'' ? plain_text(*quote, at) : interpolated(quote->body, at, false)};
    }
    if (text_.looking_at("<<")) {
        auto document = good(text_.here_document());
        if (document && *document)
            return {(*document)->delimiter == '\'' ? text_value((*document)->body, at)
                                                   : interpolated((*document)->body, at, false)};
    }
    if (c == '&') text_.advance();
    const std::string word = text_.word();
    if (!word.empty()) return word_value(word);
    stop(text_.at_end()
             ? "the file ends there"
             : fmt::format("\"{}\" was not expected", escaped(text_.between(text_.position(), text_.position() + 20), 20)));
    return {};
}

PerlValue PerlReader::number() {
    const Place at = place();
    std::string digits;
    const auto read = [&](std::string_view allowed) {
        while (text_.peek() != '\0' && (text_.peek() == '_' || allowed.find(lower(text_.peek())) != std::string_view::npos)) {
            if (text_.peek() != '_') digits += text_.peek();
            text_.advance();
        }
    };
    constexpr std::size_t most = 15;
    const char second = lower(text_.peek(1));
    const int base = text_.peek() != '0' ? 10 : second == 'x' ? 16 : second == 'b' ? 2 : is_digit(second) ? 8 : 10;
    if (base != 10) {
        text_.advance(base == 8 ? 1 : 2);
        read(base == 16 ? "0123456789abcdef" : base == 8 ? "01234567" : "01");
        if (digits.size() > most) return unknown_value("a number that is too large", at);
        return number_value(static_cast<double>(std::stoull(digits.empty() ? "0" : digits, nullptr, base)), at);
    }
    read("0123456789");
    if (text_.peek() == '.' && text_.peek(1) != '.') {
        digits += '.';
        text_.advance();
        read("0123456789");
    }
    if (lower(text_.peek()) == 'e' &&
        (is_digit(text_.peek(1)) || ((text_.peek(1) == '-' || text_.peek(1) == '+') && is_digit(text_.peek(2))))) {
        digits += 'e';
        digits += text_.peek(1);
        text_.advance(2);
        read("0123456789");
    }
    if (digits.size() > 100) return unknown_value("a number that is too long", at);
    return number_value(number_of(text_value(digits, at)).value_or(0), at);
}

PerlValue PerlReader::table_of(const PerlValues& values, Place at) {
    PerlValue out{Kind::table, at};
    out.items.reserve(values.size() / 2 + 1);
    for (std::size_t i = 0; i < values.size(); i += 2) {
        const auto key = text_of(values[i]);
        if (!key) continue;  // a reference as a key is of no use
        PerlValue value = i + 1 < values.size() ? values[i + 1] : PerlValue{Kind::undef, values[i].place};
        value.place = values[i].place;
        out.keys.push_back(*key);  // later entries of the same key are found first
        out.items.push_back(std::move(value));
    }
    return out;
}

void PerlReader::stop(std::string why) {
    if (why_.empty()) why_ = std::move(why);
}

bool PerlReader::spend(std::size_t values, std::size_t bytes) {
    if (values > budget_.values || bytes > budget_.bytes) {
        budget_ = {0, 0};
        stop("the files have too many values");
        return false;
    }
    budget_.values -= values;
    budget_.bytes -= bytes;
    return true;
}

Place PerlReader::place_at(std::size_t position) const { return {file_, is_defaults_ ? 0 : text_.line_of(position)}; }
Place PerlReader::place() const { return place_at(text_.position()); }

}  // namespace tamis::tools
