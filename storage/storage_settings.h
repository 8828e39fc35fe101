// storage_settings - the table [storage], but for its DSNs (dsn.h)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "base/setting.h"

namespace tamis::storage {

struct StorageSettings {
    std::int64_t connections = 4;
    std::int64_t partition_tag = 0;
    bool record_all = true;
    Duration wait{10'000};
    std::int64_t remembered = 100'000;
    std::int64_t lookup_connections = 2;
    Duration lookup_cache{0};
    std::string select_policy;
    std::optional<std::string> select_wblist;
    bool lookup_no_at_means_domain = false;
};

const std::vector<Setting<StorageSettings>>& storage_rows();

}  // namespace tamis::storage
