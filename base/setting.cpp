#include "base/setting.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tamis {
namespace {

Position position_of(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

ConfigTable convert(const toml::table& from);

ConfigValue convert(const toml::node& from, const std::string& name, Problems* problems) {
    ConfigValue out;
    out.position = position_of(from.source());
    if (const auto* boolean = from.as_boolean()) out.value = boolean->get();
    else if (const auto* integer = from.as_integer()) out.value = integer->get();
    else if (const auto* real = from.as_floating_point()) out.value = real->get();
    else if (const auto* text = from.as_string()) out.value = text->get();
    else if (const auto* array = from.as_array()) {
        ConfigArray list;
        for (const auto& item : *array) list.push_back(convert(item, name, problems));
        out.value = std::move(list);
    } else if (const auto* table = from.as_table()) {
        out.value = convert(*table);
    } else {
        out.value = fmt::format("(a date or time, which no setting takes)");
    }
    return out;
}

ConfigTable convert(const toml::table& from) {
    ConfigTable out;
    out.position = position_of(from.source());
    for (const auto& [key, value] : from) {
        const std::string name(key.str());
        out.keys[name] = position_of(key.source());
        out.entries[name] = convert(value, name, nullptr);
    }
    return out;
}

std::string number_text(double value) {
    return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{}", static_cast<std::int64_t>(value))
                                                                : fmt::format("{}", value);
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else out += c;
    }
    return out + '"';
}

std::string what_it_is(const ConfigValue& value) {
    static constexpr const char* names[] = {"a yes/no value", "a number", "a number", "a text", "a list", "a table"};
    return names[value.value.index()];
}

std::optional<double> as_number(const ConfigValue& from) {
    if (const auto* integer = std::get_if<std::int64_t>(&from.value)) return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&from.value)) return std::isfinite(*real) ? std::optional(*real) : std::nullopt;
    return {};
}

}  // namespace

const ConfigValue* ConfigTable::find(std::string_view key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
}

void Problems::add(Position at, std::string_view what) {
    lines_.push_back(at.line == 0 ? fmt::format("{}: {}", file_, what)
                                  : fmt::format("{}:{}:{}: {}", file_, at.line, at.column, what));
}

ConfigTable parse_config(std::string_view text, Problems& problems) {
    try {
        return convert(toml::parse(text));
    } catch (const toml::parse_error& error) {  // Debian's library reports by exception; it goes no further
        problems.add(position_of(error.source()), error.description());
        return {};
    }
}

std::optional<Bytes> parse_bytes(std::string_view text) {
    text = trim(text);
    const auto end = text.find_first_not_of("0123456789.");
    const auto number = parse_number(text.substr(0, end));
    if (!number || *number < 0) return {};
    std::string unit = end == std::string_view::npos ? "" : to_lower(trim(text.substr(end)));
    double factor = 1;
    if (!unit.empty() && unit.back() == 'b') unit.pop_back();
    if (!unit.empty() && unit.back() == 'i') unit.pop_back();
    if (unit == "k") factor = 1024;
    else if (unit == "m") factor = 1024.0 * 1024;
    else if (unit == "g") factor = 1024.0 * 1024 * 1024;
    else if (!unit.empty()) return {};
    if (*number * factor > 9e15) return {};
    return Bytes{static_cast<std::uint64_t>(*number * factor)};
}

std::optional<Duration> parse_duration(std::string_view text) {
    text = trim(text);
    double total = 0;
    if (text.empty()) return {};
    while (!text.empty()) {
        const auto end = text.find_first_not_of("0123456789.");
        const auto number = parse_number(text.substr(0, end));
        if (!number || *number < 0) return {};
        text = end == std::string_view::npos ? std::string_view() : trim(text.substr(end));
        const auto unit_end = text.find_first_of("0123456789. ");
        const auto unit = text.substr(0, unit_end);
        text = unit_end == std::string_view::npos ? std::string_view() : trim(text.substr(unit_end));
        if (unit == "ms") total += *number;
        else if (unit == "s" || unit.empty()) total += *number * 1000;
        else if (unit == "m" || unit == "min") total += *number * 60'000;
        else if (unit == "h") total += *number * 3'600'000;
        else if (unit == "d") total += *number * 86'400'000;
        else if (unit == "w") total += *number * 604'800'000;
        else return {};
    }
    if (total > 1e15) return {};
    return Duration(static_cast<std::int64_t>(total));
}

