// start_checks_test - every setting with a wrong value is refused where it stands, by what `tamisd --check` asks
#include "config/start_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/own_places.h"
#include "base/text.h"
#include "proxy/services.h"

using namespace tamis;
using namespace tamis::config;

namespace {

namespace fs = std::filesystem;

// Folder - a directory of this test alone
struct Folder {
    Folder() : path(fs::temp_directory_path() / fmt::format("tamis-check-{}-{}", ::getpid(), ++count)) {
        fs::create_directories(path);
    }
    ~Folder() {
        std::error_code error;
        fs::remove_all(path, error);
    }
    fs::path path;
    static inline int count = 0;
};

struct Said {
    std::vector<std::string> problems, warnings;
    std::string all() const { return join(problems, "\n") + join(warnings, "\n"); }
};

// check - all that --check looks at
Said check(const std::string& toml) {
    const Folder folder;
    const auto file = (folder.path / "t.toml").string();
    std::ofstream(file) << toml;
    Problems problems("t.toml"), warnings("t.toml");
    const auto settings = load_settings_file(file, problems);
    Said out;
    if (problems.none()) {
        check_start(*settings, problems, warnings);
        make_snapshot(settings, problems);
    }
    out.problems = problems.lines();
    // the decoder program is not beside the tests
    std::erase_if(out.problems, [](const std::string& line) { return line.find("/tamis-worker:") != std::string::npos; });
    out.warnings = settings->warnings;
    out.warnings.insert(out.warnings.end(), warnings.lines().begin(), warnings.lines().end());
    return out;
}

// wrong_texts - a value that means nothing, for settings that are texts; those with words to choose from need none
const std::map<std::string, std::string>& wrong_texts() {
    static const std::map<std::string, std::string> all = {{"server.listen", "127.0.0.1"},
                                                           {"server.forward", "nowhere"},
                                                           {"server.hostname", "a b"},
                                                           {"server.local_domains", "*@example.com"},
                                                           {"server.mynetworks", "10.0.0.300"},
                                                           {"server.state_dir", "relative"},
                                                           {"server.user", "tamis-no-such-user"},
                                                           {"server.group", "tamis-no-such-group"},
                                                           {"server.pid_file", "relative"},
                                                           {"server.socket_mode", "rw"},
                                                           {"server.allowed_peers", "nobody"},
                                                           {"server.xforward_peers", "1.2.3.4/99"},
                                                           {"server.tls_certificate", "/none"},
                                                           {"server.tls_key", "/none"},
                                                           {"server.forward_ca", "/none"},
                                                           {"server.localhost_name", ""},
                                                           {"server.before_queue", "127.0.0.1:10099"},
                                                           {"log.target", "printer"},
                                                           {"log.ident", "two words"},
                                                           {"policy.virus_quarantine", "bsmtp:x"},
                                                           {"policy.banned_quarantine", "local:x"},
                                                           {"policy.spam_quarantine", "sql:x"},
                                                           {"policy.unchecked_quarantine", "mbox:"},
                                                           {"policy.unopened_quarantine", "x"},
                                                           {"policy.bad_header_quarantine", "smtp:nobody"},
                                                           {"policy.clean_quarantine", "a b@example.com"},
                                                           {"policy.archive_quarantine", "Q <q@example.com>"},
                                                           {"policy.virus_quarantine_to", "Q <q@example.com>"},
                                                           {"policy.banned_quarantine_to", "a@b, c@d"},
                                                           {"policy.spam_quarantine_to", "<a@b>"},
                                                           {"policy.unchecked_quarantine_to", " a@b"},
                                                           {"policy.bad_header_quarantine_to", "a b@c"},
                                                           {"policy.clean_quarantine_to", "a@b c"},
                                                           {"policy.archive_quarantine_to", "@"},
                                                           {"policy.quarantine_dir", "relative"},
                                                           {"policy.quarantine_sender", "bad addr"},
                                                           {"policy.recipient_delimiter", "plus"},
                                                           {"policy.addr_extension_virus", "a@b"},
                                                           {"policy.addr_extension_spam", "a b"},
                                                           {"policy.addr_extension_banned", "<"},
                                                           {"policy.addr_extension_bad_header", ","},
                                                           {"policy.virus_admin", "Admin <admin@example.com>"},
                                                           {"policy.newvirus_admin", "a@example.com, b@example.com"},
                                                           {"policy.spam_admin", "<a@example.com>"},
                                                           {"policy.banned_admin", " a@example.com"},
                                                           {"policy.bad_header_admin", "a b@example.com"},
                                                           {"policy.banned_rulenames", "NO-SUCH-LIST"},
                                                           {"policy.virus_header", "X Virus"},
                                                           {"policy.spam_scores", "bogofilter"},
                                                           {"notices.method", "nowhere"},
                                                           {"notices.from", "Me <me@example.com>"},
                                                           {"notices.sender", "bad addr"},
                                                           {"notices.virus_admin_template", "/none"},
                                                           {"notices.spam_admin_template", "/none"},
                                                           {"notices.banned_admin_template", "/none"},
                                                           {"notices.bad_header_admin_template", "/none"},
                                                           {"notices.virus_recipient_template", "/none"},
                                                           {"notices.banned_recipient_template", "/none"},
                                                           {"notices.bad_header_recipient_template", "/none"},
                                                           {"release.forward", "nowhere"},
                                                           {"release.requeue", "nowhere"},
                                                           {"control.listen", "127.0.0.1"},
                                                           {"control.socket_mode", "9"},
                                                           {"control.allowed_users", "tamis-no-such-user"},
                                                           {"control.allowed_peers", "nobody"},
                                                           {"open.worker", "/none"},
                                                           {"storage.select_policy", "SELECT * FROM users"},
                                                           {"storage.select_wblist", "SELECT wb FROM wblist"},
                                                           {"storage.lookup_dsn", "nonsense"},
                                                           {"storage.storage_dsn", "mongodb://x"}};
    return all;
}

// any_text - settings that may hold any text of one line
constexpr std::array<std::string_view, 7> any_text = {
    "policy.spam_subject_tag",      "policy.spam_subject_tag2", "policy.spam_subject_tag3",  "policy.virus_subject_tag",
    "policy.unchecked_subject_tag", "policy.virus_header_text", "scanners.command.NAME.name"};

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// refused - that the value is a problem on the second line, and that the setting is named
void refused(const SettingLine& line, const std::string& value) {
    const bool is_command = line.section == "scanners.command.NAME";  // a table of which two settings must be there
    std::string rest;
    for (const auto* needed : {"program = \"/bin/true\"\n", "infected = [1]\n", "clean = [0]\n"})
        if (is_command && !std::string_view(needed).starts_with(line.name + " ")) rest += needed;
    const auto said = check(fmt::format("[{}]\n{} = {}\n{}", line.section, line.name, value, rest));
    INFO(line.section << "." << line.name << " = " << value << "\n" << said.all());
    CHECK(std::ranges::any_of(said.problems, [&](const std::string& each) {
        return each.starts_with("t.toml:2:") && each.find(line.name) != std::string::npos;
    }));
}

}  // namespace

