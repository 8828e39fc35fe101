#include "tools/doctor/database_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/counted.h"
#include "base/text.h"
#include "policy/list_keys.h"
#include "storage/backend.h"
#include "storage/schema/schema_check.h"

namespace tamis::doctor {
namespace {

constexpr double clock_tolerance = 5;  // seconds

// option - how `tamis schema` is told this database
std::string schema_command(std::string_view what, const DatabaseUse& use) {
    return fmt::format("tamis schema {} -c {}", what, use.config_file);
}

std::string home_of(const DatabaseUse& use) { return use.user.empty() ? "~" : "~" + use.user; }

storage::Advised advised(const DatabaseUse& use) {
    return {use.config_file, use.settings, home_of(use), schema_command("install", use)};
}

// Judge - one entry
class Judge {
public:
    Judge(const DatabaseFacts& facts, const DatabaseUse& use, bool another_will_do, Report& report)
        : facts_(facts),
          use_(use),
          another_will_do_(another_will_do),
          report_(report),
          backend_(*facts.dsn.backend),
          schema_(storage::check_schema(facts.catalogue, backend_)) {}

    void run() {
        if (facts_.is_absent) return report_.ok(shown() + ": not there yet, tamisd creates it when it starts");
        if (!facts_.trouble.empty()) return tell(facts_.trouble, backend_.doctor.reach(facts_, advised(use_)));
        const auto before = report_.worst();
        check_schema();
        check_rights();
        check_keys();
        if (use_.is_records && !facts_.catalogue.is_writable)
            another_will_do_
                ? report_.ok(shown() + ": a standby, used when it becomes the primary")
                : report_.problem(shown() + " is read-only (a standby), and records must be written",
                                  {fmt::format("{}: [storage] storage_dsn must also name the primary; on the server: {}",
                                               use_.config_file, backend_.doctor.make_writable)});
        check_clock();
        check_connections();
        if (report_.worst() != Level::ok || before != Level::ok) return;
        report_.ok(fmt::format("{}: {}{}{}{}; {}{}{}", shown(), backend_.name, facts_.version.empty() ? "" : " ", facts_.version,
                               facts_.is_pooled ? " behind a pooler" : "", schema_.era,
                               facts_.catalogue.encoding.empty() ? "" : "; " + facts_.catalogue.encoding,
                               schema_.changes.empty() ? ""
                                                       : fmt::format("; `tamis schema upgrade` would gain {}",
                                                                     counted(schema_.changes.size(), "thing"))));
    }

private:
    std::string shown() const {
        return facts_.dsn.use.empty() ? fmt::format("{} {}", use_.settings, facts_.dsn.shown) : facts_.dsn.named();
    }
    void tell(std::string what, std::vector<std::string> fix) {
        if (facts_.dsn.use.empty() || !what.starts_with(facts_.dsn.use)) what = use_.settings + " " + what;
        if (another_will_do_) report_.warning(std::move(what) + " (another entry of the list is used)", std::move(fix));
        else report_.problem(std::move(what), std::move(fix));
    }
    bool has_table(std::string_view name) const { return facts_.catalogue.table(name) != nullptr; }

    void check_schema() {
        if (schema_.is_empty) {
            if (!backend_.schema.installs_itself)
                report_.problem(shown() + " has none of the tables", {schema_command("install", use_)});
            return;
        }
        std::vector<std::string> lacks;
        const auto want = [&](bool wanted, std::initializer_list<const char*> names) {
            for (const auto* name : names)
                if (wanted && !has_table(name)) lacks.emplace_back(name);
        };
        want(use_.is_records, {"maddr", "msgs", "msgrcpt", "quarantine"});
        want(use_.is_lookups, {"users", "policy"});
        const auto has_none = [&](bool wanted, std::initializer_list<const char*> names) {
            return wanted && std::ranges::none_of(names, [&](const char* name) { return has_table(name); });
        };
        const bool is_kind_missing = has_none(use_.is_records, {"maddr", "msgs", "msgrcpt", "quarantine"}) ||
                                     has_none(use_.is_lookups, {"users", "policy", "mailaddr", "wblist"});
        if (!lacks.empty())
            report_.problem(fmt::format("{} has no table {}", shown(), join(lacks, ", ")),
                            {schema_command(is_kind_missing ? "install" : "upgrade", use_)});
        for (const auto& problem : schema_.problems)
            if (problem.find("are not complete") == std::string::npos)
                report_.problem(shown() + ": " + problem, {schema_command("upgrade", use_)});
        std::vector<std::string> columns;
        for (const auto& each : schema_.works)
            if (each.starts_with("no column ")) columns.push_back(each.substr(10, each.find_first_of(" (:", 10) - 10));
        if (!columns.empty())
            report_.warning(fmt::format("{} has no column {} ({}): it is left out", shown(), join(columns, ", "), schema_.era),
                            {schema_command("upgrade", use_)});
    }

