#include "scanners/command/command.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "scanners/command/program.h"
#include "scanners/worker/packet.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;
namespace fs = std::filesystem;

// Rig - a real spawner, a state directory, and programs written as shell scripts
class Rig {
public:
    Rig() {
        log::capture(true);
        auto started = worker::Spawner::start({.worker = "/bin/true", .namespaces = false});
        REQUIRE(started);
        spawner = std::move(*started);
    }
    ~Rig() { log::capture(false); }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    // script - a program that runs those lines
    std::string script(const std::string& name, const std::string& lines) {
        const auto path = dir.file(name);
        std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
        REQUIRE(::chmod(path.c_str(), 0755) == 0);
        return path;
    }
    std::shared_ptr<Scanner> open(const std::string& settings) {
        Problems problems("f");
        const auto config = parse_config("[scanners.command.test]\n" + settings, problems);
        auto list = open_scanners(config, problems, {spawner.get(), state()});
        if (!problems.none()) FAIL(problems.lines()[0]);
        REQUIRE(list.size() == 1);
        return list[0];
    }
    std::shared_ptr<Scanner> open_script(const std::string& lines,
                                         const std::string& more = "clean = 0\ninfected = 1\nname = '^V=(.*)'\n") {
        return open("program = '" + script("scan", lines) + "'\n" + more);
    }
    std::string state() const { return dir.file("state"); }
    bool is_empty() const { return fs::is_empty(programs_folder(state())); }

    TempDir dir;
    std::unique_ptr<worker::Spawner> spawner;
};

// until - waits for something that another process does
void until(const std::function<bool()>& so) {
    const auto end = Deadline::in(30s);
    while (!so()) {
        REQUIRE_FALSE(end.passed());
        ::usleep(2000);
    }
}
std::string text_of(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}
std::string all_names(const mail::ScanOutcome& outcome) {
    const auto* infected = std::get_if<mail::Infected>(&outcome);
    return infected != nullptr ? join(infected->names, " ") : told(outcome);
}

// parts_of - the flag: of plain text mail
mail::ShownParts parts_of(const std::vector<std::pair<std::string, bool>>& parts) {
    mail::ShownParts out;
    for (const auto& [bytes, is_plain] : parts) {
        // a path that would do harm if anybody used it
        out.push_back({static_cast<std::uint32_t>(out.size() + 1), "$(touch /tmp/x);`id`|&\n../../etc/passwd", is_plain,
                       std::make_shared<mail::SealedSpool>(-1, bytes.size(), bytes)});
    }
    return out;
}
mail::ScanOutcome scan_parts_with(Scanner& scanner, const mail::ShownParts& parts, bool is_part = false,
                                  Deadline deadline = Deadline::in(30s)) {
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    ScanRequest request{&message, &envelope, "filter.example.com", "192.0.2.1"};
    request.parts = &parts;
    request.is_part = is_part;
    return run(scanner.scan(request, deadline));
}

TEST_CASE("a program finds, or finds not, and leaves nothing behind") {
    Rig rig;
    const auto head = GENERATE(Head::all, Head::none);
    const auto scanner = rig.open_script("grep -q EICAR \"$1\"/* && { echo V=Eicar; exit 1; }; exit 0");
    CHECK(told(scan_text(*scanner, clean_text, head)) == "clean");
    CHECK(told(scan_text(*scanner, clean_text + "EICAR\r\n", head)) == "infected Eicar");
    CHECK(scanner->name() == "command.test");
    CHECK(scanner->takes_parts_too());
    CHECK(scanner->health() == "ok");
    CHECK(rig.is_empty());
}

