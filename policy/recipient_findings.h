// recipient_findings - what was found for one recipient of a message: by the sender lists, by his rules, in the records
//
// Findings, never settings: those are policy/recipient_policy.h, and nothing here changes them. The look-up begins them with
// what the sender lists say; the banned rules, pen pals and the bounce killer add theirs. Pure data.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "policy/banned_hit.h"

namespace tamis::policy {

struct RecipientFindings {
    bool blacklisted = false, whitelisted = false;         // what the sender lists decided
    double score_boost = 0;                                // their points: soft white/blacklisting
    std::shared_ptr<const BannedHit> banned = {};          // what his banned rules found; null: nothing
    double pen_pal_bonus = 0;                              // 0 or less: the recipient wrote to the sender before
    std::optional<std::chrono::seconds> pen_pal_age = {};  // how long ago that was
    double bounce_score = 0;                               // 0 or more: a bounce of mail that we never sent
};

}  // namespace tamis::policy
