// field_values - texts of SQL and values of TOML as typed values of fields (policy/fields.h)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/fields.h"

namespace tamis::policy {
namespace {

constexpr std::size_t evidence_limit = 80;
constexpr double level_limit = 1e6;

using SqlResult = Result<std::optional<FieldValue>>;

std::unexpected<Fault> not_a(std::string_view what, std::string_view text) {
    return fail(Errc::bad_input, fmt::format("\"{}\" is not {}", escaped(text, evidence_limit), what));
}

std::string_view without_trailing_blanks(std::string_view text) {
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

SqlResult yes_or_no(std::string_view text) {
    static constexpr std::array<std::string_view, 4> no = {"n", "no", "f", "false"};
    static constexpr std::array<std::string_view, 4> yes = {"y", "yes", "t", "true"};
    const std::string word = to_lower(trim(text));
    const auto is_one_of = [&](const auto& list) { return std::ranges::find(list, word) != list.end(); };
    const auto only = [&](std::string_view characters) { return word.find_first_not_of(characters) == std::string::npos; };
    if (only("0") || only(std::string_view("\0", 1)) || is_one_of(no) || word == "off") return FieldValue(false);
    if (only("0123456789") || is_one_of(yes) || word == "on") return FieldValue(true);
    return not_a("yes or no (Y or N)", text);
}

SqlResult number(std::string_view text) {
    const auto trimmed = trim(text);
    if (trimmed.empty()) return std::nullopt;
    const auto value = parse_number(trimmed);
    if (!value) return not_a("a number", text);
    return FieldValue(std::optional<double>(*value));
}

SqlResult size(std::string_view text) {
    const auto trimmed = trim(text);
    if (trimmed.empty()) return std::nullopt;
    const auto value = parse_unsigned(trimmed);
    if (!value) return not_a("a number of octets", text);
    return FieldValue(*value == 0 ? std::optional<std::uint64_t>() : std::optional<std::uint64_t>(*value));
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

std::vector<std::string> names_in(std::string_view text) {
    std::vector<std::string> names;
    for (const auto word : words(text, ", \t")) names.emplace_back(word);
    return names;
}

struct SqlReader {
    std::string_view text;

    SqlResult operator()(AccessTo<bool>) const { return yes_or_no(text); }
    SqlResult operator()(AccessTo<std::optional<double>>) const { return number(text); }
    SqlResult operator()(AccessTo<std::optional<std::uint64_t>>) const { return size(text); }
    SqlResult operator()(AccessTo<std::string>) const {
        if (has_control(text)) return not_a("a text of one line", text);
        return FieldValue(std::string(text));
    }
    SqlResult operator()(AccessTo<std::vector<std::string>>) const {
        if (has_control(text)) return not_a("a list of names", text);
        return FieldValue(names_in(text));
    }
    SqlResult operator()(AccessTo<Destiny>) const {
        const auto destiny = destiny_named(to_lower(without_trailing_blanks(text)));
        if (!destiny) return not_a("pass, discard, bounce, reject or tempfail", text);
        return FieldValue(*destiny);
    }
};

// loaded - one value by the same rules as every other setting; nothing when it added a problem
template <class T>
std::optional<T> loaded(const ConfigValue& from, const std::string& name, double minimum, double maximum,
                        const std::vector<std::string>& choices, Problems& problems) {
    T value{};
    const auto before = problems.lines().size();
    tamis::detail::load_value(from, name, &value, minimum, maximum, choices, problems);
    return problems.lines().size() == before ? std::optional<T>(std::move(value)) : std::nullopt;
}

enum class Controls : bool { told_elsewhere, told_here };  // control characters in a text

constexpr double size_limit = 1e15;

struct ConfigReader {
    const ConfigValue& from;
    std::string name;
    Problems& problems;
    Controls controls = Controls::told_here;

    std::optional<FieldValue> operator()(AccessTo<bool>) const {
        const auto value = loaded<bool>(from, name, 0, 0, {}, problems);
        return value ? std::optional<FieldValue>(*value) : std::nullopt;
    }
    std::optional<FieldValue> operator()(AccessTo<std::optional<double>>) const {
        const auto value = loaded<std::optional<double>>(from, name, -level_limit, level_limit, {}, problems);
        return value ? std::optional<FieldValue>(*value) : std::nullopt;
    }
    std::optional<FieldValue> operator()(AccessTo<std::optional<std::uint64_t>>) const {
        const auto value = loaded<Bytes>(from, name, 0, size_limit, {}, problems);
        if (!value) return {};
        return FieldValue(value->count == 0 ? std::optional<std::uint64_t>() : std::optional(value->count));
    }
    std::optional<FieldValue> operator()(AccessTo<std::string>) const {
        auto value = loaded<std::string>(from, name, 0, 0, {}, problems);
        if (!value) return {};
        if (controls == Controls::told_here && has_control(*value)) {
            problems.add(from.position, name + " must be a text of one line");
            return {};
        }
        return FieldValue(std::move(*value));
    }
    std::optional<FieldValue> operator()(AccessTo<std::vector<std::string>>) const {
        auto value = loaded<std::vector<std::string>>(from, name, 0, 0, {}, problems);
        return value ? std::optional<FieldValue>(std::move(*value)) : std::nullopt;
    }
    std::optional<FieldValue> operator()(AccessTo<Destiny>) const {
        const auto value = loaded<std::string>(from, name, 0, 0, destiny_names(), problems);
        const auto destiny = value ? destiny_named(*value) : std::nullopt;
        return destiny ? std::optional<FieldValue>(*destiny) : std::nullopt;
    }
};

// TypeOf - the type as which load_value reads it, by its name in the manual
struct TypeOf {
    template <class T>
    static FieldType named(double minimum = 0, double maximum = 0) {
        T value{};
        return {tamis::detail::type_name(&value), minimum, maximum};
    }
    FieldType operator()(AccessTo<bool>) const { return named<bool>(); }
    FieldType operator()(AccessTo<std::optional<double>>) const {
        return named<std::optional<double>>(-level_limit, level_limit);
    }
    FieldType operator()(AccessTo<std::optional<std::uint64_t>>) const { return named<Bytes>(0, size_limit); }
    FieldType operator()(AccessTo<std::vector<std::string>>) const { return named<std::vector<std::string>>(); }
    FieldType operator()(AccessTo<std::string>) const { return named<std::string>(); }
    FieldType operator()(AccessTo<Destiny>) const { return named<std::string>(); }
};

struct Shower {
    static std::string quoted(std::string text) { return tamis::detail::show_value(&text); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(const std::optional<double>& value) const { return value ? fmt::format("{}", *value) : "\"none\""; }
    std::string operator()(const std::optional<std::uint64_t>& value) const { return value ? fmt::format("{}", *value) : "0"; }
    std::string operator()(const std::string& value) const { return quoted(value); }
    std::string operator()(const std::vector<std::string>& value) const {
        std::vector<std::string> items;
        for (const auto& item : value) items.push_back(quoted(item));
        return "[" + join(items, ", ") + "]";
    }
    std::string operator()(Destiny value) const { return quoted(std::string(destiny_name(value))); }
};

constexpr std::array<std::pair<std::string_view, Destiny>, 5> destinies = {{{"pass", Destiny::pass},
                                                                            {"discard", Destiny::discard},
                                                                            {"bounce", Destiny::bounce},
                                                                            {"reject", Destiny::reject},
                                                                            {"tempfail", Destiny::tempfail}}};

}  // namespace

std::optional<Destiny> destiny_named(std::string_view name) {
    for (const auto& [known, destiny] : destinies)
        if (known == name) return destiny;
    return {};
}

std::vector<std::string> destiny_names() {
    std::vector<std::string> names;
    for (const auto& row : destinies) names.emplace_back(row.first);
    return names;
}

std::string_view destiny_name(Destiny destiny) {
    for (const auto& [name, known] : destinies)
        if (known == destiny) return name;
    return {};
}

std::string show_value(const FieldValue& value) { return std::visit(Shower{}, value); }

Result<std::optional<FieldValue>> sql_value(const FieldRow& row, std::string_view text) {
    return std::visit(SqlReader{text}, row.access);
}

std::optional<FieldValue> config_value(const FieldRow& row, std::string_view section, const ConfigValue& from,
                                       Problems& problems) {
    return std::visit(ConfigReader{from, fmt::format("{}.{}", section, row.name), problems}, row.access);
}

FieldType field_type(const FieldRow& row) { return std::visit(TypeOf{}, row.access); }

void load_site_fields(const ConfigTable& from, std::string_view section, RecipientPolicy& into, Problems& problems) {
    for (const auto& row : fields()) {
        const auto* given = row.for_site == ForSite::yes ? from.find(row.name) : nullptr;
        if (given == nullptr) continue;
        const ConfigReader reader{*given, fmt::format("{}.{}", section, row.name), problems, Controls::told_elsewhere};
        if (const auto value = std::visit(reader, row.access)) set_field(row, into, *value);
    }
}

FieldValues load_field_values(const ConfigTable& from, std::string_view section, Problems& problems,
                              const std::vector<std::string>& also) {
    FieldValues values(fields().size());
    std::vector<std::string> known(also);
    for (const auto& row : fields()) known.emplace_back(row.name);
    for (const auto& [key, value] : from.entries) {
        if (const auto index = field_index(key)) values[*index] = config_value(fields()[*index], section, value, problems);
        else if (std::ranges::find(also, key) == also.end())
            tamis::detail::unknown_key(section, key, from.keys.at(key), known, problems);
    }
    return values;
}

}  // namespace tamis::policy
