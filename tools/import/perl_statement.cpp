// perl_statement - statements: assignments, push, chomp, conditions that can be decided, loops over lists (perl_reader.h)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

constexpr std::size_t deepest_block = 30;
constexpr std::size_t path_limit = 8;
constexpr double index_limit = 10'000;
constexpr std::array<std::string_view, 10> assignment_operators = {"//=", "||=", "&&=", ".=", "+=", "-=", "*=", "/=", "x=", "="};
constexpr std::array<std::string_view, 4> silent = {"use", "no", "package", "return"};

std::string excerpt(std::string_view statement) {
    const auto line = trim(statement.substr(0, statement.find('\n')));
    return escaped(line, 70);
}

}  // namespace

PerlReader::PerlReader(AmavisdConf& conf, const Surroundings& around, Budget& budget,
                       std::function<Result<bool>(const std::string&)> include, std::size_t file, std::string_view text,
                       bool is_defaults)
    : conf_(conf),
      around_(around),
      budget_(budget),
      include_(std::move(include)),
      file_(file),
      text_(text),
      is_defaults_(is_defaults) {}

Done PerlReader::read() { return statements(false); }

Done PerlReader::statements(bool in_block) {
    for (text_.skip(); !text_.at_end(); text_.skip()) {
        if (text_.peek() == '}') {
            text_.advance();
            if (in_block) return {};
            continue;
        }
        if (text_.peek() == ';') {
            text_.advance();
            continue;
        }
        const auto start = text_.position();
        statement();
        if (fatal_) return std::unexpected(*fatal_);
        if (why_.empty()) continue;
        text_.move_to(start);
        if (auto done = text_.skip_statement(); !done) return done;
        conf_.not_understood.push_back(
            {place_at(start), excerpt(text_.between(start, text_.position())), std::exchange(why_, {})});
        depth_ = 0;
        if (budget_.values == 0)
            return fail(Errc::over_limit, fmt::format("line {}: the files have too many values", text_.line_of(start)));
    }
    return {};
}

void PerlReader::statement() {
    const auto start = text_.position();
    const std::string word = text_.word();
    text_.move_to(start);
    if (text_.peek() == '{') return run_block();
    if (word == "if" || word == "unless") return compound(word);
    if (word == "for" || word == "foreach") return loop();
    if (word == "while" || word == "until" || word == "sub" || word == "BEGIN" || word == "END")
        return stop(word == "sub" ? "it defines a function, which is code" : "it is code");
    simple();
}

void PerlReader::run_block() {
    if (++blocks_ > deepest_block) stop("blocks are nested too deeply");
    if (!text_.take("{")) stop("a block was expected");
    if (!is_stopped())
        if (auto done = statements(true); !done && !fatal_) fatal_ = std::move(done.error());
    --blocks_;
}

// compound - if, unless, elsif, else: the branch that holds is read, the others are not
void PerlReader::compound(const std::string& word) {
    const auto start = text_.position();
    text_.advance(word.size());
    bool is_negated = word == "unless";
    for (bool is_done = false; !is_stopped();) {
        if (!text_.take("(")) return stop("a condition was expected");
        const auto truth = condition();
        if (!text_.take(")")) stop("a condition that only Perl can decide; what is inside was not read");
        if (is_stopped()) return;
        if (!truth && !is_done) return stop("a condition that only Perl can decide; what is inside was not read");
        text_.skip();
        const bool holds = !is_done && *truth != is_negated;
        if (holds) run_block();
        else if (auto done = text_.skip_block(); !done && !fatal_) fatal_ = std::move(done.error());
        is_done = is_done || holds;
        is_negated = false;
        text_.skip();
        const auto here = text_.position();
        const std::string next = text_.word();
        if (next == "elsif") continue;
        if (next != "else") {
            text_.move_to(here);
            return;
        }
        text_.skip();
        if (is_done) {
            if (auto done = text_.skip_block(); !done && !fatal_) fatal_ = std::move(done.error());
        } else {
            run_block();
        }
        return;
    }
    text_.move_to(start);
}

void PerlReader::foreach_value(const PerlValues& values, const std::string& variable, const std::function<void()>& body) {
    const std::string name = '$' + variable;
    const auto old = conf_.variables.find(name);
    const auto kept = old == conf_.variables.end() ? std::nullopt : std::optional(old->second);
    for (const auto& value : values) {
        if (is_stopped() || !spend(weight(value) + 1, value.text.size())) break;
        conf_.variables[name] = value;
        body();
    }
    if (kept) conf_.variables[name] = *kept;
    else conf_.variables.erase(name);
}

