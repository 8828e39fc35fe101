// expire - `tamis expire`: what the daemon's timer does, once, by hand or from cron; with --dry-run it only counts
//
// Exit status: 0 done (also when another host is at it), 1 trouble, 2 wrong usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>
#include <memory>

#include "base/counted.h"
#include "base/log.h"
#include "base/safe_text.h"
#include "base/text.h"
#include "base/time_text.h"
#include "config/settings.h"
#include "quarantine/words.h"
#include "storage/retention/expire.h"
#include "tools/command.h"
#include "tools/dsn_option.h"
#include "tools/event_log.h"
#include "tools/run_task.h"

namespace tamis::tools {
namespace {

constexpr int trouble = 1, usage = 2;

struct Options {
    DsnOption database;
    std::string file = "/etc/tamis/tamis.toml", older_than, copies_older_than, longest_run;
    std::vector<std::string> categories;
    bool has_file = false, dry_run = false, json = false, vacuum = false, keep_partitions = false;
    double share = 0;
};

int complain(std::string_view what, int status = trouble) {
    fmt::print(stderr, "tamis: {}\n", safe_text(std::string(what), 2000));
    return status;
}

// narrow - the rules of the command line instead of the settings': only what was asked for, only these categories
Done narrow(const Options& options, storage::RetentionRules& rules) {
    const bool has_ages = !options.older_than.empty() || !options.copies_older_than.empty();
    if (!options.categories.empty() && !has_ages)
        return fail(Errc::bad_input, "--category needs --older-than or --copies-older-than");
    if (!has_ages) return {};
    storage::Ages ages;
    for (const auto& [text, into] :
         {std::pair{&options.older_than, &ages.record}, std::pair{&options.copies_older_than, &ages.copy}}) {
        if (text->empty()) continue;
        auto age = storage::parse_age(*text);
        if (!age) return std::unexpected(std::move(age.error()));
        *into = *age;
    }
    rules.of_category.clear();
    rules.general = ages;
    if (options.categories.empty()) return {};
    rules.general = {};
    rules.incomplete = rules.deleted = {};
    for (const auto& word : options.categories) {
        const auto letter = quarantine::category_letter(word);
        if (!letter)
            return fail(Errc::bad_input,
                        fmt::format("no category \"{}\"; there are {}", safe_text(word, 40), mail::category_choices()));
        rules.of_category[*letter] = ages;
    }
    return {};
}

std::string name_of(char content) {
    return content == '\0' ? "incomplete" : content == ' ' ? "none" : std::string(quarantine::category_word(content));
}

boost::json::object json_of(const storage::ExpireReport& report, bool dry_run) {
    boost::json::object out, categories;
    out["dry_run"] = dry_run;
    out["complete"] = report.is_complete;
    out["elsewhere"] = report.is_elsewhere;
    for (const auto& [letter, count] : report.by_category)
        categories[name_of(letter)] = {{"records", count.records}, {"copies", count.copies}};
    out["categories"] = std::move(categories);
    for (const auto& [name, value] :
         std::initializer_list<std::pair<const char*, std::uint64_t>>{{"records", report.records},
                                                                      {"copies", report.copies},
                                                                      {"incomplete", report.incomplete},
                                                                      {"recipients", report.recipients},
                                                                      {"chunks", report.chunks},
                                                                      {"orphan_recipients", report.orphan_recipients},
                                                                      {"orphan_chunks", report.orphan_chunks},
                                                                      {"addresses", report.addresses},
                                                                      {"restored_addresses", report.restored_addresses},
                                                                      {"pages", report.pages},
                                                                      {"transactions", report.transactions},
                                                                      {"too_long", report.too_long}})
        out[name] = value;
    for (const auto& [name, list] :
         {std::pair{"dropped", &report.dropped}, std::pair{"created", &report.created}, std::pair{"remarks", &report.remarks}}) {
        boost::json::array texts;
        for (const auto& text : *list) texts.emplace_back(text);
        out[name] = std::move(texts);
    }
    for (const auto& [name, time] :
         {std::pair{"oldest_record", report.oldest_record}, std::pair{"oldest_copy", report.oldest_copy}})
        out[name] = time ? boost::json::value(time_text(*time)) : boost::json::value(nullptr);
    out["seconds"] = static_cast<double>(report.elapsed.count()) / 1000;
    out["longest_transaction_ms"] = static_cast<double>(report.longest_transaction.count()) / 1000;
    return out;
}

void print_report(const storage::ExpireReport& report, bool dry_run) {
    if (report.is_elsewhere && report.transactions == 0) {
        fmt::print("another host is at it: nothing was done\n");
        return;
    }
    const auto line = [&](std::string_view what, std::uint64_t records, std::uint64_t copies) {
        fmt::print("{:<28} {:>12} {:>12}\n", what, records, copies);
    };
    fmt::print("{:<28} {:>12} {:>12}\n", dry_run ? "would go" : "gone", "records", "copies only");
    for (const auto& [letter, count] : report.by_category) line(name_of(letter), count.records, count.copies);
    line("together", report.records + report.incomplete, report.copies);
    const auto rows = [&](std::string_view what, std::uint64_t count) {
        if (count != 0) fmt::print("{:<28} {:>12}\n", what, count);
    };
    fmt::print("\n");
    rows("rows of msgs", report.records + report.incomplete);
    rows("rows of msgrcpt", report.recipients);
    rows("rows of quarantine", report.chunks);
    rows("msgrcpt without a message", report.orphan_recipients);
    rows("quarantine without a message", report.orphan_chunks);
    rows("addresses nobody refers to", report.addresses);
    rows("pages given back", report.pages);
    for (const auto& name : report.dropped)
        fmt::print("partition {} {}\n", safe_text(name, 200), dry_run ? "would be dropped" : "dropped");
    for (const auto& name : report.created)
        fmt::print("partition {} {}\n", safe_text(name, 200), dry_run ? "would be made" : "made");
    if (report.oldest_record) fmt::print("oldest record that is kept:  {}\n", time_text(*report.oldest_record));
    if (report.oldest_copy) fmt::print("oldest copy that is kept:    {}\n", time_text(*report.oldest_copy));
    for (const auto& remark : report.remarks) fmt::print("to know: {}\n", safe_text(remark, 1000));
    if (dry_run && (report.records + report.copies) != 0)
        fmt::print("addresses that only these messages use go as well, later\n");
    if (!dry_run)
        fmt::print("{:.1f} s, {}, the longest {:.0f} ms{}\n", static_cast<double>(report.elapsed.count()) / 1000,
                   counted(report.transactions, "transaction"), static_cast<double>(report.longest_transaction.count()) / 1000,
                   report.is_complete ? "" : "; stopped before the end: run it again");
}

int run(const Options& options) {
    open_quiet_log();
    Problems problems(options.file);
    std::vector<storage::Dsn> dsns;
    storage::ExpireOptions how;
    std::error_code ignored;
    std::string by;  // whom the log names; empty: there is no log
    if (!options.database.is_given() || options.has_file || std::filesystem::exists(options.file, ignored)) {
        const auto settings = config::load_settings_file(options.file, problems);
        if (!problems.none()) return complain(join(problems.lines(), "\n"));
        if (!options.dry_run && settings->log.target != "stderr") {  // ours says it all already
            open_event_log(*settings);
            by = who_asks(*settings);
        }
        how = settings->expiry;
        dsns = settings->storage_dsns;
    } else {
        how = storage::expire_options({}, nullptr, problems);
    }
    if (options.database.is_given()) {
        auto dsn = dsn_of(options.database);
        if (!dsn) return complain(dsn.error().detail, usage);
        dsns = {std::move(*dsn)};
    }
    if (dsns.empty()) return complain(options.file + ": storage.storage_dsn is an empty list: there is no database to expire");
    if (auto narrowed = narrow(options, how.rules); !narrowed) return complain(narrowed.error().detail, usage);
    if (!options.longest_run.empty()) {
        const auto span = parse_duration(options.longest_run);
        if (!span) return complain("--longest-run: expected a time such as \"10m\"", usage);
        how.longest_run = *span;
    }
    how.removes = how.is_full = true;
    how.connect_limit = away_round;
    how.dry_run = options.dry_run;
    how.vacuums = options.vacuum;
    if (options.keep_partitions) how.drops_partitions = false;
    if (options.share > 0) how.share = options.share;
    how.now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();

    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context loop(1);
    std::atomic<bool> stop{false};
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) { stop = !error; });
    storage::Expiry expiry;
    const auto report = run_task<storage::ExpireReport>(loop, expiry.run(loop, std::move(dsns), how, stop));
    if (!report && !by.empty()) log::warning({}, "retention: by {}: {}", escaped(by), escaped(report.error().detail, 500));
    if (!report) return complain(describe(report.error()));
    if (!by.empty() && !report->is_elsewhere)
        log::notice({}, "retention: by {}: {}", escaped(by), storage::describe_report(*report));
    if (options.json) fmt::print("{}\n", boost::json::serialize(json_of(*report, how.dry_run)));
    else print_report(*report, how.dry_run);
    return 0;
}

}  // namespace