TEST_CASE("every setting refuses a value of another kind, a control character, and one outside of its bounds") {
    for (const auto& line : setting_lines(nullptr)) {
        const bool is_text = line.type.starts_with("text") || line.type.starts_with("list") || line.type.starts_with("secret") ||
                             line.type.starts_with("DSN");
        if (line.section == "scanners.command.NAME" &&
            (line.name == "clean" || line.name == "infected")) {  // codes, or any pattern
            refused(line, "true");
            continue;
        }
        const bool takes_no_text = line.type.starts_with("yes") ||
                                   (line.type.starts_with("number") && !line.type.starts_with("numbers")) ||
                                   line.type.starts_with("size") || line.type.starts_with("time");
        refused(line, is_text ? "5" : takes_no_text ? "\"no such value\"" : "true");
        if (is_text) refused(line, "\"a\\u0001b\"");
        const auto to = line.type.find(" to ");
        if (line.type.starts_with("number") && to != std::string::npos)
            refused(line, fmt::format("{:.0f}", parse_number(line.type.substr(to + 4)).value() + 1));
    }
}

TEST_CASE("every setting that is a text refuses one that means nothing") {
    std::size_t tried = 0;
    for (const auto& line : setting_lines(nullptr)) {
        const bool is_text = line.type.starts_with("text") || line.type.starts_with("list") || line.type.starts_with("DSN");
        const auto name = line.section + "." + line.name;
        if (!is_text || std::ranges::find(any_text, name) != any_text.end()) continue;
        const auto wrong = wrong_texts().find(name);
        refused(line, toml_text(wrong == wrong_texts().end() ? "no such value" : wrong->second));
        tried += wrong != wrong_texts().end();
    }
    CHECK(tried == wrong_texts().size());
}

