// quarantine - `tamis quarantine list|show|raw|release|requeue|delete|stats`: reads the configuration as the daemon does
//
// Exit status: 0 done, 1 trouble, 2 wrong usage. Needs the rights to read the configuration and to reach the database; the
// daemon need not run.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/log.h"
#include "base/safe_text.h"
#include "base/text.h"
#include "base/time_text.h"
#include "config/options.h"
#include "mail/address.h"
#include "mail/ids.h"
#include "mail/path.h"
#include "quarantine/release.h"
#include "quarantine/remove.h"
#include "quarantine/shown.h"
#include "quarantine/words.h"
#include "tools/command.h"
#include "tools/dsn_option.h"
#include "tools/event_log.h"
#include "tools/quarantine_text.h"
#include "tools/run_task.h"

namespace tamis::tools {
namespace {

constexpr int trouble = 1, usage = 2;
constexpr std::chrono::minutes time_limit{8};  // for one command

struct Options {
    DsnOption database;
    std::string file = "/etc/tamis/tamis.toml", since, until, after, by, mail_file;
    std::vector<std::string> categories, ids, to;
    storage::QuarantineFilter filter;
    std::string state;
    std::optional<std::int64_t> partition;
    std::size_t limit = 50, text_limit = 4096;
    bool json = false, again = false, message_only = false, no_text = false;
};

// Tool - what every command works with
struct Tool {
    std::shared_ptr<const config::Settings> settings;
    std::shared_ptr<storage::QuarantineStore> store;
    std::unique_ptr<Slots> memory = std::make_unique<Slots>(1ULL << 30);
    std::unique_ptr<quarantine::CopyReader> copies;
    std::unique_ptr<deliver::Reinjector> reinjector;

