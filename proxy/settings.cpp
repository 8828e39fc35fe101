#include "proxy/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <fstream>
#include <sstream>
#include <tuple>

#include "base/text.h"
#include "policy/list_keys.h"
#include "proxy/privileges.h"
#include "proxy/start_checks.h"
#include "proxy/value_checks.h"
#include "scanners/scanner.h"

namespace tamis::proxy {
namespace {

const std::vector<std::string> destinies = {"pass", "discard", "bounce", "reject", "tempfail"};
const std::vector<std::string> some_destinies = {"", "pass", "discard", "bounce", "reject", "tempfail"};

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
        {"spam_tag_level", &S::spam_tag_level, "Spam headers are added from this score on; \"none\": always.", low, high},
        {"spam_tag2_level", &S::spam_tag2_level, "From here on mail is marked as spam: X-Spam-Flag: YES and the subject tag.",
         low, high},
        {"spam_tag3_level", &S::spam_tag3_level, "A second degree of marking, with its own subject tag.", low, high},
        {"spam_kill_level", &S::spam_kill_level, "From here on final_spam_destiny and the spam quarantine apply.", low, high},
        {"spam_dsn_cutoff_level", &S::spam_dsn_cutoff_level, "From here on no bounce is ever sent for spam.", low, high},
        {"spam_quarantine_cutoff_level", &S::spam_quarantine_cutoff_level, "From here on spam is not even quarantined.", low,
         high},
        {"final_virus_destiny", &S::final_virus_destiny,
         "What happens to infected mail: \"pass\" delivers it, \"discard\" takes it (250) and delivers nothing, \"bounce\" does so and tells the sender (never for viruses and spam from outside), \"reject\" refuses it with a 5xx (right only before the queue, server.before_queue: behind it the mail server bounces to the sender, who is mostly forged), \"tempfail\" refuses it for now (4xx), so that it comes again. The quarantine is another matter: virus_quarantine.",
         0, 0, true, destinies},
        {"final_banned_destiny", &S::final_banned_destiny,
         "What happens to mail with banned contents. Words as for final_virus_destiny.", 0, 0, true, destinies},
        {"final_spam_destiny", &S::final_spam_destiny,
         "What happens to mail at or above spam_kill_level. Words as for final_virus_destiny.", 0, 0, true, destinies},
        {"final_unchecked_destiny", &S::final_unchecked_destiny,
         "What happens to mail a required scanner could not check, and to mail that could not be read wholly. Words as for final_virus_destiny.",
         0, 0, true, destinies},
        {"final_encrypted_destiny", &S::final_encrypted_destiny,
         "The same for mail with encrypted parts; \"\": as final_unchecked_destiny.", 0, 0, true, some_destinies},
        {"final_over_limits_destiny", &S::final_over_limits_destiny,
         "The same for mail that was not opened to its end because a limit was met; \"\": as final_unchecked_destiny.", 0, 0,
         true, some_destinies},
        {"final_ambiguous_destiny", &S::final_ambiguous_destiny,
         "The same for mail that two programs may read differently; \"\": as final_unchecked_destiny.", 0, 0, true,
         some_destinies},
        {"final_unopened_destiny", &S::final_unopened_destiny,
         "The same for mail on which the decoder crashed or ran out of time twice; \"\": as final_unchecked_destiny.", 0, 0, true,
         some_destinies},
        {"final_bad_header_destiny", &S::final_bad_header_destiny,
         "What happens to mail with a bad header section. Words as for final_virus_destiny.", 0, 0, true, destinies},
        {"final_oversized_destiny", &S::final_oversized_destiny,
         "What happens to mail above a recipient's size limit. Words as for final_virus_destiny.", 0, 0, true, destinies},
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
        {"virus_quarantine_to", &S::virus_quarantine_to,
         "For whom infected mail is kept: an address is mailed to (except with \"sql:\"), \"%a\" is the recipient himself, any other name means as virus_quarantine says, \"\" is no copy."},
        {"banned_quarantine_to", &S::banned_quarantine_to, "For whom banned mail is kept."},
        {"spam_quarantine_to", &S::spam_quarantine_to, "For whom spam is kept."},
        {"unchecked_quarantine_to", &S::unchecked_quarantine_to, "For whom unchecked mail is kept."},
        {"bad_header_quarantine_to", &S::bad_header_quarantine_to, "For whom mail with a bad header section is kept."},
        {"clean_quarantine_to", &S::clean_quarantine_to, "For whom clean mail is kept."},
        {"archive_quarantine_to", &S::archive_quarantine_to, "For whom everything is archived."},
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
        {"addr_extension_virus", &S::addr_extension_virus,
         "Extension for local recipients of infected mail that passes: user+THIS@example.com; \"\": none."},
        {"addr_extension_spam", &S::addr_extension_spam, "The same for mail from spam_tag2_level on that passes."},
        {"addr_extension_banned", &S::addr_extension_banned, "The same for mail with banned contents that passes."},
        {"addr_extension_bad_header", &S::addr_extension_bad_header, "The same for mail with a bad header section that passes."},
        {"message_size_limit", &S::message_size_limit,
         "Largest message in octets for a recipient who says nothing else, see final_oversized_destiny; 0 is no limit; less than 65536 counts as 65536 (RFC 5321).",
         0, 1e15},
        {"virus_admin", &S::virus_admin, "Address that is told about infected and unchecked mail; \"\": nobody."},
        {"newvirus_admin", &S::newvirus_admin, "Address that is told about a virus name not seen since the start of tamisd."},
        {"spam_admin", &S::spam_admin, "Address that is told about mail at or above spam_kill_level."},
        {"banned_admin", &S::banned_admin, "Address that is told about banned contents."},
        {"bad_header_admin", &S::bad_header_admin, "Address that is told about mail with a bad header section."},
        {"banned_rulenames", &S::banned_rulenames,
         "Which lists of rules on banned contents apply, in their order (docs/banned.md)."},
        {"warnvirusrecip", &S::warnvirusrecip, "Recipients are told about infected mail that was kept from them."},
        {"warnbannedrecip", &S::warnbannedrecip, "Recipients are told about banned mail that was kept from them."},
        {"warnbadhrecip", &S::warnbadhrecip, "Recipients are told about mail with a bad header section that was kept from them."},
        {"spam_subject_tag", &S::spam_subject_tag, "Put before the subject from spam_tag_level on."},
        {"spam_subject_tag2", &S::spam_subject_tag2, "Put before the subject from spam_tag2_level on."},
        {"spam_subject_tag3", &S::spam_subject_tag3, "Put before the subject from spam_tag3_level on."},
        {"virus_subject_tag", &S::virus_subject_tag, "Put before the subject of infected mail that passes."},
        {"unchecked_subject_tag", &S::unchecked_subject_tag,
         "Put before the subject of mail that could not be checked and passes."},
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

policy::Destiny destiny_of(const std::string& name) {
    if (name == "pass") return policy::Destiny::pass;
    if (name == "discard") return policy::Destiny::discard;
    if (name == "bounce") return policy::Destiny::bounce;
    if (name == "reject") return policy::Destiny::reject;
    return policy::Destiny::tempfail;
}

policy::RecipientPolicy site_policy(const PolicySettings& from) {
    policy::RecipientPolicy out;
    out.levels = {from.spam_tag_level,  from.spam_tag2_level,       from.spam_tag3_level,
                  from.spam_kill_level, from.spam_dsn_cutoff_level, from.spam_quarantine_cutoff_level};
    out.destinies.virus = destiny_of(from.final_virus_destiny);
    out.destinies.banned = destiny_of(from.final_banned_destiny);
    out.destinies.spam = destiny_of(from.final_spam_destiny);
    out.destinies.unchecked = destiny_of(from.final_unchecked_destiny);
    const std::pair<int, const std::string*> unchecked[] = {{mail::unchecked_encrypted, &from.final_encrypted_destiny},
                                                            {mail::unchecked_over_limits, &from.final_over_limits_destiny},
                                                            {mail::unchecked_ambiguous, &from.final_ambiguous_destiny},
                                                            {mail::unchecked_unopened, &from.final_unopened_destiny}};
    for (const auto& [minor, destiny] : unchecked)
        if (!destiny->empty()) out.destinies.unchecked_by_minor[static_cast<std::size_t>(minor)] = destiny_of(*destiny);
    out.destinies.bad_header = destiny_of(from.final_bad_header_destiny);
    out.destinies.oversized = destiny_of(from.final_oversized_destiny);
    out.quarantine = {from.virus_quarantine,    from.banned_quarantine,     from.spam_quarantine,  from.unchecked_quarantine,
                      from.unopened_quarantine, from.bad_header_quarantine, from.clean_quarantine, from.archive_quarantine};
    out.quarantine_to = {from.virus_quarantine_to,     from.banned_quarantine_to,     from.spam_quarantine_to,
                         from.unchecked_quarantine_to, from.bad_header_quarantine_to, from.clean_quarantine_to,
                         from.archive_quarantine_to};
    out.address_extension = {from.addr_extension_virus, from.addr_extension_spam, from.addr_extension_banned,
                             from.addr_extension_bad_header};
    out.virus_admin = from.virus_admin;
    out.new_virus_admin = from.newvirus_admin;
    out.spam_admin = from.spam_admin;
    out.banned_admin = from.banned_admin;
    out.banned_rule_names = from.banned_rulenames;
    out.bad_header_admin = from.bad_header_admin;
    out.warn_virus = from.warnvirusrecip;
    out.warn_banned = from.warnbannedrecip;
    out.warn_bad_header = from.warnbadhrecip;
    if (from.message_size_limit != 0) out.size_limit = static_cast<std::uint64_t>(from.message_size_limit);
    out.subject_tags = {from.spam_subject_tag, from.spam_subject_tag2, from.spam_subject_tag3};
    out.virus_subject_tag = from.virus_subject_tag;
    out.unchecked_subject_tag = from.unchecked_subject_tag;
    return out;
}

std::string machine_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

Position position_of(const ConfigTable* table, std::string_view key) {
    if (table == nullptr) return {};
    const auto* value = table->find(key);
    return value == nullptr ? Position{} : value->position;
}

const ConfigTable* section(const ConfigTable& config, std::string_view name, Problems& problems) {
    const auto* value = config.find(name);
    if (value == nullptr) return nullptr;
    if (value->table() == nullptr) problems.add(value->position, fmt::format("{} must be a table: [{}]", name, name));
    return value->table();
}

// quarantine_options - checks every quarantine method, and what all copies have in common
QuarantineOptions quarantine_options(const Settings& settings, const ConfigTable* table, Problems& problems) {
    const auto& from = settings.policy;
    const std::pair<std::string_view, const std::string*> methods[] = {{"virus_quarantine", &from.virus_quarantine},
                                                                       {"banned_quarantine", &from.banned_quarantine},
                                                                       {"spam_quarantine", &from.spam_quarantine},
                                                                       {"unchecked_quarantine", &from.unchecked_quarantine},
                                                                       {"bad_header_quarantine", &from.bad_header_quarantine},
                                                                       {"clean_quarantine", &from.clean_quarantine},
                                                                       {"archive_quarantine", &from.archive_quarantine},
                                                                       {"unopened_quarantine", &from.unopened_quarantine}};
    for (const auto& [key, method] : methods) {
        if (auto done = policy::check_quarantine_method(*method); !done)
            problems.add(position_of(table, key), fmt::format("policy.{}: {}", key, done.error().detail));
        else if (starts_with_fold(*method, "smtp:") || starts_with_fold(*method, "lmtp:"))
            if (auto hop = parse_next_hop(*method); !hop)
                problems.add(position_of(table, key), fmt::format("policy.{}: {}", key, hop.error().detail));
    }
    QuarantineOptions out;
    out.directory = from.quarantine_dir.empty() ? settings.server.state_dir + "/quarantine" : from.quarantine_dir;
    if (!out.directory.starts_with('/'))
        problems.add(position_of(table, "quarantine_dir"), "policy.quarantine_dir must be an absolute path");
    while (out.directory.size() > 1 && out.directory.ends_with('/')) out.directory.pop_back();
    out.subdir_levels = static_cast<int>(from.quarantine_subdir_levels);
    out.sender = from.quarantine_sender;
    out.partition_tag = settings.storage.partition_tag;
    out.notify = settings.notify;
    return out;
}

Result<policy::NoticeText> read_template(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream)
        return fail(Errc::unavailable,
                    fmt::format("cannot be read: {}", std::error_code(errno, std::generic_category()).message()));
    std::ostringstream text;
    text << stream.rdbuf();
    return policy::parse_notice_text(text.str());
}

// derive_release - where mail goes that leaves the quarantine
void derive_release(Settings& settings, const ConfigTable* table, Problems& problems) {
    settings.release_to = settings.forward;
    const auto parse = [&](std::string_view key, const std::string& text, auto& into) {
        if (text.empty()) return;
        auto hop = parse_next_hop(text);
        if (hop) into = std::move(*hop);
        else problems.add(position_of(table, key), fmt::format("release.{}: {}", key, hop.error().detail));
    };
    parse("forward", settings.release.forward, settings.release_to);
    parse("requeue", settings.release.requeue, settings.requeue);
}

bool is_octal_mode(std::string_view mode) {
    return mode.size() >= 3 && mode.size() <= 4 && mode.find_first_not_of("01234567") == std::string_view::npos;
}

// derive_control - who may connect to AM.PDP
void derive_control(Settings& settings, const ConfigTable* table, Problems& problems) {
    const auto bad = [&](std::string_view key, std::string_view what) {
        problems.add(position_of(table, key), fmt::format("control.{}: {}", key, what));
    };
    for (const auto& entry : settings.control.listen)
        if (auto endpoint = parse_endpoint(entry); !endpoint) bad("listen", endpoint.error().detail);
    if (!is_octal_mode(settings.control.socket_mode)) bad("socket_mode", "must be octal digits such as \"0660\"");
    auto peers = AddressList::parse(settings.control.allowed_peers);
    if (peers) settings.control_peers = std::move(*peers);
    else bad("allowed_peers", peers.error().detail);
    for (const auto& user : settings.control.allowed_users) {
        if (const auto number = user_number(user)) settings.control_users.push_back(*number);
        else bad("allowed_users", fmt::format("there is no user \"{}\"", escaped(user)));
    }
}

// derive_notices - where notices go, from whom, and their texts
void derive_notices(Settings& settings, const ConfigTable* table, Problems& problems) {
    auto& notices = settings.notices;
    settings.notify = settings.forward;
    if (!notices.method.empty()) {
        auto hop = parse_next_hop(notices.method);
        if (hop) settings.notify = std::move(*hop);
        else problems.add(position_of(table, "method"), "notices.method: " + hop.error().detail);
    }
    if (notices.from.empty()) notices.from = "postmaster@" + settings.server.hostname;
    auto& texts = settings.notice_texts;
    const std::tuple<std::string_view, const std::string*, policy::NoticeText*> files[] = {
        {"virus_admin_template", &notices.virus_admin_template, &texts.virus_admin},
        {"spam_admin_template", &notices.spam_admin_template, &texts.spam_admin},
        {"banned_admin_template", &notices.banned_admin_template, &texts.banned_admin},
        {"bad_header_admin_template", &notices.bad_header_admin_template, &texts.bad_header_admin},
        {"virus_recipient_template", &notices.virus_recipient_template, &texts.virus_recipient},
        {"banned_recipient_template", &notices.banned_recipient_template, &texts.banned_recipient},
        {"bad_header_recipient_template", &notices.bad_header_recipient_template, &texts.bad_header_recipient}};
    for (const auto& [key, path, into] : files) {
        if (path->empty()) continue;
        auto text = read_template(*path);
        if (text) *into = std::move(*text);
        else problems.add(position_of(table, key), fmt::format("notices.{}: {}: {}", key, *path, text.error().detail));
    }
}

void derive(Settings& settings, const ConfigTable* server, Problems& problems) {
    const auto take = [&](std::string_view key, auto parsed, auto& into) {
        if (parsed) into = std::move(*parsed);
        else problems.add(position_of(server, key), fmt::format("server.{}: {}", key, parsed.error().detail));
    };
    if (settings.server.hostname.empty()) settings.server.hostname = machine_name();
    take("forward", parse_next_hop(settings.server.forward), settings.forward);
    take("allowed_peers", AddressList::parse(settings.server.allowed_peers), settings.allowed_peers);
    take("xforward_peers", AddressList::parse(settings.server.xforward_peers), settings.xforward_peers);
    take("mynetworks", AddressList::parse(settings.server.mynetworks), settings.mynetworks);
    if (settings.server.listen.empty())
        problems.add(position_of(server, "listen"), "server.listen is empty: nothing to listen on");
    for (const auto& entry : settings.server.listen) {
        Endpoint ignored;
        take("listen", parse_endpoint(entry), ignored);
    }
    for (std::size_t i = 0; i < settings.server.before_queue.size(); ++i) {
        const auto& name = settings.server.before_queue[i];
        const auto place = parse_endpoint(name);
        const bool is_known = std::ranges::any_of(settings.server.listen, [&](const std::string& each) {
            const auto listener = parse_endpoint(each);
            return each == name || (listener && place && *listener == *place);
        });
        if (is_known) continue;
        const auto near = nearest(name, settings.server.listen);
        problems.add(position_of(server, "before_queue"),
                     fmt::format("server.before_queue: \"{}\" is none of server.listen{}", escaped(name),
                                 near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
    }
    if (settings.server.tls_certificate.empty() != settings.server.tls_key.empty())
        problems.add(position_of(server, settings.server.tls_key.empty() ? "tls_certificate" : "tls_key"),
                     "server.tls_certificate and server.tls_key must be set together");
    if (settings.server.tls_required && settings.server.tls_certificate.empty())
        problems.add(position_of(server, "tls_required"), "server.tls_required needs tls_certificate and tls_key");
    if (!is_octal_mode(settings.server.socket_mode))
        problems.add(position_of(server, "socket_mode"), "server.socket_mode must be octal digits such as \"0660\"");
    if (settings.limits.scan > settings.limits.message)
        problems.add({}, "limits.scan is longer than limits.message: the answer would come too late");
    if (settings.policy.virus_header_text.empty()) settings.policy.virus_header_text = "Tamis at " + settings.server.hostname;
    settings.site_policy = site_policy(settings.policy);
    settings.extension = {settings.policy.recipient_delimiter, settings.policy.replace_existing_extension};
}

// check_rule_names - a name in [policy] that means nothing is a typing error; in SQL it is only logged
void check_rule_names(const Settings& settings, Problems& problems) {
    const auto* policy = settings.config.find("policy");
    for (const auto& name : settings.policy.banned_rulenames) {
        if (settings.banned.find(name) != nullptr) continue;
        const auto close = nearest(name, settings.banned.names());
        problems.add(position_of(policy == nullptr ? nullptr : policy->table(), "banned_rulenames"),
                     fmt::format("policy.banned_rulenames: there is no list \"{}\"{}", escaped(name),
                                 close ? fmt::format("; did you mean \"{}\"?", *close) : "; lists are [[banned.rules.NAME]]"));
    }
}

// load_spam_scores - a name must be that of an engine that is there
void load_spam_scores(Settings& settings, Problems& problems) {
    const auto& text = settings.policy.spam_scores;
    settings.spam_scores = policy::spam_scores_named(text);
    if (settings.spam_scores.rule != policy::SpamScores::Rule::engine) return;
    std::vector<std::string> known = {"sum", "maximum"};
    const auto* scanners = settings.config.find("scanners");
    for (const auto* name : {"rspamd", "spamd"})
        if (scanners != nullptr && scanners->table() != nullptr && scanners->table()->find(name) != nullptr)
            known.emplace_back(name);
    if (std::ranges::find(known, text) != known.end()) return;
    const auto near = nearest(text, known);
    const auto* policy = settings.config.find("policy");
    problems.add(position_of(policy == nullptr ? nullptr : policy->table(), "spam_scores"),
                 fmt::format("policy.spam_scores is \"{}\"; it must be one of {} (engines: those with a table [scanners.NAME]){}",
                             escaped(text), join(known, ", "), near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

// load_tables - what the configuration says about single recipients, senders and clients
void load_tables(Settings& settings, Problems& problems) {
    settings.banned = policy::BannedRules::load(settings.config, problems);
    check_rule_names(settings, problems);
    load_spam_scores(settings, problems);
    auto& tables = settings.tables;
    tables.keys = {settings.policy.recipient_delimiter, settings.policy.local_part_is_case_sensitive};
    const auto* server = settings.config.find("server");
    const auto* given = server == nullptr || server->table() == nullptr ? nullptr : server->table()->find("local_domains");
    tables.local_domains =
        policy::list_entries(settings.server.local_domains, given, "server.local_domains", tables.keys, problems);
    tables.site = settings.site_policy;
    tables.tables = policy::StaticTables::load(settings.config, tables.keys, problems);
    tables.banks = policy::Banks::load(settings.config, problems);
    Problems warnings(settings.file);
    check_configured_values(settings.config, problems, warnings);
    check_destinies(settings, warnings);
    settings.warnings = warnings.lines();
    settings.sender_lists = policy::SenderLists::load(settings.config, tables.keys, problems);
    settings.pen_pals = {settings.policy.pen_pals_bonus, settings.policy.pen_pals_half_life,
                         settings.policy.pen_pals_threshold_low, settings.policy.pen_pals_threshold_high};
}

// takes_storage_dsn - only storage_dsn is given: as amavisd's sample has it, whoever names one database means it for both
bool takes_storage_dsn(const ConfigTable& config) {
    const auto* storage = config.find("storage");
    const auto* table = storage == nullptr ? nullptr : storage->table();
    return table != nullptr && table->find("lookup_dsn") == nullptr && table->find("storage_dsn") != nullptr;
}

void load_storage(Settings& settings, const ConfigTable* table, Problems& problems) {
    const std::string embedded = "sqlite:" + settings.server.state_dir + "/tamis.db";
    const auto load = [&](std::string_view key, std::vector<storage::Dsn>& into) {
        const auto* value = table == nullptr ? nullptr : table->find(key);
        const bool none = value != nullptr && value->array() != nullptr && value->array()->empty();
        if (none) return;  // an empty list: no database at all
        if (value != nullptr) {
            into = storage::load_dsns(*value, fmt::format("storage.{}", key), problems);
            return;
        }
        if (auto dsn = storage::parse_dsn(embedded)) into = {std::move(*dsn)};
        storage::name_entries(into, key);
    };
    load("storage_dsn", settings.storage_dsns);
    if (takes_storage_dsn(settings.config)) settings.lookup_dsns = settings.storage_dsns;
    else load("lookup_dsn", settings.lookup_dsns);
    if (!settings.storage_dsns.empty() || !problems.none()) return;
    const auto& to = settings.site_policy.quarantine;
    for (const auto* target :
         {&to.virus, &to.banned, &to.spam, &to.unchecked, &to.unopened, &to.bad_header, &to.clean, &to.archive})
        if (equal_fold(*target, "sql:")) {
            problems.add(
                position_of(table, "storage_dsn"),
                "storage.storage_dsn is an empty list, but policy.*_quarantine names the database (\"sql:\"); "
                "give a DSN, or set virus_quarantine, banned_quarantine, spam_quarantine and unopened_quarantine to \"\"");
            return;
        }
}

// bounds_text - ", 1 to 256" for a setting whose values have bounds worth telling
std::string bounds_text(std::string_view type, double minimum, double maximum) {
    constexpr double no_bound = 1e12;
    constexpr double kib = 1024;
    const bool is_size = type == "size";
    const bool has_bounds = type.starts_with("number") || is_size || type == "time";
    if (!has_bounds || maximum <= minimum || (minimum <= 0 && maximum >= no_bound)) return {};
    const auto shown = [&](double value) -> std::string {
        if (is_size)
            for (const auto& [unit, factor] :
                 {std::pair("GiB", kib * kib * kib), std::pair("MiB", kib * kib), std::pair("KiB", kib)})
                if (value >= factor && std::fmod(value, factor) == 0) return fmt::format("{} {}", value / factor, unit);
        return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
    };
    if (maximum >= no_bound) return fmt::format(", at least {}", shown(minimum));
    return fmt::format(", {} to {}{}", shown(minimum), shown(maximum), type == "time" ? " s" : "");
}

}  // namespace

std::shared_ptr<const Settings> load_settings_file(const std::string& path, Problems& problems) {
    auto settings = std::make_shared<Settings>();
    settings->file = path;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        problems.add({}, fmt::format("cannot be read: {}", std::error_code(errno, std::generic_category()).message()));
        return settings;
    }
    std::ostringstream text;
    text << stream.rdbuf();
    settings->config = parse_config(text.str(), problems);
    const auto& config = settings->config;
    if (problems.none() && config.entries.empty())  // most likely half-written; all defaults are no configuration
        problems.add({}, "holds no settings at all");
    if (!problems.none()) return settings;
    const std::vector<std::string> sections = {"server",
                                               "limits",
                                               "log",
                                               "policy",
                                               "storage",
                                               "open",
                                               "notices",
                                               "scanners",
                                               "banks",
                                               "bank_rules",
                                               "sender_lists",
                                               "recipients",
                                               "recipient_patterns",
                                               "banned",
                                               "header_checks",
                                               "release",
                                               "control",
                                               "retention"};
    for (const auto& [key, at] : config.keys)
        if (std::find(sections.begin(), sections.end(), key) == sections.end())
            detail::unknown_key("", key, at, sections, problems);
    const auto* server = section(config, "server", problems);
    const auto* storage = section(config, "storage", problems);
    if (server != nullptr) load_settings(*server, "server", server_rows(), settings->server, problems);
    if (const auto* table = section(config, "limits", problems))
        load_settings(*table, "limits", limit_rows(), settings->limits, problems);
    if (const auto* table = section(config, "log", problems)) load_settings(*table, "log", log_rows(), settings->log, problems);
    if (const auto* table = section(config, "policy", problems))
        load_settings(*table, "policy", policy_rows(), settings->policy, problems);
    if (storage != nullptr)
        load_settings(*storage, "storage", storage_rows(), settings->storage, problems, {"lookup_dsn", "storage_dsn"});
    settings->open = open::load_open_settings(section(config, "open", problems), problems);
    if (const auto* table = section(config, "header_checks", problems))
        load_settings(*table, "header_checks", header_rows(), settings->header_checks, problems);
    const auto* notices = section(config, "notices", problems);
    if (notices != nullptr) load_settings(*notices, "notices", notice_rows(), settings->notices, problems);
    derive(*settings, server, problems);
    load_tables(*settings, problems);
    derive_notices(*settings, notices, problems);
    const auto* release = section(config, "release", problems);
    if (release != nullptr) load_settings(*release, "release", release_rows(), settings->release, problems);
    derive_release(*settings, release, problems);
    const auto* control = section(config, "control", problems);
    if (control != nullptr) load_settings(*control, "control", control_rows(), settings->control, problems);
    derive_control(*settings, control, problems);
    const auto* retention = section(config, "retention", problems);
    if (retention != nullptr) load_settings(*retention, "retention", retention_rows(), settings->retention, problems);
    settings->expiry = expire_options(settings->retention, retention, problems);
    const auto* policy = config.find("policy");
    settings->quarantine = quarantine_options(*settings, policy == nullptr ? nullptr : policy->table(), problems);
    load_storage(*settings, storage, problems);
    check_texts(*settings, problems);
    return settings;
}

std::vector<SettingLine> setting_lines(const Settings* settings) {
    static const Settings defaults;
    const Settings& current = settings != nullptr ? *settings : defaults;
    std::vector<SettingLine> lines;
    const auto add = [&](std::string_view name, const auto& rows, const auto& values) {
        const auto* value = settings == nullptr ? nullptr : settings->config.find(name);
        auto more = describe_settings(name, rows, values, value == nullptr ? nullptr : value->table());
        for (std::size_t i = 0; i < more.size(); ++i) more[i].type += bounds_text(more[i].type, rows[i].minimum, rows[i].maximum);
        lines.insert(lines.end(), more.begin(), more.end());
    };
    add("server", server_rows(), current.server);
    add("limits", limit_rows(), current.limits);
    add("log", log_rows(), current.log);
    add("policy", policy_rows(), current.policy);
    add("header_checks", header_rows(), current.header_checks);
    add("notices", notice_rows(), current.notices);
    add("release", release_rows(), current.release);
    add("control", control_rows(), current.control);
    add(open::open_section, open::open_rows(), current.open);
    add("storage", storage_rows(), current.storage);
    for (const auto* key : {"lookup_dsn", "storage_dsn"}) {
        const auto& dsns = std::string_view(key) == "lookup_dsn" ? current.lookup_dsns : current.storage_dsns;
        std::vector<std::string> shown;
        for (const auto& dsn : dsns) shown.push_back("\"" + dsn.shown + "\"");
        const auto* table = settings == nullptr || settings->config.find("storage") == nullptr
                                ? nullptr
                                : settings->config.find("storage")->table();
        const auto* value = table == nullptr ? nullptr : table->find(key);
        lines.push_back(
            {"storage", key, "DSN or list of DSNs", "[" + join(shown, ", ") + "]", "[\"sqlite:STATE_DIR/tamis.db\"]",
             std::string_view(key) == "lookup_dsn"
                 ? "Databases with the tables users, policy, mailaddr and wblist, tried in order at every connect; those of storage_dsn when only that is given; [] for none."
                 : "Databases with the tables maddr, msgs, msgrcpt and quarantine, tried in order at every connect; [] for none.",
             value != nullptr, false, value != nullptr ? value->position.line : 0});
    }
    add("retention", retention_rows(), current.retention);
    auto more = scanners::scanner_setting_lines(settings == nullptr ? nullptr : &settings->config);
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

namespace {

// meaning_of - of a destiny, for people who read their configuration again
std::string_view meaning_of(const SettingLine& line) {
    if (line.section != "policy" || !line.name.starts_with("final_") || !line.name.ends_with("_destiny")) return {};
    if (line.value == "\"pass\"") return "delivered";
    if (line.value == "\"discard\"") return "taken with 250, not delivered, nobody is told";
    if (line.value == "\"bounce\"")
        return "taken with 250, not delivered, the sender is told; never for viruses and spam from outside";
    if (line.value == "\"reject\"") return "refused with 5xx; behind a queue the mail server bounces to the sender (backscatter)";
    if (line.value == "\"tempfail\"") return "refused for now with 4xx, comes again";
    return "as final_unchecked_destiny";
}

}  // namespace

std::string print_config(const Settings& settings) {
    std::string out = fmt::format("# effective settings of {}\n", settings.file);
    std::string section;
    for (const auto& line : setting_lines(&settings)) {
        if (line.section != section) out += fmt::format("\n[{}]\n", section = line.section);
        const auto meaning = meaning_of(line);
        const bool is_shared = line.section == "storage" && line.name == "lookup_dsn" && takes_storage_dsn(settings.config);
        const std::string origin = line.from_file ? fmt::format("line {}", line.line) : is_shared ? "as storage_dsn" : "default";
        out += fmt::format("{} = {}   # {}{}{}\n", line.name, line.value, origin, meaning.empty() ? "" : "; ", meaning);
    }
    return out;
}

std::string settings_manual() {
    std::string out =
        "# Settings\n\n"
        "Made from the rows in the sources by `tamisd --settings-manual`; a test keeps it in step. Times are seconds or a\n"
        "text such as \"8m\"; sizes are octets or a text such as \"50 MB\". *Reload*: takes effect on SIGHUP; the others\n"
        "need a restart. A list of one may be written as a single text.\n";
    std::string section;
    for (const auto& line : setting_lines(nullptr)) {
        if (line.section != section)
            out += fmt::format("\n## [{}]\n\n| Setting | Type | Default | Reload | Meaning |\n|---|---|---|---|---|\n",
                               section = line.section);
        std::string fallback = line.fallback;
        out += fmt::format("| `{}` | {} | `{}` | {} | {} |\n", line.name, line.type, fallback, line.reloadable ? "yes" : "no",
                           line.text);
    }
    return out;
}

}  // namespace tamis::proxy
