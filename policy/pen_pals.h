// pen_pals - a bonus for mail from somebody whom the recipient wrote to, and scores for bounces of mail we never sent
//
// docs/amavis/policy.md 6; pure. What the records say is asked by storage.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/evidence.h"

namespace tamis::policy {

struct PenPalOptions {
    double bonus = 0;                                  // points taken off for a fresh correspondence; 0: off
    std::chrono::milliseconds half_life{604'800'000};  // the bonus is half of it after this time
    double threshold_low = 1;                          // mail below it is not asked about
    double threshold_high = 50;                        // nor mail that stays above it with the whole bonus

    bool is_on() const noexcept { return bonus > 0; }
};

// PenPalFacts - what decides whether the records are worth a question, for one recipient
struct PenPalFacts {
    bool is_local = false;        // the recipient
    bool is_own_address = false;  // sender and recipient are the same
    bool null_sender = false;
    bool infected = false;
    bool originating = false;
    bool is_sender_local = false;  // a local sender from outside is most likely forged
    std::optional<double> score;
};
bool wants_pen_pals(const PenPalFacts& facts, const PenPalOptions& options);

// pen_pal_bonus - what is added to the score, 0 or less: -bonus * 2^(-age / half_life); an age below 0 counts as 0
double pen_pal_bonus(std::chrono::seconds age, const PenPalOptions& options);

// BounceFacts - a message that looks like a bounce or an automatic answer, and the mail it claims to be about
struct BounceFacts {
    bool is_bounce = false;                       // of a recognised structure
    std::string original_message_id_domain = {};  // of the attached original, lower case; "" when unknown
    bool originating = false;
    bool is_original_known = false;  // our records have mail with that Message-ID sent to somebody
    bool records_are_kept = true;    // without them nobody can tell: the bounce is let be
};
// bounce_score - `killer_score` for a bounce of mail that we never sent, else nothing. A bounce is rescued when the
// message is originating, when the Message-ID of the original has a local domain (`is_local_domain`), or when the
// records know the original (in amavisd that rescue can never happen).
std::optional<double> bounce_score(const BounceFacts& facts, double killer_score, bool is_local_domain);

}  // namespace tamis::policy
