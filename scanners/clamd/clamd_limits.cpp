#include "scanners/clamd/clamd_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/counted.h"
#include "base/text.h"

namespace tamis::scanners {
namespace {

constexpr std::uint64_t MiB = 1ULL << 20, GiB = 1ULL << 30;
constexpr std::size_t conf_limit = 1024 * 1024;  // bytes of a clamd.conf that are read

// clamd_size - "100M", "25K", "1048576"; 0 is no limit
std::optional<std::uint64_t> clamd_size(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_unsigned(text.substr(0, digits), 1ULL << 40);
    if (!number) return {};
    const auto unit = to_lower(text.substr(digits));
    if (unit.empty()) return number;
    if (unit == "k") return *number << 10;
    if (unit == "m") return *number << 20;
    if (unit == "g") return *number << 30;
    return {};
}

std::uint64_t size_in(const ClamdConf& conf, std::string_view name, std::uint64_t usual) {
    const auto found = conf.find(name);
    return found == conf.end() ? usual : clamd_size(found->second).value_or(usual);
}

// is_on - yes, true and 1 are, and so is a name alone
bool is_on(const ClamdConf& conf, std::string_view name, bool usual) {
    const auto found = conf.find(name);
    if (found == conf.end()) return usual;
    const auto value = to_lower(found->second);
    return value == "yes" || value == "true" || value == "1";
}

// is_since_0_105 - "ClamAV 1.4.3/27345/...": from there on the built-in limits are four times as large
bool is_since_0_105(std::string_view version) {
    constexpr std::string_view name = "ClamAV ";
    if (!version.starts_with(name)) return false;
    const auto numbers = split(version.substr(name.size(), version.find('/') - name.size()), '.');
    const auto major = parse_unsigned(numbers[0], 1000);
    if (!major || numbers.size() < 2) return false;
    return *major > 0 || parse_unsigned(numbers[1], 1000).value_or(0) >= 105;
}

std::string in_mib(std::uint64_t size) {
    if (size == 0) return "no limit";
    return size % MiB == 0 ? fmt::format("{} MiB", size / MiB) : fmt::format("{} bytes", size);
}

std::string read_small(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string text(conf_limit, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
    return text;
}

// files_of_running - the clamd.conf of every clamd that runs here and was told which
std::vector<std::string> files_of_running() {
    std::vector<std::string> out;
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
        const auto name = at->path().filename().string();
        if (name.empty() || !is_digit(name.front())) continue;
        if (trim(read_small(at->path().string() + "/comm")) != "clamd") continue;
        auto file = conf_option(read_small(at->path().string() + "/cmdline"));
        if (file.starts_with('/')) out.push_back(std::move(file));
    }
    return out;
}

// Limit - a size of clamd's beside the largest thing it is given
struct Limit {
    std::string_view name;
    std::uint64_t size;
};

void judge_size(const Limit& limit, const ClamdLimits& all, std::string_view conf_file, const ClamdUse& use,
                std::vector<ClamdRemark>& out) {
    if (limit.size > GiB)
        out.push_back({fmt::format("{} {} in {} is above 1 GiB: one message can take clamd's memory", limit.name,
                                   in_mib(limit.size), conf_file),
                       fmt::format("{}: {} 400M", conf_file, limit.name)});
    if (limit.size == 0 || (use.max_size != 0 && limit.size >= use.max_size)) return;
    const bool refuses = limit.name == "StreamMaxLength";
    const auto effect = refuses                   ? "what is larger is refused, and the message unchecked"
                        : all.tells_when_exceeded ? "what is larger is not scanned completely, and the message unchecked"
                                                  : "clamd says OK to what is larger, without looking at it";
    out.push_back(
        {fmt::format("{} is {} in {}, but clamd is given {}: {}", limit.name, in_mib(limit.size), conf_file,
                     use.max_size == 0 ? std::string("parts of any size") : "parts of up to " + in_mib(use.max_size), effect),
         fmt::format("{}: [scanners.clamd] max_size = \"{}\", or {}: {} {}M{}", use.config_file,
                     limit.size % MiB == 0 ? in_mib(limit.size) : fmt::format("{}", limit.size), conf_file, limit.name,
                     use.max_size == 0 ? 400 : (use.max_size + MiB - 1) / MiB,
                     refuses || all.tells_when_exceeded ? "" : ", and AlertExceedsMax yes so that clamd tells")});
}

void judge_depth(const ClamdLimits& limits, std::string_view conf_file, const ClamdUse& use, std::vector<ClamdRemark>& out) {
    // enough for mail as it is written; archives are shown opened
    constexpr std::uint64_t deep_enough = 8, files_enough = 500;
    if (!limits.opens_mail)
        out.push_back(
            {fmt::format("ScanMail is off in {}: clamd does not look into MIME, and the text of plain mail is not scanned",
                         conf_file),
             fmt::format("{}: ScanMail yes", conf_file)});
    if (limits.recursion != 0 && limits.recursion < deep_enough)
        out.push_back({fmt::format("MaxRecursion is {} in {}: clamd does not look into documents as deep as they are made",
                                   limits.recursion, conf_file),
                       fmt::format("{}: MaxRecursion 17", conf_file)});
    if (limits.files != 0 && limits.files < files_enough)
        out.push_back({fmt::format("MaxFiles is {} in {}: clamd does not look at all pieces of an ordinary document",
                                   limits.files, conf_file),
                       fmt::format("{}: MaxFiles 10000", conf_file)});
    if (!use.is_opened && !limits.tells_when_exceeded)
        out.push_back(
            {fmt::format(
                 "open.enabled is false, so archives are clamd's business, and AlertExceedsMax is off in {}: what lies deeper than "
                 "MaxRecursion {} or beyond MaxFiles {} or MaxScanSize passes as OK",
                 conf_file, limits.recursion, limits.files),
             fmt::format("{}: AlertExceedsMax yes", conf_file)});
}

}  // namespace

ClamdConf parse_clamd_conf(std::string_view text) {
    ClamdConf out;
    for (const auto line : split(text, '\n')) {
        const auto content = trim(line);
        const auto blank = content.find_first_of(" \t");
        if (content.empty() || content.front() == '#' || blank == std::string_view::npos) continue;
        out.insert_or_assign(std::string(content.substr(0, blank)), std::string(trim(content.substr(blank))));
    }
    return out;
}

bool is_conf_of(const ClamdConf& conf, const Endpoint& address) {
    const auto has = [&](std::string_view name, const std::string& value) {
        const auto found = conf.find(name);
        return found != conf.end() && found->second == value;
    };
    const auto real = [](std::string path) { return path.starts_with("/var/run/") ? path.substr(4) : path; };
    if (address.is_unix()) {
        const auto found = conf.find("LocalSocket");
        return found != conf.end() && real(found->second) == real(address.path);
    }
    return (address.host.starts_with("127.") || address.host == "::1" || equal_fold(address.host, "localhost")) &&
           has("TCPSocket", std::to_string(address.port));
}

std::string conf_option(std::string_view command_line) {
    constexpr std::string_view short_name = "-c", long_name = "--config-file";
    const auto words = split(command_line, '\0');
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto word = words[i];
        if (word == short_name || word == long_name) return i + 1 < words.size() ? std::string(words[i + 1]) : std::string();
        if (word.starts_with(long_name) && word.substr(long_name.size()).starts_with('='))
            return std::string(word.substr(long_name.size() + 1));
        if (word.starts_with(short_name) && !word.starts_with("--")) return std::string(word.substr(short_name.size()));
    }
    return {};
}