TEST_CASE("what only the start found out before") {
    struct Row {
        std::string toml, says;
    };
    const auto row = GENERATE(
        Row{"[storage]\nselect_policy = \"SELECT * FROM users\"\n",
            "t.toml:2:17: storage.select_policy: the statement has none of the placeholders"},
        Row{"[storage]\nselect_policy = \"SELECT %k %k %k %k FROM users\"\n",
            "t.toml:2:17: storage.select_policy: more than 100 parameters"},
        Row{"[storage]\nstorage_dsn = [\"sqlite:/tmp/a\", \"postgresql://h/d\"]\n", "same kind"},
        Row{"[policy]\nvirus_admin = \"Admin <admin@example.com>\"\n",
            "write only what stands between \"<\" and \">\": \"admin@example.com\""},
        Row{"[policy]\nvirus_admin = \"a@example.com, b@example.com\"\n",
            "t.toml:2:15: policy.virus_admin: \"a@example.com, b@example.com\" is no address: one address only"},
        Row{"[recipients.\".\"]\nspam_admin = \" a@example.com\"\n", "blanks around it; write \"a@example.com\""},
        Row{"[banks.A]\nbanned_admin = \"<a@example.com>\"\n", "t.toml:2:16: banks.\"A\".banned_admin"},
        Row{"[server]\nlisten = [\"127.0.0.1:10024\", \"127.0.0.1:10024\"]\n",
            "t.toml:2:30: server.listen: 127.0.0.1:10024 is server.listen already"},
        Row{"[server]\nlisten = [\"127.0.0.1:10024\"]\n[control]\nlisten = [\"0.0.0.0:10024\"]\n",
            "control.listen: 0.0.0.0:10024 is server.listen already"},
        Row{"[server]\nlisten = [\"192.0.2.77:10024\"]\n", "192.0.2.77 is no address of this machine"},
        Row{"[server]\nlisten = [\"0.0.0.0:10024\"]\nforward = \"smtp:[localhost]:10024\"\n",
            "t.toml:3:11: server.forward: smtp:[localhost]:10024 is tamisd itself"},
        Row{"[release]\nforward = \"smtp:[127.0.0.1]:10024\"\n", "release.forward: smtp:[127.0.0.1]:10024 is tamisd itself"},
        Row{"[notices]\nmethod = \"lmtp:127.0.0.1:10024\"\n", "notices.method"},
        Row{"[policy]\nspam_quarantine = \"smtp:127.0.0.1:10024\"\n",
            "policy.spam_quarantine: smtp:[127.0.0.1]:10024 is tamisd itself"},
        Row{"[recipients.\"a@b\"]\nforward_method = \"smtp:127.0.0.1:10024\"\n", "recipients.\"a@b\".forward_method"},
        Row{"[log]\ntarget = \"file:/etc/passwd/x\"\n",
            "t.toml:2:10: log.target: /etc/passwd/x cannot be written: /etc/passwd is no directory"},
        Row{"[log]\ntarget = \"file:/etc\"\n", "it is a directory"},
        Row{"[server]\npid_file = \"/etc/passwd/pid\"\n", "server.pid_file"},
        Row{"[policy]\nclean_quarantine = \"mbox:/etc/passwd/box\"\n", "policy.clean_quarantine"},
        Row{"[server]\nstate_dir = \"/etc/passwd\"\n", "it is no directory"});
    const auto said = check(row.toml);
    INFO(row.toml << said.all());
    CHECK(join(said.problems, "\n").find(row.says) != std::string::npos);
}

