#include "config/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <tuple>

#include "base/privileges.h"
#include "base/text.h"
#include "config/setting_rows.h"
#include "config/start_checks.h"
#include "config/value_checks.h"
#include "policy/list_keys.h"
#include "scanners/scanner.h"

namespace tamis::config {
namespace {

// destiny_of - of a setting that its row has checked already
policy::Destiny destiny_of(const std::string& name) { return policy::destiny_named(name).value_or(policy::Destiny::tempfail); }

// complete_site_policy - what is no field of its own: destinies of unchecked mail by its kind, and where copies go
void complete_site_policy(const PolicySettings& from, policy::RecipientPolicy& site) {
    const std::pair<int, const std::string*> unchecked[] = {{mail::unchecked_encrypted, &from.final_encrypted_destiny},
                                                            {mail::unchecked_over_limits, &from.final_over_limits_destiny},
                                                            {mail::unchecked_ambiguous, &from.final_ambiguous_destiny},
                                                            {mail::unchecked_unopened, &from.final_unopened_destiny}};
    for (const auto& [minor, destiny] : unchecked)
        if (!destiny->empty()) site.destinies.unchecked_by_minor[static_cast<std::size_t>(minor)] = destiny_of(*destiny);
    site.quarantine = {from.virus_quarantine,    from.banned_quarantine,     from.spam_quarantine,  from.unchecked_quarantine,
                       from.unopened_quarantine, from.bad_header_quarantine, from.clean_quarantine, from.archive_quarantine};
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
quarantine::QuarantineOptions quarantine_options(const Settings& settings, const ConfigTable* table, Problems& problems) {
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
            if (auto hop = deliver::parse_next_hop(*method); !hop)
                problems.add(position_of(table, key), fmt::format("policy.{}: {}", key, hop.error().detail));
    }
    quarantine::QuarantineOptions out;
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
        auto hop = deliver::parse_next_hop(text);
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
        auto hop = deliver::parse_next_hop(notices.method);
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

// position_in_limits - of the one of limits.scan and limits.message that the file has
Position position_in_limits(const ConfigTable& config) {
    const auto* limits = config.find("limits");
    const auto* table = limits == nullptr ? nullptr : limits->table();
    return position_of(table, table != nullptr && table->find("scan") != nullptr ? "scan" : "message");
}

void derive(Settings& settings, const ConfigTable* server, Problems& problems) {
    const auto take = [&](std::string_view key, auto parsed, auto& into) {
        if (parsed) into = std::move(*parsed);
        else problems.add(position_of(server, key), fmt::format("server.{}: {}", key, parsed.error().detail));
    };
    if (settings.server.hostname.empty()) settings.server.hostname = machine_name();
    take("forward", deliver::parse_next_hop(settings.server.forward), settings.forward);
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
        problems.add(position_in_limits(settings.config),
                     "limits.scan is longer than limits.message: the answer would come too late");
    if (settings.policy.virus_header_text.empty()) settings.policy.virus_header_text = "Tamis at " + settings.server.hostname;
    complete_site_policy(settings.policy, settings.site_policy);
    settings.extension = {settings.policy.recipient_delimiter, settings.policy.replace_existing_extension};
}

// check_rule_names - a name in [policy] that means nothing is a typing error; in SQL it is only logged
void check_rule_names(const Settings& settings, Problems& problems) {
    const auto* policy = settings.config.find("policy");
    for (const auto& name : settings.site_policy.banned_rule_names) {
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

void load_storage(Settings& settings, const ConfigTable* table, Problems& problems) {
    const auto load = [&](std::string_view key, std::vector<storage::Dsn>& into) {
        const auto* value = table == nullptr ? nullptr : table->find(key);
        const bool none = value != nullptr && value->array() != nullptr && value->array()->empty();
        if (none) return;  // an empty list: no database at all
        if (value != nullptr) {
            into = storage::load_dsns(*value, fmt::format("storage.{}", key), problems);
            return;
        }
        if (auto dsn = storage::default_dsn(settings.server.state_dir)) into = {std::move(*dsn)};
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

}  // namespace

// takes_storage_dsn - only storage_dsn is given: as amavisd's sample has it, whoever names one database means it for both
bool takes_storage_dsn(const ConfigTable& config) {
    const auto* storage = config.find("storage");
    const auto* table = storage == nullptr ? nullptr : storage->table();
    return table != nullptr && table->find("lookup_dsn") == nullptr && table->find("storage_dsn") != nullptr;
}

namespace {

// read_config - the file as tables; nothing when a problem was added
std::optional<ConfigTable> read_config(const std::string& path, Problems& problems) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        problems.add({}, fmt::format("cannot be read: {}", std::error_code(errno, std::generic_category()).message()));
        return {};
    }
    std::ostringstream text;
    text << stream.rdbuf();
    auto config = parse_config(text.str(), problems);
    if (problems.none() && config.entries.empty())  // most likely half-written; all defaults are no configuration
        problems.add({}, "holds no settings at all");
    if (!problems.none()) return {};
    return config;
}

void check_section_names(const ConfigTable& config, Problems& problems) {
    static const std::vector<std::string> sections = {"server",
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
        if (std::ranges::find(sections, key) == sections.end()) detail::unknown_key("", key, at, sections, problems);
}

// load_rows - a section that is nothing but its rows; the section, or null when the file has none
template <class Section>
const ConfigTable* load_rows(const ConfigTable& config, std::string_view name, const std::vector<Setting<Section>>& rows,
                             Section& into, Problems& problems, const std::vector<std::string>& others = {}) {
    const auto* table = section(config, name, problems);
    if (table != nullptr) load_settings(*table, name, rows, into, problems, others);
    return table;
}

}  // namespace

// The order counts for what is derived: notices and releases go where mail goes, copies where [policy] says, and the storage is
// asked for only when something is kept there.
std::shared_ptr<const Settings> load_settings_file(const std::string& path, Problems& problems) {
    auto settings = std::make_shared<Settings>();
    settings->file = path;
    auto read = read_config(path, problems);
    if (!read) return settings;
    settings->config = std::move(*read);
    const auto& config = settings->config;
    check_section_names(config, problems);
    const auto* server = load_rows(config, "server", server_rows(), settings->server, problems);
    load_rows(config, "limits", limit_rows(), settings->limits, problems);
    load_rows(config, "log", log_rows(), settings->log, problems);
    const auto* policy = load_rows(config, "policy", policy_rows(), settings->policy, problems, policy::site_field_names());
    if (policy != nullptr) policy::load_site_fields(*policy, "policy", settings->site_policy, problems);
    const auto* storage =
        load_rows(config, "storage", storage::storage_rows(), settings->storage, problems, {"lookup_dsn", "storage_dsn"});
    settings->open = worker::load_open_settings(section(config, "open", problems), problems);
    load_rows(config, "header_checks", policy::header_rows(), settings->header_checks, problems);
    const auto* notices = load_rows(config, "notices", notice_rows(), settings->notices, problems);
    derive(*settings, server, problems);
    load_tables(*settings, problems);
    derive_notices(*settings, notices, problems);
    derive_release(*settings, load_rows(config, "release", quarantine::release_rows(), settings->release, problems), problems);
    derive_control(*settings, load_rows(config, "control", control_rows(), settings->control, problems), problems);
    const auto* retention = load_rows(config, "retention", storage::retention_rows(), settings->retention, problems);
    settings->expiry = storage::expire_options(settings->retention, retention, problems);
    settings->quarantine = quarantine_options(*settings, policy, problems);
    load_storage(*settings, storage, problems);
    check_texts(*settings, problems);
    return settings;
}

}  // namespace tamis::config
