// schema - `tamis schema check|install|upgrade`: what a database has, creating the tables, bringing old ones up to date
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iostream>
#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "config/settings.h"
#include "storage/backend.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_check.h"
#include "storage/schema/schema_tool.h"
#include "tools/command.h"
#include "tools/dsn_option.h"
#include "tools/event_log.h"

namespace tamis::tools {
namespace {

using storage::Dsn;
using storage::SchemaReport;

struct Options {
    std::string file = "/etc/tamis/tamis.toml", grant;
    DsnOption database;
    bool yes = false, json = false, partitioned = false;
};

// Place - a database that is asked about: of a DSN list the first that answers and can be written
struct Place {
    std::string use;  // "storage_dsn", "lookup_dsn", or both
    std::vector<Dsn> dsns;
    storage::Needed needed;
    std::size_t together = 1;  // places that are asked one after the other
};

int complain(const Fault& why) {
    fmt::print(stderr, "tamis: {}\n", why.detail);
    return 1;
}

// places - from --dsn, or from the configuration; the two lists are one place when they are the same
Result<std::vector<Place>> places(const Options& options) {
    if (options.database.is_given()) {
        auto dsn = dsn_of(options.database);
        if (!dsn) return std::unexpected(std::move(dsn.error()));
        return std::vector<Place>{{"", {std::move(*dsn)}, {}}};
    }
    Problems problems(options.file);
    const auto settings = config::load_settings_file(options.file, problems);
    for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
    if (!problems.none()) return fail(Errc::bad_input, options.file + ": correct it first, or give --dsn");
    const auto same = std::ranges::equal(settings->storage_dsns, settings->lookup_dsns, {}, &Dsn::shown, &Dsn::shown);
    std::vector<Place> out;
    auto storage_dsns = settings->storage_dsns;
    if (same) storage::name_entries(storage_dsns, "storage_dsn and lookup_dsn");
    if (!settings->storage_dsns.empty())
        out.push_back({same ? "storage_dsn and lookup_dsn" : "storage_dsn", std::move(storage_dsns), {true, same}});
    if (!same && !settings->lookup_dsns.empty()) out.push_back({"lookup_dsn", settings->lookup_dsns, {false, true}});
    for (auto& place : out) place.together = out.size();
    if (out.empty()) return fail(Errc::not_found, options.file + ": neither storage_dsn nor lookup_dsn is set");
    return out;
}

struct Found {
    Dsn dsn;
    storage::Catalogue catalogue;
};
Result<Found> find(const Place& place) {
    const auto round = Deadline::in(away_round / place.together);
    std::string troubles;
    std::optional<Found> standby;
    for (const auto& dsn : place.dsns) {
        const auto still_to_ask = place.dsns.size() - static_cast<std::size_t>(&dsn - place.dsns.data());
        auto catalogue =
            storage::read_catalogue(dsn, std::chrono::duration_cast<std::chrono::milliseconds>(round.left() / still_to_ask));
        if (catalogue && catalogue->is_writable) return Found{dsn, std::move(*catalogue)};
        if (catalogue) standby = Found{dsn, std::move(*catalogue)};
        if (!catalogue) troubles += (troubles.empty() ? "" : "; ") + catalogue.error().detail;
    }
    if (standby) return std::move(*standby);
    return fail(Errc::unavailable, std::move(troubles));
}

void print_lines(std::string_view head, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    fmt::print("{}\n", head);
    for (const auto& line : lines) fmt::print("  - {}\n", line);
}

void print_report(const Place& place, const Found& found, const SchemaReport& report) {
    const auto& use = place.dsns.size() > 1 ? found.dsn.use : place.use;  // of a list the entry
    fmt::print("{}{}{}\n", use, use.empty() ? "" : ": ", found.dsn.shown);
    if (report.is_empty) {
        fmt::print("  none of the tables is there; `tamis schema install` creates them\n");
        return;
    }
    fmt::print("schema: {}; encoding {}{}\n", report.era, found.catalogue.encoding,
               found.catalogue.is_writable ? "" : "; READ-ONLY (a standby)");
    print_lines("Tamis cannot work with this:", report.problems);
    print_lines("differs from today's schema, and works as it is:", report.works);
    if (report.problems.empty()) fmt::print("Tamis works with this database as it is.\n");
    print_lines("to know:", report.remarks);
    if (report.changes.empty()) {
        fmt::print("there is nothing to upgrade.\n");
        return;
    }
    fmt::print("`tamis schema upgrade` would gain:\n");
    std::string last;
    for (const auto& change : report.changes) {
        if (change.gain != last) fmt::print("  - {}\n", change.gain);
        last = change.gain;
    }
}

boost::json::array strings(const std::vector<std::string>& from) {
    boost::json::array out;
    for (const auto& text : from) out.emplace_back(text);
    return out;
}

void print_json(const Place& place, const Found& found, const SchemaReport& report, std::string_view done) {
    boost::json::object out;
    out["use"] = place.use;
    out["dsn"] = found.dsn.shown;
    out["empty"] = report.is_empty;
    out["era"] = report.era;
    out["encoding"] = found.catalogue.encoding;
    out["writable"] = found.catalogue.is_writable;
    out["problems"] = strings(report.problems);
    out["works"] = strings(report.works);
    out["remarks"] = strings(report.remarks);
    boost::json::array changes;
    for (const auto& change : report.changes)
        changes.push_back(boost::json::object{{"gain", change.gain}, {"statements", strings(change.statements)}});
    out["changes"] = std::move(changes);
    if (!done.empty()) out["done"] = done;
    fmt::print("{}\n", boost::json::serialize(out));
}

int check(const Options& options, const Place& place) {
    const auto found = find(place);
    if (!found) return complain(found.error());
    const auto report = storage::check_schema(found->catalogue, *found->dsn.backend, place.needed);
    if (options.json) print_json(place, *found, report, {});
    else print_report(place, *found, report);
    return report.problems.empty() && !report.is_empty ? 0 : 1;
}

// with_roles - the databases of which a role gets rights
std::string with_roles() {
    std::vector<std::string> names;
    for (const auto* backend : storage::backends())
        if (backend->schema.grants != nullptr) names.emplace_back(backend->name);
    return join(names, ", ");
}

int install(const Options& options, const Place& place) {
    auto found = find(place);
    if (!found) return complain(found.error());
    const auto report = storage::check_schema(found->catalogue, *found->dsn.backend,
                                              place.use.empty() ? storage::Needed{true, true} : place.needed);
    const auto& grants = found->dsn.backend->schema;
    if (!options.grant.empty() && grants.grants == nullptr)
        return complain(
            {make_error_code(Errc::bad_input), fmt::format("--grant is for {}; {}", with_roles(), grants.instead_of_grants)});
    std::vector<std::string> creating, created;  // of a kind of tables of which there was none
    for (const auto& change : report.changes) {
        if (!change.is_new) continue;
        creating.insert(creating.end(), change.statements.begin(), change.statements.end());
        created.push_back(change.gain);
    }
    if (!creating.empty() && options.partitioned)
        return complain({make_error_code(Errc::conflict),
                         found->dsn.shown + ": there are tables already: --partitioned is for a database without any"});
    if (!report.is_empty && creating.empty() && !report.problems.empty() && !options.json) print_report(place, *found, report);
    if (!report.is_empty && creating.empty() && options.grant.empty()) {
        if (options.json) print_json(place, *found, report, "nothing");
        else
            fmt::print("{}: there are tables already ({}): nothing was done. See `tamis schema check`.\n", found->dsn.shown,
                       report.era);
        return report.problems.empty() ? 0 : 1;
    }
    if (report.is_empty)
        if (auto installed =
                storage::install_schema(found->dsn, options.partitioned ? storage::Divided::by_week : storage::Divided::no);
            !installed)
            return complain(installed.error());
    if (!creating.empty())
        if (auto done = storage::run_statements(found->dsn, creating); !done) return complain(done.error());
    if (!options.grant.empty())
        if (auto granted = storage::run_statements(found->dsn, grants.grants(options.grant)); !granted)
            return complain(granted.error());
    const std::string did = report.is_empty    ? "tables installed"
                            : creating.empty() ? "tables were there"
                                               : fmt::format("added: {}", join(created, "; "));
    if (options.json) print_json(place, *found, report, did);
    else
        fmt::print(
            "{}: {}{}{}\n", found->dsn.shown, did,
            options.grant.empty() ? "" : fmt::format(", rights granted to {}", options.grant),
            report.is_empty && options.partitioned ? ", with a partition for each week: set storage.partition_tag = -1" : "");
    return 0;
}

bool is_agreed(std::size_t statements) {
    fmt::print("Run {} in one transaction? Mail waits while it runs; have a backup. [y/N] ",
               statements == 1 ? std::string("this statement") : fmt::format("these {} statements", statements));
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

int upgrade(const Options& options, const Place& place) {
    auto found = find(place);
    if (!found) return complain(found.error());
    const auto report = storage::check_schema(found->catalogue, *found->dsn.backend, place.needed);
    const auto statements = report.statements();
    const auto say = [&](std::string_view what) {
        if (options.json) print_json(place, *found, report, what);
        else fmt::print("{}: {}\n", found->dsn.shown, what);
    };
    if (report.is_empty) {
        say("none of the tables is there; `tamis schema install` creates them");
        return 1;
    }
    if (statements.empty()) {
        say("there is nothing to do");
        return 0;
    }
    if (!found->catalogue.is_writable) {
        say("this is a standby, or read-only; give the primary's DSN");
        return 1;
    }
    if (options.json && !options.yes)
        return complain({make_error_code(Errc::bad_input), "--json asks no question: give --yes as well"});
    if (!options.json) {
        fmt::print("{}: {}\n\n", found->dsn.shown, report.era);
        for (const auto& change : report.changes) {
            fmt::print("-- {}\n", change.gain);
            for (const auto& statement : change.statements) fmt::print("{};\n", statement);
        }
        fmt::print("\n");
        print_lines("to know:", report.remarks);
        if (!options.yes && !is_agreed(statements.size())) {
            say("nothing was changed");
            return 1;
        }
    }
    if (auto done = storage::run_statements(found->dsn, statements); !done) return complain(done.error());
    say("done");
    return 0;
}

int run(const CLI::App& command, const Options& options) {
    open_quiet_log();
    const auto all = places(options);
    if (!all) return complain(all.error());
    int status = 0;
    for (const auto& place : *all) {
        const int one = command.got_subcommand("check")     ? check(options, place)
                        : command.got_subcommand("install") ? install(options, place)
                                                            : upgrade(options, place);
        status = std::max(status, one);
    }
    return status;
}

}  // namespace

std::function<int()> configure_schema(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    options.require_subcommand(1);
    for (const auto& [name, text] :
         {std::pair{"check",
                    "say which era of amavisd's schema a database has, what works as it is, and what an upgrade would gain"},
          std::pair{
              "install",
              "create the tables and indexes: in an empty database, or of a kind (records, policies) of which there are none"},
          std::pair{"upgrade", "show the statements that bring the tables up to date, ask, and run them in one transaction"}}) {
        auto* one = options.add_subcommand(name, text);
        one->add_option("-c,--config", given->file, "configuration file whose storage_dsn and lookup_dsn are meant")
            ->capture_default_str();
        add_dsn_option(*one, given->database, "this database instead: " + storage::dsn_help(), true);
        one->add_flag("--json", given->json, "one JSON object per database");
        if (std::string_view(name) == "install")
            one->add_option("--grant", given->grant, "a PostgreSQL role that gets the rights Tamis needs");
        if (std::string_view(name) == "install")
            one->add_flag("--partitioned", given->partitioned,
                          "PostgreSQL: msgs, msgrcpt and quarantine with a partition for each week (docs/retention.md)");
        if (std::string_view(name) == "upgrade") one->add_flag("--yes", given->yes, "do not ask");
    }
    return [given, command = &options] { return run(*command, *given); };
}

}  // namespace tamis::tools
