// retention - how long records and quarantined copies are kept, and what is due: pure decisions
//
// An age of a record counts from msgs.time_num, when the message came. What is exactly as old as its age is still kept.
// A record takes its copy along. A copy whose release a user has asked for (msgrcpt.rs p), or that is being released (t),
// stays as long as its record. A message whose end was never recorded (content NULL) and that has no copy goes early: amavisd
// and Tamis write such a row before they are done. Rules that name no age keep for ever.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/kept/quarantine_store.h"

namespace tamis::storage {

using Age = std::optional<std::chrono::seconds>;  // nothing: for ever

struct Ages {
    Age record, copy;
    bool operator==(const Ages&) const = default;
};

struct RetentionRules {
    Ages general;
    std::map<char, Ages> of_category = {};    // by letter of msgs.content; whole: `general` does not shine through
    Age incomplete = std::chrono::hours(24);  // content NULL, no copy
    Age deleted = std::chrono::hours(24);     // copies that every recipient deleted (msgrcpt.rs D)

    const Ages& ages(char content) const;
    // longest - the age past which nothing of that kind is kept, in whatever category
    Age longest_record() const;
    Age longest_copy() const;
};

// Candidate - a message that may be due, as read from the tables
struct Candidate {
    MessageKey key;
    std::int64_t row = 0;       // SQLite: rowid
    std::int64_t time = 0;      // time_num
    char content = ' ';         // '\0': NULL
    char type = ' ';            // quar_type
    std::string location = {};  // quar_loc
    std::uint64_t size = 0;
    std::string states = {};  // letters of msgrcpt.rs; read where they matter

    bool has_stored_copy() const;  // in the table quarantine
    bool is_wanted() const { return states.find_first_of("pt") != std::string::npos; }
    bool is_deleted() const { return !states.empty() && states.find_first_not_of('D') == std::string::npos; }
};

enum class Due { nothing, copy, record, incomplete };

Due due(const Candidate& message, const RetentionRules& rules, std::int64_t now);

// cutoff - what came before this moment is older than the age; nothing: never
std::optional<std::int64_t> cutoff(const Age& age, std::int64_t now);

// expired_location - quar_loc of a message whose stored copy has expired and had no other place
constexpr std::string_view expired_location = "expired";

// Left - quar_type and quar_loc without the copy in the table: what stays are copies in files and mailboxes
struct Left {
    char type = ' ';
    std::string location;
};
Left without_stored_copy(const Candidate& message);

// Walk - one way through the messages along their time, up to `until`: categories of one age together
struct Walk {
    enum class Kind { records, copies, deleted, incomplete };
    Kind kind = Kind::records;
    std::string only = {};    // letters of msgs.content; empty: any
    std::string except = {};  // not these
    std::int64_t until = 0;   // excluded
    bool operator==(const Walk&) const = default;
};
// walks - all that the rules need, records first
std::vector<Walk> walks(const RetentionRules& rules, std::int64_t now);

}  // namespace tamis::storage
