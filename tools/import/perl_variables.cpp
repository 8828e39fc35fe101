// perl_variables - variables, their parts, and what references lead to (perl_reader.h)
#include <fmt/format.h>

#include "base/text.h"
#include "tools/import/perl_reader.h"

namespace tamis::tools {

using Kind = PerlValue::Kind;

PerlValues PerlReader::variable_values(char sign, const std::string& name) {
    const std::string full = sign + name;
    conf_.used.insert(full);
    const auto found = conf_.variables.find(full);
    if (found == conf_.variables.end()) return sign == '$' ? PerlValues{{Kind::undef, place()}} : PerlValues{};
    const PerlValue& value = found->second;
    if (!spend(weight(value), value.text.size())) return {};
    if (sign == '$') {
        PerlValue copy = value;
        copy.place = place();
        return {std::move(copy)};
    }
    return dereference(sign, value);
}

PerlValues PerlReader::dereference(char sign, const PerlValue& value) {
    if (value.is(Kind::variable)) return variable_values(value.text.front(), value.text.substr(1));
    if (!value.is_known()) return {value};
    if (sign == '$') return {value};
    if (value.is(Kind::list)) return value.items;
    if (value.is(Kind::patterns)) return {value};
    PerlValues out;
    if (value.is(Kind::table))
        for (std::size_t i = 0; i < value.keys.size(); ++i) {
            out.push_back(text_value(value.keys[i], value.items[i].place));
            out.push_back(value.items[i]);
        }
    return out;
}

PerlValues PerlReader::variable() {
    const Deeper deeper(depth_);
    if (depth_ > deepest_expression) stop("it is nested too deeply");
    if (is_stopped()) return {};
    const char sign = text_.peek();
    const Place at = place();
    text_.advance();
    if (text_.peek() == '$') return dereference(sign, scalar(variable()));
    if (text_.peek() == '{') {
        text_.advance();
        text_.skip();
        const auto here = text_.position();
        const std::string plain = text_.word();
        if (!plain.empty() && text_.take("}")) return variable_values(sign, plain);
        text_.move_to(here);
        const PerlValue inner = scalar(list('}'));
        return is_stopped() ? PerlValues{} : dereference(sign, inner);
    }
    const std::string name = text_.word();
    if (name.empty()) {
        if (sign != '$') {
            stop(fmt::format("\"{}\" was not expected", sign));
            return {};
        }
        text_.advance();  // $! $@ $0 $1 ...
        return {unknown_value("a variable that only has a value while Perl runs", at)};
    }
    if (sign == '%') return variable_values(sign, name);
    const char next = text_.peek();
    if (next == '{' || next == '[') {
        const char container = next == '{' ? '%' : '@';
        conf_.used.insert(container + name);
        if (sign == '@') {
            stop("a slice");
            return {};
        }
        const auto found = conf_.variables.find(container + name);
        const PerlValue none{next == '{' ? Kind::table : Kind::list, at};
        if (!spend(found == conf_.variables.end() ? 1 : weight(found->second))) return {};
        return subscripts(found == conf_.variables.end() ? none : found->second);
    }
    PerlValues values = variable_values(sign, name);
    if (sign == '$' && text_.looking_at("->")) return subscripts(scalar(values));
    return values;
}

PerlValue PerlReader::subscript_key() {
    text_.skip();
    const auto here = text_.position();
    const bool is_negative = text_.peek() == '-';
    if (is_negative) text_.advance();
    const Place at = place();
    std::string word = text_.word();
    if (!word.empty() && text_.take("}")) return text_value((is_negative ? "-" : "") + word, at);
    text_.move_to(here);
    return scalar(list('}'));
}

PerlValue PerlReader::element(const PerlValue& of, const PerlValue& key, bool is_index) {
    PerlValue owner = conf_.followed(of);
    if (!owner.is_known()) return owner;
    if (!key.is_known()) return key;
    if (is_index) {
        const double index = number_of(key).value_or(0);
        const double at = index < 0 ? index + static_cast<double>(owner.items.size()) : index;
        if (owner.is(Kind::list) && at >= 0 && at < static_cast<double>(owner.items.size()))
            return owner.items[static_cast<std::size_t>(at)];
        return {Kind::undef, place()};
    }
    const auto name = text_of(key);
    const auto* found = owner.is(Kind::table) && name ? owner.entry(*name) : nullptr;
    return found == nullptr ? PerlValue{Kind::undef, place()} : *found;
}

PerlValues PerlReader::subscripts(PerlValue value) {
    while (!is_stopped()) {
        const auto here = text_.position();
        if (text_.looking_at("->")) text_.advance(2);
        const char c = text_.peek();
        if (c != '{' && c != '[') {
            if (text_.position() != here) stop("a method call");
            break;
        }
        text_.advance();
        value = element(value, c == '{' ? subscript_key() : scalar(list(']')), c == '[');
    }
    return {std::move(value)};
}

}  // namespace tamis::tools
