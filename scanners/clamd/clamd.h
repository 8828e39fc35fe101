// clamd - the ClamAV daemon as a scanner: settings and bytes
//
// Over a unix socket clamd is given the descriptor of the sealed message (zFILDES), else the bytes (zINSTREAM): no
// shared directory, no file name, nothing another user must be able to read. One connection per scan, so that a late
// reply can never be taken for another message's. Thread rule of Scanner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scanners/network_scanner.h"

namespace tamis::scanners {

struct ClamdSettings : CommonSettings {
    ClamdSettings() {
        required = true;
        timeout = Seconds(120'000);
        max_size = Bytes{100ULL << 20};
        retry_for = Seconds(60'000);
    }
    std::vector<std::string> socket{"/run/clamav/clamd.ctl"};
    std::string              method = "auto";
};
const std::vector<Setting<ClamdSettings>>& clamd_settings();

class Clamd final : public NetworkScanner {
public:
    Clamd(std::vector<Endpoint> addresses, const ClamdSettings& settings);

    // proved over a matrix of structures by test/e2e/test_plain_mail.py; `tamis doctor` says when clamd's ScanMail is off
    bool opens_plain_mail() const noexcept override { return true; }

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) override;

private:
    bool passes_descriptor(const Endpoint& to) const;
    std::string method_;
};

// open_clamd - from the table [scanners.clamd]; nothing when there are problems
std::shared_ptr<Scanner> open_clamd(const ConfigTable& table, Problems& problems);
std::vector<SettingLine> clamd_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
