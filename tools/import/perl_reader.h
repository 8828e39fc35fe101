// perl_reader - one file of an amavisd: statements and expressions, read and computed, never run (amavisd_conf.h)
//
// A statement that is not understood costs itself only. The reader keeps `why_` while it is in one: everything returns at once
// then. What cannot be known without Perl is a value of Kind::code, not an error. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/import/amavisd_conf.h"
#include "tools/import/perl_text.h"

namespace tamis::tools {

using PerlValues = std::vector<PerlValue>;

constexpr std::size_t deepest_expression = 60;

// Budget - of all files together
struct Budget {
    std::size_t values = 500'000, bytes = 64U << 20;
};

// Deeper - one level of nesting of an expression; the reader stops when there are too many
class Deeper {
public:
    explicit Deeper(std::size_t& depth) : depth_(++depth) {}
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

private:
    std::size_t& depth_;
};

class PerlReader {
public:
    // `include` - asked for include_config_files and do: whether it read that file
    PerlReader(AmavisdConf& conf, const Surroundings& around, Budget& budget,
               std::function<Result<bool>(const std::string&)> include, std::size_t file, std::string_view text,
               bool is_defaults);
    Done read();

private:
    struct Lvalue {
        char sign = '$';
        std::string name;             // without its sign
        std::vector<PerlValue> path;  // hash keys, or indexes
        std::vector<bool> is_index;
        bool is_own = false, through_reference = false;  // $name->{key}
        Place place;
    };

    // statements (perl_statement.cpp, perl_calls.cpp)
    Done statements(bool in_block);
    void statement();
    void compound(const std::string& word);
    void loop();
    void run_block();
    void simple();
    void assignment(std::size_t start);
    bool special_call(const std::string& word);
    void push_call(bool in_front);
    void chomp_call();
    void finish(std::size_t start, const std::function<void()>& apply);
    std::optional<Lvalue> lvalue();
    std::string assignment_operator();
    std::optional<bool> condition();
    void store(const Lvalue& to, const std::string& op, const PerlValues& values);
    void store_part(const Lvalue& to, const PerlValue& value);
    void note(const Lvalue& to);
    void foreach_value(const PerlValues& values, const std::string& variable, const std::function<void()>& body);

    // expressions (perl_expression.cpp, perl_variables.cpp)
    PerlValues expression();
    PerlValues ternary();
    PerlValues binary(int level);
    PerlValues unary();
    PerlValues primary();
    PerlValues list(char close);
    PerlValues variable();
    PerlValues subscripts(PerlValue value);
    PerlValues dereference(char sign, const PerlValue& value);
    PerlValue subscript_key();
    PerlValue number();
    PerlValue reference();
    PerlValue apply(std::string_view op, const PerlValue& left, const PerlValue& right);
    PerlValue element(const PerlValue& of, const PerlValue& key, bool is_index);
    PerlValues variable_values(char sign, const std::string& name);
    PerlValue scalar(const PerlValues& values) const;
    PerlValue table_of(const PerlValues& values, Place place);

    // quotes (perl_quotes.cpp)
    std::optional<PerlValues> quote_like(const std::string& word);
    PerlValue plain_text(const Quoted& quote, Place place);
    PerlValue interpolated(std::string_view body, Place place, bool is_pattern);
    std::optional<PerlValue> interpolated_variable(std::string_view body, std::size_t& at, bool is_pattern);
    PerlValue program_output(std::string_view command, Place place);
    std::string pattern_flags();

    // functions (perl_functions.cpp)
    PerlValues word_value(const std::string& word);
    PerlValues arguments(bool one);
    PerlValues function(const std::string& name, PerlValues values, Place place);
    PerlValues map_function();
    PerlValue regular_expressions(const PerlValues& values, Place place) const;
    PerlValue read_file_hash(const PerlValues& values, Place place);
    PerlValue read_file_array(const PerlValues& values, Place place, bool first_words = false);

    void stop(std::string why);
    bool is_stopped() const noexcept { return !why_.empty() || fatal_.has_value(); }
    bool spend(std::size_t values, std::size_t bytes = 0);
    Place place() const;
    Place place_at(std::size_t position) const;
    template <class T>
    std::optional<T> good(Result<T> result);

    AmavisdConf& conf_;
    const Surroundings& around_;
    Budget& budget_;
    std::function<Result<bool>(const std::string&)> include_;
    std::size_t file_;
    PerlText text_;
    bool is_defaults_;
    std::string why_;
    std::optional<Fault> fatal_;
    std::size_t depth_ = 0, blocks_ = 0;
    bool repeated_ = false;  // in a statement that stands before "for"
};

template <class T>
std::optional<T> PerlReader::good(Result<T> result) {
    if (result) return std::move(*result);
    if (!fatal_) fatal_ = std::move(result.error());
    return {};
}

}  // namespace tamis::tools
