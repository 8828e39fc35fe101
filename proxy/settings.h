// settings - everything tamisd can be told, from one TOML file; rows, defaults and bounds in settings.cpp
//
// A Settings object never changes after loading; SIGHUP loads a new one and swaps it (shared_ptr<const Settings>).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/setting.h"
#include "policy/address_extension.h"
#include "policy/banned.h"
#include "policy/fields.h"
#include "policy/header_check.h"
#include "policy/pen_pals.h"
#include "policy/people_notices.h"
#include "policy/policy_layers.h"
#include "policy/recipient_policy.h"
#include "policy/sender_lists.h"
#include "policy/spam_scores.h"
#include "proxy/deliver/next_hop.h"
#include "proxy/keep/quarantine.h"
#include "proxy/retention_settings.h"
#include "scanners/worker/open_settings.h"
#include "storage/dsn.h"

namespace tamis::proxy {

struct ServerSettings {
    std::vector<std::string> listen = {"127.0.0.1:10024"};
    std::string forward = "smtp:[127.0.0.1]:10025";
    std::string hostname;  // empty: the machine's name
    std::vector<std::string> local_domains;
    std::vector<std::string> mynetworks = {"127.0.0.0/8",    "[::1]/128",      "10.0.0.0/8",  "172.16.0.0/12",
                                           "192.168.0.0/16", "169.254.0.0/16", "[fe80::]/10", "[fc00::]/7"};
    std::string state_dir = "/var/lib/tamis";
    std::string user;
    std::string group;
    std::int64_t threads = 0;
    std::string pid_file;
    std::string socket_mode = "0660";
    std::vector<std::string> allowed_peers = {"127.0.0.1", "[::1]"};
    std::vector<std::string> xforward_peers = {"127.0.0.1", "[::1]"};
    std::string tls_certificate;
    std::string tls_key;
    bool tls_required = false;
    std::string forward_tls = "none";
    std::string forward_ca;
    std::string localhost_name = "localhost";
    std::vector<std::string> before_queue;  // of listen: who hands in mail there still has its sender on the line
};

struct LimitSettings {
    Bytes message_size{0};
    std::int64_t recipients = 1100;
    std::int64_t errors = 20;
    std::int64_t connections = 2000;
    Bytes line{4096};
    Seconds idle{480'000};
    Seconds session{3'600'000};
    Seconds message{480'000};
    Seconds scan{240'000};
    Bytes memory{512ULL * 1024 * 1024};
    Bytes spool_memory{8ULL * 1024 * 1024};
    Seconds drain{60'000};
    std::int64_t backlog = 1024;
};

struct LogSettings {
    std::string target = "syslog";
    std::string ident = "amavis";
    std::int64_t level = 0;
    std::string format = "amavis";
};

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
    Seconds pen_pals_half_life{604'800'000};
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

struct NoticeSettings {
    std::string method;  // empty: server.forward
    std::string from;    // empty: postmaster@HOSTNAME
    std::string sender;
    bool warn_offsite = false;
    std::string virus_admin_template, spam_admin_template, banned_admin_template, bad_header_admin_template,
        virus_recipient_template, banned_recipient_template, bad_header_recipient_template;
};

struct ReleaseSettings {
    std::string forward;  // empty: server.forward
    std::string requeue;
    std::string format = "resend";
};

struct ControlSettings {
    std::vector<std::string> listen;
    std::string socket_mode = "0660";
    std::vector<std::string> allowed_users;
    std::vector<std::string> allowed_peers = {"127.0.0.1", "[::1]"};
    std::string secret_required = "tcp";
    std::int64_t connections = 100;
    Seconds idle{300'000};
};

struct StorageSettings {
    std::int64_t connections = 4;
    std::int64_t partition_tag = 0;
    bool record_all = true;
    Seconds wait{10'000};
    std::int64_t remembered = 100'000;
    std::int64_t lookup_connections = 2;
    Seconds lookup_cache{0};
    std::string select_policy;
    std::optional<std::string> select_wblist;
    bool lookup_no_at_means_domain = false;
};

struct Settings {
    std::string file;
    std::vector<std::string> warnings;  // FILE:LINE:COL: what is no mistake, but hardly what is wanted
    ConfigTable config;                 // as read; the scanners load their own tables from it
    ServerSettings server;
    LimitSettings limits;
    LogSettings log;
    PolicySettings policy;
    StorageSettings storage;
    NoticeSettings notices;
    ReleaseSettings release;
    ControlSettings control;
    RetentionSettings retention;
    open::OpenSettings open;
    policy::HeaderChecks header_checks;

    // derived
    NextHop forward;
    AddressList allowed_peers, xforward_peers, mynetworks;
    std::vector<storage::Dsn> lookup_dsns, storage_dsns;
    policy::RecipientPolicy site_policy = policy::site_defaults();  // what every recipient starts from
    policy::BannedRules banned;                                     // what is not wanted inside a message, by list
    policy::PolicyTables tables;                                    // what can be different for each, in the configuration
    policy::SenderLists sender_lists;
    policy::PenPalOptions pen_pals;
    policy::SpamScores spam_scores;  // what several spam engines say together
    bool asks_records() const { return pen_pals.is_on() || policy.bounce_killer_score > 0; }  // about mail that we sent
    QuarantineOptions quarantine;
    policy::ExtensionRules extension;
    NextHop notify;  // for messages of our own
    policy::NoticeTexts notice_texts;
    NextHop release_to;              // for mail that leaves the quarantine
    std::optional<NextHop> requeue;  // for mail that shall be filtered again
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

}  // namespace tamis::proxy
