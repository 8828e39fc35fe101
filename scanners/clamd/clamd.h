// clamd - the ClamAV daemon as a scanner: settings and bytes
//
// Over a unix socket clamd is given the descriptor of the sealed message (zFILDES), else the bytes (zINSTREAM): no
// shared directory, no file name, nothing another user must be able to read. One connection per scan, so that a late
// reply can never be taken for another message's. Thread rule of Scanner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scanners/clamd/clamd_limits.h"
#include "scanners/network_scanner.h"

namespace tamis::scanners {

struct ClamdSettings : CommonSettings {
    ClamdSettings() {
        required = true;
        timeout = Duration(120'000);
        max_size = Bytes{25ULL << 20};  // clamd's own default, and what Debian sets
        retry_for = Duration(60'000);
    }
    std::vector<std::string> socket{"/run/clamav/clamd.ctl"};
    std::string method = "auto";
};
const std::vector<Setting<ClamdSettings>>& clamd_settings();

class Clamd final : public NetworkScanner {
public:
    // `use` - what introduce() compares clamd's limits with
    Clamd(std::vector<Endpoint> addresses, const ClamdSettings& settings, ClamdUse use = {});

    Task<void> introduce(Deadline deadline) override;

    // proved over a matrix of structures by test/e2e/test_plain_mail.py; `tamis doctor` says when clamd's ScanMail is off
    bool opens_plain_mail() const noexcept override { return true; }

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) override;

private:
    bool passes_descriptor(const Endpoint& to) const;
    std::string method_;
    ClamdUse use_;
};

// open_clamd - from the table [scanners.clamd]; nothing when there are problems
std::shared_ptr<Scanner> open_clamd(const ConfigTable& table, Problems& problems, const Surroundings& around = {});
// refuses_stream_of - clamd says that so many bytes are above its StreamMaxLength: it does as soon as it has the length of a
// chunk, before any byte of it. false: it did not say so within a second, or cannot be asked
Task<bool> refuses_stream_of(Endpoint address, std::uint64_t size, Deadline deadline);
std::vector<SettingLine> clamd_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
