#include "proxy/setting_rows.h"

#include "policy/fields.h"

namespace tamis::proxy {
namespace {

// some_destinies - one of them, or "": as another setting says
std::vector<std::string> some_destinies() {
    auto names = policy::destiny_names();
    names.insert(names.begin(), "");
    return names;
}

}  // namespace

const std::vector<Setting<ServerSettings>>& server_rows() {
    using S = ServerSettings;
    static const std::vector<Setting<S>> rows = {
        {"listen", &S::listen, "Where tamisd accepts mail: host:port or unix:/path; sockets passed by systemd replace it.", 0, 0,
         false},
        {"forward", &S::forward, "Where mail that may pass is handed to: smtp:[host]:port, lmtp:[host]:port or smtp:/path."},
        {"hostname", &S::hostname,
         "This host's full name, in Received fields, msgs.host and notices; the machine's name when not set."},
        {"local_domains", &S::local_domains,
         "Recipients here are ours and get spam headers and subject tags: \"example.com\", \".example.com\" (with subdomains), \"user@example.com\", \"!\" excludes."},
        {"mynetworks", &S::mynetworks, "Clients (by XFORWARD address) whose mail counts as originating here."},
        {"state_dir", &S::state_dir, "Directory for the embedded database and for spool files of large messages.", 0, 0, false},
        {"user", &S::user, "The unprivileged user tamisd becomes when it is started by root.", 0, 0, false},
        {"group", &S::group, "The group it becomes; the user's own when not set.", 0, 0, false},
        {"threads", &S::threads, "Event loops; 0 is one per core.", 0, 256, false},
        {"pid_file", &S::pid_file, "Where to write the process id; not written when empty.", 0, 0, false},
        {"socket_mode", &S::socket_mode, "Permissions of unix sockets we listen on, in octal.", 0, 0, false},
        {"allowed_peers", &S::allowed_peers,
         "Who may connect over TCP (amavisd's @inet_acl); others get a 554 greeting and a log line."},
        {"xforward_peers", &S::xforward_peers, "Whose XFORWARD is believed; unix sockets always are."},
        {"tls_certificate", &S::tls_certificate,
         "PEM file with our certificate chain; STARTTLS is offered when it and tls_key are set."},
        {"tls_key", &S::tls_key, "PEM file with the private key."},
        {"tls_required", &S::tls_required, "Refuse mail before STARTTLS with 530."},
        {"forward_tls",
         &S::forward_tls,
         "STARTTLS towards the next hop: none, may (when offered) or encrypt (or not at all).",
         0,
         0,
         false,
         {"none", "may", "encrypt"}},
        {"forward_ca", &S::forward_ca,
         "PEM file with the CA certificates that may sign the next hop's certificate when forward_tls is encrypt; the system's when not set.",
         0, 0, false},
        {"localhost_name", &S::localhost_name, "The name we give in EHLO to the next hop and in our Received field.", 0, 0,
         false},
        {"before_queue", &S::before_queue,
         "Which of the listeners take mail before the mail server has it in its queue (Postfix's smtpd_proxy_filter): there \"reject\" reaches the sender's server and makes no backscatter."},
    };
    return rows;
}

const std::vector<Setting<LimitSettings>>& limit_rows() {
    using S = LimitSettings;
    static const std::vector<Setting<S>> rows = {
        {"message_size", &S::message_size,
         "Largest message in octets (announced by SIZE, enforced at MAIL and at the end of data); 0 is no limit.", 0, 1e15},
        {"recipients", &S::recipients, "Most RCPT commands in one transaction; then 452.", 1, 100'000},
        {"errors", &S::errors, "Errors a client may make in one connection before it is closed with 421; 0 is no limit.", 0, 1e6},
        {"connections", &S::connections,
         "Connections that are served at the same time; more are accepted, and wait for their greeting until another one ends.",
         1, 1e6},
        {"line", &S::line, "Longest command line in octets.", 512, 65536},
        {"idle", &S::idle, "How long we wait for a client's next bytes.", 1, 86400},
        {"session", &S::session, "How long a connection may last in all; it is closed between two messages.", 10, 1e6},
        {"message", &S::message,
         "Deadline for one message from the end of data to our answer; stay below Postfix's data_done_timeout (600 s).", 1, 3600},
        {"scan", &S::scan, "Deadline for all scanners of one message together.", 0.1, 3600},
        {"memory", &S::memory,
         "Memory for all sessions together: their buffers, messages being received and processed, their decoded parts, and records that wait for the database; more mail waits or goes to disk.",
         1 << 20, 1e13, false},
        {"spool_memory", &S::spool_memory, "A message larger than this is kept in an unlinked file in state_dir.", 256 * 1024,
         1e13},
        {"drain", &S::drain, "At SIGTERM, how long messages in hand may take to finish.", 0, 3600},
        {"backlog", &S::backlog, "Length of the listen queue.", 1, 65535, false},
    };
    return rows;
}

const std::vector<Setting<LogSettings>>& log_rows() {
    using S = LogSettings;
    static const std::vector<Setting<S>> rows = {
        {"target", &S::target, "Where log lines go: syslog, journal, stderr or file:/path."},
        {"ident", &S::ident, "The program name in the log; \"amavis\" is what log parsers look for."},
        {"level", &S::level, "0 one line per message, 1-2 more, 3-5 debugging.", 0, 5},
        {"format",
         &S::format,
         "The line per message: amavis (its exact short format), json, or both.",
         0,
         0,
         true,
         {"amavis", "json", "both"}},
    };
    return rows;
}

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

const std::vector<Setting<StorageSettings>>& storage_rows() {
    using S = StorageSettings;
    static const std::vector<Setting<S>> rows = {
        {"connections", &S::connections, "Database sessions of the record store, whatever the number of messages in hand.", 1, 8,
         false},
        {"partition_tag", &S::partition_tag,
         "Value of the partition_tag columns (amavisd's $partition_tag); -1: the ISO year and week in which the message came, 202647 (its iso8601_yearweek, in UTC).",
         -1, 2147483647},
        {"record_all", &S::record_all,
         "Record clean mail too, not only what is quarantined or blocked (amavisd's $sql_store_info_for_all_msgs)."},
        {"wait", &S::wait, "How long a message waits for a database that is away before it gets a 451.", 0, 300},
        {"lookup_connections", &S::lookup_connections, "Database sessions for lookups (PostgreSQL).", 1, 8, false},
        {"lookup_cache", &S::lookup_cache,
         "How long what the lookup tables say is kept across messages; 0: a change takes effect on the next message. SIGHUP empties it, and on PostgreSQL so does any change when schema/postgresql/optional-notify.sql was installed.",
         0, 86400, false},
        {"select_policy", &S::select_policy,
         "A statement of your own instead of the one on users and policy, with %k %a %l %u %e %d (docs/policy.md).", 0, 0, false},
        {"select_wblist", &S::select_wblist,
         "The same for wblist: ? is users.id, %k the sender's keys, the column wb is read; \"\": wblist is not asked.", 0, 0,
         false},
        {"lookup_no_at_means_domain", &S::lookup_no_at_means_domain,
         "users.email and mailaddr.email hold domains without \"@\" (amavisd's $sql_lookups_no_at_means_domain)."},
        {"remembered", &S::remembered, "Records of delivered mail kept in memory while the database is away.", 0, 1e7, false},
    };
    return rows;
}

const std::vector<Setting<NoticeSettings>>& notice_rows() {
    using S = NoticeSettings;
    static const std::vector<Setting<S>> rows = {
        {"method", &S::method,
         "Where messages of our own go (notices, mailed quarantine copies): smtp:[host]:port, lmtp:...; server.forward when not set."},
        {"from", &S::from, "Address in the From field of notices; postmaster@HOSTNAME when not set."},
        {"sender", &S::sender,
         "Envelope sender of notices to administrators and recipients; \"\" is the null sender, so that nothing ever comes back."},
        {"warn_offsite", &S::warn_offsite, "Recipients that are not local are told as well."},
        {"virus_admin_template", &S::virus_admin_template,
         "File with the text for virus_admin and newvirus_admin (docs/notices.md); built in when not set, like the others."},
        {"spam_admin_template", &S::spam_admin_template, "File with the text for spam_admin."},
        {"banned_admin_template", &S::banned_admin_template, "File with the text for banned_admin."},
        {"bad_header_admin_template", &S::bad_header_admin_template, "File with the text for bad_header_admin."},
        {"virus_recipient_template", &S::virus_recipient_template, "File with the text for recipients of infected mail."},
        {"banned_recipient_template", &S::banned_recipient_template, "File with the text for recipients of banned mail."},
        {"bad_header_recipient_template", &S::bad_header_recipient_template,
         "File with the text for recipients of mail with a bad header section."},
    };
    return rows;
}

const std::vector<Setting<policy::HeaderChecks>>& header_rows() {
    using S = policy::HeaderChecks;
    static const std::vector<Setting<S>> rows = {
        {"mime", &S::mime, "Bad header 1: the MIME structure is damaged."},
        {"8bit", &S::eight_bit, "Bad header 2: bytes above 127 that are not UTF-8, or control characters among UTF-8."},
        {"utf8", &S::utf8, "Bad header 2: UTF-8 in mail that did not come with SMTPUTF8."},
        {"control", &S::control, "Bad header 3: a NUL or a bare CR (they are taken out in any case)."},
        {"empty", &S::empty, "Bad header 4: a continuation line of nothing but blanks."},
        {"long", &S::long_lines, "Bad header 5: a line of more than 998 octets."},
        {"syntax", &S::syntax, "Bad header 6: a line that is no header field, or a field name with bytes above 127."},
        {"from", &S::from, "Bad header 6: From without an address, or several authors and no Sender; bounces are spared."},
        {"missing", &S::missing, "Bad header 7: no Date or no From."},
        {"multiple", &S::multiple, "Bad header 8: From, Subject, Content-Type or another field twice that may stand there once."},
        {"fix_folding", &S::fix_folding, "Mail that passes loses continuation lines of nothing but blanks."},
        {"fix_long_lines", &S::fix_long_lines,
         "Mail that passes has header lines of more than 998 octets cut to 995 and \"...\"."},
    };
    return rows;
}

const std::vector<Setting<ReleaseSettings>>& release_rows() {
    using S = ReleaseSettings;
    static const std::vector<Setting<S>> rows = {
        {"forward", &S::forward,
         "Where mail that leaves the quarantine is handed to: smtp:[host]:port, lmtp:...; server.forward when not set. Never the filter's own port."},
        {"requeue", &S::requeue,
         "Where `tamis quarantine requeue` hands mail in to be filtered again, such as smtp:[127.0.0.1]:25; not set: requeue is refused."},
        {"format",
         &S::format,
         "How mail leaves the quarantine: resend (the message itself below Resent-* fields), attach (attached to a note), plain (the note and the message as one text).",
         0,
         0,
         true,
         {"resend", "attach", "plain"}},
    };
    return rows;
}

const std::vector<Setting<ControlSettings>>& control_rows() {
    using S = ControlSettings;
    static const std::vector<Setting<S>> rows = {
        {"listen", &S::listen,
         "Where AM.PDP is spoken, for amavisd-release, amavisd-milter and web front ends: unix:/path, and 127.0.0.1:9998 where a front end needs TCP; []: nowhere.",
         0, 0, false},
        {"socket_mode", &S::socket_mode, "Permissions of the unix socket, in octal; it belongs to server.user and server.group.",
         0, 0, false},
        {"allowed_users", &S::allowed_users,
         "Users (names or numbers) that may ask over the unix socket besides root and our own: a milter's, a web server's."},
        {"allowed_peers", &S::allowed_peers, "Addresses that may connect over TCP."},
        {"secret_required",
         &S::secret_required,
         "Who must give a message's secret_id to have it released: always everybody, tcp those who come over TCP, never nobody. A secret that is given is always checked.",
         0,
         0,
         true,
         {"always", "tcp", "never"}},
        {"connections", &S::connections,
         "Most connections of each kind at the same time: root with our own user, each of allowed_users, all TCP peers; beyond it the one that has been silent longest is closed. A milter needs one for each message in hand.",
         1, 10'000},
        {"idle", &S::idle,
         "How long we wait for the next request on a connection, and for the end of one that was begun; a new connection has 30 s to say something.",
         1, 86400},
    };
    return rows;
}

}  // namespace tamis::proxy
