// explain - `tamis explain ADDRESS`: reads the configuration and the lookup tables as the daemon does
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>

#include "base/log.h"
#include "tools/command.h"
#include "tools/dsn_option.h"
#include "tools/event_log.h"
#include "tools/explanation_text.h"
#include "tools/run_task.h"

namespace tamis::tools {
namespace {

struct Options {
    std::string file = "/etc/tamis/tamis.toml";
    std::string recipient, sender, client, listener = "10024", category;
    std::optional<double> score;
};

// look_up - the rows of the one recipient; waits for the database at most five seconds
Result<std::vector<policy::UserRow>> look_up(const config::Settings& settings, const storage::LookupRequest& request) {
    if (settings.lookup_dsns.empty()) return std::vector<policy::UserRow>();
    const auto& first = settings.lookup_dsns.front();
    // to look must not create the daemon's database, with an owner of its own
    if (storage::is_absent(first)) {
        fmt::print(stderr, "tamis: {}: there is no database yet: no rows\n", first.named());
        return std::vector<policy::UserRow>();
    }
    auto options = config::lookup_options(settings);
    options.patience = away_patience;
    options.round = away_round;
    auto store = storage::open_lookup_store(settings.lookup_dsns, options);
    if (!store) return std::unexpected(std::move(store.error()));
    asio::io_context loop(1);
    auto answer = run_task<storage::LookupAnswer>(loop, (*store)->look_up(request, Deadline::in(std::chrono::seconds(5))));
    if (!answer) return std::unexpected(std::move(answer.error()));
    return std::move(answer->rows.front());
}

int explain(const Options& options) {
    open_quiet_log();
    Problems problems(options.file);
    const auto settings = config::load_settings_file(options.file, problems);
    for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
    if (!problems.none()) return 1;
    mail::Envelope envelope;
    envelope.sender = options.sender;
    envelope.recipients.push_back({options.recipient, {}, {}});
    envelope.listener = options.listener;
    if (!options.listener.starts_with('/')) envelope.socket_address = "127.0.0.1";
    if (!options.client.empty()) envelope.client.address = options.client;
    const auto banks = config::choose_banks(*settings, envelope);
    const auto request = config::make_lookup(*settings, envelope, {});
    const auto rows = look_up(*settings, request);
    if (!rows) {
        fmt::print(stderr, "tamis: {}\n", describe(rows.error()));
        return 1;
    }
    const auto wishes = config::resolve(*settings, banks, request, {*rows});
    const config::Explained explained{settings.get(), &envelope, &banks, &request, &*rows, &wishes.front()};
    fmt::print("{}", text_of(config::explain_settings(explained)));
    if (!options.score && options.category.empty()) return 0;
    const auto example = config::example_of(options.category, options.score, wishes.front());
    if (!example) {
        fmt::print(stderr, "tamis: {}\n", example.error().detail);
        return 2;
    }
    fmt::print("\n{}", text_of(config::explain_outcome(explained, *example)));
    return 0;
}

}  // namespace

std::function<int()> configure_explain(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    options.add_option("ADDRESS", given->recipient, "the envelope recipient")->required();
    options.add_option("-c,--config", given->file, "configuration file")->capture_default_str();
    options.add_option("--sender", given->sender, "the envelope sender, for sender lists and policy banks");
    options.add_option("--client", given->client, "the original client's address, for policy banks");
    options.add_option("--listener", given->listener, "the port or socket path it comes in by")->capture_default_str();
    options.add_option("--score", given->score, "the score of the message");
    options.add_option("--category", given->category, "virus, banned, unchecked, spam, spammy, bad-header, oversized or clean");
    return [given] { return explain(*given); };
}

}  // namespace tamis::tools
