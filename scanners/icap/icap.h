// icap - an antivirus service behind ICAP (RFC 3507) as a scanner: settings and bytes
//
// The message is the body of an HTTP answer (RESPMOD) or request (REQMOD) made up for it, with constant headers. What the
// service can do is asked once per address and kept for its Options-TTL. The body is sent and the answer read at the same
// time, since a service may stream the message back while it still comes. A connection that may be kept is used again by
// the same thread; when it turns out to be closed, the request is made once more on a fresh one. Thread rule of Scanner.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/stream.h"
#include "scanners/icap/icap_dialog.h"
#include "scanners/network_scanner.h"

namespace tamis::scanners {

struct IcapSettings : CommonSettings {
    IcapSettings() {
        required = true;
        timeout = Duration(120'000);
        max_size = Bytes{100ULL << 20};
        retry_for = Duration(60'000);
    }
    std::vector<std::string> url{"icap://127.0.0.1:1344/avscan"};
    std::string mode = "respmod";
    std::string preview = "none";
    bool opens_containers = false;
};
const std::vector<Setting<IcapSettings>>& icap_settings();

class Icap final : public NetworkScanner {
public:
    Icap(std::vector<IcapUrl> urls, IcapPreview preview, const IcapSettings& settings);
    bool opens_plain_mail() const noexcept override { return opens_containers_; }

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) override;

private:
    struct Known {  // what an address said about itself, until when
        IcapOptions options;
        Deadline::Clock::time_point until;
    };
    struct Talk {
        Attempt attempt;
        bool may_reuse = false;
    };
    Task<Talk> talk(Stream& stream, std::size_t index, const mail::SealedSpool& spool, Deadline deadline);
    Task<Result<IcapOptions>> options_of(Stream& stream, std::size_t index, Deadline deadline);
    std::optional<std::uint64_t> preview_for(const IcapOptions& options, std::uint64_t size) const;

    std::vector<IcapUrl> urls_;
    IcapMethod method_;
    IcapPreview preview_;
    bool opens_containers_;
    std::mutex mutex_;
    std::vector<std::optional<Known>> known_;  // guarded by mutex_
};

std::shared_ptr<Scanner> open_icap(const ConfigTable& table, Problems& problems);
std::vector<SettingLine> icap_setting_lines(const ConfigTable* table);

}  // namespace tamis::scanners
