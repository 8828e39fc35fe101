// retention_settings - the table [retention]: rows, and the rules they mean
#pragma once

#include <string>
#include <vector>

#include "base/setting.h"
#include "storage/retention/expire.h"

namespace tamis::storage {

struct RetentionSettings {
    bool enabled = false;
    Duration interval{3'600'000};
    std::string records = "90d", quarantine = "30d";
    std::string virus_records, virus_quarantine, banned_records, banned_quarantine, unchecked_records, unchecked_quarantine,
        spam_records, spam_quarantine, spammy_records, spammy_quarantine, bad_header_records, bad_header_quarantine,
        oversized_records, oversized_quarantine, mta_records, mta_quarantine, clean_records, clean_quarantine;
    std::string incomplete = "1d", deleted = "1d";
    std::int64_t batch = 500;
    Duration pause{10};
    double share = 0.05;
    double rate = 250;
    Duration longest_run{1'800'000};
    bool drop_partitions = true;
    std::int64_t weeks_ahead = 8;
    bool vacuum = true;
};

const std::vector<Setting<RetentionSettings>>& retention_rows();

// parse_age - "30d", "12h", "2w", or "never"; a bad_input Fault that says what is expected
Result<storage::Age> parse_age(std::string_view text);

// expire_options - the rules and the pace, without the time of day; what is wrong is added, at the position of its key
storage::ExpireOptions expire_options(const RetentionSettings& settings, const ConfigTable* table, Problems& problems);

}  // namespace tamis::storage
