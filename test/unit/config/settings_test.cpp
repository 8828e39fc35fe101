// what is wrong with a file is told where it stands, and what is not said has its default
#include "config/settings.h"

#include "test/unit/config/fixture.h"

using namespace tamis;
using namespace tamis::config;
using test::configured;
using Lines = std::vector<std::string>;

namespace {

// problems_of - of a file that is named t.toml
Lines problems_of(const std::string& toml) {
    std::string path = (std::filesystem::temp_directory_path() / "tamis-settings-XXXXXX").string();
    const int descriptor = mkstemp(path.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path) << toml;
    Problems problems("t.toml");
    load_settings_file(path, problems);
    std::filesystem::remove(path);
    return problems.lines();
}

}  // namespace

TEST_CASE("a faulty file: each problem with its place") {
    struct Row {
        std::string toml;
        Lines problems;
    };
    const auto row = GENERATE(
        Row{"", {"t.toml: holds no settings at all"}},
        Row{"x", {"t.toml:1:2: Error while parsing key-value pair: encountered end-of-file"}},
        Row{"[server\n", {"t.toml:1:8: Error while parsing table header: expected ']', saw '\\n'"}},
        Row{"[server]\nhostname = \"a\"\nhostname = \"b\"\n",
            {"t.toml:3:12: Error while parsing key-value pair: cannot redefine existing string 'hostname'"}},
        Row{"server = 1\n", {"t.toml:1:10: server must be a table: [server]"}},
        Row{"[serve]\n", {"t.toml:1:2: unknown setting \"serve\"; did you mean \"server\"?"}},
        Row{"[server]\nhostnam = \"a\"\n", {"t.toml:2:1: unknown setting \"hostnam\" in [server]; did you mean \"hostname\"?"}},
        Row{"[server]\nthreads = \"two\"\n", {"t.toml:2:11: server.threads must be a whole number, not a text"}},
        Row{"[server]\nthreads = -1\n", {"t.toml:2:11: server.threads is -1; it must be from 0 to 256"}},
        Row{"[server]\nlisten = []\n", {"t.toml:2:10: server.listen is empty: nothing to listen on"}},
        Row{"[server]\nlisten = [\"127.0.0.1\"]\n",
            {"t.toml:2:10: server.listen: \"127.0.0.1\": no port; expected host:port, [address]:port or a socket path"}},
        Row{"[server]\nlisten = [\"127.0.0.1:70000\"]\n",
            {"t.toml:2:10: server.listen: \"127.0.0.1:70000\": the port is not a number from 1 to 65535; expected host:port, [address]:port or a socket path"}},
        Row{"[server]\nforward = \"nowhere\"\n",
            {"t.toml:2:11: server.forward: delivery method \"nowhere\": no protocol; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or lmtp:/PATH"}},
        Row{"[server]\nallowed_peers = [\"10.0.0.300\"]\n",
            {"t.toml:2:17: server.allowed_peers: \"10.0.0.300\" is not an address or network"}},
        Row{"[server]\nxforward_peers = [\"1.2.3.4/99\"]\n",
            {"t.toml:2:18: server.xforward_peers: \"1.2.3.4/99\": bad prefix length"}},
        Row{"[server]\nmynetworks = [\"x\"]\n", {"t.toml:2:14: server.mynetworks: \"x\" is not an address or network"}},
        Row{"[server]\nbefore_queue = [\"127.0.0.1:10025\"]\n",
            {"t.toml:2:16: server.before_queue: \"127.0.0.1:10025\" is none of server.listen; did you mean \"127.0.0.1:10024\"?"}},
        Row{"[server]\ntls_certificate = \"/c.pem\"\n",
            {"t.toml:2:19: server.tls_certificate and server.tls_key must be set together"}},
        Row{"[server]\ntls_key = \"/c.pem\"\n", {"t.toml:2:11: server.tls_certificate and server.tls_key must be set together"}},
        Row{"[server]\ntls_required = true\n", {"t.toml:2:16: server.tls_required needs tls_certificate and tls_key"}},
        Row{"[server]\nsocket_mode = \"rw\"\n", {"t.toml:2:15: server.socket_mode must be octal digits such as \"0660\""}},
        Row{"[server]\nlocal_domains = [\"*@x\"]\n",
            {"t.toml:2:18: server.local_domains: \"*@x\" can never match: there is no \"*\"; write \"x\" (that domain)"}},
        Row{"[limits]\nscan = 900\n", {"t.toml:2:8: limits.scan is longer than limits.message: the answer would come too late"}},
        Row{"[limits]\nidle = 0\n", {"t.toml:2:8: limits.idle is 0 s; it must be from 1 to 86400 s"}},
        Row{"[limits]\nline = \"many\"\n", {"t.toml:2:8: limits.line must be a size such as 65536 or \"50 MB\", not \"many\""}},
        Row{"[limits]\nsession = \"8x\"\n",
            {"t.toml:2:11: limits.session must be a time such as 30, \"250ms\" or \"8m\", not \"8x\""}},
        Row{"[log]\nlevel = \"loud\"\n", {"t.toml:2:9: log.level must be a whole number, not a text"}},
        Row{"[policy]\nfinal_spam_destiny = \"drop\"\n",
            {"t.toml:2:22: policy.final_spam_destiny is \"drop\"; it must be one of pass, discard, bounce, reject, tempfail"}},
        Row{"[policy]\nspam_quarantine = \"ftp:x\"\n",
            {"t.toml:2:19: policy.spam_quarantine: quarantine method \"ftp:x\": not known; expected \"\", sql:, local:TEMPLATE, mbox:/PATH, smtp:[HOST]:PORT, lmtp:[HOST]:PORT or an address"}},
        Row{"[policy]\nspam_quarantine = \"local:x\"\n",
            {"t.toml:2:19: policy.spam_quarantine: quarantine method \"local:x\": the template needs %m, so that every message gets a file of its own; expected \"\", sql:, local:TEMPLATE, mbox:/PATH, smtp:[HOST]:PORT, lmtp:[HOST]:PORT or an address"}},
        Row{"[policy]\nvirus_quarantine = \"smtp:nowhere\"\n",
            {"t.toml:2:20: policy.virus_quarantine: delivery method \"smtp:nowhere\": no port; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or lmtp:/PATH"}},
        Row{"[policy]\nquarantine_dir = \"q\"\n", {"t.toml:2:18: policy.quarantine_dir must be an absolute path"}},
        Row{"[policy]\nspam_scores = \"rspamd\"\n",
            {"t.toml:2:15: policy.spam_scores is \"rspamd\"; it must be one of sum, maximum (engines: those with a table [scanners.NAME])"}},
        Row{"[policy]\nbanned_rulenames = [\"DEFAUL\"]\n",
            {"t.toml:2:20: policy.banned_rulenames: there is no list \"DEFAUL\"; did you mean \"DEFAULT\"?"}},
        Row{"[policy]\nscanner_failure = \"pass\"\n",
            {"t.toml:2:19: policy.scanner_failure is \"pass\"; it must be one of unchecked, tempfail"}},
        Row{"[policy]\nspam_kill_level = \"high\"\n",
            {"t.toml:2:19: policy.spam_kill_level must be a number or \"none\", not a text"}},
        Row{"[storage]\nstorage_dsn = []\n",
            {"t.toml:2:15: storage.storage_dsn is an empty list, but policy.*_quarantine names the database (\"sql:\"); give a DSN, or set virus_quarantine, banned_quarantine, spam_quarantine and unopened_quarantine to \"\""}},
        Row{"[storage]\nstorage_dsn = [\"mysq:x\"]\n",
            {"t.toml:2:16: storage.storage_dsn: expected postgresql://user:password@host/database, \"host=... dbname=... user=... password=...\", sqlite:/path/to/file, sqlite::memory:, or \"DBI:Pg:dbname=...;host=...;port=...\""}},
        Row{"[storage]\nwait = 1000\n", {"t.toml:2:8: storage.wait is 1000 s; it must be from 0 to 300 s"}},
        Row{"[open]\nworkers = -3\n", {"t.toml:2:11: open.workers is -3; it must be from 1 to 64"}},
        Row{"[open]\nmax_depth = 0\n", {"t.toml:2:1: unknown setting \"max_depth\" in [open]; did you mean \"mime_depth\"?"}},
        Row{"[notices]\nmethod = \"smtp\"\n",
            {"t.toml:2:10: notices.method: delivery method \"smtp\": no protocol; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or lmtp:/PATH"}},
        Row{"[notices]\nspam_admin_template = \"/nonexistent\"\n",
            {"t.toml:2:23: notices.spam_admin_template: /nonexistent: cannot be read: No such file or directory"}},
        Row{"[release]\nforward = \"x\"\n",
            {"t.toml:2:11: release.forward: delivery method \"x\": no protocol; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or lmtp:/PATH"}},
        Row{"[release]\nrequeue = \"x\"\n",
            {"t.toml:2:11: release.requeue: delivery method \"x\": no protocol; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or lmtp:/PATH"}},
        Row{"[control]\nlisten = [\"x\"]\n",
            {"t.toml:2:10: control.listen: \"x\": no port; expected host:port, [address]:port or a socket path"}},
        Row{"[control]\nsocket_mode = \"9\"\n", {"t.toml:2:15: control.socket_mode: must be octal digits such as \"0660\""}},
        Row{"[control]\nallowed_peers = [\"x\"]\n", {"t.toml:2:17: control.allowed_peers: \"x\" is not an address or network"}},
        Row{"[control]\nallowed_users = [\"tamis-no-such-user\"]\n",
            {"t.toml:2:17: control.allowed_users: there is no user \"tamis-no-such-user\""}},
        Row{"[control]\nsecret_required = \"no\"\n",
            {"t.toml:2:19: control.secret_required is \"no\"; it must be one of always, tcp, never"}},
        Row{"[retention]\nrecord = \"30d\"\n",
            {"t.toml:2:1: unknown setting \"record\" in [retention]; did you mean \"records\"?"}},
        Row{"[header_checks]\nfix = 1\n", {"t.toml:2:1: unknown setting \"fix\" in [header_checks]"}},
        Row{"[banned]\nx = 1\n", {"t.toml:2:1: unknown setting \"x\" in [banned]"}},
        Row{"[sender_lists]\nx = 1\n", {"t.toml:1:1: sender_lists must be a list of tables: [[sender_lists]]"}},
        Row{"[recipients]\nx = 1\n", {"t.toml:2:1: recipients.\"x\" must be a table: [recipients.\"x\"]"}},
        Row{"[recipients.\"a@b\"]\nvirus_love = true\n",
            {"t.toml:2:1: unknown setting \"virus_love\" in [recipients.\"a@b\"]; did you mean \"virus_lover\"?"}},
        Row{"[[recipient_patterns]]\nx = 1\n", {"t.toml:1:1: [[recipient_patterns]] needs match = \"regular expression\""}},
        Row{"[banks.X]\nfoo = 1\n", {"t.toml:2:1: unknown setting \"foo\" in [banks.X]"}},
        Row{"[[bank_rules]]\nbank = \"X\"\n",
            {"t.toml:2:1: unknown setting \"bank\" in [bank_rules]; did you mean \"banks\"?",
             "t.toml:1:1: a [[bank_rules]] needs banks = [\"NAME\", ...]",
             "t.toml:1:1: a [[bank_rules]] needs a listener, clients, or both"}},
        Row{"[server]\nthreads = \"two\"\nhostnam = \"a\"\n[log]\nlevel = \"loud\"\n",
            {"t.toml:2:11: server.threads must be a whole number, not a text",
             "t.toml:3:1: unknown setting \"hostnam\" in [server]; did you mean \"hostname\"?",
             "t.toml:5:9: log.level must be a whole number, not a text"}});
    CAPTURE(row.toml);
    CHECK(problems_of(row.toml) == row.problems);
}

