// doctor - `tamis doctor`: looks at the running set-up from outside and says what is wrong with it and what to do
//
// The file and Postfix are read as whoever calls; everything else in a second process, as the daemon's user when root calls, so
// that rights, peers and passwords are those of the daemon. That process writes each finding as a line; one that does not
// end in time is killed, and what it did not get to is told as not checked. Changes nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>

#include "base/log.h"
#include "base/privileges.h"
#include "base/text.h"
#include "scanners/worker/packet.h"
#include "tools/command.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/together.h"

namespace tamis::doctor {
namespace {

struct Options {
    std::string file = "/etc/tamis/tamis.toml", postfix;
    std::vector<std::string> only;
    bool json = false, strict = false;
    unsigned patience = 5;  // seconds

    // whole_patience - of everything that the second process does: a few questions come after others
    std::chrono::seconds whole_patience() const { return std::chrono::seconds(patience) * 4 + std::chrono::seconds(5); }
    bool wants(std::string_view topic) const { return only.empty() || std::ranges::find(only, topic) != only.end(); }
};

// Sender - the second process's way to tell what it found
class Sender {
public:
    explicit Sender(int to) : to_(to) {}
    void tell(Report& report, std::string_view topic) {
        std::string text;
        for (const auto& finding : report.take()) text += one_json(finding);
        text += fmt::format("done {}\n", topic);
        for (std::string_view rest = text; !rest.empty();) {
            const auto sent = ::write(to_, rest.data(), rest.size());
            if (sent < 0 && errno == EINTR) continue;
            if (sent <= 0) return;
            rest.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

private:
    int to_;
};

// look - in the second process: first what needs a single thread or is quick, then everything over sockets at the same time
void look(const Viewpoint& from, const Options& options, Sender& sender) {
    const auto run = [&](const char* topic, void (*check)(const Viewpoint&, Report&)) {
        if (!options.wants(topic)) return;
        Report report(topic);
        check(from, report);
        sender.tell(report, topic);
    };
    run("worker", check_worker);
    run("config", check_snapshot);
    run("files", check_files);
    asio::io_context loop(1);
    const auto start = [&](const char* topic, auto make) {
        if (!options.wants(topic)) return;
        const auto report = std::make_shared<Report>(topic);
        asio::co_spawn(loop, make(*report), [&sender, report, topic](const std::exception_ptr& trouble) {
            if (trouble) report->not_checked("the check failed; please report it as a bug");
            sender.tell(*report, topic);
        });
    };
    start("daemon", [&](Report& report) { return check_daemon(from, report); });
    start("storage", [&](Report& report) { return check_storage(loop, from, report); });
    start("scanners", [&](Report& report) { return check_scanners(from, report); });
    start("nexthop", [&](Report& report) { return check_next_hops(from, report); });
    loop.run();
}

// become_daemon - root becomes the daemon's user, with its home directory: ~/.pgpass is found there
Done become_daemon(Viewpoint& from) {
    const auto& server = from.settings->server;
    const std::string home = [&] {
        const passwd* account = ::getpwnam(server.user.c_str());
        return account != nullptr ? std::string(account->pw_dir) : std::string("/");
    }();
    ::setenv("HOME", home.c_str(), 1);
    if (auto done = become_user(server.user, server.group); !done) return done;
    from.is_daemon_user = true;
    return {};
}

// second_process - never returns
[[noreturn]] void second_process(Viewpoint from, const Options& options, int to) {
    std::signal(SIGPIPE, SIG_IGN);
    if (auto quiet = log::open({"file:/dev/null", "tamis", 0}); !quiet)
        log::debug({}, "{}", describe(quiet.error()));  // findings say it all
    Sender sender(to);
    if (::geteuid() == 0)
        if (auto done = become_daemon(from); !done) {
            Report report("config");
            // that there is no such user is told by check_config()
            if (!done.error().is(Errc::not_found))
                report.problem(describe(done.error()), {fmt::format("{}: [server] user = \"tamis\"", from.settings->file)});
            sender.tell(report, "config");
            ::_exit(0);
        }
    look(from, options, sender);
    ::_exit(0);  // what is open belongs to the first process too
}

// take_lines - complete lines of what came; the topics that are done leave `missing`
void take_lines(std::string& text, Findings& findings, std::set<std::string>& missing) {
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        const std::string line = text.substr(0, end);
        text.erase(0, end + 1);
        Finding finding;
        if (line.starts_with("done ")) missing.erase(line.substr(5));
        else if (parse_one(line, finding)) findings.push_back(std::move(finding));
    }
}

Findings from_second_process(const Viewpoint& from, const Options& options) {
    std::set<std::string> missing;
    for (const auto& topic : topics())
        if (topic != "postfix" && options.wants(topic)) missing.insert(topic);
    Findings findings;
    std::array<int, 2> ends{};
    if (missing.empty() || ::pipe2(ends.data(), O_CLOEXEC) != 0) return findings;
    std::fflush(nullptr);
    const pid_t process = ::fork();
    if (process == 0) {
        ::close(ends[0]);
        second_process(from, options, ends[1]);
    }
    worker::Descriptor reading(ends[0]);
    ::close(ends[1]);
    const auto deadline = Deadline::in(options.whole_patience());
    std::string text;
    std::array<char, 16384> buffer{};
    bool is_open = process > 0;
    while (is_open && !deadline.passed()) {
        pollfd waiting{reading.get(), POLLIN, 0};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()).count();
        if (::poll(&waiting, 1, static_cast<int>(left) + 1) <= 0) continue;
        const auto got = ::read(reading.get(), buffer.data(), buffer.size());
        if (got <= 0) is_open = false;
        else text.append(buffer.data(), static_cast<std::size_t>(got));
        take_lines(text, findings, missing);
    }
    if (process > 0) {
        if (is_open) ::kill(process, SIGKILL);
        while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    const auto why = is_open ? fmt::format("it did not end within {} s", options.whole_patience().count())
                             : std::string("the checks could not be made as tamisd's user");
    for (const auto& topic : missing) findings.push_back({Level::not_checked, topic, why, {}});
    return findings;
}

void look_at_postfix(const Viewpoint& from, const Options& options, const Result<PostfixSetup>& setup, Findings& findings) {
    if (!options.wants("postfix")) return;
    Report report("postfix");
    if (from.postfix) judge_postfix(*from.postfix, our_side(*from.settings), report);
    else if (options.postfix.empty() && setup.error().is(Errc::not_found))
        report.not_checked("there is no postconf here; where Postfix runs: tamis doctor --only postfix");
    else
        report.problem(
            fmt::format("Postfix's configuration cannot be read: {}", describe(setup.error())),
            {::geteuid() == 0
                 ? "postfix check; --postfix-config names another directory than /etc/postfix"
                 : "run as root, if that is why; postfix check; --postfix-config names another directory than /etc/postfix"});
    for (auto& finding : report.take()) findings.push_back(std::move(finding));
}

Findings examine(const Options& options) {
    Viewpoint from;
    from.patience = std::chrono::seconds(options.patience);
    Problems problems(options.file);
    from.settings = config::load_settings_file(options.file, problems);
    Findings findings;
    const bool may_not_read = ::geteuid() != 0 && ::access(options.file.c_str(), R_OK) != 0 && errno == EACCES;
    for (const auto& line : problems.lines())
        findings.push_back({Level::problem,
                            "config",
                            line,
                            {may_not_read ? "run as root: the file may hold passwords, so not everybody can read it"
                                          : fmt::format("correct it, and see: tamisd -c {} --check", options.file)}});
    if (!problems.none()) {
        for (const auto& topic : topics())
            if (topic != "config" && options.wants(topic))
                findings.push_back({Level::not_checked, topic, "the configuration has mistakes", {}});
        return findings;
    }
    const auto& user = from.settings->server.user;
    from.user = user;
    if (const auto number = user_number(user); !user.empty() && number && *number == ::geteuid()) from.is_daemon_user = true;
    Result<PostfixSetup> setup = fail(Errc::not_found, "not asked");
    if (options.wants("postfix") || options.wants("nexthop") || options.wants("files"))
        setup = read_postfix(options.postfix, Deadline::in(from.patience * 2));
    if (setup) from.postfix = *setup;
    if (options.wants("config")) {
        Report report("config");
        check_config(from, report);
        for (auto& finding : report.take()) findings.push_back(std::move(finding));
    }
    for (auto& finding : from_second_process(from, options)) findings.push_back(std::move(finding));
    look_at_postfix(from, options, setup, findings);
    Findings in_order;
    for (const auto& topic : topics())
        for (auto& finding : findings)
            if (finding.topic == topic) in_order.push_back(std::move(finding));
    return in_order;
}

int doctor_main(const Options& options) {
    if (auto done = log::open({"stderr", "tamis", 0}); !done) fmt::print(stderr, "tamis: {}\n", describe(done.error()));
    for (const auto& topic : options.only)
        if (std::ranges::find(topics(), topic) == topics().end()) {
            const auto near = nearest(topic, topics());
            fmt::print(stderr, "tamis: there is no topic \"{}\"{}; topics are {}\n", escaped(topic),
                       near ? fmt::format(" (did you mean \"{}\"?)", *near) : "", join(topics(), ", "));
            return 2;
        }
    const auto findings = examine(options);
    fmt::print("{}", options.json ? json_of(findings) : text_of(findings));
    return exit_status(findings, options.strict);
}

}  // namespace

std::function<int()> configure_doctor(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    options.add_option("-c,--config", given->file, "configuration file")->capture_default_str();
    options.add_option("--postfix-config", given->postfix,
                       "directory of Postfix's main.cf and master.cf, when it is not Postfix's usual one");
    options.add_option("--only", given->only, "check only this: " + join(topics(), ", ") + " (more than one: a,b)")
        ->delimiter(',');
    options.add_option("--patience", given->patience, "seconds that a server may take for an answer")
        ->capture_default_str()
        ->check(CLI::Range(1, 600));
    options.add_flag("--json", given->json, "one JSON object instead of text");
    options.add_flag("--strict", given->strict, "exit status 1 when there are warnings");
    return [given] { return doctor_main(*given); };
}

}  // namespace tamis::doctor
