// reasons - settings of amavisd that have no counterpart, and why
#include <algorithm>
#include <array>

#include "base/text.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using enum Outcome;

constexpr std::string_view one_process =
    "one process serves all connections at once; server.threads, limits.memory and scanners.*.max_scans bound it";
constexpr std::string_view opened_inside =
    "archives are opened by the built-in worker, no program is called (docs/opening-archives.md)";
constexpr std::string_view no_dkim = "DKIM is neither verified nor signed; let OpenDKIM, rspamd or the MTA do it";
constexpr std::string_view no_ldap = "there are no LDAP lookups; put these settings into users and policy, or into [recipients]";
constexpr std::string_view no_redis = "there is no Redis; pen pals use storage_dsn, events are the JSON log (log.format)";
constexpr std::string_view no_mangling = "the body of a message is never changed";
constexpr std::string_view templates =
    "texts of notices are in another language; write files for notices.*_template (docs/notices.md)";
constexpr std::string_view no_bounces =
    "viruses and spam from outside are never bounced, whoever their sender seems to be (docs/notices.md)";
constexpr std::string_view no_counters = "counters are in the log and the metrics, there is no Berkeley DB";
constexpr std::string_view own_files = "tamisd needs no such file or directory; server.state_dir is its place";
constexpr std::string_view own_spamassassin = "spamd reads SpamAssassin's own configuration and options";
constexpr std::string_view schema = "columns and types are read from the database (docs/storage.md)";
constexpr std::string_view log_texts = "the log line is amavisd's standard one or JSON (log.format)";
constexpr std::string_view retired = "amavisd itself does nothing with it any more";
constexpr std::string_view no_copies = "there are no blind copies; let the MTA do it (always_bcc, recipient_bcc_maps of Postfix)";
constexpr std::string_view reply_words = "replies are amavisd's standard ones";
constexpr std::string_view names_to_scores =
    "a name that a virus scanner gives is a virus; switch such signatures off in clamd.conf, or let SpamAssassin or YARA rules score them";
constexpr std::string_view encodings = "notices are in UTF-8";
constexpr std::string_view by_category = "this cannot be chosen by category";

