// spam_scores - what several spam engines say of one message, as one score (policy.spam_scores)
//
// Each of rspamd and SpamAssassin looks for the same things, so the sum of both counts most of them twice. Pure.
#pragma once

#include <string>
#include <string_view>

#include "mail/evidence.h"
#include "policy/judge.h"

namespace tamis::policy {

// SpamScores - how: all are added, the largest counts, or that of one engine (the others only when it has no score)
struct SpamScores {
    enum class Rule { sum, maximum, engine };
    Rule rule = Rule::sum;
    std::string engine;
};
// spam_scores_named - "sum", "maximum", or the name of an engine
SpamScores spam_scores_named(std::string_view text);

// combine_scores - sets the score of the findings, and tells tests with the engine they are of when several engines gave a score.
// Engines that look for viruses (yara, whose rules may score) say something of their own: theirs is added in any case.
void combine_scores(const mail::Evidence& evidence, const SpamScores& how, MessageFindings& findings);

}  // namespace tamis::policy