TEST_CASE("what the program gets: numbered files, an empty environment, its own directory, nothing else") {
    Rig rig;
    const bool is_private = GENERATE(true, false);
    const auto seen = rig.dir.file("seen");
    const auto scanner = rig.open_script(
        "{ echo \"args $*\"; tr '\\0' '\\n' </proc/self/environ; pwd; ls -l . | sed 1d; ls -l /proc/self/fd; cat p001; cat p003; "
        "grep NoNewPrivs /proc/self/status; grep CapBnd /proc/self/status; ulimit -c; touch \"$TMPDIR/own\" && echo writable; } > '" +
            seen + "' 2>&1; exit 0",
        "clean = 0\ninfected = 1\narguments = ['-v', '{}', '--x={}', '*']\nprivate_directory = " +
            std::string(is_private ? "true" : "false") + "\n");
    CHECK(told(scan_parts_with(*scanner, parts_of({{"part one", false}, {"part two", true}}))) == "clean");
    const auto text = text_of(seen);
    INFO(text);
    const auto first = text.substr(0, text.find('\n'));
    const auto directory = first.substr(8, first.find(' ', 8) - 8);
    CHECK(directory.starts_with(rig.state() + "/programs/test-"));
    CHECK(first == "args -v " + directory + " --x=" + directory + " p001 p002 p003");
    const auto base = directory.substr(0, directory.rfind('/'));
    CHECK(text.find("\nHOME=" + base + "/tmp\n") != std::string::npos);
    CHECK(text.find("\nTMPDIR=" + base + "/tmp\n") != std::string::npos);
    CHECK(text.find("\nLANG=C\n") != std::string::npos);
    for (const char* absent : {"USER=", "LOGNAME=", "touch /tmp", "passwd", "-rf"}) CHECK(text.find(absent) == std::string::npos);
    CHECK(text.find("\n" + directory + "\n") != std::string::npos);
    CHECK(text.find("-rw-r-----") != std::string::npos);
    CHECK(text.find("socket:") == std::string::npos);
    CHECK(text.find(clean_text + "part two") != std::string::npos);
    CHECK(text.find("NoNewPrivs:\t1") != std::string::npos);
    CHECK(text.find("\nwritable\n") != std::string::npos);
    CHECK(rig.is_empty());
}

TEST_CASE("where the kernel allows, the files are in memory that nobody else sees, and the program sees nothing of ours") {
    Rig rig;
    fs::create_directories(rig.state());
    std::ofstream(rig.state() + "/secret") << "s";
    const auto seen = rig.dir.file("seen"), go = rig.dir.file("go");
    const auto scanner = rig.open_script("stat -f -c %T . > '" + seen + ".new'; cat '" + rig.state() + "/secret' >> '" + seen +
                                         ".new' 2>/dev/null; mv '" + seen + ".new' '" + seen + "'; while [ ! -e '" + go +
                                         "' ]; do sleep 0.01; done");
    std::optional<mail::ScanOutcome> outcome;
    std::jthread scanning([&] { outcome = scan_text(*scanner, clean_text, Head::all, Deadline::in(60s)); });
    until([&] { return fs::exists(seen); });
    std::size_t visible = 0;
    for (const auto& entry : fs::recursive_directory_iterator(programs_folder(rig.state())))
        visible += entry.path().filename() == "p001" ? 1 : 0;
    const bool has_own_memory = text_of(seen) == "tmpfs\n";  // and not "tmpfs\ns": the secret is not to be seen
    CHECK(visible == (has_own_memory ? 0U : 1U));
    CHECK((has_own_memory || text_of(seen).ends_with("\ns")));
    std::ofstream(go) << "go";
    scanning.join();
    REQUIRE(outcome);
    CHECK(is_clean(*outcome));
}

TEST_CASE("a program that opens mail is not given the text of plain mail again; the message comes with the first parts only") {
    Rig rig;
    const bool opens = GENERATE(true, false);
    const auto scanner = rig.open_script(
        "for f in \"$1\"/*; do echo \"V=$(basename $f):$(head -c 4 $f)\"; done; exit 1",
        "clean = 0\ninfected = 1\nname = '^V=(.*)'\nopens_containers = " + std::string(opens ? "true" : "false") + "\n");
    const auto found = all_names(scan_parts_with(*scanner, parts_of({{"aaaa", true}, {"bbbb", false}})));
    CHECK(found == (opens ? "p001:From p002:bbbb" : "p001:From p002:aaaa p003:bbbb"));
    const auto later = all_names(scan_parts_with(*scanner, parts_of({{"aaaa", true}, {"bbbb", false}}), true));
    CHECK(later == (opens ? "p001:bbbb" : "p001:aaaa p002:bbbb"));
    if (opens) CHECK(told(scan_parts_with(*scanner, parts_of({{"aaaa", true}}), true)) == "clean");
}

