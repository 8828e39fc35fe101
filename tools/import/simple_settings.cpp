// simple_settings - variables of amavisd that are one setting of Tamis, one row each; and what is said by category (%..._by_ccat)
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/endpoint.h"
#include "base/text.h"
#include "deliver/next_hop.h"
#include "policy/quarantine_target.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

enum class Shape { text, yes_no, yes_unless_true, number, size, seconds, destiny, hop, quarantine, addresses, header };

struct SimpleRow {
    std::string_view name, section, key;
    Shape shape = Shape::text;
    double minimum = 0, maximum = 1e15;    // a number outside has no equivalent
    std::string_view when_undefined = {};  // "": the line is left out
};

constexpr std::array simple_rows = std::to_array<SimpleRow>({
    {"$myhostname", "server", "hostname"},
    {"$daemon_user", "server", "user"},
    {"$daemon_group", "server", "group"},
    {"$MYHOME", "server", "state_dir"},
    {"$forward_method", "server", "forward", Shape::hop},
    {"$localhost_name", "server", "localhost_name"},
    {"@inet_acl", "server", "allowed_peers", Shape::addresses},
    {"$smtpd_tls_cert_file", "server", "tls_certificate"},
    {"$smtpd_tls_key_file", "server", "tls_key"},
    {"$smtpd_message_size_limit", "limits", "message_size", Shape::size, 0, 1e15, "0"},
    {"$smtpd_recipient_limit", "limits", "recipients", Shape::number, 1, 100'000},
    {"$smtpd_timeout", "limits", "idle", Shape::seconds, 1, 86400},
    {"$child_timeout", "limits", "message", Shape::seconds, 1, 3600},
    {"$listen_queue_size", "limits", "backlog", Shape::number, 1, 65535},
    {"$log_level", "log", "level", Shape::number, 0, 5},
    {"$syslog_ident", "log", "ident"},
    {"$final_virus_destiny", "policy", "final_virus_destiny", Shape::destiny},
    {"$final_banned_destiny", "policy", "final_banned_destiny", Shape::destiny},
    {"$final_spam_destiny", "policy", "final_spam_destiny", Shape::destiny},
    {"$final_unchecked_destiny", "policy", "final_unchecked_destiny", Shape::destiny},
    {"$final_bad_header_destiny", "policy", "final_bad_header_destiny", Shape::destiny},
    {"$virus_quarantine_method", "policy", "virus_quarantine", Shape::quarantine},
    {"$banned_files_quarantine_method", "policy", "banned_quarantine", Shape::quarantine},
    {"$spam_quarantine_method", "policy", "spam_quarantine", Shape::quarantine},
    {"$unchecked_quarantine_method", "policy", "unchecked_quarantine", Shape::quarantine},
    {"$bad_header_quarantine_method", "policy", "bad_header_quarantine", Shape::quarantine},
    {"$clean_quarantine_method", "policy", "clean_quarantine", Shape::quarantine},
    {"$archive_quarantine_method", "policy", "archive_quarantine", Shape::quarantine},
    {"$QUARANTINEDIR", "policy", "quarantine_dir"},
    {"$quarantine_subdir_levels", "policy", "quarantine_subdir_levels", Shape::number, 0, 1, "0"},
    {"$mailfrom_to_quarantine", "policy", "quarantine_sender", Shape::text, 0, 0, "\"original\""},
    {"$recipient_delimiter", "policy", "recipient_delimiter", Shape::text, 0, 0, "\"\""},
    {"$replace_existing_extension", "policy", "replace_existing_extension", Shape::yes_no},
    {"$localpart_is_case_sensitive", "policy", "local_part_is_case_sensitive", Shape::yes_no},
    {"$penpals_bonus_score", "policy", "pen_pals_bonus", Shape::number, 0, 1e6, "0"},
    {"$penpals_halflife", "policy", "pen_pals_half_life", Shape::seconds, 1, 1e9},
    {"$penpals_threshold_low", "policy", "pen_pals_threshold_low", Shape::number, -1e6, 1e6},
    {"$penpals_threshold_high", "policy", "pen_pals_threshold_high", Shape::number, -1e6, 1e6, "1000000"},
    {"$bounce_killer_score", "policy", "bounce_killer_score", Shape::number, 0, 1e6, "0"},
    {"$undecipherable_subject_tag", "policy", "unchecked_subject_tag", Shape::text, 0, 0, "\"\""},
    {"$soft_bounce", "policy", "soft_bounce", Shape::yes_no},
    {"$X_HEADER_TAG", "policy", "virus_header", Shape::header},
    {"$X_HEADER_LINE", "policy", "virus_header_text", Shape::header},
    {"$remove_existing_spam_headers", "policy", "remove_existing_spam_headers", Shape::yes_no},
    {"$insert_received_line", "policy", "add_received", Shape::yes_no},
    {"$allow_fixing_improper_header", "header_checks", "fix_folding", Shape::yes_no},
    {"$allow_fixing_improper_header_folding", "header_checks", "fix_folding", Shape::yes_no},
    {"$allow_fixing_long_header_lines", "header_checks", "fix_long_lines", Shape::yes_no},
    {"$notify_method", "notices", "method", Shape::hop, 0, 0, "\"\""},
    {"$mailfrom_notify_admin", "notices", "sender", Shape::text, 0, 0, "\"\""},
    {"$warn_offsite", "notices", "warn_offsite", Shape::yes_no},
    {"$release_method", "release", "forward", Shape::hop, 0, 0, "\"\""},
    {"$requeue_method", "release", "requeue", Shape::hop, 0, 0, "\"\""},
    {"$MAXLEVELS", "open", "levels", Shape::number, 1, 100},
    {"$MAXFILES", "open", "members", Shape::number, 1, 1e6},
    {"$MIN_EXPANSION_QUOTA", "open", "minimum_quota", Shape::size},
    {"$MAX_EXPANSION_QUOTA", "open", "maximum_quota", Shape::size, 1024, 6.8e10},
    {"$MIN_EXPANSION_FACTOR", "open", "minimum_factor", Shape::number, 0, 1e6},
    {"$MAX_EXPANSION_FACTOR", "open", "maximum_factor", Shape::number, 0, 1e6},
    {"$bypass_decode_parts", "open", "enabled", Shape::yes_unless_true},
    {"$sql_store_info_for_all_msgs", "storage", "record_all", Shape::yes_no},
    {"$sql_lookups_no_at_means_domain", "storage", "lookup_no_at_means_domain", Shape::yes_no},
    {"$partition_tag", "storage", "partition_tag", Shape::number, 0, 2147483647, "0"},
    {"$sql_partition_tag", "storage", "partition_tag", Shape::number, 0, 2147483647, "0"},
});

Result<std::string> numeric(const SimpleRow& row, const PerlValue& value, std::string& note) {
    const auto number = number_of(value);
    if (!number) return fail(Errc::bad_input, "not a number");
    // more than the most is the most there is
    const bool is_degree = row.name == "$log_level" || row.name == "$quarantine_subdir_levels";
    if (is_degree && (*number < row.minimum || *number > row.maximum)) {
        note = fmt::format("{} there", perl_number(*number));
        return perl_number(std::clamp(*number, row.minimum, row.maximum));
    }
    if (*number < row.minimum || *number > row.maximum)
        return fail(Errc::bad_input, fmt::format("{}.{} must be from {} to {}", row.section, row.key, perl_number(row.minimum),
                                                 perl_number(row.maximum)));
    return perl_number(*number);
}

// quarantine_text - amavisd's method as Tamis's; older ones lack %m
Result<std::string> quarantine_text(const std::string& given, std::string& note) {
    std::string method = given;
    if (starts_with_fold(method, "sql:") && method.size() > 4) {
        method.resize(4);
        note = "what stands behind sql: has no effect";
    }
    if (method.starts_with("local:") && method.find("%m") == std::string::npos) {
        const auto end = method.ends_with(".gz") ? method.size() - 3 : method.size();
        method.insert(end, "-%m");
        note = "%m added, every message has a file of its own";
    }
    if (method.starts_with("bsmtp:")) return fail(Errc::bad_input, "BSMTP files are not written; use \"sql:\", local: or mbox:");
    if (auto good = policy::check_quarantine_method(method); !good) return std::unexpected(std::move(good.error()));
    return toml_string(method);
}

Result<std::string> render(const SimpleRow& row, const PerlValue& value, std::string& note) {
    const auto text = text_of(value).value_or("");
    switch (row.shape) {
        case Shape::yes_no: return is_true(value).value_or(false) ? "true" : "false";
        case Shape::yes_unless_true: return is_true(value).value_or(false) ? "false" : "true";
        case Shape::number:
        case Shape::size:
        case Shape::seconds: return numeric(row, value, note);
        case Shape::destiny:
            if (auto destiny = destiny_text(value)) return toml_string(*destiny);
            return fail(Errc::bad_input, "not one of D_PASS, D_DISCARD, D_BOUNCE, D_REJECT, D_TEMPFAIL");
        case Shape::hop: {
            if (text.empty()) return "\"\"";
            auto hop = deliver::parse_next_hop(text);
            if (!hop)
                return fail(Errc::bad_input, text.find('*') != std::string::npos
                                                 ? "a \"*\" (where the mail came from) is not known; give address and port"
                                                 : hop.error().detail);
            return toml_string(hop->shown);
        }
        case Shape::quarantine: return quarantine_text(text, note);
        case Shape::addresses: {
            const auto list = texts_of(value);
            if (!list) return fail(Errc::bad_input, "not a list of addresses");
            if (auto good = AddressList::parse(*list); !good) return std::unexpected(std::move(good.error()));
            return toml_list(*list);
        }
        case Shape::header:
            if (text.empty())
                return fail(Errc::bad_input,
                            "the field is always added; policy.virus_header and virus_header_text say what it is");
            return toml_string(text);
        case Shape::text: break;
    }
    if (!value.is(Kind::text)) return fail(Errc::bad_input, "not a text");
    return toml_string(text);
}

void simple(Translation& into, const SimpleRow& row) {
    const PerlValue value = into.value(row.name);
    const bool is_assigned = into.is_assigned(row.name);
    if (into.is_unknown(row.name, value)) return;
    const bool is_of_banks =
        row.name == "@inet_acl" && into.toml.find("[server]") != nullptr && into.toml.find("[server]")->has("allowed_peers");
    if (is_of_banks) return into.settle(row.name, Outcome::translated);  // listeners.cpp has put them together
    if (row.name == "$MYHOME" && !is_assigned) return;                   // below
    if (value.is(Kind::undef) && row.shape != Shape::quarantine) {
        if (is_assigned || row.name == "$recipient_delimiter") {
            if (!row.when_undefined.empty())
                into.put(row.section, row.key, std::string(row.when_undefined), into.places(row.name));
            into.settle(row.name, row.when_undefined.empty() ? Outcome::needless : Outcome::translated, "it is not set");
        }
        return;
    }
    std::string note;
    const auto rendered = render(row, value, note);
    if (!rendered) return into.settle(row.name, Outcome::missing, rendered.error().detail);
    into.put(row.section, row.key, *rendered, into.places(row.name), std::move(note));
    into.settle(row.name, Outcome::translated);
}

// records - what amavisd does by the records in its database has no effect without one; with Tamis there is always one
void records(Translation& into) {
    const auto* storage = into.toml.find("[storage]");
    const bool has_records = storage != nullptr && storage->has("storage_dsn");
    if (has_records) return;
    for (const auto& [name, key] :
         {std::pair{"$penpals_bonus_score", "pen_pals_bonus"}, std::pair{"$bounce_killer_score", "bounce_killer_score"}}) {
        if (!into.is_assigned(name) || number_of(into.value(name)).value_or(0) <= 0) continue;
        const bool has_other = into.is_assigned("@storage_sql_dsn") || into.is_assigned("@storage_redis_dsn");
        into.put("policy", key, "0", into.places(name),
                 "no records of sent mail come along; see docs/policy.md before you switch it on");
        into.settle(
            name, has_other ? Outcome::missing : Outcome::needless,
            has_other
                ? "0 here: the database of its records was not translated, and with none every bounce would be one of mail that was never sent; see docs/policy.md before you switch it on"
                : "0 here: it has no effect without @storage_sql_dsn, and with the empty records of a new tamisd every bounce would be one of mail that was never sent; see docs/policy.md before you switch it on");
    }
}

// quarantine - without $QUARANTINEDIR amavisd keeps no files
void quarantine(Translation& into) {
    if (!into.value("$QUARANTINEDIR").is(Kind::undef) && !text_of(into.value("$QUARANTINEDIR")).value_or("").empty()) return;
    for (const auto& row : simple_rows) {
        if (row.shape != Shape::quarantine) continue;
        const PerlValue value = into.value(row.name);
        if (text_of(value).value_or("").starts_with("local:"))
            into.put(row.section, row.key, "\"\"", into.places(row.name), "files are kept only where $QUARANTINEDIR is set");
    }
}

void log_target(Translation& into) {
    const auto file = text_of(into.value("$logfile")).value_or("");
    const bool is_syslog = is_true(into.value("$do_syslog")).value_or(true);
    const bool is_said = into.is_assigned("$do_syslog") || into.is_assigned("$logfile");
    auto from = into.places(is_syslog && into.is_assigned("$do_syslog") ? "$do_syslog" : "$logfile");
    if (!is_syslog && file.empty()) from = into.places("$do_syslog");
    if (is_said)
        into.put("log", "target",
                 is_syslog && into.is_assigned("$do_syslog") ? "\"syslog\""
                 : file.empty()                              ? "\"stderr\""
                                                             : toml_string("file:" + file),
                 from);
    for (const auto* name : {"$do_syslog", "$logfile"})
        if (is_said) into.settle(name, Outcome::translated);
    const auto facility = to_lower(text_of(into.value("$syslog_facility")).value_or("mail"));
    into.settle("$syslog_facility", facility == "mail" ? Outcome::needless : Outcome::missing, "Tamis logs to the facility mail");
}

// senders of notices: "Name" <address>
void notice_from(Translation& into) {
    for (const auto* name :
         {"$hdrfrom_notify_admin", "$hdrfrom_notify_recip", "$hdrfrom_notify_sender", "$hdrfrom_notify_spamadmin"}) {
        if (!into.is_assigned(name)) continue;
        const PerlValue value = into.value(name);
        if (into.is_unknown(name, value)) continue;
        std::string address = text_of(value).value_or("");
        if (const auto open = address.rfind('<'); open != std::string::npos)
            address = address.substr(open + 1, address.find('>', open) - open - 1);
        const auto* table = into.toml.find("[notices]");
        const bool is_first = table == nullptr || !table->has("from");
        if (is_first) into.put("notices", "from", toml_string(address), into.places(name));
        into.settle(name, Outcome::translated);
    }
}

// warn_senders - $warnbannedsender with D_DISCARD is D_BOUNCE
void warn_senders(Translation& into) {
    for (const auto& [name, key] :
         {std::pair{"$warnbannedsender", "final_banned_destiny"}, std::pair{"$warnbadhsender", "final_bad_header_destiny"}}) {
        if (!into.is_assigned(name)) continue;
        const bool is_on = is_true(into.value(name)).value_or(false);
        const bool is_discarded = destiny_text(into.value(std::string("$") + key)) == "discard";
        if (is_on && is_discarded)
            into.put("policy", key, "\"bounce\"", into.places(name), "with D_DISCARD, which means D_BOUNCE");
        into.settle(name,
                    is_on && is_discarded ? Outcome::translated
                    : is_on               ? Outcome::missing
                                          : Outcome::needless,
                    is_on ? "senders are not told about mail that was delivered" : "it is off");
    }
}

void table_of_tests(Translation& into) {
    constexpr std::array<std::string_view, 9> known = {"mime",   "8bit",    "control",  "empty", "long",
                                                       "syntax", "missing", "multiple", "utf8"};
    const PerlValue tests = into.value("%allowed_header_tests");
    if (into.is_assigned("%allowed_header_tests"))
        for (std::size_t i = 0; i < tests.keys.size(); ++i) {
            if (std::ranges::find(known, tests.keys[i]) != known.end())
                into.put("header_checks", tests.keys[i], is_true(tests.items[i]).value_or(true) ? "true" : "false",
                         {tests.items[i].place});
            else
                into.remark(tests.items[i].place, "$allowed_header_tests{" + tests.keys[i] + "}", Outcome::needless,
                            "Tamis has no such test");
        }
    into.settle("%allowed_header_tests", Outcome::translated);
    const PerlValue fields = into.value("%allowed_added_header_fields");
    if (into.is_assigned("%allowed_added_header_fields"))
        for (std::size_t i = 0; i < fields.keys.size(); ++i) {
            const bool is_on = is_true(fields.items[i]).value_or(true);
            const auto name = to_lower(fields.keys[i]);
            if (name == "received") into.put("policy", "add_received", is_on ? "true" : "false", {fields.items[i].place});
            else if (!is_on || name == "x-spam-report" || name == "x-spam-checker-version" || name == "x-amavis-category")
                into.remark(fields.items[i].place, "$allowed_added_header_fields{" + name + "}", Outcome::missing,
                            "which fields are added cannot be chosen, apart from Received");
        }
    into.settle("%allowed_added_header_fields", Outcome::translated);
}

void transport_security(Translation& into) {
    const auto options = into.value("%smtpd_tls_server_options");
    for (const auto& [key, setting] : {std::pair{"SSL_cert_file", "tls_certificate"}, std::pair{"SSL_key_file", "tls_key"}})
        if (const auto* file = options.entry(key); file != nullptr && file->is(Kind::text))
            into.put("server", setting, toml_string(file->text), {file->place});
    into.settle("%smtpd_tls_server_options", Outcome::translated);
    if (text_of(into.value("$tls_security_level_in")) == "encrypt")
        into.put("server", "tls_required", "true", into.places("$tls_security_level_in"));
    into.settle("$tls_security_level_in", Outcome::translated);
    const auto out = to_lower(text_of(into.value("$tls_security_level_out")).value_or(""));
    if (out == "may" || out == "none")
        into.put("server", "forward_tls", toml_string(out), into.places("$tls_security_level_out"));
    else if (!out.empty()) into.put("server", "forward_tls", "\"encrypt\"", into.places("$tls_security_level_out"));
    into.settle("$tls_security_level_out", Outcome::translated);
    const auto client = into.value("%smtp_tls_client_options");
    if (const auto* file = client.entry("SSL_ca_file"); file != nullptr && file->is(Kind::text))
        into.put("server", "forward_ca", toml_string(file->text), {file->place});
    into.settle("%smtp_tls_client_options", Outcome::translated);
}

}  // namespace

