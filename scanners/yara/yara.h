// yara - YARA rules as a scanner: settings, and what a match means for a message
//
// The rules are compiled here and matched in worker processes (match_pool.h): no byte of a message is read by libyara in the
// daemon. Thread rule of Scanner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metric.h"
#include "scanners/backends.h"
#include "scanners/common_settings.h"
#include "scanners/scanner.h"
#include "scanners/yara/match_pool.h"
#include "scanners/yara/yara_rules.h"

namespace tamis::scanners {

struct YaraSettings : CommonSettings {
    YaraSettings() {
        required = true;
        max_scans = 4;
    }
    std::vector<std::string> rules{"builtin"};
    std::string unmarked = "virus";
};
const std::vector<Setting<YaraSettings>>& yara_settings();

class Yara final : public Scanner {
public:
    Yara(std::shared_ptr<const YaraRules> rules, const YaraSettings& settings, const Surroundings& around);

    std::string_view name() const noexcept override { return "yara"; }
    bool finds_viruses() const noexcept override { return true; }
    bool is_required() const noexcept override { return settings_.required; }
    bool is_backup() const noexcept override { return settings_.backup; }
    std::uint64_t max_size() const noexcept override { return settings_.max_size.count; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) override;
    std::string health() const override { return state_.health(); }

private:
    mail::ScanOutcome failed(Fault fault);

    std::shared_ptr<const YaraRules> rules_;
    CommonSettings settings_;
    MatchPool pool_;
    Backends state_;  // one "address": the rules
    metric::Counter scans_, failures_;
};

// open_yara - without a spawner (a check of the configuration) the rules are compiled, and every scan fails
std::shared_ptr<Scanner> open_yara(const ConfigTable& table, Problems& problems, const Surroundings& around);
// has_yara - the configuration has such a table: the daemon needs a spawner
bool has_yara(const ConfigTable& config);
std::vector<SettingLine> yara_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