TEST_CASE("so many files that several runs are needed: the worst of them counts") {
    Rig rig;
    const std::string lines = "echo run >> '" + rig.dir.file("runs") +
                              "'; n=$#; for f in \"$@\"; do grep -q EICAR $f && { echo V=Eicar; exit 1; }; "
                              "grep -q FAIL $f && exit 7; done; exit 0";
    const auto scanner = rig.open_script(lines, "clean = 0\ninfected = 1\nname = '^V=(.*)'\narguments = ['{}/*']\n");
    std::vector<std::pair<std::string, bool>> parts(200, {"nothing", true});
    CHECK(told(scan_parts_with(*scanner, parts_of(parts))) == "clean");
    CHECK(std::ranges::count(text_of(rig.dir.file("runs")), '\n') > 1);
    parts.front().first = "FAIL";
    CHECK(told(scan_parts_with(*scanner, parts_of(parts))).find("exit code 7") != std::string::npos);
    parts.back().first = "EICAR";
    CHECK(told(scan_parts_with(*scanner, parts_of(parts))) == "infected Eicar");
    parts.assign(300, {"nothing", true});
    CHECK(is_failed(scan_parts_with(*scanner, parts_of(parts)), Errc::over_limit));
}

TEST_CASE("what goes wrong is a failure, and told") {
    struct Row {
        std::string lines, want;
    };
    const auto row = GENERATE(values<Row>({
        {"exit 3", "exit code 3"},
        {"echo 'cannot open database'; exit 2", "it said \"cannot open database\""},
        {"kill -SEGV $$", "signal 11 (SEGV)"},
        {"kill -KILL $$", "signal 9 (KILL)"},
        {"head -c 300000 /dev/zero; exit 0", "more than 200 KiB"},
        {"ulimit -t 1; while :; do :; done", "signal"},
    }));
    Rig rig;
    const auto outcome = told(scan_text(*rig.open_script(row.lines), clean_text, Head::all, Deadline::in(60s)));
    INFO(row.lines);
    INFO(outcome);
    CHECK(outcome.starts_with("failed command.test " + rig.dir.file("scan")));
    CHECK(outcome.find(row.want) != std::string::npos);
    CHECK(rig.is_empty());
}

TEST_CASE("a program that cannot be executed, or has gone since the start") {
    Rig rig;
    const auto scanner = rig.open_script("exit 0");
    fs::remove(rig.dir.file("scan"));
    CHECK(told(scan_text(*scanner, clean_text)).find("cannot execute " + rig.dir.file("scan") + ": No such file") !=
          std::string::npos);
    std::ofstream(rig.dir.file("scan")) << "no program";
    REQUIRE(::chmod(rig.dir.file("scan").c_str(), 0755) == 0);
    CHECK(told(scan_text(*scanner, clean_text)).find("cannot execute") != std::string::npos);
    CHECK(scanner->health() != "ok");
    CHECK(rig.is_empty());
}

// gone - whether no process with this id is left (a zombie would be one)
bool gone(const std::string& pid) { return ::kill(static_cast<pid_t>(std::stol(pid)), 0) != 0; }

TEST_CASE("at the deadline everything the program started is killed: its group, and who left the group") {
    Rig rig;
    const auto pids = rig.dir.file("pids");
    const auto scanner = rig.open_script("trap '' TERM; sleep 1000 & echo $! >> '" + pids + "'; setsid sh -c 'echo $$ >> " +
                                             pids + "; exec sleep 1000' & echo $$ >> '" + pids + "'; wait",
                                         "clean = 0\ninfected = 1\ntimeout = 3\n");
    const auto begun = Deadline::Clock::now();
    const auto outcome = scan_text(*scanner, clean_text);
    INFO(told(outcome));
    CHECK(is_failed(outcome, Errc::timeout));
    CHECK(Deadline::Clock::now() - begun < 10s);
    const auto text = text_of(pids);
    const auto all = words(text);
    CHECK(all.size() == 3);
    for (const auto pid : all) until([&] { return gone(std::string(pid)); });
    until([&] { return rig.is_empty(); });
}