void translate_simple(Translation& into) {
    for (const auto& row : simple_rows) {
        if (row.name == "$penpals_threshold_high" && !into.is_assigned(row.name) && into.is_assigned("$penpals_bonus_score")) {
            into.put(row.section, row.key, std::string(row.when_undefined), {});  // amavisd has no upper bound
            continue;
        }
        simple(into, row);
    }
    if (!into.is_assigned("$MYHOME") && (into.is_assigned("$daemon_user") || into.is_assigned("$QUARANTINEDIR")))
        into.put("server", "state_dir", toml_string(into.value("$MYHOME").text), {}, "$MYHOME");
    const auto* server = into.toml.find("[server]");
    if (into.is_assigned("@inet_acl") && (server == nullptr || !server->has("xforward_peers")))
        if (const auto list = texts_of(into.value("@inet_acl")); list && AddressList::parse(*list))
            into.put("server", "xforward_peers", toml_list(*list), into.places("@inet_acl"));
    if (const auto seconds = number_of(into.value("$child_timeout"));
        into.is_assigned("$child_timeout") && seconds && *seconds >= 1 && *seconds < 240)
        into.put("limits", "scan", perl_number(*seconds), into.places("$child_timeout"), "not longer than limits.message");
    const PerlValue groups = into.value("@daemon_groups");
    if (into.is_assigned("@daemon_groups") && !groups.items.empty() && groups.items.front().is(Kind::text))
        into.put("server", "group", toml_string(groups.items.front().text), into.places("@daemon_groups"));
    into.settle("@daemon_groups", groups.items.size() > 1 ? Outcome::missing : Outcome::translated,
                "one group; give the others to the user in /etc/group");
    const auto format = text_of(into.value("$release_format")).value_or("");
    if (format == "resend" || format == "attach" || format == "plain")
        into.put("release", "format", toml_string(format), into.places("$release_format"));
    into.settle(
        "$release_format",
        format.empty() || format == "resend" || format == "attach" || format == "plain" ? Outcome::translated : Outcome::missing,
        "release.format is resend, attach or plain");
    if (into.is_assigned("$virus_scanners_failure_is_fatal"))
        into.put("policy", "scanner_failure",
                 is_true(into.value("$virus_scanners_failure_is_fatal")).value_or(false) ? "\"tempfail\"" : "\"unchecked\"",
                 into.places("$virus_scanners_failure_is_fatal"));
    into.settle("$virus_scanners_failure_is_fatal", Outcome::translated);
    records(into);
    quarantine(into);
    log_target(into);
    notice_from(into);
    warn_senders(into);
    table_of_tests(into);
    transport_security(into);
}

}  // namespace tamis::tools
