#include "tools/import/translation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "config/settings.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

std::string what_of(const Assignment& assignment) {
    if (assignment.key.empty()) return assignment.name;
    return fmt::format("${}{{{}}}", assignment.name.substr(1), escaped(assignment.key, 60));
}

std::string reason_of(const Call& call) {
    if (call.name == "dkim_key") return "Tamis does not sign; let OpenDKIM, rspamd or the MTA do it";
    if (call.name == "require") return "Perl modules are not loaded";
    return "names a file that was not given: name it on the command line as well";
}

// is_empty - a value that sets nothing: undef, "", 0, and tables that hold nothing else
bool is_empty(const AmavisdConf& conf, const PerlValue& given, int depth = 0) {
    constexpr int deepest = 20;
    const PerlValue value = conf.followed(given);
    if (depth > deepest || !value.is_known()) return false;
    if (value.is(Kind::text)) return value.text.empty() || value.text == "0";
    if (value.is(Kind::undef)) return true;
    if (value.is(Kind::table) || value.is(Kind::patterns)) return value.items.empty();
    return value.is(Kind::list) &&
           std::ranges::all_of(value.items, [&](const PerlValue& each) { return is_empty(conf, each, depth + 1); });
}

// mentioned - all places that stand in the result behind a setting
std::set<Place> mentioned(const std::string& toml, const std::vector<std::string>& files) {
    std::set<Place> out;
    for (std::size_t file = 0; file < files.size(); ++file) {
        const std::string name = files[file] + ":";
        for (auto at = toml.find(name); at != std::string::npos; at = toml.find(name, at + 1)) {
            const auto digits = toml.find_first_not_of("0123456789", at + name.size());
            const auto line = parse_unsigned(
                std::string_view(toml).substr(at + name.size(), digits == std::string::npos ? digits : digits - at - name.size()),
                UINT32_MAX);
            if (line) out.insert({file, static_cast<unsigned>(*line)});
        }
    }
    return out;
}

}  // namespace

Translation::Translation(const AmavisdConf& from, const Surroundings& surroundings) : conf(from), around(surroundings) {
    for (const auto& assignment : conf.assignments) {
        auto& places = places_[assignment.name];
        if (assignment.is_whole) places.clear();
        places.push_back(assignment.place);
    }
}

std::vector<Place> Translation::places(std::string_view name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? std::vector<Place>() : found->second;
}

void Translation::settle(std::string_view name, Outcome outcome, std::string_view text) {
    const auto found = settled_.find(name);
    if (found == settled_.end()) settled_.emplace(name, Settled{outcome, std::string(text)});
    else if (outcome > found->second.outcome || (outcome == Outcome::translated && found->second.outcome == Outcome::needless))
        found->second = {outcome, std::string(text)};
}

void Translation::remark(Place place, std::string_view what, Outcome outcome, std::string_view text) {
    remarks_.push_back({place, std::string(what), outcome, std::string(text)});
}

bool Translation::is_unknown(std::string_view name, const PerlValue& value) {
    if (value.is_known()) return false;
    settle(name, Outcome::missing, value.text);
    return true;
}

std::string Translation::fallback(std::string_view section, std::string_view key) const {
    static const auto fallbacks = [] {
        std::map<std::string, std::string, std::less<>> out;
        for (const auto& line : config::setting_lines(nullptr)) out[line.section + "." + line.name] = line.fallback;
        return out;
    }();
    const auto found = fallbacks.find(fmt::format("{}.{}", section, key));
    return found == fallbacks.end() ? std::string() : found->second;
}

void Translation::put(std::string_view section, std::string_view key, const std::string& rendered, std::vector<Place> from,
                      std::string note) {
    const bool is_default = std::ranges::all_of(from, [](Place place) { return place.line == 0; });
    if (is_default && note.empty() && rendered == fallback(section, key)) return;
    toml.table(fmt::format("[{}]", section)).put(key, rendered, std::move(from), std::move(note));
}

std::vector<ReportLine> Translation::report() {
    std::vector<ReportLine> out = remarks_;
    for (const auto& remark : conf.not_understood)
        out.push_back({remark.place, remark.what, Outcome::missing, "not understood: " + remark.why});
    for (const auto& call : conf.calls) {
        const bool is_english =
            call.name == "read_l10n_templates" && !call.arguments.empty() && call.arguments.front().text == "en_US";
        if (is_english)
            out.push_back({call.place, call.name, Outcome::needless, "Tamis has texts of its own for notices (docs/notices.md)"});
        else if (call.name == "read_l10n_templates")
            out.push_back({call.place, call.name, Outcome::missing,
                           "texts of notices are in another language; write files for notices.*_template (docs/notices.md)"});
        else out.push_back({call.place, call.name, Outcome::missing, reason_of(call)});
    }
    for (const auto& assignment : conf.assignments) {
        const std::string& name = assignment.name;
        const auto& last = places_[name];
        if (std::ranges::find(last, assignment.place) == last.end()) {
            out.push_back({assignment.place, what_of(assignment), Outcome::needless,
                           fmt::format("overridden at {}", conf.shown(last.front()))});
            continue;
        }
        const auto settled = settled_.find(name);
        if (settled != settled_.end()) {
            out.push_back({assignment.place, what_of(assignment), settled->second.outcome, settled->second.text});
            continue;
        }
        const bool is_own = conf.used.contains(assignment.name) || conf.own.contains(assignment.name);
        if (is_own)
            out.push_back({assignment.place, what_of(assignment), Outcome::needless, "a variable that other settings use"});
        else if (conf.in_defaults.contains(name))
            out.push_back(
                {assignment.place, what_of(assignment), Outcome::needless, "no list of tables names it, so it had no effect"});
        else out.push_back({assignment.place, what_of(assignment), Outcome::missing, "not known as a setting of amavisd-new"});
    }
    tell_the_rest(out);
    std::ranges::sort(out, [](const ReportLine& a, const ReportLine& b) {
        return std::tie(a.place, a.what, a.text) < std::tie(b.place, b.what, b.text);
    });
    const auto same = [](const ReportLine& a, const ReportLine& b) {
        return a.place == b.place && a.what == b.what && a.text == b.text;
    };
    const auto extra = std::ranges::unique(out, same);
    out.erase(extra.begin(), extra.end());
    return out;
}