TEST_CASE("a file that is not there") {
    Problems problems("t.toml");
    load_settings_file("/nonexistent/t.toml", problems);
    CHECK(problems.lines() == Lines{"t.toml: cannot be read: No such file or directory"});
}

TEST_CASE("defaults, and what follows from them") {
    const auto settings = configured("");
    CHECK(settings->server.listen == Lines{"127.0.0.1:10024"});
    CHECK(settings->forward.shown == "smtp:[127.0.0.1]:10025");
    CHECK(settings->notify == settings->forward);
    CHECK(settings->release_to == settings->forward);
    CHECK_FALSE(settings->requeue);
    CHECK(settings->quarantine.notify == settings->notify);
    CHECK(settings->quarantine.directory == "/var/lib/tamis/quarantine");
    CHECK(settings->notices.from == "postmaster@f.example.com");
    CHECK(settings->policy.virus_header_text == "Tamis at f.example.com");
    CHECK(settings->limits.message == std::chrono::minutes(8));
    CHECK(settings->allowed_peers.contains("127.0.0.1"));
    CHECK(settings->allowed_peers.contains("::1"));
    CHECK_FALSE(settings->allowed_peers.contains("127.0.0.2"));
    CHECK(settings->mynetworks.contains("10.1.2.3"));
    CHECK(settings->control_peers.contains("::1"));
    CHECK(settings->control_users.empty());
    CHECK(settings->storage_dsns.size() == 1);
    CHECK(settings->lookup_dsns.size() == 1);
    CHECK_FALSE(settings->asks_records());
    CHECK(settings->site_policy.destinies.spam == policy::Destiny::discard);
    CHECK(settings->site_policy.destinies.of({mail::Major::unchecked, mail::unchecked_unopened}) == policy::Destiny::discard);
    CHECK(settings->site_policy.quarantine.virus == "sql:");
    CHECK(settings->extension.delimiter == "+");
}

