// explanation - why a recipient's mail is treated as it is: every setting with its origin, and one verdict with its reasons
//
// Rows, not text: `tamis explain` prints them (tools/explanation_text.h). What the filter does comes from the functions that the
// filter calls. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/look_up.h"
#include "mail/envelope.h"
#include "policy/judge.h"

namespace tamis::config {

// Explained - what is known of one recipient and one message to him; what is pointed to must outlive it
struct Explained {
    const Settings* settings = nullptr;
    const mail::Envelope* envelope = nullptr;  // one recipient
    const policy::LoadedBanks* banks = nullptr;
    const storage::LookupRequest* request = nullptr;
    const std::vector<policy::UserRow>* rows = nullptr;
    const Wishes* wishes = nullptr;
};

// Example - what could be found in a message
struct Example {
    policy::MessageFindings findings;
    std::shared_ptr<const policy::BannedHit> banned;
};

// example_of - a message with that score that belongs to that category; "" is none. A spam or spammy category without a
// score gets the recipient's own level, less what the sender lists add. The Fault lists the categories.
Result<Example> example_of(std::string_view category, std::optional<double> score, const Wishes& wishes);

struct ExplainedSetting {
    std::string name;
    std::string value;   // as it is shown
    std::string counts;  // what the value counts as, when that is another one; mostly empty
    std::string origin;  // "default", "[policy] line 5", "users row 7 (...), column spam_lover"
};

struct SettingsExplained {
    std::string recipient;               // address
    std::vector<std::string> keys;       // under which the tables may know him, the most exact one first
    std::vector<std::string> databases;  // that were asked
    std::vector<std::string> rows;       // of the table users that were found, in the order that decides
    std::string banks;                   // "MYNETS/MYUSERS"; empty: none
    bool originating = false;
    std::vector<std::string> senders;        // what the sender lists say
    std::vector<std::string> problems;       // values that cannot be used
    std::vector<ExplainedSetting> settings;  // one for each of policy::fields(), in their order
};
SettingsExplained explain_settings(const Explained& of);

struct ExplainedCategory {
    std::string name;    // "Spam"
    std::string reason;  // why it blocks or does not: "final_spam_destiny is \"pass\""
    bool blocks = false;
};

struct OutcomeExplained {
    std::optional<double> score;
    double boost = 0;                           // of it, by sender lists
    std::vector<std::string> levels;            // how the score stands to the levels, or why no level counts
    std::vector<ExplainedCategory> categories;  // the worst first
    bool passes = false;
    std::string destiny, response;          // of what blocks
    std::string quarantine, quarantine_to;  // empty: no copy
    std::string subject_tag;                // in front of the subject
    bool is_local = false;                  // others get neither tags nor spam fields
};
// explain_outcome - what happens to such a message, category by category
OutcomeExplained explain_outcome(const Explained& of, const Example& found);

}  // namespace tamis::config
