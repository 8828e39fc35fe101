#include "proxy/tools/doctor/engine_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis::proxy::doctor {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// parse_ctime - "Thu Jul 25 08:28:55 2024", as asctime(3) writes it
std::optional<std::time_t> parse_ctime(std::string_view text) {
    const auto parts = words(text);
    if (parts.size() != 5) return {};
    const auto month = std::ranges::find(months, parts[1]);
    const auto clock = split(parts[3], ':');
    const auto day = parse_unsigned(parts[2], 31), year = parse_unsigned(parts[4], 9999);
    if (month == months.end() || clock.size() != 3 || !day || !year || *year < 1970) return {};
    std::tm when{};
    const auto hour = parse_unsigned(clock[0], 23), minute = parse_unsigned(clock[1], 59), second = parse_unsigned(clock[2], 60);
    if (!hour || !minute || !second) return {};
    when.tm_year = static_cast<int>(*year) - 1900;
    when.tm_mon = static_cast<int>(month - months.begin());
    when.tm_mday = static_cast<int>(*day);
    when.tm_hour = static_cast<int>(*hour);
    when.tm_min = static_cast<int>(*minute);
    when.tm_sec = static_cast<int>(*second);
    when.tm_isdst = -1;
    const auto seconds = std::mktime(&when);
    if (seconds < 0) return {};
    return seconds;
}

// clamd_size - "100M", "25K", "1048576"; 0 is no limit
std::optional<std::uint64_t> clamd_size(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_unsigned(text.substr(0, digits), 1ULL << 40);
    if (!number) return {};
    const auto unit = to_lower(text.substr(digits));
    if (unit.empty()) return number;
    if (unit == "k") return *number << 10;
    if (unit == "m") return *number << 20;
    return {};
}

std::string in_mib(std::uint64_t size) { return fmt::format("{} MiB", size >> 20); }

}  // namespace

std::optional<ClamdVersion> parse_clamd_version(std::string_view line) {
    line = trim(line);
    if (!line.starts_with("ClamAV ")) return {};
    const auto parts = split(line, '/');
    ClamdVersion out{escaped(parts[0], 40), parts.size() > 1 ? escaped(parts[1], 20) : "", {}};
    if (parts.size() > 2) out.made = parse_ctime(parts[2]);
    return out;
}

void judge_clamd_age(const ClamdVersion& version, std::string_view shown, std::time_t now, Report& report) {
    constexpr std::time_t day = 86400, late = 3 * day, too_late = 14 * day;
    const std::vector<std::string> fix{"freshclam (as root), and keep it running: systemctl enable --now clamav-freshclam; its log tells why it could not update"};
    if (!version.made) {
        if (version.database.empty())
            report.warning(fmt::format("{}: {} has none of ClamAV's official signatures (no daily database): it finds only what others gave it", shown, version.program), fix);
        else
            report.not_checked(fmt::format("{}: {}, signatures {}; their date cannot be read", shown, version.program, version.database));
        return;
    }
    const auto age = now - *version.made;
    const auto text = fmt::format("{}: {}, signatures {} of {} days ago", shown, version.program, version.database, age / day);
    if (age < -day)
        report.warning(fmt::format("{}: {}, signatures {} from the future: one of the clocks is wrong", shown, version.program, version.database), {"timedatectl, on both hosts"});
    else if (age > too_late)
        report.problem(text, fix);
    else if (age > late)
        report.warning(text, fix);
    else
        report.ok(age < day ? fmt::format("{}: {}, signatures {} of today", shown, version.program, version.database) : text);
}

Parameters parse_clamd_conf(std::string_view text) {
    Parameters out;
    for (const auto line : split(text, '\n')) {
        const auto content = trim(line);
        const auto blank = content.find_first_of(" \t");
        if (content.empty() || content.front() == '#' || blank == std::string_view::npos) continue;
        out.insert_or_assign(std::string(content.substr(0, blank)), std::string(trim(content.substr(blank))));
    }
    return out;
}

bool is_conf_of(const Parameters& conf, const Endpoint& address) {
    const auto has = [&](std::string_view name, const std::string& value) {
        const auto found = conf.find(name);
        return found != conf.end() && found->second == value;
    };
    const auto real = [](std::string path) { return path.starts_with("/var/run/") ? path.substr(4) : path; };
    if (address.is_unix()) {
        const auto found = conf.find("LocalSocket");
        return found != conf.end() && real(found->second) == real(address.path);
    }
    return (address.host.starts_with("127.") || address.host == "::1" || equal_fold(address.host, "localhost")) && has("TCPSocket", std::to_string(address.port));
}

void judge_clamd_limits(const Parameters& conf, std::string_view conf_file, const ClamdUse& use, Report& report) {
    struct Row {
        std::string_view name;
        std::uint64_t    usual;
    };
    constexpr std::uint64_t MiB = 1ULL << 20, too_much = 1ULL << 30;
    const auto wanted = use.max_size != 0 && (use.message_size == 0 || use.max_size < use.message_size) ? use.max_size : use.message_size;
    for (const auto& row : {Row{"StreamMaxLength", 100 * MiB}, Row{"MaxFileSize", 100 * MiB}, Row{"MaxScanSize", 400 * MiB}}) {
        const auto found = conf.find(row.name);
        const auto size = found == conf.end() ? std::optional(row.usual) : clamd_size(found->second);
        if (!size || *size == 0) continue;
        if (*size > too_much)
            report.warning(fmt::format("{} {} in {} is above 1 GiB: one message can take clamd's memory", row.name, in_mib(*size), conf_file), {fmt::format("{}: {} 400M", conf_file, row.name)});
        else if (wanted == 0 || *size < wanted)
            report.warning(fmt::format("clamd looks at {} only ({} in {}), it is given {}: a larger file passes unseen", in_mib(*size), row.name, conf_file,
                                       wanted == 0 ? std::string("messages of any size") : in_mib(wanted)),
                           {fmt::format("{}: [scanners.clamd] max_size = \"{}\", or {}: {} {}M", use.config_file, in_mib(*size), conf_file, row.name,
                                        wanted == 0 ? 400 : (wanted + MiB - 1) / MiB)});
    }
    const auto found = conf.find("MaxThreads");
    const auto threads = found == conf.end() ? 10 : parse_unsigned(found->second).value_or(10);
    if (use.max_scans > static_cast<std::int64_t>(threads))
        report.warning(fmt::format("scanners.clamd.max_scans is {}, clamd has {} threads (MaxThreads in {})", use.max_scans, threads, conf_file),
                       {fmt::format("{}: [scanners.clamd] max_scans = {}", use.config_file, threads)});
}

bool is_spamd_pong(std::string_view line) {
    const auto parts = words(line);
    return parts.size() >= 3 && parts[0].starts_with("SPAMD/") && parts[1] == "0" && parts[2] == "PONG";
}

}  // namespace tamis::proxy::doctor