TEST_CASE("what is good is not refused") {
    const auto row = GENERATE(
        as<std::string>(),
        "[policy]\nvirus_admin = '\"q x\"@example.com'\nspam_admin = \"postmaster\"\nbanned_admin = \"b\xc3\xbc"
        "cher@b\xc3\xbc"
        "cher.example\"\n",
        "[storage]\nselect_policy = \"\"\"\nSELECT *\nFROM users WHERE email IN (%k)\"\"\"\n",
        "[notices]\nsender = \"\"\nfrom = \"a.b@[192.0.2.1]\"\n",
        "[server]\nlisten = [\"127.0.0.1:10024\", \"[::1]:10024\", \"unix:/run/tamis/x\"]\nbefore_queue = [\"127.0.0.1:10024\"]\n",
        "[policy]\nquarantine_sender = \"original\"\nclean_quarantine = '\"q x\"@example.com'\n",
        "[server]\nforward = \"smtp:[192.0.2.9]:10024\"\n",
        "[recipients.\"b\xc3\xbc"
        "cher.example\"]\nspam_lover = true\n[recipients.\"user@\"]\nspam_lover = true\n");
    CHECK(join(check(row).problems, "\n").empty());
}

TEST_CASE("keys that can never match are told with what to write") {
    const auto said = check(
        "[server]\nlocal_domains = [\"*.example.com\", \"@example.com\", \".good.example\"]\n[[sender_lists]]\nwhitelist = [\"*@partner.example\"]\n"
        "blacklist = [\"user@\"]\nscores = { \"*@bulk.example\" = 5 }\nrecipients = [\"a@x, b@y\"]\n[recipients.\"*@example.com\"]\nspam_lover = true\n");
    const auto all = join(said.problems, "\n");
    INFO(all);
    for (
        const auto* line :
        {"t.toml:2:18: server.local_domains: \"*.example.com\" can never match: there is no \"*\"; write \".example.com\"",
         "t.toml:2:35: server.local_domains: \"@example.com\" can never match: a domain is written without \"@\": \"example.com\"",
         "t.toml:4:14: sender_lists.whitelist: \"*@partner.example\" can never match: there is no \"*\"; write \"partner.example\"",
         "t.toml:5:14: sender_lists.blacklist: \"user@\"", "t.toml:6:12: sender_lists.scores.\"*@bulk.example\"",
         "t.toml:7:15: sender_lists.recipients",
         "t.toml:8:13: recipients.\"*@example.com\": there is no \"*\"; write \"example.com\""})
        CHECK(all.find(line) != std::string::npos);
    CHECK(said.problems.size() == 7);
}

TEST_CASE("reject behind a queue and limits that count as others are warned of") {
    auto said = check(
        "[policy]\nfinal_spam_destiny = \"reject\"\nmessage_size_limit = 30000\n[banks.A]\nfinal_virus_destiny = \"reject\"\nmessage_size_limit = \"10 k\"\n");
    CHECK(said.problems.empty());
    const auto all = join(said.warnings, "\n");
    INFO(all);
    CHECK(all.find(":2:22: policy.final_spam_destiny is \"reject\"") != std::string::npos);
    CHECK(all.find(":3:22: policy.message_size_limit is 30000, which counts as 65536") != std::string::npos);
    CHECK(all.find(":5:23: banks.\"A\".final_virus_destiny") != std::string::npos);
    CHECK(all.find(":6:22: banks.\"A\".message_size_limit is 10240") != std::string::npos);
    said = check(
        "[server]\nbefore_queue = [\"127.0.0.1:10024\"]\n[policy]\nfinal_spam_destiny = \"reject\"\nmessage_size_limit = 65536\n");
    CHECK(said.all().find("reject") == std::string::npos);
    CHECK(said.all().find("counts as") == std::string::npos);
}

