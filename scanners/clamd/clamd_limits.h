// clamd_limits - what a clamd refuses to look at, by its clamd.conf, and what that means beside our settings
//
// clamd answers "OK" to what is beyond MaxFileSize or MaxScanSize and says nothing about it (unless AlertExceedsMax is on), and
// no command of its protocol tells its limits: its file is the only place that does. All but find_clamd_conf() is pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace tamis::scanners {

using ClamdConf = std::map<std::string, std::string, std::less<>>;

// parse_clamd_conf - "Name value" lines of clamd.conf
ClamdConf parse_clamd_conf(std::string_view text);
// is_conf_of - whether that clamd.conf is the one of the clamd at this address
bool is_conf_of(const ClamdConf& conf, const Endpoint& address);
// conf_option - FILE of `-c FILE`, `-cFILE` or `--config-file[=]FILE` in a command line as /proc/PID/cmdline has it; "" when there is none
std::string conf_option(std::string_view command_line);

struct FoundClamdConf {
    std::string file;
    ClamdConf conf;
};
// find_clamd_conf - of the clamd at this address, if it runs on this host: the files that running clamds were given, then the
// usual places. Reads small files; blocks for as long as that takes.
std::optional<FoundClamdConf> find_clamd_conf(const Endpoint& address);

// ClamdLimits - bytes and counts; 0 is no limit
struct ClamdLimits {
    std::uint64_t stream_length = 0, file_size = 0, scan_size = 0;
    std::uint64_t recursion = 0, files = 0, threads = 0;
    bool tells_when_exceeded = false;     // AlertExceedsMax
    bool opens_mail = true;               // ScanMail
    std::vector<std::string> heuristics;  // options that are on whose findings look like viruses and are none
};
// clamd_limits - what is not set is as that clamd has it built in; `version` - its answer to VERSION, "" when not known: the
// lower limits of older ones are taken
ClamdLimits clamd_limits(const ClamdConf& conf, std::string_view version);
// limits_text - in one line
std::string limits_text(const ClamdLimits& limits);

// ClamdUse - our side: [scanners.clamd], the largest message, and whether clamd is shown decoded parts
struct ClamdUse {
    std::uint64_t max_size = 0, message_size = 0;  // 0: any
    std::int64_t max_scans = 10;
    bool by_stream = false;   // it gets bytes (INSTREAM), not descriptors
    bool is_opened = true;    // open.enabled
    std::string config_file;  // ours
};
struct ClamdRemark {
    std::string what, fix;
};
// judge_clamd_limits - what does not fit, and what to do about it
std::vector<ClamdRemark> judge_clamd_limits(const ClamdLimits& limits, std::string_view conf_file, const ClamdUse& use);

}  // namespace tamis::scanners