namespace detail {

void load_value(const ConfigValue& from, std::string_view full_name, SettingTarget target, double minimum, double maximum,
                const std::vector<std::string>& choices, Problems& problems) {
    const auto wrong = [&](std::string_view expected) {
        problems.add(from.position, fmt::format("{} must be {}, not {}", full_name, expected, what_it_is(from)));
    };
    // unread - a text of the right kind that cannot be understood
    const auto unread = [&](std::string_view expected, const std::string& text) {
        problems.add(from.position, fmt::format("{} must be {}, not {}", full_name, expected, quoted(text)));
    };
    const auto in_bounds = [&](double value, std::string_view unit) {
        if (value >= minimum && value <= maximum) return true;
        problems.add(from.position, fmt::format("{} is {}{}; it must be from {} to {}{}", full_name, number_text(value), unit,
                                                number_text(minimum), number_text(maximum), unit));
        return false;
    };
    const auto allowed = [&](const std::string& text) {
        if (choices.empty() || std::ranges::find(choices, text) != choices.end()) return true;
        const auto near = nearest(text, choices);
        problems.add(from.position, fmt::format("{} is {}; it must be one of {}{}", full_name, quoted(text), join(choices, ", "),
                                                near ? fmt::format(" (did you mean \"{}\"?)", *near) : ""));
        return false;
    };
    struct Visitor {
        const ConfigValue& from;
        decltype(wrong)& bad;
        decltype(unread)& bad_text;
        decltype(in_bounds)& bounded;
        decltype(allowed)& choice;

        void operator()(bool* to) const {
            if (const auto* value = std::get_if<bool>(&from.value)) *to = *value;
            else bad("true or false");
        }
        void operator()(std::int64_t* to) const {
            const auto* value = std::get_if<std::int64_t>(&from.value);
            if (value == nullptr) bad("a whole number");
            else if (bounded(static_cast<double>(*value), "")) *to = *value;
        }
        void operator()(double* to) const {
            const auto value = as_number(from);
            if (!value) bad("a number");
            else if (bounded(*value, "")) *to = *value;
        }
        void operator()(std::optional<double>* to) const {
            double value = 0;
            if (const auto* text = from.text(); text != nullptr && *text == "none") {
                to->reset();
                return;
            }
            const auto number = as_number(from);
            if (!number) bad("a number or \"none\"");
            else if (bounded(value = *number, "")) *to = value;
        }
        void operator()(std::string* to) const {
            const auto* text = from.text();
            if (text == nullptr) bad("a text in quotes");
            else if (choice(*text)) *to = *text;
        }
        void operator()(std::optional<std::string>* to) const {
            std::string text;
            if (from.text() == nullptr) return bad("a text in quotes");
            if (choice(*from.text())) *to = *from.text();
        }
        void operator()(std::vector<std::string>* to) const {
            if (const auto* text = from.text()) {  // a single text is a list of one
                if (choice(*text)) *to = {*text};
                return;
            }
            const auto* array = from.array();
            if (array == nullptr) return bad("a list of texts");
            std::vector<std::string> list;
            for (const auto& item : *array) {
                if (item.text() == nullptr) return bad("a list of texts");
                if (!choice(*item.text())) return;
                list.push_back(*item.text());
            }
            *to = std::move(list);
        }
        void operator()(Bytes* to) const {
            std::optional<Bytes> value;
            if (const auto* integer = std::get_if<std::int64_t>(&from.value); integer != nullptr && *integer >= 0)
                value = Bytes{static_cast<std::uint64_t>(*integer)};
            else if (const auto* text = from.text()) value = parse_bytes(*text);
            if (!value && from.text() != nullptr) bad_text("a size such as 65536 or \"50 MB\"", *from.text());
            else if (!value) bad("a size such as 65536 or \"50 MB\"");
            else if (bounded(static_cast<double>(value->count), " bytes")) *to = *value;
        }
        void operator()(Duration* to) const {
            std::optional<Duration> value;
            if (const auto number = as_number(from); number && *number >= 0 && *number < 1e12)
                value = Duration(static_cast<std::int64_t>(*number * 1000));
            else if (const auto* text = from.text()) value = parse_duration(*text);
            if (!value && from.text() != nullptr) bad_text("a time such as 30, \"250ms\" or \"8m\"", *from.text());
            else if (!value) bad("a time such as 30, \"250ms\" or \"8m\"");
            else if (bounded(static_cast<double>(value->count()) / 1000.0, " s")) *to = *value;
        }
        void operator()(Secret* to) const {
            if (const auto* text = from.text()) *to = Secret(*text);
            else bad("a text in quotes");
        }
    };
    std::visit(Visitor{from, wrong, unread, in_bounds, allowed}, target);
}

std::string show_value(const SettingTarget& target) {
    struct Visitor {
        std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
        std::string operator()(const std::int64_t* v) const { return std::to_string(*v); }
        std::string operator()(const double* v) const { return number_text(*v); }
        std::string operator()(const std::optional<double>* v) const { return *v ? number_text(**v) : "\"none\""; }
        std::string operator()(const std::string* v) const { return quoted(*v); }
        std::string operator()(const std::optional<std::string>* v) const { return *v ? quoted(**v) : "(not set)"; }
        std::string operator()(const std::vector<std::string>* v) const {
            std::vector<std::string> items;
            for (const auto& item : *v) items.push_back(quoted(item));
            return "[" + join(items, ", ") + "]";
        }
        std::string operator()(const Bytes* v) const {
            for (const auto& [unit, size] :
                 {std::pair("GiB", 1ULL << 30), std::pair("MiB", 1ULL << 20), std::pair("KiB", 1ULL << 10)})
                if (v->count >= size && v->count % size == 0) return fmt::format("\"{} {}\"", v->count / size, unit);
            return std::to_string(v->count);
        }
        std::string operator()(const Duration* v) const {
            const auto ms = v->count();
            if (ms % 1000 != 0) return fmt::format("\"{}ms\"", ms);
            if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("\"{}h\"", ms / 3'600'000);
            if (ms != 0 && ms % 60'000 == 0) return fmt::format("\"{}m\"", ms / 60'000);
            return fmt::format("\"{}s\"", ms / 1000);
        }
        std::string operator()(const Secret* v) const { return v->empty() ? "\"\"" : "\"(secret)\""; }
    };
    return std::visit(Visitor{}, target);
}

std::string type_name(const SettingTarget& target) {
    static constexpr const char* names[] = {"yes/no",        "number", "number", "number or \"none\"", "text", "text",
                                            "list of texts", "size",   "time",   "secret text"};
    return names[target.index()];
}

void unknown_key(std::string_view section, std::string_view key, Position at, const std::vector<std::string>& known,
                 Problems& problems) {
    const auto near = nearest(key, known);
    problems.add(at, fmt::format("unknown setting \"{}\"{}{}", key, section.empty() ? "" : fmt::format(" in [{}]", section),
                                 near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace detail
}  // namespace tamis