void Translation::tell_the_rest(std::vector<ReportLine>& lines) const {
    const std::string text = toml.text([&](Place place) { return conf.shown(place); });
    // a statement goes on up to the next one: what it holds has places of its own
    const auto end_of = [&](Place place) {
        constexpr unsigned most = 500;
        unsigned end = place.line + most;
        for (const auto& each : conf.assignments)
            if (each.place.file == place.file && each.place.line > place.line) end = std::min(end, each.place.line);
        for (const auto& each : conf.calls)
            if (each.place.file == place.file && each.place.line > place.line) end = std::min(end, each.place.line);
        return end;
    };
    std::set<Place> told = mentioned(text, conf.files);
    for (const auto& line : lines)
        if (!line.text.empty()) told.insert(line.place);
    for (auto& line : lines) {
        if (line.outcome != Outcome::translated || !line.text.empty()) continue;
        const auto first = told.lower_bound(line.place);
        if (first != told.end() && first->file == line.place.file &&
            first->line < std::max(end_of(line.place), line.place.line + 1))
            continue;
        const auto assignment = std::ranges::find_if(
            conf.assignments, [&](const Assignment& each) { return each.place == line.place && what_of(each) == line.what; });
        if (assignment == conf.assignments.end()) continue;
        const bool sets_nothing = is_empty(conf, conf.value(assignment->name));
        const bool is_for_control = assignment->name == "$auth_required_release" || assignment->name == "$protocol" ||
                                    assignment->name == "$unix_socket_mode";
        const bool is_overridden =
            (assignment->name.starts_with("$final_") &&
             (is_assigned("%final_destiny_by_ccat") || is_assigned("%final_destiny_maps_by_ccat"))) ||
            (assignment->name.ends_with("_quarantine_method") && is_assigned("%quarantine_method_by_ccat"));
        line.outcome =
            sets_nothing || is_for_control || is_overridden || !assignment->key.empty() ? Outcome::needless : Outcome::missing;
        line.text = sets_nothing               ? "it sets nothing"
                    : is_overridden            ? "overridden by what is said by category"
                    : is_for_control           ? "no socket is there that it would be for"
                    : !assignment->key.empty() ? "that is what Tamis does"
                                               : "nothing in the result comes of this value; look at what it was for";
    }
}

std::size_t Imported::count(Outcome outcome) const {
    return static_cast<std::size_t>(std::ranges::count(report, outcome, &ReportLine::outcome));
}

Result<Imported> import_amavisd(const std::vector<Source>& sources, const Surroundings& around) {
    auto conf = read_amavisd_conf(sources, around);
    if (!conf) return std::unexpected(std::move(conf.error()));
    Imported out;
    out.conf = std::move(*conf);
    Translation translation(out.conf, around);
    translate_databases(translation);
    translate_listeners(translation);
    translate_simple(translation);
    translate_by_category(translation);
    translate_recipients(translation);
    translate_senders(translation);
    translate_banned(translation);
    translate_scanners(translation);
    translate_spam_scanners(translation);
    translate_banks(translation);
    translate_reasons(translation);
    out.report = translation.report();
    out.toml = translation.toml.text([&](Place place) { return out.conf.shown(place); });
    return out;
}

std::string report_text(const Imported& imported) {
    std::string out = fmt::format("{} translated, {} no equivalent, {} not translated\n",
                                  counted(imported.count(Outcome::translated), "statement"),
                                  counted(imported.count(Outcome::needless), "needs", "need"), imported.count(Outcome::missing));
    for (const auto& [outcome, head] :
         {std::pair{Outcome::missing, "Not translated:"}, std::pair{Outcome::needless, "Need no equivalent:"}}) {
        if (imported.count(outcome) == 0) continue;
        out += fmt::format("\n{}\n", head);
        for (const auto& line : imported.report)
            if (line.outcome == outcome)
                out += fmt::format("{}: {}: {}\n", escaped(imported.conf.shown(line.place), 400), printable_or(line.what, '?'),
                                   printable_or(std::string_view(line.text).substr(0, 1000), '?'));
    }
    return out;
}

std::optional<std::string> destiny_text(const PerlValue& value) {
    const auto number = value.is(Kind::text) ? number_of(value) : std::nullopt;
    if (number == 1) return "pass";
    if (number == 0) return "discard";
    if (number == -2) return "bounce";
    if (number == -3) return "reject";
    if (number == -4) return "tempfail";
    return {};
}

std::optional<std::vector<std::string>> texts_of(const PerlValue& value) {
    if (value.is(Kind::undef)) return std::vector<std::string>();
    if (value.is(Kind::text)) return std::vector<std::string>{value.text};
    if (!value.is(Kind::list)) return {};
    std::vector<std::string> out;
    for (const auto& item : value.items) {
        if (!item.is(Kind::text)) return {};
        out.push_back(item.text);
    }
    return out;
}

}  // namespace tamis::tools
