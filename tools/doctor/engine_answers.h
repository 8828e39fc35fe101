// engine_answers - what engines say about themselves, and what it means; pure
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/doctor/finding.h"

namespace tamis::doctor {

// ClamdVersion - "ClamAV 1.0.7/27345/Thu Jul 25 08:28:55 2024"; without a daily database only the first part
struct ClamdVersion {
    std::string program, database;
    std::optional<std::time_t> made;  // local time of clamd's host, taken for ours
};
std::optional<ClamdVersion> parse_clamd_version(std::string_view line);
// judge_clamd_age - no official signatures, and signatures older than three days are told of, older than two weeks are a problem
void judge_clamd_age(const ClamdVersion& version, std::string_view shown, std::time_t now, Report& report);

// is_spamd_pong - "SPAMD/1.5 0 PONG"
bool is_spamd_pong(std::string_view line);

}  // namespace tamis::doctor