TEST_CASE("a program that leaves somebody behind with its output open does not hold us up") {
    Rig rig;
    const auto pids = rig.dir.file("pids");
    const auto scanner = rig.open_script("setsid sh -c 'echo $$ > " + pids + ".new; mv " + pids + ".new " + pids +
                                         "; exec sleep 1000' & while [ ! -e '" + pids + "' ]; do sleep 0.01; done; exit 0");
    const auto begun = Deadline::Clock::now();
    CHECK(told(scan_text(*scanner, clean_text, Head::all, Deadline::in(60s))) == "clean");
    CHECK(Deadline::Clock::now() - begun < 30s);
    until([&] { return gone(std::string(trim(text_of(pids)))); });
    CHECK(rig.is_empty());
}

TEST_CASE("only so many at once, and nobody waits beyond its deadline") {
    Rig rig;
    const auto running = rig.dir.file("running");
    fs::create_directory(running);
    const auto scanner =
        rig.open_script("touch '" + running + "'/$$; ls '" + running + "' | wc -l; sleep 0.2; rm '" + running + "'/$$; exit 1",
                        "infected = 1\nname = '^(\\d+)$'\nmax_scans = 2\ntimeout = 60\n");
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    asio::io_context context(1);
    int most = 0, done = 0;
    for (int n = 0; n < 6; ++n)
        asio::co_spawn(context, scanner->scan(request, Deadline::in(60s)),
                       [&](std::exception_ptr, const mail::ScanOutcome& outcome) {
                           most = std::max(most, std::stoi("0" + all_names(outcome)));
                           ++done;
                       });
    context.run();
    CHECK(done == 6);
    CHECK(most >= 1);
    CHECK(most <= 2);
}

TEST_CASE("when the daemon gives up, or the spawner ends, program and directory go too") {
    Rig rig;
    const bool ends_spawner = GENERATE(false, true);
    const auto pids = rig.dir.file("pids");
    const auto scanner = rig.open_script("echo $$ > '" + pids + ".new'; mv '" + pids + ".new' '" + pids + "'; exec sleep 1000");
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    {
        asio::io_context context(1);
        asio::co_spawn(context, scanner->scan(request, Deadline::in(60s)), [](std::exception_ptr, const mail::ScanOutcome&) {});
        until([&] {
            context.run_for(2ms);
            return fs::exists(pids);
        });
        if (ends_spawner) rig.spawner.reset();
    }
    until([&] { return gone(std::string(trim(text_of(pids)))); });
    until([&] { return rig.is_empty(); });
}

TEST_CASE("what was left by a daemon that died is removed at the start, and links are not followed") {
    Rig rig;
    const auto keep = rig.dir.file("keep");
    fs::create_directories(keep);
    std::ofstream(keep + "/file") << "x";
    const auto old = programs_folder(rig.state()) + "/test-1/parts";
    fs::create_directories(old);
    std::ofstream(old + "/p001") << "x";
    fs::create_directory_symlink(keep, old + "/link");
    CHECK(remove_old_directories(rig.state()));
    CHECK_FALSE(fs::exists(programs_folder(rig.state())));
    CHECK(fs::exists(keep + "/file"));
    CHECK(remove_old_directories(rig.state()));
    CHECK(told(scan_text(*rig.open_script("exit 0"), clean_text)) == "clean");
}

TEST_CASE("without a spawner a program is checked and never run") {
    log::capture(true);
    Problems problems("f");
    const auto config = parse_config("[scanners.command.t]\nprogram = '/bin/true'\nclean = 0\ninfected = 1\n", problems);
    const auto list = open_scanners(config, problems);
    REQUIRE(list.size() == 1);
    CHECK(is_failed(scan_text(*list[0], clean_text), Errc::unavailable));
    log::capture(false);
}

