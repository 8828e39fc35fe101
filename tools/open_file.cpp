// open_file - `tamis open FILE`: the tree of parts of a message as the filter sees it, opened in the same sandbox
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/log.h"
#include "base/privileges.h"
#include "base/text.h"
#include "config/settings.h"
#include "policy/banned.h"
#include "policy/header_check.h"
#include "policy/notice_parts.h"
#include "scanners/worker/pool.h"
#include "tools/command.h"
#include "tools/contents_text.h"
#include "tools/run_task.h"

namespace tamis::tools {
namespace {

struct Options {
    std::string file, config, rules;
    bool json = false;
};

constexpr const char* usual_config = "/etc/tamis/tamis.toml";

// read_message - the file as the daemon would have received it: CRLF line ends, no bare CR, no NUL
// `removed`: what was left out of the first bytes, for the header checks
Result<std::string> read_message(const std::string& path, std::vector<mail::RemovedControl>& removed) {
    std::string text;
    if (path == "-") {
        text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
        std::ifstream stream(path, std::ios::binary);
        if (!stream) return fail(std::error_code(errno, std::generic_category()), path + ": cannot be read");
        text.assign(std::istreambuf_iterator<char>(stream), {});
        if (stream.bad()) return fail(Errc::unavailable, path + ": cannot be read to its end");
    }
    std::string lines;
    lines.reserve(text.size());
    std::size_t odd = 0;
    std::size_t line_ends = 0;
    constexpr std::size_t most_removed = 100;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool ends_line = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (text[i] == '\0' || (text[i] == '\r' && !ends_line)) {
            const auto offset = lines.size() + line_ends;  // each line end will be two bytes
            if (removed.size() < most_removed && offset < mail::header_limit)
                removed.push_back({static_cast<std::uint32_t>(offset), text[i]});
            ++odd;
        } else if (text[i] != '\r') {
            lines += text[i];
            line_ends += text[i] == '\n' ? 1 : 0;
        }
    }
    if (odd != 0) fmt::print(stderr, "tamis: {} bare CR or NUL left out, as on receipt\n", odd);
    return policy::with_crlf(lines);
}

Result<std::shared_ptr<const config::Settings>> load_settings(const Options& options) {
    if (options.config.empty() && !std::filesystem::exists(usual_config)) return std::make_shared<const config::Settings>();
    const std::string path = options.config.empty() ? usual_config : options.config;
    Problems problems(path);
    auto settings = config::load_settings_file(path, problems);
    for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
    if (!problems.none()) return fail(Errc::bad_input, path + " has problems");
    return settings;
}

Task<Result<mail::Contents>> opened(worker::WorkerPool& pool, std::shared_ptr<const mail::SealedSpool> spool,
                                    worker::OpenJob job) {
    co_return co_await pool.open(std::move(spool), job, Deadline::in(std::chrono::minutes(5)));
}

Result<mail::Contents> open_in_worker(const config::Settings& settings, std::shared_ptr<const mail::SealedSpool> spool) {
    auto spawning = worker::spawner_options_of(settings.open);
    auto program = worker::open_worker_program(spawning);
    if (!program) return std::unexpected(std::move(program.error()));
    spawning.program = *program;
    if (::geteuid() == 0) {  // root never decodes hostile bytes
        const bool named = !settings.server.user.empty();
        if (auto done = become_user(named ? settings.server.user : "nobody", named ? settings.server.group : ""); !done)
            return std::unexpected(std::move(done.error()));
    }
    auto spawner = worker::Spawner::start(std::move(spawning));
    if (!spawner) return std::unexpected(std::move(spawner.error()));
    asio::io_context loop(1);
    auto options = worker::pool_options_of(settings.open);
    options.workers = 1;
    worker::WorkerPool pool(loop, **spawner, options);
    worker::OpenJob job;
    job.limits = worker::limits_of(settings.open);
    job.extract = worker::Extract::everything;  // so that the report says who is shown what
    return run_task<mail::Contents>(loop, opened(pool, std::move(spool), job), [&pool] { pool.stop(); });
}

// judge_parts - which rule would ban which part, for a recipient with the lists of --rules or of [policy]
void judge_parts(const config::Settings& settings, const Options& options, const mail::Contents& contents, OpenReport& report) {
    Problems own("banned rules");  // those of the file were told when it was loaded
    const auto rules = policy::BannedRules::load(settings.config, own);
    policy::BannedCheck check(rules, contents);
    auto names = settings.site_policy.banned_rule_names;
    if (!options.rules.empty()) {
        names.clear();
        for (const auto name : words(options.rules, ", ")) names.emplace_back(name);
    }
    for (const auto& decision : check.decisions(names))
        if (decision.action != policy::BannedAction::allow) report.banned[decision.part] = decision.rule;
    if (const auto hit = check.hit(names)) report.banned_reason = hit->reason;
    for (const auto& name : check.unknown_names())
        fmt::print(stderr, "tamis: there is no list \"{}\" of banned rules\n", escaped(name));
}

mail::Message message_of(std::string text, std::vector<mail::RemovedControl> removed) {
    mail::Message message;
    message.header = mail::parse_header(text);
    message.size = text.size();
    std::erase_if(removed, [&](const auto& each) { return each.offset >= message.header.size; });
    message.header_controls = std::move(removed);
    message.spool = std::make_shared<mail::SealedSpool>(-1, message.size, std::move(text));
    return message;
}

// header_problems_of - the envelope is taken for one of a sender without SMTPUTF8
std::vector<policy::HeaderProblem> header_problems_of(const config::Settings& settings, const mail::Message& message,
                                                      const mail::Contents& contents) {
    mail::Envelope envelope;
    envelope.sender = "somebody";
    auto out = policy::check_header(message, envelope, settings.header_checks);
    if (settings.header_checks.mime && !contents.mime_error.empty()) out.push_back(policy::mime_problem(contents.mime_error));
    return out;
}

int open_file(const Options& options) {
    if (auto done = log::open({"stderr", "tamis", 0}); !done) fmt::print(stderr, "tamis: {}\n", describe(done.error()));
    const auto told = [](const Fault& fault) {
        fmt::print(stderr, "tamis: {}\n", describe(fault));
        return 1;
    };
    const auto settings = load_settings(options);
    if (!settings) return told(settings.error());
    std::vector<mail::RemovedControl> removed;
    auto text = read_message(options.file, removed);
    if (!text) return told(text.error());
    OpenReport report;
    report.size = text->size();
    const auto message = message_of(std::move(*text), std::move(removed));
    const auto contents = open_in_worker(**settings, message.spool);
    if (!contents) return told(contents.error());
    report.contents = &*contents;
    judge_parts(**settings, options, *contents, report);
    report.unchecked = policy::unchecked_causes(*contents);
    report.header_problems = header_problems_of(**settings, message, *contents);
    fmt::print("{}", options.json ? tree_json(report) : tree_text(report));
    return contents->failure.empty() ? 0 : 1;
}

}  // namespace

std::function<int()> configure_open(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    options.add_option("FILE", given->file, "a message, \"-\" for standard input")->required();
    options.add_option("-c,--config", given->config,
                       std::string("configuration file, for limits and rules; ") + usual_config + " if it exists");
    options.add_option("--rules", given->rules,
                       "names of lists of banned rules, as a recipient's banned_rulenames; those of [policy] when not given");
    options.add_flag("--json", given->json, "one JSON object instead of text");
    return [given] { return open_file(*given); };
}

}  // namespace tamis::tools