std::function<int()> configure_expire(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    auto* file = options.add_option("-c,--config", given->file, "configuration file: its [retention] and storage_dsn")
                     ->capture_default_str();
    add_dsn_option(options, given->database, "this database instead: " + storage::dsn_help(), true);
    options.add_flag("-n,--dry-run", given->dry_run, "only say what would go");
    options.add_option("--older-than", given->older_than,
                       "instead of the ages of the settings: records older than this go, with their copies (30d, 12w)");
    options.add_option("--copies-older-than", given->copies_older_than,
                       "instead of the ages of the settings: quarantined copies older than this go, records stay");
    options.add_option("--category", given->categories, "only these, with one of the two ages: virus,banned,spam,...")
        ->delimiter(',');
    options.add_option("--longest-run", given->longest_run, "stop after this time (10m); the next run goes on");
    options.add_option("--share", given->share, "largest part of the time in which the database works for this (0.05)")
        ->check(CLI::Range(0.01, 1.0));
    options.add_flag("--keep-partitions", given->keep_partitions, "drop no partition");
    options.add_flag("--vacuum", given->vacuum, "SQLite: make the file small again; nobody can write to it meanwhile");
    options.add_flag("--json", given->json, "one JSON object");
    return [given, file] {
        given->has_file = file->count() > 0;
        return run(*given);
    };
}

}  // namespace tamis::tools
