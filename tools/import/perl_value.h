// perl_value - values of the part of Perl that amavisd.conf is written in
//
// A value that only Perl could compute (code, a program's output, a call we do not know) is Kind::code and says in `text` why;
// whatever is made of it is Kind::code too. Every value knows where it was written. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::tools {

struct Place {
    std::size_t file = 0;  // index among the files that were read
    unsigned line = 0;     // 0: amavisd's own default
    bool operator==(const Place&) const = default;
    auto operator<=>(const Place&) const = default;
};

struct PerlValue {
    enum class Kind {
        undef,
        text,      // also numbers: Perl makes no difference
        list,      // an array, or a reference to a nameless one: items
        table,     // a hash: keys and items, in the order of writing
        pattern,   // qr/text/flags
        patterns,  // new_RE(...): items are pattern, result, pattern, result ...
        variable,  // \@name, \%name, \$name: text is the name with its sign, looked up when it is used
        code,      // text: why it is not known
    };
    Kind kind = Kind::undef;
    Place place = {};
    std::string text = {};
    std::string flags = {};
    std::vector<PerlValue> items = {};
    std::vector<std::string> keys = {};

    bool is(Kind wanted) const noexcept { return kind == wanted; }
    bool is_known() const noexcept { return kind != Kind::code; }
    // entry - of a table, the last one written; null when there is none
    const PerlValue* entry(std::string_view key) const;
    // set_entry - replaces or adds
    void set_entry(const std::string& key, PerlValue value);
};

PerlValue text_value(std::string text, Place place);
PerlValue number_value(double number, Place place);
PerlValue list_value(std::vector<PerlValue> items, Place place);
PerlValue unknown_value(std::string why, Place place);

// is_true - as Perl sees it: not undef, "" and "0"; a reference is true. Nothing: not known
std::optional<bool> is_true(const PerlValue& value);
// number_of - as Perl reads it: the number at the beginning of the text, else 0; nothing for what is no scalar
std::optional<double> number_of(const PerlValue& value);
// perl_number - as Perl prints it: 15 digits, "300" and not "300.0"
std::string perl_number(double number);
// text_of - "" for undef; nothing for what is no scalar
std::optional<std::string> text_of(const PerlValue& value);
// weight - how many values there are in it, itself counted
std::size_t weight(const PerlValue& value);

}  // namespace tamis::tools
