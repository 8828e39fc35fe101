// toml_text - the configuration that is being written: tables in a fixed order, every line with where it comes from. Pure.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/import/perl_value.h"

namespace tamis::tools {

// toml_string - in single quotes where that keeps backslashes readable; bytes that are no UTF-8 are taken for ISO 8859-1
std::string toml_string(std::string_view text);
std::string toml_list(const std::vector<std::string>& texts);
// toml_key - bare where that is allowed, else in quotes
std::string toml_key(std::string_view key);

struct TomlLine {
    std::string text;              // "key = value"; of several lines: the comment stands above
    std::vector<Place> from = {};  // nothing: amavisd's default
    std::string note = {};
};

struct TomlTable {
    std::string header;                     // "[server]", "[[bank_rules]]"
    std::vector<std::string> remarks = {};  // comments above
    std::vector<TomlLine> lines = {};
    bool is_comment = false;  // written as a comment, to be used some day

    // put - replaces the line of the same key
    void put(std::string_view key, const std::string& value, std::vector<Place> from, std::string note = {});
    bool has(std::string_view key) const;
};

class TomlText {
public:
    // table - the one of that header, made when it is not there
    TomlTable& table(std::string_view header);
    // add - another one of that header
    TomlTable& add(std::string_view header);
    const TomlTable* find(std::string_view header) const;
    // has_any - a table whose header begins like that
    bool has_any(std::string_view beginning) const;

    // text - all of it; `shown` writes a place
    std::string text(const std::function<std::string(Place)>& shown) const;

private:
    std::deque<TomlTable> tables_;
};

}  // namespace tamis::tools