    // check_keys - rows that can never match an address, or only some; with statements of the site's own nobody knows
    void check_keys() {
        if (!use_.is_lookups) return;
        for (const std::string_view table : {"users", "mailaddr"}) {
            std::vector<std::string> told;
            std::size_t count = 0;
            for (const auto& [of, email] : facts_.keys) {
                const auto complaint = of == table ? policy::sql_key_complaint(email, use_.no_at_means_domain) : std::nullopt;
                if (!complaint) continue;
                constexpr std::size_t most = 5;
                if (++count <= most) told.push_back(fmt::format("\"{}\": {}", escaped(email, 120), *complaint));
            }
            if (count == 0) continue;
            report_.warning(fmt::format("{}: {} of {}.email will not match as meant: {}{}", shown(), counted(count, "row"), table,
                                        join(told, "; "), count > told.size() ? "; ..." : ""),
                            {fmt::format("UPDATE {} SET email = ... WHERE email = ...; the forms are in docs/policy.md", table)});
        }
    }

    void check_rights() {
        std::map<std::string, std::vector<std::string>> needed, useful;
        for (const auto& [table, right] : facts_.missing_rights) {
            constexpr std::array<std::string_view, 4> records{"maddr", "msgs", "msgrcpt", "quarantine"};
            const bool is_record = std::ranges::find(records, table) != records.end() || table == "maddr_id_seq";
            if (is_record && !use_.is_records) continue;
            if (!is_record && (!use_.is_lookups || right != "SELECT")) continue;
            const bool is_needed = right == "SELECT" || right == "INSERT" || right == "USAGE" ||
                                   (right == "UPDATE" && (table == "msgs" || table == "msgrcpt"));
            (is_needed ? needed : useful)[right].push_back(table);
        }
        const auto grants = [&](const auto& rights) {
            std::vector<std::string> fix;
            for (const auto& [right, tables] : rights) fix.push_back(backend_.doctor.grant(right, tables, facts_.role));
            return fix;
        };
        const auto shown_rights = [](const auto& rights) {
            std::vector<std::string> parts;
            for (const auto& [right, tables] : rights) parts.push_back(fmt::format("{} on {}", right, join(tables, ", ")));
            return join(parts, "; ");
        };
        if (!needed.empty())
            report_.problem(fmt::format("{}: the role \"{}\" has no right to {}", shown(), facts_.role, shown_rights(needed)),
                            grants(needed));
        if (!useful.empty())
            report_.warning(fmt::format("{}: the role \"{}\" has no right to {}: nothing can be deleted or expired", shown(),
                                        facts_.role, shown_rights(useful)),
                            grants(useful));
    }

    void check_clock() {
        if (!facts_.clock_ahead || std::abs(*facts_.clock_ahead) <= clock_tolerance) return;
        report_.warning(fmt::format("{}: its clock is {:.0f} s {} ours: times of records and of the quarantine do not fit",
                                    shown(), std::abs(*facts_.clock_ahead), *facts_.clock_ahead > 0 ? "ahead of" : "behind"),
                        {"keep both by NTP: timedatectl set-ntp true"});
    }

    void check_connections() {
        if (facts_.max_connections == 0 || facts_.is_pooled) return;
        const auto left = facts_.max_connections - facts_.reserved;
        const auto hosts = use_.connections == 0 ? 0 : left / use_.connections;
        if (facts_.used >= left)
            report_.problem(
                fmt::format("{}: {} of its {} in use", shown(), facts_.used, counted(left, "connection is", "connections are")),
                {backend_.doctor.allow_connections(facts_.max_connections * 2)});
        else if (hosts < 2)
            report_.warning(fmt::format("{}: it has {}, one tamisd host needs up to {}", shown(), counted(left, "connection"),
                                        use_.connections),
                            {fmt::format("{}; or lower storage.connections and lookup_connections",
                                         backend_.doctor.allow_connections(use_.connections * 10))});
    }

    const DatabaseFacts& facts_;
    const DatabaseUse& use_;
    bool another_will_do_;
    Report& report_;
    const storage::Backend& backend_;
    storage::SchemaReport schema_;
};

}  // namespace

bool is_usable(const DatabaseFacts& facts, const DatabaseUse& use) {
    return facts.trouble.empty() && (!use.is_records || facts.catalogue.is_writable);
}

void judge_databases(const std::vector<DatabaseFacts>& list, const DatabaseUse& use, Report& report) {
    for (const auto& facts : list) {
        const bool another =
            std::ranges::any_of(list, [&](const DatabaseFacts& each) { return &each != &facts && is_usable(each, use); });
        Report of("storage");
        Judge(facts, use, another, of).run();
        for (auto& finding : of.take()) report.add(finding.level, std::move(finding.what), std::move(finding.fix));
    }
}

}  // namespace tamis::doctor