TEST_CASE("the shipped unit as it is read here is the one in etc/systemd") {
    std::ifstream stream(std::string(TAMIS_SOURCE_DIR) + "/etc/systemd/tamis.service");
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    REQUIRE_FALSE(text.empty());
    const auto real = read_unit({text}), ours = read_unit({std::string(shipped_unit())});
    CHECK(real.writable == ours.writable);
    CHECK(real.config == ours.config);
    CHECK(real.user == ours.user);
    CHECK(real.group == ours.group);
    CHECK(real.is_strict == ours.is_strict);
    CHECK(real.hides_homes == ours.hides_homes);
    CHECK(real.has_own_tmp == ours.has_own_tmp);
}

TEST_CASE("what the unit lets tamisd read and write") {
    const auto unit = read_unit(
        {std::string(shipped_unit()), "[Service]\nReadWritePaths=/srv/mail -/var/log/x.log\n[Install]\nReadWritePaths=/never\n"});
    struct Row {
        std::string path;
        bool write, read;
    };
    const auto row =
        GENERATE(Row{"/var/lib/tamis", true, true}, Row{"/var/lib/tamis/a/b", true, true}, Row{"/var/lib/tamisx", false, true},
                 Row{"/run/tamis/x", true, true}, Row{"/var/run/tamis/x", true, true}, Row{"/srv/mail/q", true, true},
                 Row{"/var/log/x.log", true, true}, Row{"/var/log/y.log", false, true}, Row{"/home/a", false, false},
                 Row{"/root", false, false}, Row{"/tmp/x", true, true}, Row{"/never", false, true}, Row{"/etc/x", false, true});
    INFO(row.path);
    CHECK(unit.may_write(row.path) == row.write);
    CHECK(unit.may_read(row.path) == row.read);
    CHECK(read_unit({std::string(shipped_unit()), "[Service]\nProtectSystem=full\nProtectHome=no\n"}).may_write("/home/x"));
}

TEST_CASE("paths that the unit keeps away are told with the drop-in") {
    const Folder folder;
    const auto file = (folder.path / "t.toml").string();
    std::ofstream(file)
        << "[server]\nuser = \"root\"\npid_file = \"/var/pids/tamis.pid\"\n[log]\ntarget = \"file:/var/log/tamis.log\"\n[policy]\nquarantine_dir = \"/var/virusmails\"\n";
    Problems problems("t.toml"), warnings("t.toml");
    const auto settings = load_settings_file(file, problems);
    auto unit = read_unit({std::string(shipped_unit())});
    check_unit_paths(*settings, unit, problems, warnings);
    CHECK(problems.none());
    REQUIRE(warnings.lines().size() == 3);
    CHECK_THAT(
        join(warnings.lines(), "\n"),
        Catch::Contains(
            "t.toml:5:10: log.target: /var/log/tamis.log is outside of what etc/systemd/tamis.service lets tamisd write") &&
            Catch::Contains("ReadWritePaths=/var/log"));
    CHECK(unit_drop_in(*settings, unit) ==
          "[Service]\nUser=root\nGroup=root\nReadWritePaths=/var/pids /var/log /var/virusmails\n");
    unit.file = unit.config = file;  // the unit that starts tamisd with this very file
    check_unit_paths(*settings, unit, problems, warnings);
    CHECK(problems.lines().size() == 3);
}

TEST_CASE("whether a next hop is one of our listeners") {
    struct Row {
        std::string target, listener;
        bool same;
    };
    const auto row = GENERATE(Row{"127.0.0.1:1", "127.0.0.1:1", true}, Row{"localhost:1", "127.0.0.1:1", true},
                              Row{"127.0.0.1:1", "0.0.0.0:1", true}, Row{"192.0.2.1:1", "0.0.0.0:1", true},
                              Row{"192.0.2.2:1", "0.0.0.0:1", false}, Row{"127.0.0.1:1", "127.0.0.1:2", false},
                              Row{"/run/x", "unix:/run/x", true}, Row{"/run/x", "/run/y", false}, Row{"[::1]:1", "[::]:1", true},
                              Row{"127.0.0.1:1", "/run/x", false});
    INFO(row.target << " " << row.listener);
    CHECK(is_same_place(parse_endpoint(row.target).value(), parse_endpoint(row.listener).value(), {"192.0.2.1"}) == row.same);
}
