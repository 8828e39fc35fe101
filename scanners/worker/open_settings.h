// open_settings - the [open] table: whether and how far messages are opened, and by how many worker processes
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/setting.h"
#include "scanners/worker/open/limits.h"
#include "scanners/worker/pool.h"
#include "scanners/worker/spawner.h"

namespace tamis::worker {

struct OpenSettings {
    bool enabled = true;
    std::string worker;
    bool namespaces = true;
    std::int64_t workers = 2;
    std::int64_t extra_workers = 4;
    std::int64_t jobs_per_worker = 1000;
    Duration time{30'000};
    Duration cpu{2'000};
    Bytes memory{256ULL << 20};
    std::int64_t mime_parts = 1000;
    std::int64_t mime_depth = 64;
    std::int64_t levels = 14;
    std::int64_t members = 10'000;
    Bytes header_bytes{256ULL << 10};
    std::int64_t parameters = 256;
    Bytes minimum_quota{100ULL << 10};
    Bytes maximum_quota{300ULL << 20};
    std::int64_t minimum_factor = 5;
    std::int64_t maximum_factor = 500;
    std::int64_t extracts = 12'000;
    Bytes extract_bytes{600ULL << 20};
    bool iso_images = false;
};

constexpr std::string_view open_section = "open";
std::vector<Setting<OpenSettings>> open_rows();

// load_open_settings - from the table (null: there is none) with what its rows cannot check by themselves
OpenSettings load_open_settings(const ConfigTable* table, Problems& problems);

Limits limits_of(const OpenSettings& settings);
PoolOptions pool_options_of(const OpenSettings& settings);
SpawnerOptions spawner_options_of(const OpenSettings& settings);

}  // namespace tamis::worker
