#include "scanners/yara/yara.h"

#include <fmt/format.h>

#include <algorithm>

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.yara";

MatchOptions match_options(const YaraSettings& settings, const Surroundings& around) {
    MatchOptions out;
    out.workers = static_cast<std::uint32_t>(settings.max_scans);
    if (around.worker_memory != 0) out.memory = around.worker_memory;
    out.longest = std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(settings.timeout));
    return out;
}

mail::ScanOutcome outcome_of(YaraFindings findings) {
    if (!findings.viruses.empty()) return mail::Infected{std::move(findings.viruses)};
    if (findings.tests.empty()) return mail::Clean{};
    double score = 0;
    for (const auto& test : findings.tests) score += test.score;
    return mail::Scored{std::clamp(score, -1e6, 1e6), std::move(findings.tests), {}, {}, {}};
}

}  // namespace

const std::vector<Setting<YaraSettings>>& yara_settings() {
    static const auto rows = joined<YaraSettings>(
        {{"rules", &YaraSettings::rules,
          "rule files, each with its full path; \"builtin\" is what comes with the program: EICAR and GTUBE"},
         {"unmarked",
          &YaraSettings::unmarked,
          "what a match of a rule without virus or score in its metadata means",
          0,
          0,
          true,
          {"virus", "ignore"}},
         backup_row<YaraSettings>()},
        common_rows<YaraSettings>());
    return rows;
}

Yara::Yara(std::shared_ptr<const YaraRules> rules, const YaraSettings& settings, const Surroundings& around)
    : rules_(std::move(rules)),
      settings_(settings),
      pool_(around.spawner, rules_, match_options(settings, around)),
      state_(BackendList("yara", {"rules"})),
      scans_("tamis_scans_total", "Scans by scanner", "scanner", "yara"),
      failures_("tamis_scan_failures_total", "Scans without an answer by scanner", "scanner", "yara") {}

mail::ScanOutcome Yara::failed(Fault fault) {
    failures_.add();
    return mail::Failed{{fault.code, fmt::format("yara: {}", describe(fault))}};
}

Task<mail::ScanOutcome> Yara::scan(const ScanRequest& request, Deadline deadline) {
    scans_.add();
    const auto& spool = request.message->spool;
    if (settings_.max_size.count != 0 && spool->size() > settings_.max_size.count)
        co_return failed({make_error_code(Errc::over_limit),
                          fmt::format("{} has {} bytes, scanners.yara.max_size is {}; not scanned",
                                      request.is_part ? "it" : "the message", spool->size(), settings_.max_size.count)});
    deadline = deadline.sooner(settings_.timeout);
    if (deadline.passed()) co_return failed({make_error_code(Errc::timeout), "no time left"});
    const auto found = co_await pool_.match(request.message->log_id.get(), spool, deadline);
    if (!found) {
        state_.failed(0, describe(found.error()));
        co_return failed(found.error());
    }
    state_.succeeded(0);
    co_return outcome_of(rules_->meaning_of(*found));
}

std::shared_ptr<Scanner> open_yara(const ConfigTable& table, Problems& problems, const Surroundings& around) {
    const auto before = problems.lines().size();
    YaraSettings settings;
    load_settings(table, section, yara_settings(), settings, problems);
    const auto* value = table.find("rules");
    const Position at = value != nullptr ? value->position : table.position;
    if (settings.rules.empty()) problems.add(at, "scanners.yara.rules must name at least one file or \"builtin\"");
    for (const auto& file : settings.rules)
        if (file != "builtin" && !file.starts_with('/'))
            problems.add(at, fmt::format("scanners.yara.rules: \"{}\" is neither \"builtin\" nor a full path", file));
    if (problems.lines().size() != before) return {};
    auto rules = YaraRules::compile(settings.rules, settings.unmarked == "virus" ? Unmarked::virus : Unmarked::ignore);
    if (!rules) {
        problems.add(at, fmt::format("scanners.yara.rules: {}", describe(rules.error())));
        return {};
    }
    return std::make_shared<Yara>(std::move(*rules), settings, around);
}

bool has_yara(const ConfigTable& config) {
    const auto* all = config.find("scanners");
    return all != nullptr && all->table() != nullptr && all->table()->find("yara") != nullptr;
}

std::vector<SettingLine> yara_setting_lines(const ConfigTable* table) {
    YaraSettings current;
    Problems ignored("");
    if (table != nullptr) load_settings(*table, section, yara_settings(), current, ignored);
    return describe_settings(section, yara_settings(), current, table);
}

}  // namespace tamis::scanners
