#include "storage/dsn.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "base/text.h"
#include "storage/backend.h"

namespace tamis::storage {
namespace {

// dbi - amavisd's form: "DBI:driver:..."
Result<Dsn> dbi(std::string_view text, std::string_view user, std::string_view password) {
    const auto behind = text.substr(4);
    const auto colon = behind.find(':');
    if (colon == std::string_view::npos)
        return fail(Errc::bad_input, fmt::format("a DBI string without driver; {}", dsn_expected()));
    const auto driver = behind.substr(0, colon);
    for (const auto* backend : backends())
        for (const auto known : backend->dsn.drivers)
            if (equal_fold(driver, known))
                return backend->dsn.parse({DsnText::Form::driver, text, behind.substr(colon + 1), user, password});
    return fail(Errc::bad_input,
                fmt::format("the database driver \"{}\" is not supported; {}", escaped(driver, 20), dsn_expected()));
}

std::optional<Dsn> load_one(const ConfigValue& from, std::string_view setting, Problems& problems) {
    const auto report = [&](Result<Dsn> dsn) -> std::optional<Dsn> {
        if (dsn) return std::move(*dsn);
        problems.add(from.position, fmt::format("{}: {}", setting, dsn.error().detail));
        return {};
    };
    if (const auto* text = from.text()) return report(parse_dsn(*text));
    const auto* table = from.table();
    if (table == nullptr) {
        problems.add(from.position, fmt::format("{}: expected a text, a table {{ dsn = \"...\", user = \"...\", password = "
                                                "\"...\" }}, or a list of these",
                                                setting));
        return {};
    }
    static const std::vector<std::string> known{"dsn", "user", "password"};
    std::array<std::string, 3> values;
    bool good = true;
    for (const auto& [key, value] : table->entries) {
        const auto at = std::ranges::find(known, key);
        if (at == known.end()) {
            const auto position = table->keys.find(key);
            detail::unknown_key(setting, key, position == table->keys.end() ? value.position : position->second, known, problems);
            good = false;
        } else if (value.text() == nullptr) {
            problems.add(value.position, fmt::format("{}.{}: expected a text", setting, key));
            good = false;
        } else {
            values[static_cast<std::size_t>(at - known.begin())] = *value.text();
        }
    }
    if (table->find("dsn") == nullptr) {
        problems.add(from.position, fmt::format("{}: the table lacks \"dsn\"", setting));
        good = false;
    }
    if (!good) return {};
    return report(parse_dsn(values[0], values[1], values[2]));
}

}  // namespace

const std::string& dsn_expected() {
    static const std::string text = [] {
        std::vector<std::string_view> forms;
        for (const auto* backend : backends())
            forms.insert(forms.end(), backend->dsn.examples.begin(), backend->dsn.examples.end());
        for (const auto* backend : backends())
            if (!backend->dsn.driver_example.empty()) forms.push_back(backend->dsn.driver_example);
        std::string out = "expected ";
        for (std::size_t i = 0; i < forms.size(); ++i)
            out += fmt::format("{}{}", i == 0 ? "" : i + 1 == forms.size() ? ", or " : ", ", forms[i]);
        return out;
    }();
    return text;
}

std::string dsn_help() {
    std::vector<std::string> forms;
    for (const auto* backend : backends()) forms.emplace_back(backend->dsn.brief);
    for (const auto* backend : backends())
        if (!backend->dsn.driver_brief.empty()) forms.emplace_back(backend->dsn.driver_brief);
    return join(forms, ", ");
}

Result<DsnWords> dbi_words(std::string_view text) {
    DsnWords words;
    for (const auto part : split(text, ';')) {
        const auto piece = trim(part);
        if (piece.empty()) continue;
        const auto equal = piece.find('=');
        if (equal == std::string_view::npos)
            return fail(Errc::bad_input, "a part without \"=\"; expected DBI:Pg:dbname=...;host=...;port=...");
        std::string keyword = to_lower(trim(piece.substr(0, equal)));
        if (keyword == "db" || keyword == "database") keyword = "dbname";
        words[keyword] = std::string(trim(piece.substr(equal + 1)));
    }
    return words;
}

Result<Dsn> parse_dsn(std::string_view text, std::string_view user, std::string_view password) {
    text = trim(text);
    if (text.empty()) return fail(Errc::bad_input, fmt::format("empty; {}", dsn_expected()));
    if (text.find('\0') != std::string_view::npos) return fail(Errc::bad_input, fmt::format("contains NUL; {}", dsn_expected()));
    for (const auto* backend : backends())
        for (const auto scheme : backend->dsn.schemes)
            if (starts_with_fold(text, scheme))
                return backend->dsn.parse({DsnText::Form::scheme, text, text.substr(scheme.size()), user, password});
    if (starts_with_fold(text, "dbi:")) return dbi(text, user, password);
    const auto scheme = text.find("://");
    if (scheme != std::string_view::npos && text.substr(0, scheme).find_first_of(" =") == std::string_view::npos)
        return fail(Errc::bad_input,
                    fmt::format("the scheme \"{}\" is not supported; {}", escaped(text.substr(0, scheme), 20), dsn_expected()));
    if (text.find('=') != std::string_view::npos)
        for (const auto* backend : backends())
            if (backend->dsn.takes_words) return backend->dsn.parse({DsnText::Form::words, text, text, user, password});
    return fail(Errc::bad_input, dsn_expected());
}

Result<Dsn> default_dsn(std::string_view directory) {
    for (const auto* backend : backends())
        if (backend->dsn.in_directory != nullptr) return parse_dsn(backend->dsn.in_directory(directory));
    return fail(Errc::bad_input, "no database is configured");
}

bool is_absent(const Dsn& dsn) {
    std::error_code ignored;
    return dsn.is_private || (!dsn.file.empty() && !std::filesystem::exists(dsn.file, ignored));
}

Done same_kind(const std::vector<Dsn>& dsns, std::string_view setting) {
    if (dsns.empty()) return fail(Errc::bad_input, std::string(setting) + ": no DSN is given");
    const auto* backend = dsns.front().backend;
    if (std::ranges::all_of(dsns, [&](const Dsn& dsn) { return dsn.backend == backend; })) return {};
    return fail(Errc::bad_input, std::string(setting) + ": all DSNs of a list must be of the same kind of database");
}

void name_entries(std::vector<Dsn>& dsns, std::string_view setting) {
    for (std::size_t i = 0; i < dsns.size(); ++i)
        dsns[i].use = dsns.size() == 1 ? std::string(setting) : fmt::format("{} entry {} of {}", setting, i + 1, dsns.size());
}

std::vector<Dsn> load_dsns(const ConfigValue& from, std::string_view setting, Problems& problems) {
    std::vector<Dsn> dsns;
    const auto add = [&](const ConfigValue& value, std::string_view name) {
        if (auto dsn = load_one(value, name, problems)) dsns.push_back(std::move(*dsn));
    };
    const auto* list = from.array();
    if (list == nullptr) {
        add(from, setting);
    } else {
        std::size_t number = 0;
        for (const auto& value : *list)
            add(value,
                list->size() == 1 ? std::string(setting) : fmt::format("{} entry {} of {}", setting, ++number, list->size()));
        if (list->empty()) problems.add(from.position, fmt::format("{}: the list is empty", setting));
    }
    for (const auto& dsn : dsns)
        if (dsn.backend != dsns.front().backend) {
            problems.add(from.position, fmt::format("{}: all entries of a list must be of the same kind of database", setting));
            return {};
        }
    name_entries(dsns, setting.substr(setting.find('.') + 1));
    return dsns;
}

}  // namespace tamis::storage
