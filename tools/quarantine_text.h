// quarantine_text - what the quarantine commands print for people; pure
#pragma once

#include <string>
#include <vector>

#include "quarantine/release.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::tools {

std::string list_text(const storage::QuarantineItem& item);
std::string show_text(const storage::QuarantineItem& item);
std::string release_text(const std::string& mail_id, const std::vector<quarantine::ReleaseResult>& results);
std::string stats_text(const storage::QuarantineStats& stats);

}  // namespace tamis::tools
