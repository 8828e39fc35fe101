// setting_manual - what the settings are: for --print-config, and for docs/settings.md
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "config/setting_rows.h"
#include "config/settings.h"
#include "policy/fields.h"
#include "scanners/scanner.h"

namespace tamis::config {
namespace {

// bounds_text - ", 1 to 256" for a setting whose values have bounds worth telling
std::string bounds_text(std::string_view type, double minimum, double maximum) {
    constexpr double no_bound = 1e12;
    constexpr double kib = 1024;
    const bool is_size = type == "size";
    const bool has_bounds = type.starts_with("number") || is_size || type == "time";
    if (!has_bounds || maximum <= minimum || (minimum <= 0 && maximum >= no_bound)) return {};
    const auto shown = [&](double value) -> std::string {
        if (is_size)
            for (const auto& [unit, factor] :
                 {std::pair("GiB", kib * kib * kib), std::pair("MiB", kib * kib), std::pair("KiB", kib)})
                if (value >= factor && std::fmod(value, factor) == 0) return fmt::format("{} {}", value / factor, unit);
        return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
    };
    if (maximum >= no_bound) return fmt::format(", at least {}", shown(minimum));
    return fmt::format(", {} to {}{}", shown(minimum), shown(maximum), type == "time" ? " s" : "");
}

// with_fields - the lines of [policy]'s own rows, and those of the fields where people look for them
std::vector<SettingLine> with_fields(std::vector<SettingLine> own, std::vector<SettingLine> fields) {
    std::vector<SettingLine> out;
    const auto take = [&](std::string_view name) {
        const auto found = std::ranges::find(fields, name, &SettingLine::name);
        if (found == fields.end()) return;
        out.push_back(std::move(*found));
        fields.erase(found);
    };
    for (auto& line : own) {
        for (const auto& place : field_places())
            if (place.before == line.name) std::ranges::for_each(place.fields, take);
        out.push_back(std::move(line));
    }
    std::ranges::move(fields, std::back_inserter(out));
    return out;
}

}  // namespace

std::vector<SettingLine> setting_lines(const Settings* settings) {
    static const Settings defaults;
    const Settings& current = settings != nullptr ? *settings : defaults;
    std::vector<SettingLine> lines;
    const auto add = [&](std::string_view name, const auto& rows, const auto& values) {
        const auto* value = settings == nullptr ? nullptr : settings->config.find(name);
        auto more = describe_settings(name, rows, values, value == nullptr ? nullptr : value->table());
        for (std::size_t i = 0; i < more.size(); ++i) more[i].type += bounds_text(more[i].type, rows[i].minimum, rows[i].maximum);
        lines.insert(lines.end(), more.begin(), more.end());
    };
    // add_fields - behind the lines of the section's own rows, which are the last ones
    const auto add_fields = [&](std::string_view name, const policy::RecipientPolicy& values) {
        const auto* value = settings == nullptr ? nullptr : settings->config.find(name);
        auto fields = policy::site_field_lines(name, values, value == nullptr ? nullptr : value->table());
        for (auto& line : fields) {
            const auto type = policy::field_type(policy::fields()[policy::field_index(line.name).value()]);
            line.type += bounds_text(type.name, type.minimum, type.maximum);
        }
        const auto begin = std::ranges::find(lines, name, &SettingLine::section);
        auto all = with_fields({begin, lines.end()}, std::move(fields));
        lines.erase(begin, lines.end());
        std::ranges::move(all, std::back_inserter(lines));
    };
    add("server", server_rows(), current.server);
    add("limits", limit_rows(), current.limits);
    add("log", log_rows(), current.log);
    add("policy", policy_rows(), current.policy);
    add_fields("policy", current.site_policy);
    add("header_checks", policy::header_rows(), current.header_checks);
    add("notices", notice_rows(), current.notices);
    add("release", quarantine::release_rows(), current.release);
    add("control", control_rows(), current.control);
    add(worker::open_section, worker::open_rows(), current.open);
    add("storage", storage::storage_rows(), current.storage);
    for (const auto* key : {"lookup_dsn", "storage_dsn"}) {
        const auto& dsns = std::string_view(key) == "lookup_dsn" ? current.lookup_dsns : current.storage_dsns;
        std::vector<std::string> shown;
        for (const auto& dsn : dsns) shown.push_back("\"" + dsn.shown + "\"");
        const auto* table = settings == nullptr || settings->config.find("storage") == nullptr
                                ? nullptr
                                : settings->config.find("storage")->table();
        const auto* value = table == nullptr ? nullptr : table->find(key);
        lines.push_back(
            {"storage", key, "DSN or list of DSNs", "[" + join(shown, ", ") + "]", "[\"sqlite:STATE_DIR/tamis.db\"]",
             std::string_view(key) == "lookup_dsn"
                 ? "Databases with the tables users, policy, mailaddr and wblist, tried in order at every connect; those of storage_dsn when only that is given; [] for none."
                 : "Databases with the tables maddr, msgs, msgrcpt and quarantine, tried in order at every connect; [] for none.",
             value != nullptr, false, value != nullptr ? value->position.line : 0});
    }
    add("retention", storage::retention_rows(), current.retention);
    auto more = scanners::scanner_setting_lines(settings == nullptr ? nullptr : &settings->config);
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

namespace {

// meaning_of - of a destiny, for people who read their configuration again
std::string_view meaning_of(const SettingLine& line) {
    if (line.section != "policy" || !line.name.starts_with("final_") || !line.name.ends_with("_destiny")) return {};
    if (line.value == "\"pass\"") return "delivered";
    if (line.value == "\"discard\"") return "taken with 250, not delivered, nobody is told";
    if (line.value == "\"bounce\"")
        return "taken with 250, not delivered, the sender is told; never for viruses and spam from outside";
    if (line.value == "\"reject\"") return "refused with 5xx; behind a queue the mail server bounces to the sender (backscatter)";
    if (line.value == "\"tempfail\"") return "refused for now with 4xx, comes again";
    return "as final_unchecked_destiny";
}

}  // namespace

std::string print_config(const Settings& settings) {
    std::string out = fmt::format("# effective settings of {}\n", settings.file);
    std::string section;
    for (const auto& line : setting_lines(&settings)) {
        if (line.section != section) out += fmt::format("\n[{}]\n", section = line.section);
        const auto meaning = meaning_of(line);
        const bool is_shared = line.section == "storage" && line.name == "lookup_dsn" && takes_storage_dsn(settings.config);
        const std::string origin = line.from_file ? fmt::format("line {}", line.line) : is_shared ? "as storage_dsn" : "default";
        out += fmt::format("{} = {}   # {}{}{}\n", line.name, line.value, origin, meaning.empty() ? "" : "; ", meaning);
    }
    return out;
}

std::string settings_manual() {
    std::string out =
        "# Settings\n\n"
        "Made from the rows in the sources by `tamisd --settings-manual`; a test keeps it in step. Times are seconds or a\n"
        "text such as \"8m\"; sizes are octets or a text such as \"50 MB\". *Reload*: takes effect on SIGHUP; the others\n"
        "need a restart. A list of one may be written as a single text.\n";
    std::string section;
    for (const auto& line : setting_lines(nullptr)) {
        if (line.section != section)
            out += fmt::format("\n## [{}]\n\n| Setting | Type | Default | Reload | Meaning |\n|---|---|---|---|---|\n",
                               section = line.section);
        std::string fallback = line.fallback;
        out += fmt::format("| `{}` | {} | `{}` | {} | {} |\n", line.name, line.type, fallback, line.reloadable ? "yes" : "no",
                           line.text);
    }
    return out;
}

}  // namespace tamis::config
