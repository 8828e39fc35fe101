#include "scanners/yara/yara.h"

#include <fmt/format.h>

#include <algorithm>

#include "scanners/yara/off_loop.h"

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.yara";

std::chrono::milliseconds time_left(Deadline deadline) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left());
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
         {"unmarked", &YaraSettings::unmarked,
          "what a match of a rule without virus or score in its metadata means", 0, 0, true, {"virus", "ignore"}},
         backup_row<YaraSettings>()},
        common_rows<YaraSettings>());
    return rows;
}

Yara::Yara(std::unique_ptr<YaraRules> rules, const YaraSettings& settings)
    : rules_(std::move(rules)),
      settings_(settings),
      state_(BackendList("yara", {"rules"})),
      turns_(std::make_shared<Slots>(static_cast<std::uint64_t>(settings.max_scans))),
      scans_("tamis_scans_total", "Scans by scanner", "scanner", "yara"),
      failures_("tamis_scan_failures_total", "Scans without an answer by scanner", "scanner", "yara") {}

asio::thread_pool& Yara::pool() {
    std::call_once(started_, [this] { pool_.emplace(static_cast<std::size_t>(turns_->limit())); });
    return *pool_;
}

mail::ScanOutcome Yara::failed(Fault fault) {
    failures_.add();
    return mail::Failed{{fault.code, fmt::format("yara: {}", describe(fault))}};
}

// match_elsewhere - on the pool; the turn goes back when the scan has really ended, even if nobody waits for it
Task<Result<YaraFindings>> Yara::match_elsewhere(std::shared_ptr<const mail::SealedSpool> spool, Deadline deadline) {
    auto turn = co_await turns_->take(1, deadline);
    if (!turn) co_return fail(turn.error().code, "waited for one of the turns (scanners.yara.max_scans)");
    std::move_only_function<Result<YaraFindings>()> work = [rules = rules_, turns = turns_, turn = std::move(*turn),
                                                            spool = std::move(spool), deadline] {
        return rules->match(*spool, time_left(deadline));
    };
    auto done = co_await run_off_loop<Result<YaraFindings>>(pool(), std::move(work), deadline);
    if (!done) co_return fail(done.error().code, "the scan did not end in time");
    co_return std::move(*done);
}

Task<mail::ScanOutcome> Yara::scan(const ScanRequest& request, Deadline deadline) {
    scans_.add();
    const auto& spool = request.message->spool;
    if (settings_.max_size.count != 0 && spool->size() > settings_.max_size.count)
        co_return failed({make_error_code(Errc::over_limit),
                          fmt::format("the message has {} bytes, scanners.yara.max_size is {}; not scanned",
                                      spool->size(), settings_.max_size.count)});
    deadline = deadline.sooner(settings_.timeout);
    if (deadline.passed()) co_return failed({make_error_code(Errc::timeout), "no time left"});
    const bool is_small = spool->is_all_in_head() && spool->size() <= inline_limit;
    Result<YaraFindings> found;
    if (is_small)
        found = rules_->match(*spool, time_left(deadline));
    else
        found = co_await match_elsewhere(spool, deadline);
    if (!found) {
        state_.failed(0, describe(found.error()));
        co_return failed(std::move(found.error()));
    }
    state_.succeeded(0);
    co_return outcome_of(std::move(*found));
}

std::shared_ptr<Scanner> open_yara(const ConfigTable& table, Problems& problems) {
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
    return std::make_shared<Yara>(std::move(*rules), settings);
}

std::vector<SettingLine> yara_setting_lines(const ConfigTable* table) {
    YaraSettings current;
    Problems     ignored("");
    if (table != nullptr) load_settings(*table, section, yara_settings(), current, ignored);
    return describe_settings(section, yara_settings(), current, table);
}

}  // namespace tamis::scanners