TEST_CASE("settings: what is wrong is told with its place; a list of which none is there only warns") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(values<Row>({
        {"[scanners]\ncommand = 3\n", "f:2:11: scanners.command must hold tables"},
        {"[scanners.command]\nprogram = '/bin/true'\n", "f:2:11: scanners.command.program must be a table"},
        {"[scanners.command.\"a b\"]\nprogram = '/bin/true'\n", "a name has letters, digits"},
        {"[scanners.command.x]\nprogram = '/bin/true'\nclean = 0\n", "f:1:1: scanners.command.x.infected must say"},
        {"[scanners.command.x]\ninfected = 1\n", "scanners.command.x.program must name at least one"},
        {"[scanners.command.x]\nprogram = '/none/such'\ninfected = 1\n",
         "f:2:11: scanners.command.x.program: /none/such is not there"},
        {"[scanners.command.x]\nprogram = 'bin/true'\ninfected = 1\n", "neither a full path nor a plain name"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = '('\n", "f:3:12: scanners.command.x.infected: the pattern"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = [300]\n", "neither a list of exit codes"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = 1\nname = '['\n",
         "f:4:8: scanners.command.x.name: the pattern"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = 1\narguments = ['-r']\n", "no argument says what to scan"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = 1\nargument = '{}'\n", "did you mean \"arguments\"?"},
        {"[scanners.command.x]\nprogram = '/bin/true'\ninfected = 1\ninfectd = 1\n", "did you mean \"infected\"?"},
    }));
    Problems problems("f");
    const auto config = parse_config(row.text, problems);
    CHECK(open_scanners(config, problems).empty());
    INFO(row.text);
    REQUIRE(problems.lines().size() == 1);
    INFO(problems.lines()[0]);
    CHECK(problems.lines()[0].find(row.want) != std::string::npos);
}

TEST_CASE("a list of programs: the first that is there, and none is a warning") {
    log::capture(true);
    Problems problems("f");
    const auto config = parse_config(
        "[scanners.command.x]\nprogram = ['/none/a', 'none-b']\ninfected = 1\nclean = 0\n"
        "[scanners.command.y]\nprogram = ['/none/a', 'true']\ninfected = 1\nclean = 0\nbackup = true\nrequired = false\n",
        problems);
    const auto list = open_scanners(config, problems);
    CHECK(problems.none());
    REQUIRE(list.size() == 1);
    CHECK(list[0]->name() == "command.y");
    CHECK(list[0]->is_backup());
    CHECK_FALSE(list[0]->is_required());
    const auto lines = log::captured();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("scanners.command.x: none of its programs is installed") != std::string::npos);
    log::capture(false);
}

TEST_CASE("each command's settings are shown") {
    Problems problems("f");
    const auto config = parse_config(
        "[scanners.command.x]\nprogram = '/bin/true'\ninfected = [1, 2]\n[scanners.command.y]\nprogram = 'a'\ninfected = 'FOUND'\n",
        problems);
    std::string all;
    for (const auto& line : command_setting_lines(config.find("scanners")->table()->find("command")->table()))
        if (line.name == "infected") all += line.section + "=" + line.value + (line.from_file ? ";" : "?");
    CHECK(all == "scanners.command.x=[1, 2];scanners.command.y=\"FOUND\";");
    CHECK(command_setting_lines(nullptr).front().section == "scanners.command.NAME");
}

TEST_CASE("a job and its news survive the wire, and no cut or changed packet is taken") {
    ProgramJob job;
    job.directory = "/d/x";
    job.hidden = "/d";
    job.program = "/p";
    job.runs = {{"a", ""}, {}};
    job.sizes = {1, 1ULL << 40};
    job.output = 5;
    job.wall_ms = 6;
    job.cpu_seconds = 7;
    job.file = 8;
    const auto packet = encode_program_job(job);
    const auto back = parse_program_job(packet);
    REQUIRE(back);
    CHECK(*back == job);
    for (std::size_t size = 0; size < packet.size(); ++size)
        CHECK_FALSE(parse_program_job(std::string_view(packet).substr(0, size)));
    CHECK_FALSE(parse_program_job(packet + "x"));
    const auto ended =
        parse_program_news(encode_program_news({.kind = ProgramPacket::ended, .status = 9, .is_truncated = true, .text = {}}));
    REQUIRE(ended);
    CHECK((ended->status == 9 && ended->is_truncated));
    const auto trouble = encode_program_news({.kind = ProgramPacket::trouble, .is_late = true, .text = "why"});
    const auto late = parse_program_news(trouble);
    REQUIRE(late);
    CHECK((late->is_late && late->text == "why"));
    CHECK_FALSE(parse_program_news(""));
    CHECK_FALSE(parse_program_news("\x01"));
}

}  // namespace
}  // namespace tamis::scanners
