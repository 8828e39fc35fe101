// judge - from the evidence, and what was found for each recipient, and his settings, to one verdict per recipient; pure, cannot fail
//
// docs/amavis/policy.md 2 to 4, 7.3, 8 and 11.2: categories with minors, the walk over destinies and lovers, levels,
// quarantine targets and subject tags. Everything that can be decided before delivery is decided here.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mail/category.h"
#include "mail/evidence.h"
#include "policy/recipient_findings.h"
#include "policy/recipient_outcome.h"
#include "policy/recipient_policy.h"
#include "policy/unchecked_causes.h"

namespace tamis::policy {

// MessageFindings - what was found that is true of the whole message
struct MessageFindings {
    std::uint64_t size = 0;  // RFC 1870
    bool is_bulk = false;    // docs/amavis/policy.md 7.4
    bool null_sender = false;
    std::vector<std::string> viruses;
    std::optional<double> score;              // sum over the spam scanners that answered; nothing: none did
    std::vector<mail::SpamTest> tests;        // of all spam scanners, in their order
    bool virus_check_done = false;            // at least one antivirus engine looked
    std::set<int> unchecked;                  // minors: mail::Unchecked
    std::vector<std::string> failed_engines;  // "clamd: connect to ...: refused", "opening: the decoder crashed twice"
    bool required_engine_failed = false;
    std::string hold;                                          // which limit was met when the message was opened (X-Amavis-Hold)
    std::vector<UncheckedCause> unchecked_causes;              // of all minors: which part, and why
    std::vector<std::string> ambiguities;                      // "duplicate-boundary part=1/2"
    std::vector<std::pair<int, std::string>> header_problems;  // minor and text, policy/header_check.h
};

// findings_from - what opening and the scan reports say together
MessageFindings findings_from(const mail::Evidence& evidence);

struct RecipientVerdict {
    std::vector<mail::ContentCategory> categories;  // worst first, always ends in clean
    std::optional<mail::ContentCategory> blocking;  // nothing: passes; without the minor unless that has a destiny of its own
    Destiny destiny = Destiny::pass;
    std::optional<double> score;  // with this recipient's boost
    std::vector<mail::SpamTest> tests;
    bool tag = false, tag2 = false, tag3 = false, kill = false;
    std::string quarantine;                   // method, empty: none
    std::string quarantine_to;                // for whom, as the method understands it
    std::shared_ptr<const BannedHit> banned;  // with the category banned; null without
    std::string subject_tag;                  // raw, placeholders not yet filled in

    mail::ContentCategory main() const { return categories.front(); }
    bool passes() const { return !blocking.has_value(); }
};

// judge - `found`: what was found for this recipient, `policy`: his settings
RecipientVerdict judge(const MessageFindings& findings, const RecipientFindings& found, const RecipientPolicy& policy);

// first_banned - of the first recipient that has one; null: nobody has
const BannedHit* first_banned(const std::vector<RecipientVerdict>& verdicts);

// worst_blocking / worst_main - over all recipients (the message's own category, docs/amavis/policy.md 2)
std::optional<mail::ContentCategory> worst_blocking(const std::vector<RecipientVerdict>& verdicts);
mail::ContentCategory worst_main(const std::vector<RecipientVerdict>& verdicts);

// blocked_reason - "id=<id> - INFECTED: Eicar-Test-Signature" (docs/amavis/smtp.md 2.11); `banned` may be null
std::string blocked_reason(mail::ContentCategory category, std::string_view log_id, const MessageFindings& findings,
                           const BannedHit* banned);
// blocked_response - code, enhanced code and text of a blocked recipient; with `soft_bounce` a 5xx or a discard is a 450
Response blocked_response(const RecipientVerdict& verdict, std::string_view log_id, const MessageFindings& findings,
                          bool soft_bounce = false);

// format_score - 3 decimals, trailing zeros trimmed: "6.2", "-0.001", "1000"
std::string format_score(double score);

}  // namespace tamis::policy