void PerlReader::loop() {
    text_.word();
    text_.skip();
    std::string variable = "_";
    for (std::string word = text_.word(); !word.empty(); word = text_.word())
        if (word == "my" || word == "our") text_.skip();
        else return stop("a loop");
    if (text_.peek() == '$') {
        text_.advance();
        variable = text_.word();
    }
    if (!text_.take("(")) return stop("a loop without a list");
    const PerlValues values = list(')');
    text_.skip();
    const auto body = text_.position();
    if (is_stopped()) return stop("a loop over what only Perl knows");
    if (auto done = text_.skip_block(); !done) {
        if (!fatal_) fatal_ = std::move(done.error());
        return;
    }
    const auto end = text_.position();
    foreach_value(values, variable, [&] {
        text_.move_to(body);
        run_block();
    });
    text_.move_to(end);
}

std::optional<bool> PerlReader::condition() {
    const auto one = [&]() -> std::optional<bool> {
        const auto here = (text_.skip(), text_.position());
        const bool is_negated = text_.word() == "not";
        if (!is_negated) text_.move_to(here);
        const PerlValues values = expression();
        const auto truth = values.empty() ? std::optional(false) : is_true(scalar(values));  // an empty array
        return truth ? std::optional(*truth != is_negated) : truth;
    };
    auto truth = one();
    while (!is_stopped()) {
        text_.skip();
        const auto here = text_.position();
        const std::string word = text_.word();
        if (word != "and" && word != "or") {
            text_.move_to(here);
            break;
        }
        const auto other = one();
        if (word == "and")
            truth = truth == false || other == false ? std::optional(false) : truth && other ? std::optional(true) : std::nullopt;
        else truth = truth == true || other == true ? std::optional(true) : truth && other ? std::optional(false) : std::nullopt;
    }
    return truth;
}

// finish - what may stand behind a simple statement: nothing, or if, unless, for
void PerlReader::finish(std::size_t start, const std::function<void()>& apply) {
    text_.skip();
    if (is_stopped()) return;
    if (repeated_) return apply();
    const auto end_of_statement = [&] {
        text_.skip();
        if (text_.peek() == ';') text_.advance();
        else if (!text_.at_end() && text_.peek() != '}')
            stop(fmt::format("\"{}\" was not expected", escaped(text_.between(text_.position(), text_.position() + 20), 20)));
    };
    const auto here = text_.position();
    const std::string word = text_.word();
    if (word == "if" || word == "unless") {
        const auto truth = condition();
        if (!truth) return stop("a condition that only Perl can decide");
        end_of_statement();
        if (!is_stopped() && *truth == (word == "if")) apply();
        return;
    }
    if (word == "for" || word == "foreach") {
        const PerlValues values = text_.take("(") ? list(')') : arguments(false);
        end_of_statement();
        const auto end = text_.position();
        foreach_value(values, "_", [&] {
            text_.move_to(start);
            repeated_ = true;
            simple();
            repeated_ = false;
        });
        text_.move_to(end);
        return;
    }
    text_.move_to(here);
    end_of_statement();
    if (!is_stopped()) apply();
}

void PerlReader::simple() {
    const auto start = text_.position();
    const std::string word = text_.word();
    if (std::ranges::find(silent, word) != silent.end()) {
        text_.move_to(start);
        if (auto done = text_.skip_statement(); !done && !fatal_) fatal_ = std::move(done.error());
        return;
    }
    if (special_call(word)) return;
    text_.move_to(start);
    assignment(start);
}

// assignment - $a = $b = ... value; or a value alone, such as the 1 at the end
void PerlReader::assignment(std::size_t start) {
    std::vector<std::pair<Lvalue, std::string>> targets;
    while (!is_stopped()) {
        text_.skip();
        const auto here = text_.position();
        auto target = lvalue();
        const std::string op = target ? assignment_operator() : std::string();
        if (op.empty()) {
            if (target && target->is_own && targets.empty()) {  // my($x);
                text_.skip();
                if (text_.peek() == ';') return;
            }
            text_.move_to(here);
            break;
        }
        targets.emplace_back(std::move(*target), op);
    }
    text_.skip();
    const bool is_parenthesis = text_.peek() == '(';
    PerlValues values = expression();
    if (targets.empty() && (is_parenthesis || values.size() != 1 || !values.front().is_known()) && !is_stopped())
        stop(values.size() == 1 && !values.front().is_known() ? values.front().text : "it sets nothing");
    finish(start, [&] {
        for (std::size_t i = targets.size(); i-- > 0;) {
            const auto& [to, op] = targets[i];
            store(to, op, values);
        }
    });
}

