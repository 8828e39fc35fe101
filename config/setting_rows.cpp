#include "config/setting_rows.h"

#include "policy/fields.h"

namespace tamis::config {
namespace {

// some_destinies - one of them, or "": as another setting says
std::vector<std::string> some_destinies() {
    auto names = policy::destiny_names();
    names.insert(names.begin(), "");
    return names;
}

}  // namespace

const std::vector<Setting<PolicySettings>>& policy_rows() {
    using S = PolicySettings;
    constexpr double low = -1e6;
    constexpr double high = 1e6;
    static const std::vector<Setting<S>> rows = {
        {"final_encrypted_destiny", &S::final_encrypted_destiny,
         "The same for mail with encrypted parts; \"\": as final_unchecked_destiny.", 0, 0, true, some_destinies()},
        {"final_over_limits_destiny", &S::final_over_limits_destiny,
         "The same for mail that was not opened to its end because a limit was met; \"\": as final_unchecked_destiny.", 0, 0,
         true, some_destinies()},
        {"final_ambiguous_destiny", &S::final_ambiguous_destiny,
         "The same for mail that two programs may read differently; \"\": as final_unchecked_destiny.", 0, 0, true,
         some_destinies()},
        {"final_unopened_destiny", &S::final_unopened_destiny,
         "The same for mail on which the decoder crashed or ran out of time twice; \"\": as final_unchecked_destiny.", 0, 0, true,
         some_destinies()},
        {"virus_quarantine", &S::virus_quarantine,
         "Where infected mail is kept: \"\" nowhere, \"sql:\" the record store, \"local:virus-%m\" a file each (\".gz\" at the end: compressed; %m mail_id, %b digest, %i time, %n log id, %P partition tag), \"mbox:/PATH\" appended, \"smtp:[HOST]:PORT\" or \"lmtp:...\" mailed to virus_quarantine_to, an address: mailed there."},
        {"banned_quarantine", &S::banned_quarantine, "Where banned mail is kept."},
        {"spam_quarantine", &S::spam_quarantine, "Where mail at or above spam_kill_level is kept."},
        {"unchecked_quarantine", &S::unchecked_quarantine, "Where unchecked mail is kept."},
        {"unopened_quarantine", &S::unopened_quarantine,
         "Where mail is kept on which the decoder crashed or ran out of time twice."},
        {"bad_header_quarantine", &S::bad_header_quarantine, "Where mail with a bad header section is kept."},
        {"clean_quarantine", &S::clean_quarantine, "Where a copy of clean mail is kept."},
        {"archive_quarantine", &S::archive_quarantine, "Where a copy of everything is kept besides, clean or not."},
        {"quarantine_dir", &S::quarantine_dir,
         "Directory for local: and for relative mbox: paths; STATE_DIR/quarantine when not set."},
        {"quarantine_subdir_levels", &S::quarantine_subdir_levels,
         "1: files go into subdirectories by the first character of the mail_id.", 0, 1},
        {"quarantine_sender", &S::quarantine_sender,
         "Envelope sender of mailed quarantine copies: \"\" is the null sender (no bounces to strangers), \"original\" the message's own, else an address."},
        {"recipient_delimiter", &S::recipient_delimiter,
         "What separates user and extension in user+extension@example.com, as Postfix's recipient_delimiter; \"\": no extensions."},
        {"local_part_is_case_sensitive", &S::local_part_is_case_sensitive,
         "Lookups and `maddr` take User@example.com and user@example.com for two addresses (amavisd's $localpart_is_case_sensitive)."},
        {"pen_pals_bonus", &S::pen_pals_bonus,
         "Points taken off the spam score of a sender to whom the recipient wrote before, by the records in storage_dsn; 0: off.",
         0, high},
        {"pen_pals_half_life", &S::pen_pals_half_life, "The bonus is half of it when the last mail to the sender is that old.", 1,
         1e9},
        {"pen_pals_threshold_low", &S::pen_pals_threshold_low, "Mail with a lower score is not looked up.", low, high},
        {"pen_pals_threshold_high", &S::pen_pals_threshold_high, "Nor is mail whose score stays higher with the whole bonus.",
         low, high},
        {"bounce_killer_score", &S::bounce_killer_score,
         "Points for a bounce of mail that we never sent, by the records in storage_dsn (needs record_all); 0: off.", 0, high},
        {"replace_existing_extension", &S::replace_existing_extension,
         "An address extension of ours replaces the one that is there; false: it is appended."},
        {"spam_scores", &S::spam_scores,
         "What counts when more than one spam engine gives a score (rspamd and spamd look for the same things): \"sum\", \"maximum\", or the name of one engine, such as \"rspamd\"; the others then only when it has none."},
        {"scanner_failure",
         &S::scanner_failure,
         "A required scanner failed: the mail becomes \"unchecked\", or \"tempfail\" (451, the MTA tries again).",
         0,
         0,
         true,
         {"unchecked", "tempfail"}},
        {"soft_bounce", &S::soft_bounce, "For trials: every 5xx of ours and every discard becomes a 450."},
        {"virus_header", &S::virus_header, "Name of the header field that says a virus scanner looked."},
        {"virus_header_text", &S::virus_header_text, "Its text; \"Tamis at HOSTNAME\" when not set."},
        {"add_received", &S::add_received, "Whether we add our Received field."},
        {"remove_existing_spam_headers", &S::remove_existing_spam_headers, "Remove X-Spam-* fields that strangers put in."},
        {"ambiguity_header", &S::ambiguity_header,
         "Mail that two programs may read differently gets a MIME-Ambiguity-Results field that names the places."},
    };
    return rows;
}

const std::vector<FieldPlace>& field_places() {
    static const std::vector<FieldPlace> places = {
        {"final_encrypted_destiny",
         {"spam_tag_level", "spam_tag2_level", "spam_tag3_level", "spam_kill_level", "spam_dsn_cutoff_level",
          "spam_quarantine_cutoff_level", "final_virus_destiny", "final_banned_destiny", "final_spam_destiny",
          "final_unchecked_destiny"}},
        {"virus_quarantine", {"final_bad_header_destiny", "final_oversized_destiny"}},
        {"quarantine_dir",
         {"virus_quarantine_to", "banned_quarantine_to", "spam_quarantine_to", "unchecked_quarantine_to",
          "bad_header_quarantine_to", "clean_quarantine_to", "archive_quarantine_to"}},
        {"spam_scores",
         {"addr_extension_virus", "addr_extension_spam", "addr_extension_banned", "addr_extension_bad_header",
          "message_size_limit", "virus_admin", "newvirus_admin", "spam_admin", "banned_admin", "bad_header_admin",
          "banned_rulenames", "warnvirusrecip", "warnbannedrecip", "warnbadhrecip", "spam_subject_tag", "spam_subject_tag2",
          "spam_subject_tag3", "virus_subject_tag", "unchecked_subject_tag"}},
    };
    return places;
}

}  // namespace tamis::config
