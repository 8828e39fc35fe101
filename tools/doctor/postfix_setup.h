// postfix_setup - a Postfix's configuration as its postconf tells it, and which value holds for which service
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "tools/doctor/master_cf.h"

namespace tamis::doctor {

struct PostfixSetup {
    std::string directory;  // of main.cf as the administrator named it; empty: Postfix's own
    MasterCf master;
    Parameters raw;       // main.cf and the defaults, as written
    Parameters expanded;  // the same with $name replaced

    // knows - this Postfix has such a parameter
    bool knows(std::string_view name) const { return raw.find(name) != raw.end(); }
    // value - of a service (null: of main.cf), with $name replaced by what holds for that service
    std::string value(const Service* service, std::string_view name) const;
    // postconf - the start of a command for this Postfix: "postconf", "postconf -c DIR"
    std::string postconf() const;
    std::string reload() const;
};

// is_yes - "yes" as Postfix reads it
bool is_yes(std::string_view value);
// list_of - words between commas and blanks
std::vector<std::string> list_of(std::string_view value);
// time_of - "600s", "10m", "2h", "1d", "1w", a bare number is in `unit`; nothing when it is no time
std::optional<std::chrono::seconds> time_of(std::string_view value, std::chrono::seconds unit = std::chrono::seconds(1));

// read_postfix - asks postconf (which reads, and changes nothing). The Fault says why it could not: Errc::not_found when
// there is no Postfix here.
Result<PostfixSetup> read_postfix(const std::string& directory, Deadline deadline);

}  // namespace tamis::doctor