std::string PerlReader::assignment_operator() {
    text_.skip();
    for (const auto op : assignment_operators)
        if (text_.looking_at(op) && !(op == "=" && (text_.peek(1) == '=' || text_.peek(1) == '~' || text_.peek(1) == '>'))) {
            text_.advance(op.size());
            return std::string(op);
        }
    return {};
}

std::optional<PerlReader::Lvalue> PerlReader::lvalue() {
    Lvalue out;
    const auto start = text_.position();
    const std::string word = text_.word();
    if (!word.empty() && word != "my" && word != "our" && word != "local") return {};
    out.is_own = !word.empty() && word != "local";
    text_.skip();
    out.place = place();
    out.sign = text_.peek();
    if (out.sign != '$' && out.sign != '@' && out.sign != '%') return {};
    text_.advance();
    const bool has_braces = text_.peek() == '{';
    if (has_braces) text_.advance();
    out.name = text_.word();
    if (out.name == "DO_SYSLOG" || out.name == "LOGFILE") out.name = to_lower(out.name);  // older spellings
    if (out.name.empty() || (has_braces && !text_.take("}"))) {
        text_.move_to(start);
        return {};
    }
    while (out.sign == '$' && !is_stopped() && out.path.size() < path_limit) {
        const auto here = text_.position();
        text_.skip();
        if (text_.looking_at("->")) {
            text_.advance(2);
            out.through_reference = out.through_reference || out.path.empty();
        }
        const char c = text_.peek();
        if (c != '{' && c != '[') {
            text_.move_to(here);
            break;
        }
        text_.advance();
        out.is_index.push_back(c == '[');
        out.path.push_back(c == '{' ? subscript_key() : scalar(list(']')));
    }
    return out;
}

void PerlReader::note(const Lvalue& to) {
    const char container = to.path.empty() || to.through_reference ? to.sign : to.is_index.front() ? '@' : '%';
    const std::string name = container + to.name;
    if (to.is_own) conf_.own.insert(name);
    if (is_defaults_) return;
    conf_.assignments.push_back(
        {name, to.path.empty() ? std::string() : text_of(to.path.front()).value_or(""), to.place, to.path.empty()});
}

void PerlReader::store(const Lvalue& to, const std::string& op, const PerlValues& values) {
    PerlValue value = scalar(values);
    if (op != "=") {
        if (to.sign != '$') return stop(fmt::format("{} on a list", op));
        const PerlValue old = to.path.empty()
                                  ? conf_.value('$' + to.name)
                                  : element(conf_.value((to.is_index[0] ? '@' : '%') + to.name), to.path[0], to.is_index[0]);
        if (to.path.size() > 1) return stop(fmt::format("{} on a part of a part", op));
        value = apply(op.substr(0, op.size() - 1), old, value);
    }
    note(to);
    const std::string& given = to.name == "mydomain" ? around_.mydomain : around_.myhostname;
    if (to.sign == '$' && to.path.empty() && (to.name == "mydomain" || to.name == "myhostname") && !given.empty())
        value = text_value(given, to.place);
    value.place = to.place;
    if (!spend(values.size() + weight(value), value.text.size())) return;
    if (!to.path.empty()) return store_part(to, value);
    if (to.sign == '@') value = list_value(values, to.place);
    if (to.sign == '%')
        value = values.size() == 1 && !values.front().is_known() ? unknown_value(values.front().text, to.place)
                                                                 : table_of(values, to.place);
    conf_.variables[to.sign + to.name] = std::move(value);
}

void PerlReader::store_part(const Lvalue& to, const PerlValue& value) {
    PerlValue* at = &conf_.variables[(to.through_reference ? '$' : to.is_index.front() ? '@' : '%') + to.name];
    for (std::size_t i = 0; i < to.path.size(); ++i) {
        const auto key = text_of(to.path[i]);
        if (!key) return stop("a part that only Perl can find");
        const Kind wanted = to.is_index[i] ? Kind::list : Kind::table;
        if (!at->is(wanted)) {
            if (at->is(Kind::variable)) return stop("a part of what a reference leads to");
            *at = {wanted, to.place};
        }
        if (to.is_index[i]) {
            const double index = number_of(to.path[i]).value_or(-1);
            if (index < 0 || index > index_limit || !spend(static_cast<std::size_t>(index)))
                return stop("an index that is out of bounds");
            if (at->items.size() <= static_cast<std::size_t>(index)) at->items.resize(static_cast<std::size_t>(index) + 1);
            at = &at->items[static_cast<std::size_t>(index)];
        } else {
            if (at->entry(*key) == nullptr) at->set_entry(*key, {});
            for (std::size_t k = at->keys.size(); k-- > 0;)
                if (at->keys[k] == *key) {
                    at = &at->items[k];
                    break;
                }
        }
    }
    *at = value;
}

}  // namespace tamis::tools