std::optional<FoundClamdConf> find_clamd_conf(const Endpoint& address) {
    auto files = files_of_running();
    for (const auto* usual : {"/etc/clamav/clamd.conf", "/etc/clamd.d/scan.conf", "/etc/clamd.d/amavisd.conf", "/etc/clamd.conf",
                              "/usr/local/etc/clamd.conf", "/usr/local/etc/clamav/clamd.conf"})
        files.emplace_back(usual);
    for (auto& file : files) {
        auto conf = parse_clamd_conf(read_small(file));
        if (is_conf_of(conf, address)) return FoundClamdConf{std::move(file), std::move(conf)};
    }
    return {};
}

ClamdLimits clamd_limits(const ClamdConf& conf, std::string_view version) {
    const std::uint64_t factor = is_since_0_105(version) ? 4 : 1;
    ClamdLimits out;
    out.stream_length = size_in(conf, "StreamMaxLength", factor * 25 * MiB);
    out.file_size = size_in(conf, "MaxFileSize", factor * 25 * MiB);
    out.scan_size = size_in(conf, "MaxScanSize", factor * 100 * MiB);
    out.recursion = size_in(conf, "MaxRecursion", 17);
    out.files = size_in(conf, "MaxFiles", 10'000);
    out.threads = size_in(conf, "MaxThreads", 10);
    out.tells_when_exceeded = is_on(conf, "AlertExceedsMax", false);
    out.opens_mail = is_on(conf, "ScanMail", true);
    for (const auto* name : {"AlertEncrypted", "AlertEncryptedArchive", "AlertEncryptedDoc", "AlertOLE2Macros",
                             "AlertBrokenExecutables", "AlertBrokenMedia", "AlertPartitionIntersection"})
        if (is_on(conf, name, false)) out.heuristics.emplace_back(name);
    return out;
}

std::string limits_text(const ClamdLimits& limits) {
    return fmt::format("MaxFileSize {}, MaxScanSize {}, StreamMaxLength {}, MaxRecursion {}, MaxFiles {}, AlertExceedsMax {}",
                       in_mib(limits.file_size), in_mib(limits.scan_size), in_mib(limits.stream_length), limits.recursion,
                       limits.files, limits.tells_when_exceeded ? "yes" : "no");
}

std::vector<ClamdRemark> judge_clamd_limits(const ClamdLimits& limits, std::string_view conf_file, const ClamdUse& use) {
    std::vector<ClamdRemark> out;
    judge_size({"MaxFileSize", limits.file_size}, limits, conf_file, use, out);
    judge_size({"MaxScanSize", limits.scan_size}, limits, conf_file, use, out);
    if (use.by_stream) judge_size({"StreamMaxLength", limits.stream_length}, limits, conf_file, use, out);
    judge_depth(limits, conf_file, use, out);
    // base64 takes four octets for three
    if (use.max_size != 0 && use.message_size / 4 * 3 > use.max_size)
        out.push_back(
            {fmt::format(
                 "messages may have {} (limits.message_size), but an attachment above {} (scanners.clamd.max_size) is not scanned and makes "
                 "its message unchecked",
                 in_mib(use.message_size), in_mib(use.max_size)),
             fmt::format(
                 "{}: [scanners.clamd] max_size = \"{} MiB\" with MaxFileSize, MaxScanSize and StreamMaxLength of {} as high, or "
                 "[limits] message_size = \"{}\"",
                 use.config_file, (use.message_size + MiB - 1) / MiB, conf_file, in_mib(use.max_size / 3 * 4 / MiB * MiB))});
    if (!limits.heuristics.empty())
        out.push_back({fmt::format("{} in {}: what it tells of is taken for a virus", join(limits.heuristics, ", "), conf_file),
                       fmt::format("{}: {} no; encrypted attachments, macros and the like are told by tamisd itself", conf_file,
                                   join(limits.heuristics, " no, "))});
    if (use.max_scans > static_cast<std::int64_t>(limits.threads))
        out.push_back({fmt::format("scanners.clamd.max_scans is {}, clamd has {} (MaxThreads in {})", use.max_scans,
                                   counted(limits.threads, "thread"), conf_file),
                       fmt::format("{}: [scanners.clamd] max_scans = {}", use.config_file, limits.threads)});
    return out;
}

}  // namespace tamis::scanners
