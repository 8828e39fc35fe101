// yara - YARA rules as a scanner inside the daemon: settings, and where a scan runs
//
// A small message is scanned at once on the caller's thread (well under a millisecond), a larger one on a small pool of
// threads, which starts with the first such message. Thread rule of Scanner.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/metric.h"
#include "base/slots.h"
#include "scanners/backends.h"
#include "scanners/common_settings.h"
#include "scanners/scanner.h"
#include "scanners/yara/yara_rules.h"

namespace tamis::scanners {

struct YaraSettings : CommonSettings {
    YaraSettings() {
        required = true;
        max_scans = 2;
    }
    std::vector<std::string> rules{"builtin"};
    std::string              unmarked = "virus";
};
const std::vector<Setting<YaraSettings>>& yara_settings();

class Yara final : public Scanner {
public:
    static constexpr std::size_t inline_limit = 64 * 1024;  // bytes scanned on the caller's thread

    Yara(std::unique_ptr<YaraRules> rules, const YaraSettings& settings);

    std::string_view name() const noexcept override { return "yara"; }
    bool             finds_viruses() const noexcept override { return true; }
    bool             is_required() const noexcept override { return settings_.required; }
    bool             is_backup() const noexcept override { return settings_.backup; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) override;
    std::string             health() const override { return state_.health(); }

private:
    Task<Result<YaraFindings>> match_elsewhere(std::shared_ptr<const mail::SealedSpool> spool, Deadline deadline);
    asio::thread_pool&         pool();
    mail::ScanOutcome          failed(Fault fault);

    std::shared_ptr<YaraRules>       rules_;
    CommonSettings                   settings_;
    Backends                         state_;  // one "address": the rules
    std::shared_ptr<Slots>           turns_;
    metric::Counter                  scans_, failures_;
    std::once_flag                   started_;
    std::optional<asio::thread_pool> pool_;  // last: its threads end before anything else does
};

std::shared_ptr<Scanner> open_yara(const ConfigTable& table, Problems& problems);
std::vector<SettingLine> yara_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
