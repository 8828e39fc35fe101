// rspamd - rspamd as a scanner over HTTP: settings and bytes
//
// One POST /checkv2 per message with the whole message as its body, whatever its size. A connection that rspamd agrees
// to keep open is used again by the same thread; if it turns out to be closed, or answers anything but a score for this
// very message, the request is made once more on a fresh one. Thread rule of Scanner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scanners/network_scanner.h"
#include "scanners/rspamd/rspamd_dialog.h"

namespace tamis::scanners {

struct RspamdSettings : CommonSettings {
    RspamdSettings() { max_scans = 50; }
    std::vector<std::string> url{"http://127.0.0.1:11333"};
    Secret password;
    double score_factor = 1.0;
};
const std::vector<Setting<RspamdSettings>>& rspamd_settings();

class Rspamd final : public NetworkScanner {
public:
    Rspamd(std::vector<RspamdUrl> urls, const RspamdSettings& settings);

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) override;

private:
    std::vector<RspamdUrl> urls_;
    Secret password_;
    double score_factor_;
};

std::shared_ptr<Scanner> open_rspamd(const ConfigTable& table, Problems& problems);
std::vector<SettingLine> rspamd_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
