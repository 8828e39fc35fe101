// spamd - SpamAssassin's daemon as a scanner: settings and bytes
//
// One connection and one REPORT per message: score, threshold, text report, and the tests with their scores from the
// table in the report. A site whose report template has no such table is asked with SYMBOLS from then on (names with
// score 0). Thread rule of Scanner.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "scanners/network_scanner.h"

namespace tamis::scanners {

enum class SpamdQuestion;

struct SpamdSettings : CommonSettings {
    SpamdSettings() { max_scans = 5; }
    std::vector<std::string> socket{"127.0.0.1:783"};
    std::string user;
    Bytes body_limit{200 * 1024};
};
const std::vector<Setting<SpamdSettings>>& spamd_settings();

class Spamd final : public NetworkScanner {
public:
    Spamd(std::vector<Endpoint> addresses, const SpamdSettings& settings);

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) override;

private:
    Task<Attempt> ask(SpamdQuestion question, std::size_t index, const ScanRequest& request, Deadline deadline);

    std::string user_;
    std::uint64_t body_limit_;
    std::atomic<bool> has_no_table_ = false;  // the site's report template has no table of tests
};

std::shared_ptr<Scanner> open_spamd(const ConfigTable& table, Problems& problems);
std::vector<SettingLine> spamd_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
