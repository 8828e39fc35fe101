// explanation - what `tamis explain` prints: every setting of one recipient with its origin, and one verdict with its
// reasons. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/look_up.h"
#include "mail/envelope.h"
#include "policy/judge.h"

namespace tamis::tools {

struct Explained {
    const config::Settings* settings = nullptr;
    const mail::Envelope* envelope = nullptr;  // one recipient
    const policy::LoadedBanks* banks = nullptr;
    const storage::LookupRequest* request = nullptr;
    const std::vector<policy::UserRow>* rows = nullptr;
    const config::Wishes* wishes = nullptr;
};

// Example - what could be found in a message
struct Example {
    policy::MessageFindings findings;
    std::shared_ptr<const policy::BannedHit> banned;
};

// example_of - a message with that score that belongs to that category; "" is none. A spam or spammy category without a
// score gets the recipient's own level, less what the sender lists add. The Fault lists the categories.
Result<Example> example_of(std::string_view category, std::optional<double> score, const config::Wishes& wishes);

// explain_settings - one line per setting: name, value, where from
std::string explain_settings(const Explained& of);

// explain_outcome - what happens to such a message, category by category
std::string explain_outcome(const Explained& of, const Example& found);

}  // namespace tamis::tools
