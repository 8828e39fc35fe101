#include "tools/doctor/engine_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/counted.h"
#include "base/text.h"

namespace tamis::doctor {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

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
    const std::vector<std::string> fix{
        "freshclam (as root), and keep it running: systemctl enable --now clamav-freshclam; its log tells why it could not update"};
    if (!version.made) {
        if (version.database.empty())
            report.warning(
                fmt::format(
                    "{}: {} has none of ClamAV's official signatures (no daily database): it finds only what others gave it",
                    shown, version.program),
                fix);
        else
            report.not_checked(
                fmt::format("{}: {}, signatures {}; their date cannot be read", shown, version.program, version.database));
        return;
    }
    const auto age = now - *version.made;
    const auto text =
        fmt::format("{}: {}, signatures {} of {} ago", shown, version.program, version.database, counted(age / day, "day"));
    if (age < -day)
        report.warning(fmt::format("{}: {}, signatures {} from the future: one of the clocks is wrong", shown, version.program,
                                   version.database),
                       {"timedatectl, on both hosts"});
    else if (age > too_late) report.problem(text, fix);
    else if (age > late) report.warning(text, fix);
    else report.ok(age < day ? fmt::format("{}: {}, signatures {} of today", shown, version.program, version.database) : text);
}

bool is_spamd_pong(std::string_view line) {
    const auto parts = words(line);
    return parts.size() >= 3 && parts[0].starts_with("SPAMD/") && parts[1] == "0" && parts[2] == "PONG";
}

}  // namespace tamis::doctor
