// scanner_checks - every engine of the configuration at each of its addresses, in its own words
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <filesystem>

#include "base/counted.h"
#include "base/stream.h"
#include "base/text.h"
#include "scanners/clamd/clamd.h"
#include "scanners/clamd/clamd_dialog.h"
#include "scanners/command/command.h"
#include "scanners/icap/icap.h"
#include "scanners/rspamd/rspamd.h"
#include "scanners/spamd/spamd.h"
#include "scanners/yara/yara.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/engine_answers.h"
#include "tools/doctor/together.h"

namespace tamis::doctor {
namespace {

using namespace std::string_view_literals;
namespace sc = tamis::scanners;

// Engine - all addresses of one
struct Engine {
    std::string name;
    std::size_t addresses = 1, silent = 0;
    bool is_required = false;
    std::string without() const {
        return is_required ? "; without it mail is unchecked or waits" : "; mail goes on without its word";
    }
};
using EnginePtr = std::shared_ptr<Engine>;

void tell_unreachable(std::string_view shown, const Fault& why, Engine& engine, std::string start, Report& report) {
    ++engine.silent;
    if (why.code == std::errc::permission_denied) {
        report.problem(
            fmt::format("{}: {}", shown, describe(why)),
            {fmt::format(
                "let tamisd's user connect: its group owns the socket (clamd: LocalSocketGroup), or adduser tamis to the socket's group; {}",
                start)});
        return;
    }
    const auto what = fmt::format("{} does not answer: {}", shown, describe(why));
    if (engine.addresses == 1) report.problem(what + engine.without(), {std::move(start)});
    else report.warning(what, {std::move(start)});
}

// exchange - a request, and an answer that is collected piece by piece
template <class Reply>
Task<Done> exchange(Endpoint where, std::string request, Reply& reply, Deadline deadline) {
    auto stream = co_await connect(where, deadline);
    if (!stream) co_return std::unexpected(std::move(stream.error()));
    if (auto sent = co_await (*stream)->write(request, deadline); !sent) co_return sent;
    std::array<char, 4096> buffer{};
    for (;;) {
        auto got = co_await (*stream)->read_some(buffer, deadline);
        if (!got && !got.error().is(Errc::closed)) co_return std::unexpected(std::move(got.error()));
        if (!got) {
            if constexpr (requires {
                              { reply.end() } -> std::same_as<Result<bool>>;
                          }) {
                auto complete = reply.end();
                if (complete && *complete) co_return Done{};
                co_return complete ? fail(Errc::closed, "closed in the middle") : std::unexpected(std::move(complete.error()));
            } else {
                co_return std::unexpected(reply.end());
            }
        }
        auto complete = reply.feed({buffer.data(), *got});
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return Done{};
    }
}

// Line - an answer of one line
struct Line {
    std::string text;
    Result<bool> feed(std::string_view bytes) {
        text += bytes;
        if (text.size() > 4096) return fail(Errc::bad_reply, "a line without an end");
        const auto end = text.find('\n');
        if (end == std::string::npos) return false;
        text.resize(end);
        return true;
    }
    Fault end() const { return {make_error_code(text.empty() ? Errc::closed : Errc::bad_reply), "closed before it answered"}; }
};

// check_clamd_limits - what it will not look at: by its clamd.conf if it runs on this host, else as far as it can be asked
Task<void> check_clamd_limits(Endpoint address, std::string version, sc::ClamdUse use, Deadline deadline, Report& report) {
    const auto shown = "clamd " + address.text();
    if (const auto found = sc::find_clamd_conf(address)) {
        const auto limits = sc::clamd_limits(found->conf, version);
        const auto remarks = sc::judge_clamd_limits(limits, found->file, use);
        for (const auto& remark : remarks) report.warning(fmt::format("{}: {}", shown, remark.what), {remark.fix});
        if (remarks.empty()) report.ok(fmt::format("{}: {} ({})", shown, sc::limits_text(limits), found->file));
        co_return;
    }
    if (use.by_stream && use.max_size != 0 && co_await sc::refuses_stream_of(address, use.max_size, deadline)) {
        report.warning(
            fmt::format(
                "{}: its StreamMaxLength is below scanners.clamd.max_size ({}): larger parts make their message unchecked", shown,
                use.max_size),
            {fmt::format(
                "clamd.conf on its host: StreamMaxLength, MaxFileSize and MaxScanSize at least {}M, or {}: [scanners.clamd] max_size = \"25 MiB\"",
                (use.max_size + (1 << 20) - 1) >> 20, use.config_file)});
        co_return;
    }
    report.not_checked(fmt::format(
        "{}: its limits; no clamd.conf on this host that we can read belongs to it, and clamd does not tell: its MaxFileSize and "
        "MaxScanSize must not be below scanners.clamd.max_size ({})",
        shown, use.max_size));
}

Task<void> check_clamd(Endpoint address, EnginePtr engine, sc::ClamdUse use, Deadline deadline, Report& report) {
    const auto shown = "clamd " + address.text();
    sc::ClamdReply reply;
    auto done = co_await exchange(address, std::string("zVERSION\0"sv), reply, deadline);
    if (!done) {
        tell_unreachable(shown, done.error(), *engine, "systemctl start clamav-daemon; it needs a minute to load its signatures",
                         report);
        co_return;
    }
    const auto version = parse_clamd_version(reply.text());
    if (!version)
        report.problem(fmt::format("{} is no clamd: {}", shown, escaped(reply.text())),
                       {"correct scanners.clamd.socket: it is LocalSocket or TCPSocket of clamd.conf"});
    else judge_clamd_age(*version, shown, std::time(nullptr), report);
    if (version) co_await check_clamd_limits(address, std::string(reply.text()), use, deadline, report);
}

// check_spam_rules - when sa-update last wrote on this host
void check_spam_rules(Report& report) {
    std::error_code error;
    std::optional<std::filesystem::file_time_type> newest;
    for (const auto& version : std::filesystem::directory_iterator("/var/lib/spamassassin", error)) {
        std::error_code missing;
        const auto when = std::filesystem::last_write_time(version.path() / "updates_spamassassin_org.cf", missing);
        if (!missing && (!newest || when > *newest)) newest = when;
    }
    if (!newest) return;
    const auto days =
        std::chrono::duration_cast<std::chrono::days>(std::filesystem::file_time_type::clock::now() - *newest).count();
    if (days > 30)
        report.warning(
            fmt::format("SpamAssassin's rules were last updated {} ago", counted(days, "day")),
            {"sa-update && systemctl restart spamd; Debian: CRON=1 in /etc/default/spamassassin (or spamassassin-maintenance.timer)"});
}

Task<void> check_spamd(Endpoint address, EnginePtr engine, Deadline deadline, Report& report) {
    const auto shown = "spamd " + address.text();
    Line line;
    auto done = co_await exchange(address, "PING SPAMC/1.5\r\n\r\n", line, deadline);
    if (!done) tell_unreachable(shown, done.error(), *engine, "systemctl start spamd (or spamassassin)", report);
    else if (!is_spamd_pong(line.text))
        report.problem(fmt::format("{} is no spamd: {}", shown, escaped(line.text)),
                       {"correct scanners.spamd.socket: it is what spamd's --listen or --socketpath says"});
    else report.ok(fmt::format("{} answers", shown));
    if (done && (address.is_unix() || address.host.starts_with("127.") || address.host == "::1")) check_spam_rules(report);
}

Task<void> check_rspamd(sc::RspamdUrl url, EnginePtr engine, Deadline deadline, Report& report) {
    const auto shown = "rspamd " + url.endpoint.text();
    sc::RspamdReply reply;
    auto done = co_await exchange(
        url.endpoint, fmt::format("GET /ping HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.host), reply, deadline);
    if (!done) tell_unreachable(shown, done.error(), *engine, "systemctl start rspamd", report);
    else if (reply.status() != 200 || !trim(reply.body()).starts_with("pong"))
        report.problem(fmt::format("{} is no rspamd: HTTP {} to /ping, {}", shown, reply.status(), escaped(reply.body())),
                       {"correct scanners.rspamd.url: it is bind_socket of worker-normal.inc or worker-proxy.inc"});
    else report.ok(fmt::format("{} answers", shown));
}

Task<void> check_icap(sc::IcapUrl url, sc::IcapMethod method, EnginePtr engine, Deadline deadline, Report& report) {
    const auto shown = "icap " + url.uri;
    sc::IcapReply reply(1024 * 1024, {});
    auto done = co_await exchange(url.endpoint, sc::icap_options_request(url), reply, deadline);
    if (!done) {
        tell_unreachable(shown, done.error(), *engine, "systemctl start c-icap", report);
        co_return;
    }
    const auto options = sc::parse_icap_options(reply, method);
    if (!options)
        report.problem(fmt::format("{} cannot serve us: {}", shown, describe(options.error())),
                       {"correct the service's name in scanners.icap.url, and scanners.icap.mode (respmod, reqmod)"});
    else report.ok(fmt::format("{} answers: {}", shown, escaped(reply.field("service").value_or("no name"), 60)));
}

bool is_program(const std::string& path) {
    struct stat about{};
    return path.starts_with('/') && ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

void check_commands(const ConfigTable& commands, Report& report) {
    for (const auto& [name, value] : commands.entries) {
        const auto* program = value.table() != nullptr ? value.table()->find("program") : nullptr;
        if (program == nullptr) continue;
        std::vector<std::string> candidates;
        if (const auto* text = program->text()) candidates.push_back(*text);
        if (const auto* list = program->array())
            for (const auto& each : *list)
                if (const auto* text = each.text()) candidates.push_back(*text);
        const auto found = sc::find_program(candidates, is_program);
        if (found) report.ok(fmt::format("command.{}: {}", name, *found));
        else
            report.problem(fmt::format("command.{}: none of its programs is there and may be executed: {}", escaped(name),
                                       escaped(join(candidates, ", "), 200)),
                           {fmt::format("install it, or remove [scanners.command.{}]", escaped(name))});
    }
}

void check_yara(const sc::YaraSettings& settings, Report& report) {
    const auto rules =
        sc::YaraRules::compile(settings.rules, settings.unmarked == "virus" ? sc::Unmarked::virus : sc::Unmarked::ignore);
    if (rules) report.ok(fmt::format("yara: the rules compile ({})", join(settings.rules, ", ")));
    else
        report.problem(fmt::format("yara: {}", describe(rules.error())),
                       {"correct the rules, or scanners.yara.rules; files must be readable for tamisd's user"});
}

// table_of - of [scanners.NAME]; null when there is none
const ConfigTable* table_of(const config::Settings& settings, std::string_view name) {
    const auto* all = settings.config.find("scanners");
    const auto* value = all != nullptr && all->table() != nullptr ? all->table()->find(name) : nullptr;
    return value != nullptr ? value->table() : nullptr;
}

// load - the settings of an adapter; what is wrong with them is told under "config"
template <class S>
S load(const ConfigTable& table, std::string_view section, const std::vector<Setting<S>>& rows) {
    S settings;
    Problems ignored("");
    load_settings(table, section, rows, settings, ignored);
    return settings;
}

void add_engines(const config::Settings& settings, Deadline deadline, Together& all, std::vector<EnginePtr>& engines) {
    if (const auto* table = table_of(settings, "clamd")) {
        const auto clamd = load(*table, "scanners.clamd", sc::clamd_settings());
        sc::ClamdUse use{clamd.max_size.count, settings.limits.message_size.count, clamd.max_scans, false, settings.open.enabled,
                         settings.file};
        const auto engine = engines.emplace_back(std::make_shared<Engine>("clamd", clamd.socket.size(), 0, clamd.required));
        for (const auto& text : clamd.socket)
            if (auto place = parse_endpoint(text)) {
                use.by_stream = !place->is_unix() || clamd.method == "instream";
                all.add(check_clamd(std::move(*place), engine, use, deadline, all.room()));
            }
    }
    if (const auto* table = table_of(settings, "spamd")) {
        const auto spamd = load(*table, "scanners.spamd", sc::spamd_settings());
        const auto engine = engines.emplace_back(std::make_shared<Engine>("spamd", spamd.socket.size(), 0, spamd.required));
        for (const auto& text : spamd.socket)
            if (auto place = parse_endpoint(text)) all.add(check_spamd(std::move(*place), engine, deadline, all.room()));
    }
    if (const auto* table = table_of(settings, "rspamd")) {
        const auto rspamd = load(*table, "scanners.rspamd", sc::rspamd_settings());
        const auto engine = engines.emplace_back(std::make_shared<Engine>("rspamd", rspamd.url.size(), 0, rspamd.required));
        for (const auto& text : rspamd.url)
            if (auto url = sc::parse_rspamd_url(text)) all.add(check_rspamd(std::move(*url), engine, deadline, all.room()));
    }
    if (const auto* table = table_of(settings, "icap")) {
        const auto icap = load(*table, "scanners.icap", sc::icap_settings());
        const auto method = icap.mode == "reqmod" ? sc::IcapMethod::reqmod : sc::IcapMethod::respmod;
        const auto engine = engines.emplace_back(std::make_shared<Engine>("icap", icap.url.size(), 0, icap.required));
        for (const auto& text : icap.url)
            if (auto url = sc::parse_icap_url(text)) all.add(check_icap(std::move(*url), method, engine, deadline, all.room()));
    }
}

}  // namespace

Task<void> check_scanners(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    Together all(report, "scanners");
    std::vector<EnginePtr> engines;
    add_engines(settings, Deadline::in(from.patience), all, engines);
    co_await all.ask_all();
    for (const auto& engine : engines)
        if (engine->addresses > 1 && engine->silent == engine->addresses)
            report.problem(
                fmt::format("none of the {} addresses of {} answers{}", engine->addresses, engine->name, engine->without()),
                {"start one of them"});
    if (const auto* table = table_of(settings, "yara")) check_yara(load(*table, "scanners.yara", sc::yara_settings()), report);
    if (const auto* table = table_of(settings, "command")) check_commands(*table, report);
}

}  // namespace tamis::doctor
