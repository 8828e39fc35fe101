// perl_calls - statements that are calls: push, chomp, map, read_hash, and the functions of amavisd (perl_reader.h)
#include <algorithm>
#include <array>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// functions of amavisd that are called for what they do
constexpr std::array<std::string_view, 9> actions = {"dkim_key",
                                                     "read_l10n_templates",
                                                     "include_config_files",
                                                     "include_optional_config_files",
                                                     "require",
                                                     "do_log",
                                                     "umask",
                                                     "die",
                                                     "warn"};

}  // namespace

// special_call - statements that are calls; false: it is none of these
bool PerlReader::special_call(const std::string& word) {
    const auto start = text_.position();
    if (word == "push" || word == "unshift") return push_call(word == "unshift"), true;
    if (word == "chomp") return chomp_call(), true;
    if (word == "map") {  // map { $whitelist_sender{lc($_)} = 1 } (qw(...));
        const bool has_parenthesis = text_.take("(");
        text_.skip();
        const auto body = text_.position();
        if (text_.peek() != '{') return stop("map without a block"), true;
        if (auto done = text_.skip_block(); !done) return fatal_ = std::move(done.error()), true;
        text_.take(",");
        const PerlValues values = has_parenthesis ? list(')') : arguments(false);
        finish(start, [&] {
            const auto end = text_.position();
            foreach_value(values, "_", [&] {
                text_.move_to(body);
                run_block();
            });
            text_.move_to(end);
        });
        return true;
    }
    if (word == "read_hash" || word == "read_array" ||
        word == "read_cidr") {  // read_hash(\%table, '/file'); what is read is in the table then
        const Place at = place();
        const PerlValue read = scalar(word_value(word));
        const auto end = text_.position();
        finish(start, [&] {
            if (!read.is_known() && !is_defaults_)
                conf_.not_understood.push_back({at, word + std::string(trim(text_.between(start, end))), read.text});
        });
        return true;
    }
    if (word != "do" && std::ranges::find(actions, word) == actions.end()) return false;
    text_.skip();
    if (word == "do" && text_.peek() == '{') return false;
    const Place at = place();
    PerlValues values = arguments(false);
    finish(start, [&] {
        if (word == "do_log" || word == "umask" || word == "die" || word == "warn") return;
        const bool is_include = word == "do" || word.starts_with("include_");
        bool all_read = is_include;
        for (const auto& value : is_include ? values : PerlValues{}) {
            const auto name = text_of(value);
            const auto was_read = name ? good(include_(*name)) : std::optional(false);
            all_read = all_read && was_read.value_or(false);
        }
        if (!all_read && !is_defaults_) conf_.calls.push_back({word, at, std::move(values)});
    });
    return true;
}

void PerlReader::push_call(bool in_front) {
    const auto start = text_.position();
    const bool has_parenthesis = text_.take("(");
    text_.skip();
    auto to = lvalue();
    if (!to || to->sign != '@' || !to->path.empty() || !text_.take(",")) return stop("it adds to a list that only Perl can find");
    const PerlValues values = has_parenthesis ? list(')') : arguments(false);
    finish(start, [&] {
        auto& into = conf_.variables['@' + to->name];
        if (!into.is(Kind::list)) into = {Kind::list, to->place};
        into.items.insert(in_front ? into.items.begin() : into.items.end(), values.begin(), values.end());
        spend(values.size());
        note(*to);
        if (!is_defaults_) conf_.assignments.back().is_whole = false;
    });
}

// chomp_call - chomp($name = `program`), chomp($name)
void PerlReader::chomp_call() {
    const auto start = text_.position();
    const bool has_parenthesis = text_.take("(");
    text_.skip();
    auto to = lvalue();
    if (!to || to->sign != '$') return stop("it cuts the end off something that only Perl can find");
    const std::string op = assignment_operator();
    const bool is_assignment = op == "=";
    PerlValue value = is_assignment ? scalar(expression()) : scalar(variable_values('$', to->name));
    if (!op.empty() && !is_assignment) stop(op);
    if (has_parenthesis && !text_.take(")")) stop("a \")\" was expected");
    finish(start, [&] {
        while (value.text.ends_with('\n')) value.text.pop_back();
        if (to->path.empty() && !is_assignment) conf_.variables['$' + to->name] = value;
        else store(*to, "=", {value});
    });
}

}  // namespace tamis::tools
