// setting - configuration: a TOML file as a tree with positions, and settings as rows beside their users
//
// A setting is one row: name, member, bounds, one sentence, reloadable, secret. Loading, range checks, the unknown-key
// error with its suggestion, --print-config and docs/settings.md all come from the row. The default is the member's
// initial value in the struct. Everything here runs at start or reload, on one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tamis {

// Bytes - a size; in TOML a number, or a string such as "64 KiB", "50 MB" (k, M, G; with i or without: 1024)
struct Bytes {
    std::uint64_t count = 0;
    bool operator==(const Bytes&) const = default;
};
using Duration = std::chrono::milliseconds;  // in TOML a number of seconds, or a string such as "8m", "250ms", "1h"

// Secret - text that does not print
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    const std::string& reveal() const noexcept { return value_; }
    bool empty() const noexcept { return value_.empty(); }
    bool operator==(const Secret&) const = default;

private:
    std::string value_;
};

struct Position {
    unsigned line = 0;
    unsigned column = 0;
};

struct ConfigValue;
using ConfigArray = std::vector<ConfigValue>;
struct ConfigTable {
    std::map<std::string, ConfigValue, std::less<>> entries;
    std::map<std::string, Position, std::less<>> keys;  // where each key stands
    Position position;

    const ConfigValue* find(std::string_view key) const;
};
struct ConfigValue {
    std::variant<bool, std::int64_t, double, std::string, ConfigArray, ConfigTable> value;
    Position position;

    const ConfigTable* table() const { return std::get_if<ConfigTable>(&value); }
    const ConfigArray* array() const { return std::get_if<ConfigArray>(&value); }
    const std::string* text() const { return std::get_if<std::string>(&value); }
};

// Problems - everything that is wrong with a file, each as "FILE:LINE:COL: what is wrong"
class Problems {
public:
    explicit Problems(std::string file) : file_(std::move(file)) {}
    void add(Position at, std::string_view what);
    bool none() const noexcept { return lines_.empty(); }
    const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    std::string file_;
    std::vector<std::string> lines_;
};

// parse_config - TOML text to a tree; a syntax error is added to the problems and gives an empty tree
ConfigTable parse_config(std::string_view text, Problems& problems);

template <class S>
using SettingMember =
    std::variant<bool S::*, std::int64_t S::*, double S::*, std::optional<double> S::*, std::string S::*,
                 std::optional<std::string> S::*, std::vector<std::string> S::*, Bytes S::*, Duration S::*, Secret S::*>;

// Setting - one row. For numbers, sizes (bytes) and times (seconds) the value lies in [minimum, maximum]. For texts,
// `choices` (when not empty) lists what is allowed.
template <class S>
struct Setting {
    std::string_view name;
    SettingMember<S> member;
    std::string_view text;  // one sentence
    double minimum = 0;
    double maximum = 1e15;
    bool reloadable = true;  // takes effect on SIGHUP
    std::vector<std::string> choices = {};
};

namespace detail {
using SettingTarget = std::variant<bool*, std::int64_t*, double*, std::optional<double>*, std::string*,
                                   std::optional<std::string>*, std::vector<std::string>*, Bytes*, Duration*, Secret*>;
void load_value(const ConfigValue& from, std::string_view full_name, SettingTarget target, double minimum, double maximum,
                const std::vector<std::string>& choices, Problems& problems);
std::string show_value(const SettingTarget& target);
std::string type_name(const SettingTarget& target);
void unknown_key(std::string_view section, std::string_view key, Position at, const std::vector<std::string>& known,
                 Problems& problems);
template <class S>
SettingTarget target(S& owner, const SettingMember<S>& member) {
    return std::visit([&](auto pointer) { return SettingTarget(&(owner.*pointer)); }, member);
}
}  // namespace detail

// load_settings - fills `into` from the table by its rows; unknown keys (other than `also`) are problems
template <class S>
void load_settings(const ConfigTable& from, std::string_view section, const std::vector<Setting<S>>& rows, S& into,
                   Problems& problems, const std::vector<std::string>& also = {}) {
    std::vector<std::string> known(also);
    for (const auto& row : rows) {
        known.emplace_back(row.name);
        if (const auto* value = from.find(row.name))
            detail::load_value(*value, std::string(section) + "." + std::string(row.name), detail::target(into, row.member),
                               row.minimum, row.maximum, row.choices, problems);
    }
    for (const auto& [key, at] : from.keys)
        if (std::find(known.begin(), known.end(), key) == known.end()) detail::unknown_key(section, key, at, known, problems);
}

// SettingLine - what --print-config and docs/settings.md show of one setting
struct SettingLine {
    std::string section, name, type, value, fallback, text;
    bool from_file = false;
    bool reloadable = true;
    unsigned line = 0;
};
template <class S>
std::vector<SettingLine> describe_settings(std::string_view section, const std::vector<Setting<S>>& rows, S current,
                                           const ConfigTable* from) {
    std::vector<SettingLine> lines;
    S fallback{};
    for (const auto& row : rows) {
        const auto* value = from != nullptr ? from->find(row.name) : nullptr;
        lines.push_back({std::string(section), std::string(row.name), detail::type_name(detail::target(fallback, row.member)),
                         detail::show_value(detail::target(current, row.member)),
                         detail::show_value(detail::target(fallback, row.member)), std::string(row.text), value != nullptr,
                         row.reloadable, value != nullptr ? value->position.line : 0});
    }
    return lines;
}

std::optional<Bytes> parse_bytes(std::string_view text);
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace tamis