TEST_CASE("every section is loaded, and reaches those who use it") {
    const auto settings = configured(R"(
forward = "lmtp:[127.0.0.1]:24"
state_dir = "/srv/tamis"
[limits]
message = "5m"
scan = 30
message_size = "50 MB"
[log]
level = 4
[policy]
final_spam_destiny = "reject"
final_encrypted_destiny = "bounce"
spam_kill_level = 9
spam_quarantine = "local:spam-%m"
quarantine_sender = "original"
quarantine_subdir_levels = 1
recipient_delimiter = "-"
pen_pals_bonus = 5
spam_scores = "maximum"
virus_header_text = "checked"
[storage]
storage_dsn = ["sqlite:/srv/tamis/db"]
partition_tag = 3
record_all = false
[open]
enabled = false
[header_checks]
fix_folding = true
[notices]
method = "smtp:[127.0.0.1]:2525"
from = "filter@example.com"
[release]
forward = "smtp:[127.0.0.1]:2526"
requeue = "smtp:[127.0.0.1]:2527"
[control]
allowed_users = ["0"]
allowed_peers = ["10.0.0.0/8"]
[retention]
records = "30d"
[recipients."a@example.com"]
virus_lover = true
[banks.X]
final_spam_destiny = "pass"
[[bank_rules]]
listener = "10026"
banks = ["X"]
[[sender_lists]]
whitelist = ["friend@example.org"]
)");
    CHECK(settings->forward.protocol == deliver::NextHop::Protocol::lmtp);
    CHECK(settings->limits.message == std::chrono::minutes(5));
    CHECK(settings->limits.scan == std::chrono::seconds(30));
    CHECK(settings->limits.message_size.count == 50ULL << 20);
    CHECK(settings->log.level == 4);
    CHECK(settings->site_policy.destinies.spam == policy::Destiny::reject);
    CHECK(settings->site_policy.destinies.of({mail::Major::unchecked, mail::unchecked_encrypted}) == policy::Destiny::bounce);
    CHECK(settings->site_policy.levels.kill == 9.0);
    CHECK(settings->site_policy.quarantine.spam == "local:spam-%m");
    CHECK(settings->tables.site.levels.kill == 9.0);
    CHECK(settings->extension.delimiter == "-");
    CHECK(settings->pen_pals.is_on());
    CHECK(settings->asks_records());
    CHECK(settings->spam_scores.rule == policy::SpamScores::Rule::maximum);
    CHECK(settings->policy.virus_header_text == "checked");
    CHECK(settings->quarantine.directory == "/srv/tamis/quarantine");
    CHECK(settings->quarantine.subdir_levels == 1);
    CHECK(settings->quarantine.sender == "original");
    CHECK(settings->quarantine.partition_tag == 3);
    CHECK(settings->quarantine.notify.endpoint.port == 2525);
    CHECK(settings->storage_dsns.size() == 1);
    CHECK(settings->lookup_dsns.size() == 1);  // only storage_dsn is given: it is meant for both
    CHECK_FALSE(settings->storage.record_all);
    CHECK_FALSE(settings->open.enabled);
    CHECK(settings->header_checks.fix_folding);
    CHECK(settings->notify.endpoint.port == 2525);
    CHECK(settings->notices.from == "filter@example.com");
    CHECK(settings->release_to.endpoint.port == 2526);
    REQUIRE(settings->requeue);
    CHECK(settings->requeue->endpoint.port == 2527);
    CHECK(settings->control_users == std::vector<unsigned>{0});
    CHECK(settings->control_peers.contains("10.1.1.1"));
    CHECK_FALSE(settings->control_peers.contains("127.0.0.1"));
}
