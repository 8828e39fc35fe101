// quarantine_target - what the settings *_quarantine and *_quarantine_to mean together, and how a quarantine file is
// called
//
// docs/amavis/policy.md 8. The method is the site's, by category: "" nowhere, "sql:" the record store,
// "local:TEMPLATE" one file per message, "mbox:PATH" appended to a mailbox file, "smtp:..." or "lmtp:..." mailed to the
// address of *_quarantine_to, or just an address: mailed to it. *_quarantine_to is each recipient's own: empty is no
// copy, "%a" is the recipient himself, an address with "@" is a mailbox (not for "sql:"), any other name means "as the
// site does it". A name built here never leaves its directory. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::policy {

struct QuarantineTarget {
    enum class Kind { sql, file, mbox, mail };
    Kind kind = Kind::sql;
    std::string place;    // file: the template; mbox: the path; mail: the method, empty: as notices are sent
    std::string address;  // mail: to whom
    bool operator==(const QuarantineTarget&) const = default;
};

// quarantine_target - nothing: no copy. A Fault names the method and what is wrong with it.
Result<std::optional<QuarantineTarget>> quarantine_target(std::string_view method, std::string_view to,
                                                          std::string_view recipient);

// check_quarantine_method - for the configuration: everything that can be said without a message
Done check_quarantine_method(std::string_view method);

// check_quarantine_name - the same for *_quarantine_to: "", "%a", a name, or an address that can be mailed to
Done check_quarantine_name(std::string_view to);

// QuarantineFacts - what the placeholders stand for: %m mail_id, %b digest, %i local time (20230103T100000), %n log id,
// %P partition tag, %% a percent sign
struct QuarantineFacts {
    std::string_view mail_id, digest, log_id;
    std::int64_t partition_tag = 0;
    std::chrono::system_clock::time_point received_at;
};

// quarantine_file_name - relative to the quarantine directory: "v/virus-vB3dEf9hIjKl.gz" with subdir_levels 1. What
// could change the meaning of a path in a value becomes "_".
std::string quarantine_file_name(std::string_view name_template, const QuarantineFacts& facts, int subdir_levels);

// is_gzip_name - whether a file of that name is compressed
bool is_gzip_name(std::string_view name) noexcept;

}  // namespace tamis::policy
