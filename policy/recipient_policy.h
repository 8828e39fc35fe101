// recipient_policy - every setting that can differ from one recipient to the next (docs/amavis/policy.md 4)
//
// Site-wide values come from the configuration; SQL rows and static tables overlay them field by field. Settings only, and final
// when they are merged: what is found for a recipient in a message is policy/recipient_findings.h. Pure data.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mail/category.h"

namespace tamis::policy {

// Destiny - what happens to a message of a blocking category (docs/amavis/policy.md 3)
enum class Destiny { pass, discard, bounce, reject, tempfail };

struct SpamLevels {
    std::optional<double> tag;   // headers from here on; nothing: always
    std::optional<double> tag2;  // spammy: subject tag, X-Spam-Flag: YES
    std::optional<double> tag3;  // spammy, second degree
    std::optional<double> kill;  // spam
    std::optional<double> dsn_cutoff;
    std::optional<double> quarantine_cutoff;
};

struct Destinies {
    Destiny virus = Destiny::discard;
    Destiny banned = Destiny::discard;
    Destiny unchecked = Destiny::pass;
    std::array<std::optional<Destiny>, 5> unchecked_by_minor;  // mail::Unchecked; nothing: as `unchecked`
    Destiny spam = Destiny::discard;
    Destiny bad_header = Destiny::pass;
    Destiny oversized = Destiny::bounce;
    Destiny mta_tempfailed = Destiny::tempfail;
    Destiny mta_rejected = Destiny::reject;
    Destiny of(mail::ContentCategory category) const noexcept;
};

struct SpamSubjectTags {
    std::string tag, tag2 = "***SPAM*** ", tag3;
};

// QuarantineTargets - where a copy goes by category; empty: nowhere. "sql:" is the database; other methods:
// policy/quarantine_target.h
struct QuarantineTargets {
    std::string virus = "sql:", banned = "sql:", spam = "sql:", unchecked, unopened = "sql:", bad_header = "sql:", clean, archive;
};

// QuarantineNames - for whom the copy is kept (amavisd's *_quarantine_to): a mailbox, an address, a name that the method
// understands. Empty: no copy for this recipient, whatever the method.
struct QuarantineNames {
    std::string virus = "virus-quarantine", banned = "banned-quarantine", spam = "spam-quarantine",
                unchecked = "unchecked-quarantine", bad_header = "bad-header-quarantine", clean = "clean-quarantine",
                archive = "archive-quarantine";
};

struct RecipientPolicy {
    bool is_local = false;
    bool virus_lover = false, spam_lover = false, unchecked_lover = false, banned_lover = false, bad_header_lover = false;
    bool bypass_virus_checks = false, bypass_spam_checks = false, bypass_banned_checks = false, bypass_header_checks = false;
    SpamLevels levels;
    Destinies destinies;
    SpamSubjectTags subject_tags;
    std::string virus_subject_tag = "***INFECTED*** ";
    std::string unchecked_subject_tag = "***UNCHECKED*** ";
    QuarantineTargets quarantine;
    QuarantineNames quarantine_to;
    std::array<std::string, 4> address_extension;  // virus, spam, banned, bad header
    bool warn_virus = false, warn_banned = false, warn_bad_header = false;
    std::string virus_admin, new_virus_admin, spam_admin, banned_admin, bad_header_admin;
    std::optional<std::uint64_t> size_limit;  // bytes; nothing or 0: no limit; below 64 KiB counts as 64 KiB
    std::vector<std::string> banned_rule_names = {"DEFAULT"};
    std::string forward_method;  // empty: the site's
    std::string sa_username;     // whose preferences SpamAssassin applies; empty: as the site does it
};

}  // namespace tamis::policy