    quarantine::Releaser releaser() const { return {config::release_options(*settings), store.get(), *copies, reinjector.get()}; }
};

int say(const Fault& fault) {
    fmt::print(stderr, "tamis: {}\n", safe_text(describe(fault), 2000));
    return trouble;
}

int wrong(std::string_view what) {
    fmt::print(stderr, "tamis: {}\n", what);
    return usage;
}

std::int64_t now_seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<Tool> open_tool(const Options& options, bool must_write) {
    open_quiet_log();
    Problems problems(options.file);
    Tool tool;
    tool.settings = config::load_settings_file(options.file, problems);
    if (!problems.none()) return fail(Errc::bad_input, join(problems.lines(), "\n"));
    if (must_write) open_event_log(*tool.settings);
    auto dsns = tool.settings->storage_dsns;
    if (options.database.is_given()) {
        auto dsn = dsn_of(options.database);
        if (!dsn) return std::unexpected(std::move(dsn.error()));
        dsns = {std::move(*dsn)};
    }
    // to look must not create the daemon's database, with an owner of its own
    if (!dsns.empty() && storage::is_absent(dsns.front()))
        return fail(Errc::not_found, fmt::format("{}: there is no database yet", dsns.front().named()));
    auto store = storage::open_quarantine_store(
        std::move(dsns), {.connections = 1, .patience = away_patience, .must_write = must_write, .round = away_round});
    if (!store) return std::unexpected(std::move(store.error()));
    tool.store = std::move(*store);
    std::error_code ignored;
    const auto& state_dir = tool.settings->server.state_dir;
    const bool usable = std::filesystem::is_directory(state_dir, ignored) && ::access(state_dir.c_str(), W_OK) == 0;
    tool.copies = std::make_unique<quarantine::CopyReader>(
        deliver::SpoolOptions{usable ? state_dir : std::string("/tmp"), 64ULL << 20}, *tool.memory);
    return tool;
}

Task<Result<int>> as_result_of(std::function<Task<int>()> command) { co_return co_await command(); }

// run - a command's coroutine to its end, on this thread
int run(const std::function<Task<int>()>& command, deliver::Reinjector* reinjector = nullptr) {
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context loop(1);
    const auto status = run_task<int>(loop, as_result_of(command), [reinjector] {
        if (reinjector != nullptr) reinjector->close_all();
    });
    return status ? *status : say(status.error());
}

Result<storage::QuarantineFilter> filter_of(const Options& options) {
    auto filter = options.filter;
    const auto now = now_seconds();
    for (auto [text, into] : {std::pair{&options.since, &filter.since}, std::pair{&options.until, &filter.until}}) {
        if (text->empty()) continue;
        auto seconds = parse_time(*text, now);
        if (!seconds) return std::unexpected(std::move(seconds.error()));
        *into = *seconds;
    }
    for (const auto& word : options.categories) {
        const auto letter = quarantine::category_letter(word);
        if (!letter)
            return fail(Errc::bad_input,
                        fmt::format("no category \"{}\"; there are {}", safe_text(word, 40), mail::category_choices()));
        filter.categories += *letter;
    }
    if (!options.state.empty()) {
        filter.state = quarantine::state_letter(options.state);
        if (!filter.state)
            return fail(
                Errc::bad_input,
                fmt::format("no state \"{}\"; there are new, seen, requested, released, deleted, or a letter of msgrcpt.rs",
                            safe_text(options.state, 40)));
    }
    return filter;
}

Result<std::optional<storage::PageKey>> page_key(const std::string& text) {
    if (text.empty()) return std::optional<storage::PageKey>();
    const auto colon = text.find(':');
    const auto time = parse_unsigned(std::string_view(text).substr(0, colon), 4'000'000'000);
    if (colon == std::string::npos || !time)
        return fail(Errc::bad_input, fmt::format("--after \"{}\" is not what list printed", safe_text(text, 60)));
    return storage::PageKey{static_cast<std::int64_t>(*time), text.substr(colon + 1)};
}

Task<int> list(const Tool& tool, storage::QuarantineFilter filter, std::optional<storage::PageKey> after, std::size_t limit,
               bool as_json) {
    const auto deadline = Deadline::in(time_limit);
    std::size_t shown = 0;
    if (as_json) fmt::print("{{\"items\":[");
    for (;;) {
        auto page = co_await tool.store->list(filter, after, limit - shown, deadline);
        if (!page) co_return say(page.error());
        for (const auto& item : page->items) {
            if (as_json) fmt::print("{}\n{}", shown == 0 ? "" : ",", quarantine::json_of(item));
            else fmt::print("{}", list_text(item));
            ++shown;
        }
        after = page->next;
        if (!after || shown >= limit) break;
    }
    const auto next = after ? fmt::format("{}:{}", after->time, after->mail_id) : std::string();
    if (as_json) fmt::print("],\"next\":{}}}\n", after ? quarantine::json_text(next) : "null");
    else if (shown == 0) fmt::print("nothing found\n");
    else if (after) fmt::print("more: --after {}\n", safe_text(next, 100));
    co_return std::fflush(stdout) == 0 ? 0 : trouble;
}

// found_one - the message of that id, or a complaint
Task<Result<storage::QuarantineItem>> found_one(const Tool& tool, std::string id, std::optional<std::int64_t> partition,
                                                Deadline deadline) {
    auto item = co_await tool.releaser().find(id, partition, deadline);
    if (!item) {
        if (item.error().is(Errc::conflict)) item.error().detail += " (--partition)";
        co_return std::unexpected(std::move(item.error()));
    }
    if (!*item) co_return fail(Errc::not_found, fmt::format("there is no message with mail_id {}", id));
    co_return std::move(**item);
}

Task<int> show(const Tool& tool, const Options& options) {
    const auto deadline = Deadline::in(time_limit);
    const auto& id = options.ids.front();
    auto item = co_await found_one(tool, id, options.partition, deadline);
    if (!item) co_return say(item.error());
    std::optional<quarantine::MailView> view;
    int status = 0;
    if (!options.no_text && item->type != "") {
        auto text = co_await tool.releaser().read(*item, id, {}, deadline);
        auto copy = text ? quarantine::parse_stored_copy(text->spool, text->has_8bit)
                         : Result<quarantine::StoredCopy>(std::unexpected(text.error()));
        auto seen =
            copy ? quarantine::mail_view(*copy, options.text_limit) : Result<quarantine::MailView>(std::unexpected(copy.error()));
        if (seen) view = std::move(*seen);
        else status = say(seen.error());
    }
    if (options.json) {
        fmt::print("{}\n", view ? quarantine::json_of(*item, *view) : quarantine::json_of(*item));
        co_return status;
    }
    fmt::print("{}", show_text(*item));
    if (!view) co_return status;
    fmt::print("\n");
    for (const auto& [name, value] : view->fields) fmt::print("| {}: {}\n", name, value);
    fmt::print("|\n");
    for (const auto line : split(view->body, '\n')) fmt::print("| {}\n", line);
    if (view->is_cut) fmt::print("| ... (cut; --text-limit shows more, `tamis quarantine raw` all of it)\n");
    co_return status;
}

// write_out - the stored text with LF line ends, as it is kept
Done write_out(const mail::SealedSpool& spool, std::uint64_t begin) {
    std::string buffer(64 * 1024, '\0');
    for (auto offset = begin; offset < spool.size();) {
        auto piece = spool.view(offset, buffer);
        if (!piece) return std::unexpected(std::move(piece.error()));
        if (piece->empty()) break;
        offset += piece->size();
        std::string out(*piece);
        std::erase(out, '\r');  // only in CRLF here
        if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size())
            return fail(std::error_code(errno, std::system_category()), "writing to standard output");
    }
    if (std::fflush(stdout) != 0) return fail(std::error_code(errno, std::system_category()), "writing to standard output");
    return {};
}

Task<int> raw(const Tool& tool, const Options& options) {
    const auto deadline = Deadline::in(time_limit);
    const auto& id = options.ids.front();
    auto item = co_await found_one(tool, id, options.partition, deadline);
    if (!item) co_return say(item.error());
    auto text = co_await tool.releaser().read(*item, id, {}, deadline);
    if (!text) co_return say(text.error());
    std::uint64_t begin = 0;
    if (options.message_only) {
        auto copy = quarantine::parse_stored_copy(text->spool, text->has_8bit);
        if (!copy) co_return say(copy.error());
        begin = copy->begin;
    }
    if (auto done = write_out(*text->spool, begin); !done) co_return say(done.error());
    co_return 0;
}

Task<int> release(const Tool& tool, const Options& options, quarantine::ReleaseRequest::Kind kind) {
    int status = 0;
    const auto by = who_asks(*tool.settings);
    for (const auto& id : options.ids) {
        quarantine::ReleaseRequest request;
        request.kind = kind;
        request.mail_id = id;
        request.partition_tag = options.partition;
        for (const auto& to : options.to) request.recipients.push_back(mail::bare_address(to));
        request.again = options.again;
        request.mail_file = options.mail_file;
        request.requested_by = options.by;
        request.by = by;
        auto results = co_await tool.releaser().release(std::move(request), Deadline::in(time_limit));
        if (!results) {
            if (results.error().is(Errc::conflict)) results.error().detail += " (--partition)";
            if (options.json)
                fmt::print("{{\"mail_id\":{},\"error\":{}}}\n", quarantine::json_text(id),
                           quarantine::json_text(describe(results.error())));
            log::warning({}, "quarantine: {} of {} by {} failed: {}", quarantine::kind_word(kind), id, escaped(by),
                         describe(results.error()));
            status = say(results.error());
            continue;
        }
        if (options.json) fmt::print("{}\n", quarantine::json_of(id, *results));
        else if (results->empty()) fmt::print("{}: it was kept from nobody; name a recipient with --to\n", id);
        else fmt::print("{}", release_text(id, *results));
        const auto is_done = [](const quarantine::ReleaseResult& result) {
            return (result.end == quarantine::ReleaseResult::End::delivered ||
                    result.end == quarantine::ReleaseResult::End::already) &&
                   result.trouble.empty();
        };
        if (results->empty() || !std::ranges::all_of(*results, is_done)) status = trouble;
    }
    co_return status;
}

Task<int> remove(const Tool& tool, const Options& options) {
    const auto deadline = Deadline::in(time_limit);
    int status = 0;
    for (const auto& id : options.ids) {
        auto item = co_await found_one(tool, id, options.partition, deadline);
        if (!item) {
            status = say(item.error());
            continue;
        }
        auto removed = co_await quarantine::remove(
            *tool.store, std::move(*item),
            {tool.settings->quarantine.directory, tool.settings->server.hostname, who_asks(*tool.settings)}, deadline);
        if (!removed) {
            status = say(removed.error());
            continue;
        }
        if (!removed->file) status = say(removed->file.error());
        if (options.json) fmt::print("{{\"mail_id\":{},\"deleted\":true}}\n", quarantine::json_text(id));
        else fmt::print("{}: deleted\n", id);
    }
    co_return status;
}

Task<int> stats(const Tool& tool, std::int64_t since, std::int64_t until, bool as_json) {
    auto found = co_await tool.store->stats(since, until, Deadline::in(time_limit));
    if (!found) co_return say(found.error());
    if (as_json) fmt::print("{}\n", quarantine::json_of(*found));
    else fmt::print("from {} to {}\n{}", time_text(since), time_text(until), stats_text(*found));
    co_return 0;
}

using Given = std::shared_ptr<Options>;

void add_common(CLI::App& command, const Given& given) {
    command.add_option("-c,--config", given->file, "configuration file")->capture_default_str();
    add_dsn_option(command, given->database, "another database than storage.storage_dsn", false);
    command.add_flag("--json", given->json, "print JSON");
}

void add_id(CLI::App& command, const Given& given, bool many) {
    auto* ids = command.add_option("MAIL_ID", given->ids, many ? "one or more messages" : "the message")->required();
    if (!many) ids->expected(1);
    command.add_option("--partition", given->partition, "partition_tag, when the mail_id exists in several");
}

void add_times(CLI::App& command, const Given& given) {
    command.add_option("--since", given->since, "received at or after: 2026-11-22, 2026-11-22T20:05 (UTC), 12h, 3d, 2w ago");
    command.add_option("--until", given->until, "received before");
}

int do_list(const Given& given) {
    const auto filter = filter_of(*given);
    if (!filter) return wrong(filter.error().detail);
    const auto after = page_key(given->after);
    if (!after) return wrong(after.error().detail);
    const auto tool = open_tool(*given, false);
    if (!tool) return say(tool.error());
    return run([&] { return list(*tool, *filter, *after, given->limit, given->json); });
}

int do_stats(const Given& given) {
    if (given->since.empty()) given->since = "7d";
    const auto filter = filter_of(*given);
    if (!filter) return wrong(filter.error().detail);
    const auto tool = open_tool(*given, false);
    if (!tool) return say(tool.error());
    return run([&] { return stats(*tool, *filter->since, filter->until.value_or(now_seconds() + 1), given->json); });
}

int do_with_id(const Given& given, bool must_write, Task<int> (*action)(const Tool&, const Options&)) {
    for (const auto& id : given->ids)
        if (!mail::is_mail_id(id)) return wrong(fmt::format("\"{}\" is no mail_id", safe_text(id, 40)));
    const auto tool = open_tool(*given, must_write);
    if (!tool) return say(tool.error());
    return run([&] { return action(*tool, *given); });
}

int do_release(const Given& given, quarantine::ReleaseRequest::Kind kind) {
    for (const auto& id : given->ids)
        if (!mail::is_mail_id(id)) return wrong(fmt::format("\"{}\" is no mail_id", safe_text(id, 40)));
    auto tool = open_tool(*given, true);
    if (!tool) return say(tool.error());
    auto options = config::reinject_options(*tool->settings);
    if (!options) return say(options.error());
    tool->reinjector = std::make_unique<deliver::Reinjector>(std::move(*options));
    return run([&] { return release(*tool, *given, kind); }, tool->reinjector.get());
}

void add_release(CLI::App& options, const Given& given, const std::shared_ptr<std::function<int()>>& chosen,
                 quarantine::ReleaseRequest::Kind kind) {
    const bool requeue = kind == quarantine::ReleaseRequest::Kind::requeue;
    auto* command = options.add_subcommand(requeue ? "requeue" : "release",
                                           requeue ? "hand messages in again to be filtered anew (release.requeue)"
                                                   : "deliver messages to those from whom they were kept");
    add_common(*command, given);
    add_id(*command, given, true);
    command->add_option("--to", given->to, "a recipient; may be given again; instead of those from whom it was kept")
        ->allow_extra_args(false);
    command->add_option("--requested-by", given->by, "address of who asked for it, for Resent-From");
    command->add_option("--file", given->mail_file, "file below policy.quarantine_dir, for a message that no database knows");
    command->add_flag("--again", given->again, "also when it was released before");
    command->callback([given, chosen, kind] { *chosen = [given, kind] { return do_release(given, kind); }; });
}

}  // namespace

std::function<int()> configure_quarantine(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    const auto chosen = std::make_shared<std::function<int()>>();
    options.require_subcommand(1);
    auto* list_it = options.add_subcommand("list", "list what is in the quarantine, newest first");
    add_common(*list_it, given);
    add_times(*list_it, given);
    list_it->add_option("--recipient", given->filter.recipient, "an address, or @example.com");
    list_it->add_option("--sender", given->filter.sender, "envelope sender: an address, @example.com, or <>");
    list_it->add_option("--subject", given->filter.subject, "a part of the subject");
    list_it->add_option("--category", given->categories, "virus, banned, spam, ... or a letter; may be given again")
        ->delimiter(',');
    list_it->add_option("--min-score", given->filter.min_score, "at least this score");
    list_it->add_option("--max-score", given->filter.max_score, "at most this score");
    list_it->add_option("--host", given->filter.host, "the filter host that received it");
    list_it->add_option("--state", given->state, "new, seen, requested, released, deleted, or a letter of msgrcpt.rs");
    list_it->add_option("--limit", given->limit, "how many")->capture_default_str()->check(CLI::Range(1, 100'000));
    list_it->add_option("--after", given->after, "where the page before ended, as it was printed");
    list_it->callback([given, chosen] { *chosen = [given] { return do_list(given); }; });

    auto* show_it =
        options.add_subcommand("show", "envelope, verdicts and states of a message, and its text made safe to look at");
    add_common(*show_it, given);
    add_id(*show_it, given, false);
    show_it->add_option("--text-limit", given->text_limit, "octets of the body")
        ->capture_default_str()
        ->check(CLI::Range(0, 10'000'000));
    show_it->add_flag("--no-text", given->no_text, "the record only");
    show_it->callback([given, chosen] { *chosen = [given] { return do_with_id(given, false, show); }; });

    auto* raw_it = options.add_subcommand("raw", "write the stored copy as it is to standard output");
    add_common(*raw_it, given);
    add_id(*raw_it, given, false);
    raw_it->add_flag("--message", given->message_only, "without the fields that the filter put on top");
    raw_it->callback([given, chosen] { *chosen = [given] { return do_with_id(given, false, raw); }; });

    add_release(options, given, chosen, quarantine::ReleaseRequest::Kind::release);
    add_release(options, given, chosen, quarantine::ReleaseRequest::Kind::requeue);

    auto* delete_it = options.add_subcommand("delete", "remove the copies; the records stay until they expire");
    add_common(*delete_it, given);
    add_id(*delete_it, given, true);
    delete_it->callback([given, chosen] { *chosen = [given] { return do_with_id(given, true, remove); }; });

    auto* stats_it = options.add_subcommand("stats", "how much is there, by category, host and state");
    add_common(*stats_it, given);
    add_times(*stats_it, given);
    stats_it->callback([given, chosen] { *chosen = [given] { return do_stats(given); }; });
    return [chosen] { return (*chosen)(); };
}

}  // namespace tamis::tools
