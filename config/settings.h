// settings - everything tamisd can be told, from one TOML file; rows, defaults and bounds in settings.cpp
//
// A Settings object never changes after loading; SIGHUP loads a new one and swaps it (shared_ptr<const Settings>).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/log_settings.h"
#include "base/setting.h"
#include "config/daemon_settings.h"
#include "deliver/next_hop.h"
#include "policy/address_extension.h"
#include "policy/banned.h"
#include "policy/fields.h"
#include "policy/header_settings.h"
#include "policy/pen_pals.h"
#include "policy/people_notices.h"
#include "policy/policy_layers.h"
#include "policy/recipient_policy.h"
#include "policy/sender_lists.h"
#include "policy/spam_scores.h"
#include "quarantine/keep.h"
#include "quarantine/release_settings.h"
#include "scanners/worker/open_settings.h"
#include "storage/dsn.h"
#include "storage/retention/retention_settings.h"
#include "storage/storage_settings.h"

namespace tamis::config {

// PolicySettings - what [policy] says besides the settings that can differ for each recipient (policy/fields.h): those are read
// into Settings::site_policy
struct PolicySettings {
    std::string final_unopened_destiny = "discard", final_encrypted_destiny, final_over_limits_destiny,
                final_ambiguous_destiny;  // empty: as final_unchecked_destiny
    std::string virus_quarantine = "sql:", spam_quarantine = "sql:", unchecked_quarantine,
                unopened_quarantine = "sql:", clean_quarantine, banned_quarantine = "sql:", bad_header_quarantine,
                archive_quarantine;
    std::string quarantine_dir;  // empty: STATE_DIR/quarantine
    std::int64_t quarantine_subdir_levels = 0;
    std::string quarantine_sender;
    std::string recipient_delimiter = "+";
    bool local_part_is_case_sensitive = false;
    double pen_pals_bonus = 0, pen_pals_threshold_low = 1, pen_pals_threshold_high = 50;
    Duration pen_pals_half_life{604'800'000};
    double bounce_killer_score = 0;
    bool replace_existing_extension = true;
    std::string spam_scores = "sum";
    std::string scanner_failure = "unchecked";
    bool soft_bounce = false;
    std::string virus_header = "X-Virus-Scanned";
    std::string virus_header_text;
    bool add_received = true;
    bool remove_existing_spam_headers = true;
    bool ambiguity_header = true;
};

struct Settings {
    std::string file;
    std::vector<std::string> warnings;  // FILE:LINE:COL: what is no mistake, but hardly what is wanted
    ConfigTable config;                 // as read; the scanners load their own tables from it
    ServerSettings server;
    LimitSettings limits;
    LogSettings log;
    PolicySettings policy;
    storage::StorageSettings storage;
    NoticeSettings notices;
    quarantine::ReleaseSettings release;
    ControlSettings control;
    storage::RetentionSettings retention;
    worker::OpenSettings open;
    policy::HeaderChecks header_checks;

    // derived
    deliver::NextHop forward;
    AddressList allowed_peers, xforward_peers, mynetworks;
    std::vector<storage::Dsn> lookup_dsns, storage_dsns;
    policy::RecipientPolicy site_policy = policy::site_defaults();  // what every recipient starts from
    policy::BannedRules banned;                                     // what is not wanted inside a message, by list
    policy::PolicyTables tables;                                    // what can be different for each, in the configuration
    policy::SenderLists sender_lists;
    policy::PenPalOptions pen_pals;
    policy::SpamScores spam_scores;  // what several spam engines say together
    bool asks_records() const { return pen_pals.is_on() || policy.bounce_killer_score > 0; }  // about mail that we sent
    quarantine::QuarantineOptions quarantine;
    policy::ExtensionRules extension;
    deliver::NextHop notify;  // for messages of our own
    policy::NoticeTexts notice_texts;
    deliver::NextHop release_to;              // for mail that leaves the quarantine
    std::optional<deliver::NextHop> requeue;  // for mail that shall be filtered again
    AddressList control_peers;
    std::vector<unsigned> control_users;  // uids
    storage::ExpireOptions expiry;        // of [retention], without the time
};

// load_settings_file - reads and checks the whole file (the scanners' tables are checked by the scanners)
std::shared_ptr<const Settings> load_settings_file(const std::string& path, Problems& problems);

// setting_lines - every setting with value, default and where it comes from; `settings` null: the defaults
std::vector<SettingLine> setting_lines(const Settings* settings);

std::string print_config(const Settings& settings);  // --print-config
std::string settings_manual();                       // docs/settings.md

}  // namespace tamis::config
