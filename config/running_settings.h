// running_settings - which settings the tamisd that runs has: written beside its state when they take effect, read by `tamis doctor`
//
// A digest of the whole configuration as it was read (comments and order of keys do not matter), in STATE_DIR/running. It says
// nothing of the settings themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/setting.h"

namespace tamis::config {

struct RunningSettings {
    std::int64_t pid = 0;
    std::int64_t loaded_at = 0;  // seconds since 1970
    std::string file, digest;
    bool operator==(const RunningSettings&) const = default;
};

// settings_digest - SHA-256 in hex
std::string settings_digest(const ConfigTable& config);

// running_text / parse_running - the file's content. Pure.
std::string running_text(const RunningSettings& running);
std::optional<RunningSettings> parse_running(std::string_view text);

// note_running - writes it for this process; a failure is logged, it stops nothing
void note_running(const std::string& state_dir, const std::string& file, const ConfigTable& config);
// read_running - nothing: there is none, or the process that wrote it is gone
std::optional<RunningSettings> read_running(const std::string& state_dir);

}  // namespace tamis::config