constexpr std::array rows = std::to_array<Reason>({
    {"$max_servers", needless, one_process},
    {"$max_requests", needless, one_process},
    {"$min_servers", needless, one_process},
    {"$min_spare_servers", needless, one_process},
    {"$max_spare_servers", needless, one_process},
    {"$daemonize", needless, "tamisd stays in the foreground, as systemd wants it"},
    {"$TEMPBASE", needless, own_files},
    {"$db_home", needless, own_files},
    {"$pid_file", needless, own_files},
    {"$lock_file", needless, own_files},
    {"$helpers_home", needless, own_files},
    {"%ENV", needless, "tamisd starts programs with an environment of its own"},
    {"$daemon_chroot_dir", missing,
     "there is no chroot; messages are opened in confined processes, and the systemd unit confines the daemon", true},
    {"$enable_db", needless, no_counters},
    {"$enable_zmq", needless, no_counters},
    {"@zmq_sockets", needless, no_counters},
    {"$enable_global_cache", needless, no_counters},
    {"$nanny_details_level", needless, no_counters},
    {"$snmp_contact", needless, no_counters},
    {"$snmp_location", needless, no_counters},
    {"$virus_check_negative_ttl", needless, no_counters},
    {"$virus_check_positive_ttl", needless, no_counters},
    {"$spam_check_negative_ttl", needless, no_counters},
    {"$spam_check_positive_ttl", needless, no_counters},
    {"@additional_perl_modules", missing, "Perl modules are not loaded", true},
    {"%i_know_what_i_am_doing", needless, "nothing asks for it"},
    {"$path", needless, "programs are looked for in the usual folders (docs/scanners/command.md)"},
    {"$file", needless, "kinds of files are found by looking at the bytes (docs/opening.md)"},
    {"$instance_name", needless, "it is not used"},
    {"$myprogram_name", needless, "it is not used"},
    {"$mydomain", needless, "it is only used in other settings"},
    {"$myauthservid", needless, no_dkim},
    {"$DEBUG", needless, "see log.level"},
    {"$profiling", needless, "see log.level"},
    {"$mail_id_size_bits", needless, "mail ids are as long as amavisd's"},
    {"$mail_digest_algorithm", needless, "it is not used"},
    {"$mail_part_digest_algorithm", needless, "it is not used"},
    {"$database_sessions_persistent", needless, "sessions are kept"},
    {"$courierfilter_shutdown", needless, "Courier is not served"},
    {"$macro_tests_sanity_limit", needless, log_texts},
    {"$logline_maxlen", needless, log_texts},
    {"$log_templ", missing, log_texts, true},
    {"$log_short_templ", missing, log_texts, true},
    {"$log_verbose_templ", needless, log_texts},
    {"$log_recip_templ", missing, "there is no line for each recipient; the JSON log (log.format) has them", true},
    {"$syslog_priority", needless, "priorities are amavisd's; choose in the syslog daemon what is kept"},
    {"$SYSLOG_LEVEL", needless, "the facility is mail; priorities are amavisd's"},
    {"$allow_preserving_evidence", needless, "messages lie in memory or in files without a name"},
    {"$enable_log_capture", missing, "see log.level", true},
    {"$enable_log_capture_dump", missing, "see log.level", true},
    {"@debug_sender_acl", missing, "there is no log level for single senders; log.level takes effect on SIGHUP", true},
    {"@debug_sender_maps", missing, "there is no log level for single senders", true},
    {"@debug_recipient_maps", missing, "there is no log level for single recipients", true},
    {"$sa_debug", needless, own_spamassassin},
    {"$enforce_smtpd_message_size_limit_64kb_min", needless, "the limit is as it is written"},
    {"@smtpd_discard_ehlo_keywords", missing, "what EHLO offers cannot be chosen", true},
    {"$smtpd_greeting_banner", needless, reply_words},
    {"$smtpd_quit_banner", needless, reply_words},
    {"@auth_mech_avail", missing, "there is no SMTP AUTH; server.allowed_peers says who may connect", true},
    {"$auth_required_inp", missing, "there is no SMTP AUTH; server.allowed_peers says who may connect", true},
    {"$auth_required_out", missing, "there is no SMTP AUTH towards the next hop", true},
    {"$amavis_auth_user", missing, "there is no SMTP AUTH towards the next hop", true},
    {"$amavis_auth_pass", missing, "there is no SMTP AUTH towards the next hop", true},
    {"$auth_reauthenticate_forwarded", missing, "there is no SMTP AUTH towards the next hop", true},
    {"$haproxy_target_enabled", missing, "the PROXY protocol is not spoken", true},
    {"$smtp_connection_cache_enable", needless, "connections to the next hop are kept"},
    {"$smtp_connection_cache_on_demand", needless, "connections to the next hop are kept"},
    {"$local_client_bind_address", missing, "the address towards the next hop cannot be chosen", true},
    {"%smtp_tls_client_verifycn_name_maps", missing, "the next hop's certificate must have its host name", true},
    {"$propagate_dsn_if_possible", needless, "requests for delivery notices are passed on"},
    {"$terminate_dsn_on_notify_success", missing, "requests for delivery notices are always passed on", true},
    {"$always_bcc", missing, no_copies, true},
    {"$dsn_bcc", missing, no_copies, true},
    {"%always_bcc_by_ccat", missing, no_copies},
    {"%dsn_bcc_by_ccat", missing, no_copies},
    {"$resend_method", needless, no_mangling},
    {"$originating", missing, "say it for a listener: a bank with originating = true and [[bank_rules]]", true},
    {"$relayhost_is_client", needless, retired},
    {"$gets_addr_in_quoted_form", needless, retired},
    {"$append_header_fields_to_bottom", needless, retired},
    {"$notify_xmailer_header", needless, retired},
    {"$warnvirussender", missing, no_bounces, true},
    {"$warnspamsender", missing, no_bounces, true},
    {"@viruses_that_fake_sender_maps", needless, no_bounces},
    {"$viruses_that_fake_sender_re", needless, no_bounces},
    {"%warnsender_by_ccat", missing, "senders are not told about mail that was delivered"},
    {"@spam_dsn_cutoff_level_bysender_maps", needless, no_bounces},
    {"@spam_crediblefrom_dsn_cutoff_level_maps", needless, no_bounces},
    {"@spam_crediblefrom_dsn_cutoff_level_bysender_maps", needless, no_bounces},
    {"$sa_crediblefrom_dsn_cutoff_level", needless, no_bounces},
    {"@spam_notifyadmin_cutoff_level_maps", missing, "spam_admin is told about all spam", true},
    {"$notify_sender_templ", missing, "bounces have a fixed text", true},
    {"$notify_virus_sender_templ", needless, no_bounces},
    {"$notify_spam_sender_templ", missing, "bounces have a fixed text", true},
    {"$notify_virus_admin_templ", missing, templates, true},
    {"$notify_spam_admin_templ", missing, templates, true},
    {"$notify_virus_recips_templ", missing, templates, true},
    {"$notify_spam_recips_templ", missing, templates, true},
    {"$notify_release_templ", missing, templates, true},
    {"$notify_report_templ", missing, templates, true},
    {"$notify_autoresp_templ", missing, templates, true},
    {"$hdr_encoding", needless, encodings},
    {"$bdy_encoding", needless, encodings},
    {"$hdr_encoding_qb", needless, encodings},
    {"$hdrfrom_notify_release", needless, "notices have one From address, notices.from"},
    {"$hdrfrom_notify_report", needless, "notices have one From address, notices.from"},
    {"$report_format", needless, "reports are RFC 5965, amavisd's default"},
    {"$attachment_password", missing, "released mail is not put into an archive with a password", true},
    {"$attachment_email_name", needless, "names of attachments of released mail are Tamis's own"},
    {"$attachment_outer_name", needless, "released mail is not put into an archive"},
    {"$spam_quarantine_bysender_to", missing, "copies are kept by recipient, not by sender", true},
    {"@spam_quarantine_bysender_to_maps", missing, "copies are kept by recipient, not by sender", true},
    {"%local_delivery_aliases", missing,
     "*_quarantine says itself where copies are kept: local:TEMPLATE or mbox:/PATH (docs/quarantine.md)", true},
    {"%prefer_our_added_header_fields", needless, "fields of ours are Tamis's own"},
    {"$remove_existing_x_scanned_headers", missing, "X-Virus-Scanned fields of others are kept", true},
    {"$prepend_header_fields_hdridx", needless, "fields are put on top"},
    {"$sa_spam_level_char", needless, "X-Spam-Level has stars"},
    {"$sa_spam_report_header", missing, "there is no X-Spam-Report; rspamd and spamd keep it", true},
    {"$defang_virus", missing, no_mangling, true},
    {"$defang_banned", missing, no_mangling, true},
    {"$defang_spam", missing, no_mangling, true},
    {"$defang_bad_header", missing, no_mangling, true},
    {"$defang_undecipherable", missing, no_mangling, true},
    {"$defang_all", missing, no_mangling, true},
    {"%defang_maps_by_ccat", missing, no_mangling},
    {"%defang_by_ccat", missing, no_mangling},
    {"$allow_disclaimers", missing, no_mangling, true},
    {"$outbound_disclaimers_only", missing, no_mangling, true},
    {"@disclaimer_options_bysender_maps", missing, no_mangling, true},
    {"$altermime", needless, no_mangling},
    {"@altermime_args_defang", needless, no_mangling},
    {"@altermime_args_disclaimer", needless, no_mangling},
    {"$enable_anomy_sanitizer", missing, no_mangling, true},
    {"@anomy_sanitizer_args", needless, no_mangling},
    {"@decoders", needless, opened_inside},
    {"$gzip", needless, opened_inside},
    {"$bzip2", needless, opened_inside},
    {"$lzop", needless, opened_inside},
    {"$rpm2cpio", needless, opened_inside},
    {"$cabextract", needless, opened_inside},
    {"$uncompress", needless, opened_inside},
    {"$unfreeze", needless, opened_inside},
    {"$arc", needless, opened_inside},
    {"$unarj", needless, opened_inside},
    {"$unrar", needless, opened_inside},
    {"$zoo", needless, opened_inside},
    {"$lha", needless, opened_inside},
    {"$pax", needless, opened_inside},
    {"$cpio", needless, opened_inside},
    {"$ar", needless, opened_inside},
    {"$ripole", needless, opened_inside},
    {"$tnef", needless, opened_inside},
    {"$gunzip", needless, opened_inside},
    {"$bunzip2", needless, opened_inside},
    {"$unlzop", needless, opened_inside},
    {"$unstuff", needless, opened_inside},
    {"$dspam", needless, "DSPAM is not called"},
    {"@keep_decoded_original_maps", needless, "virus scanners always see the whole message"},
    {"$keep_decoded_original_re", needless, "virus scanners always see the whole message"},
    {"@map_full_type_to_short_type_maps", missing, "kinds of files are found by looking at the bytes (docs/opening.md)", true},
    {"$map_full_type_to_short_type_re", missing, "kinds of files are found by looking at the bytes", true},
    {"$first_infected_stops_scan", needless, "virus scanners run side by side"},
    {"@virus_name_to_spam_score_maps", missing, names_to_scores, true},
    {"@virus_name_to_policy_bank_maps", missing, names_to_scores, true},
    {"$sa_local_tests_only", needless, "it is an option of spamd (-L)"},
    {"$sa_auto_whitelist", needless, own_spamassassin},
    {"$sa_num_instances", needless, own_spamassassin},
    {"$sa_spawned", needless, own_spamassassin},
    {"$sa_configpath", needless, own_spamassassin},
    {"$sa_siteconfigpath", needless, own_spamassassin},
    {"$sa_userprefs_file", needless, own_spamassassin},
    {"@sa_userconf_maps", missing,
     "there are no files of SpamAssassin preferences per recipient; sa_username says whose spamd uses", true},
    {"@spam_modifies_subj_maps", needless, retired},
    {"$os_fingerprint_method", missing, "p0f is not asked", true},
    {"$os_fingerprint_dst_ip_and_port", needless, "p0f is not asked"},
    {"$enable_dkim_verification", missing, no_dkim, true},
    {"$enable_dkim_signing", missing, no_dkim, true},
    {"$dkim_signing_service", missing, no_dkim, true},
    {"%dkim_signing_keys", missing, no_dkim, true},
    {"@dkim_signature_options_bysender_maps", needless, no_dkim},
    {"%signed_header_fields", needless, no_dkim},
    {"$dkim_minimum_key_bits", needless, no_dkim},
    {"$reputation_factor", needless, no_dkim},
    {"@signer_reputation_maps", missing, no_dkim, true},
    {"@author_to_policy_bank_maps", missing, no_dkim, true},
    {"$enable_ldap", missing, no_ldap, true},
    {"$default_ldap", missing, no_ldap, true},
    {"$ldap_lookups_no_at_means_domain", needless, no_ldap},
    {"@storage_redis_dsn", missing, no_redis, true},
    {"$storage_redis_ttl", needless, no_redis},
    {"$enable_ip_repu", needless, no_redis},
    {"$ip_repu_score_limit", needless, no_redis},
    {"@ip_repu_ignore_networks", needless, no_redis},
    {"@ip_repu_ignore_maps", needless, no_redis},
    {"$redis_logging_key", missing, no_redis, true},
    {"$redis_logging_queue_size_limit", needless, no_redis},
    {"$timestamp_fmt_mysql", needless, "MySQL is not supported; time_iso is what the column takes"},
    {"$sql_schema_version", needless, schema},
    {"$sql_allow_8bit_address", needless, schema},
    {"$sql_quarantine_chunksize_max", needless, "chunks have 16384 octets, amavisd's default"},
    {"$trim_trailing_space_in_lookup_result_fields", needless, "blanks around numbers and words do not matter"},
    {"$lookup_maps_imply_sql_and_ldap", needless, "the database is always asked first"},
    {"%smtp_reason_by_ccat", missing, reply_words},
    {"%lovers_maps_by_ccat", missing, by_category},
    {"%quarantine_to_maps_by_ccat", missing, by_category},
    {"%admin_maps_by_ccat", missing, by_category},
    {"%warnrecip_maps_by_ccat", missing, by_category},
    {"%addr_extension_maps_by_ccat", missing, by_category},
    {"%addr_rewrite_maps_by_ccat", missing, by_category},
    {"%forward_method_maps_by_ccat", missing, by_category},
    {"%notify_admin_templ_by_ccat", missing, templates},
    {"%notify_recips_templ_by_ccat", missing, templates},
    {"%notify_sender_templ_by_ccat", missing, templates},
    {"%notify_release_templ_by_ccat", missing, templates},
    {"%notify_report_templ_by_ccat", missing, templates},
    {"%notify_autoresp_templ_by_ccat", missing, templates},
    {"%mailfrom_notify_admin_by_ccat", missing, by_category},
    {"%mailfrom_notify_recip_by_ccat", missing, by_category},
    {"%hdrfrom_notify_admin_by_ccat", missing, by_category},
    {"%hdrfrom_notify_recip_by_ccat", missing, by_category},
    {"%hdrfrom_notify_sender_by_ccat", missing, by_category},
    {"%hdrfrom_notify_release_by_ccat", missing, by_category},
    {"%hdrfrom_notify_report_by_ccat", missing, by_category},
    {"@remove_existing_spam_headers_maps", missing, "policy.remove_existing_spam_headers is for everybody"},
});

bool is_off(const PerlValue& value) {
    if (value.is(PerlValue::Kind::list) || value.is(PerlValue::Kind::table)) return value.items.empty();
    return !is_true(value).value_or(true);
}

}  // namespace

std::optional<Reason> reason_for(std::string_view name) {
    const auto found = std::ranges::find(rows, name, &Reason::name);
    return found == rows.end() ? std::nullopt : std::optional(*found);
}

void translate_reasons(Translation& into) {
    for (const auto& assignment : into.conf.assignments) {
        if (into.is_settled(assignment.name)) continue;
        const auto reason = reason_for(assignment.name);
        if (!reason) continue;
        const bool off = reason->if_true && is_off(into.value(assignment.name));
        into.settle(assignment.name, off ? Outcome::needless : reason->outcome, off ? "it is off" : reason->text);
    }
}

}  // namespace tamis::tools
