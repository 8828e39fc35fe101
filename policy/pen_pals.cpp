#include "policy/pen_pals.h"

#include <algorithm>
#include <cmath>

namespace tamis::policy {

bool wants_pen_pals(const PenPalFacts& facts, const PenPalOptions& options) {
    if (!options.is_on() || facts.infected || facts.null_sender) return false;
    if (!facts.is_local || facts.is_own_address) return false;
    if (!facts.originating && facts.is_sender_local) return false;
    const double score = facts.score.value_or(0);
    return score >= options.threshold_low && score - options.bonus <= options.threshold_high;
}

double pen_pal_bonus(std::chrono::seconds age, const PenPalOptions& options) {
    const double seconds = std::max(0.0, static_cast<double>(age.count()));
    const double half_life = std::max(1.0, static_cast<double>(options.half_life.count()) / 1000.0);
    return -options.bonus * std::exp2(-seconds / half_life);
}

std::optional<double> bounce_score(const BounceFacts& facts, double killer_score, bool is_local_domain) {
    if (killer_score <= 0 || !facts.is_bounce || facts.originating || !facts.records_are_kept) return {};
    if (!facts.original_message_id_domain.empty() && is_local_domain) return {};
    if (facts.is_original_known) return {};
    return killer_score;
}

}  // namespace tamis::policy
