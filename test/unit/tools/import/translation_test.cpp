#include "tools/import/translation.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/setting.h"
#include "base/text.h"

using namespace tamis;
using namespace tamis::tools;

namespace {

Surroundings surroundings() {
    Surroundings around;
    around.read_file = [](const std::string& name) -> Result<std::string> {
        if (name == "/etc/table") return "a@example.net 2\n.b.example 1\n";
        if (name == "/etc/list") return "# ours\n.c.example\nd.example  # too\n";
        if (name == "/etc/cidr") return "10.0.0.0/8 1\n192.0.2.1\n";
        return fail(Errc::not_found, name + " cannot be read");
    };
    around.host_name = [] { return std::string("host.example.com"); };
    around.is_program = [](const std::string& path) { return path == "/usr/bin/clamscan"; };
    return around;
}

Imported import(const std::string& text) {
    auto imported = import_amavisd({{"f", text}}, surroundings());
    if (!imported) FAIL(imported.error().detail);
    return std::move(*imported);
}

// without_comments - the lines that set something, without what stands behind "   # "
std::string without_comments(const std::string& toml) {
    std::string out;
    for (const auto line : split(toml, '\n')) {
        const auto text = line.substr(0, line.find("   # "));
        if (text.starts_with('#') || text.empty()) continue;
        out += std::string(text) + "\n";
    }
    return out;
}

// added - what a text adds to the result of an empty configuration
std::string added(const std::string& text) {
    const auto empty = "\n" + without_comments(import("").toml);
    const auto imported = import(text);
    Problems problems("result");
    parse_config(imported.toml, problems);
    CHECK(problems.lines().empty());
    std::string out, header;
    const std::string toml = without_comments(imported.toml);
    for (const auto line : split(toml, '\n')) {
        if (line.starts_with('[') && line.ends_with(']') && line.find(" = ") == std::string_view::npos) header = line;
        else if (!line.empty() && empty.find("\n" + std::string(line) + "\n") == std::string::npos) {
            out += header + std::string(line) + "; ";
            header.clear();
        }
    }
    return out;
}

std::string missing(const std::string& text) {
    std::string out;
    for (const auto& line : import(text).report)
        if (line.outcome == Outcome::missing) out += line.what + ": " + line.text + "; ";
    return out;
}

}  // namespace

TEST_CASE("what an amavisd without a setting does is kept") {
    CHECK(
        without_comments(import("").toml) ==
        "[policy]\nfinal_spam_destiny = \"pass\"\nvirus_quarantine = \"\"\nbanned_quarantine = \"\"\nspam_quarantine = \"\"\nbad_header_quarantine = \"\"\n"
        "recipient_delimiter = \"\"\n"
        "spam_tag_level = \"none\"\nspam_tag2_level = \"none\"\nspam_kill_level = \"none\"\nspam_dsn_cutoff_level = \"none\"\nspam_subject_tag2 = \"\"\n"
        "banned_rulenames = []\n[release]\nrequeue = \"smtp:[127.0.0.1]:25\"\n[scanners.spamd]\nsocket = [\"127.0.0.1:783\"]\nbody_limit = 0\n");
}

TEST_CASE("settings are translated") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(
        Row{"$myhostname = 'h.e.x';", "[server]hostname = \"h.e.x\"; "},
        Row{"$forward_method = 'smtp:127.0.0.1:10025';", "[server]forward = \"smtp:[127.0.0.1]:10025\"; "},
        Row{"$forward_method = 'lmtp:/run/l';", "[server]forward = \"lmtp:/run/l\"; "},
        Row{"$inet_socket_port = [10024, 10026];", "[server]listen = [\"127.0.0.1:10024\", \"127.0.0.1:10026\"]; "},
        Row{"$inet_socket_port = 10024; $inet_socket_bind = ['127.0.0.1','::1'];",
            "[server]listen = [\"127.0.0.1:10024\", \"[::1]:10024\"]; "},
        Row{"$inet_socket_port = 10024; $inet_socket_bind = undef;", "[server]listen = [\"0.0.0.0:10024\"]; "},
        Row{"@listen_sockets = ('[::1]:10024', '/run/x');",
            "[server]listen = [\"[::1]:10024\"]; [control]listen = [\"unix:/run/x\"]; secret_required = \"always\"; "},
        Row{"$unix_socketname = '/run/x'; $protocol = 'LMTP'; $unix_socket_mode = 0660;",
            "[server]listen = [\"unix:/run/x\"]; socket_mode = \"0660\"; "},
        Row{"$unix_socketname = '/run/x'; $interface_policy{'SOCK'} = 'B'; $policy_bank{'B'} = { protocol => 'AM.PDP', auth_required_release => 0 };",
            "[control]listen = [\"unix:/run/x\"]; "},
        Row{"$inet_socket_port = [10024, 9998]; $interface_policy{9998} = 'B'; $policy_bank{'B'} = { protocol => 'AM.PDP', auth_required_release => 0, inet_acl => [qw(10.0.0.1)] };",
            "[server]listen = [\"127.0.0.1:10024\"]; [control]allowed_peers = [\"10.0.0.1\"]; listen = [\"127.0.0.1:9998\"]; secret_required = \"always\"; "},
        Row{"@local_domains_acl = ('!x.a.com', '.a.com');", "[server]local_domains = [\"!x.a.com\", \".a.com\"]; "},
        Row{"@local_domains_maps = (read_hash('/etc/table'), new_RE(qr'@x'));",
            "[server]local_domains = [\"a@example.net\", \".b.example\"]; [[recipient_patterns]]match = \"@x\"; local = true; "},
        Row{"@mynetworks = qw(10.0.0.0/8 !10.1.0.0/16);", "[server]mynetworks = [\"10.0.0.0/8\", \"!10.1.0.0/16\"]; "},
        Row{"@inet_acl = qw(127.0.0.1);", "[server]allowed_peers = [\"127.0.0.1\"]; xforward_peers = [\"127.0.0.1\"]; "},
        Row{"$smtpd_message_size_limit = 10*1024; $child_timeout = 100;",
            "[limits]message_size = 10240; message = 100; scan = 100; "},
        Row{"$log_level = 2; $LOGFILE = '/l'; $DO_SYSLOG = 0;", "[log]level = 2; target = \"file:/l\"; "},
        Row{"$DO_SYSLOG = 1;", "[log]target = \"syslog\"; "},
        Row{"$final_virus_destiny = $final_spam_destiny = D_REJECT;",
            "[policy]final_virus_destiny = \"reject\"; final_spam_destiny = \"reject\"; "},
        Row{"$final_banned_destiny = D_DISCARD; $warnbannedsender = 1;", "[policy]final_banned_destiny = \"bounce\"; "},
        Row{"%final_destiny_maps_by_ccat = (CC_UNCHECKED.',1', D_REJECT, CC_OVERSIZED, [D_DISCARD], CC_CATCHALL, D_PASS);",
            "[policy]final_encrypted_destiny = \"reject\"; final_oversized_destiny = \"discard\"; "},
        Row{"$final_spam_destiny = D_REJECT; %final_destiny_maps_by_ccat = (CC_SPAM, sub { c('final_spam_destiny') }); @forward_method_maps = ( sub { Opaque(c('forward_method')) } );",
            "[policy]final_spam_destiny = \"reject\"; "},
        Row{"$spam_quarantine_method = 'sql:'; $spam_quarantine_to = undef;",
            "[policy]spam_quarantine = \"sql:\"; spam_quarantine_to = \"\"; "},
        Row{"$QUARANTINEDIR = '/q'; $virus_quarantine_method = 'local:virus-%i-%n.gz';",
            "[server]state_dir = \"/var/lib/amavis\"; [policy]virus_quarantine = \"local:virus-%i-%n-%m.gz\"; banned_quarantine = \"local:banned-%m\"; spam_quarantine = \"local:spam-%m.gz\"; bad_header_quarantine = \"local:badh-%m\"; quarantine_dir = \"/q\"; "},
        Row{"$sa_tag_level_deflt = undef; $sa_kill_level_deflt = 9_999_999;", "[policy]spam_kill_level = 1000000; "},
        Row{"@spam_kill_level_maps = ({ 'u@a.com' => 10, '.' => 7 });",
            "[policy]spam_kill_level = 7; [recipients.\"u@a.com\"]spam_kill_level = 10; "},
        Row{"$sa_spam_subject_tag = \"[X] \";", "[policy]spam_subject_tag2 = \"[X] \"; "},
        Row{"@spam_subject_tag3_maps = ('T');", "[policy]spam_subject_tag3 = \"T\"; "},
        Row{"@bypass_virus_checks_maps = (1);", "[recipients.\".\"]bypass_virus_checks = true; "},
        Row{"@bypass_spam_checks_maps = (0);", ""},
        Row{"@virus_lovers_maps = (new_RE(qr'^x@'i), {'u@a.com' => 1}, 0);",
            "[[recipient_patterns]]match = \"(?i)^x@\"; virus_lover = true; [[recipient_patterns]]match = '(?i)^u\\@a\\.com$'; virus_lover = true; [[recipient_patterns]]match = \"(?s)^.*$\"; virus_lover = false; "},
        Row{"%virus_admin = ('.a.com' => 'x@a.com'); $virus_admin = 'p@a.com';",
            "[policy]virus_admin = \"p@a.com\"; [recipients.\".a.com\"]virus_admin = \"x@a.com\"; "},
        Row{"$X_HEADER_LINE = \"by $myproduct_name\";", "[policy]virus_header_text = \"by Tamis\"; "},
        Row{"$penpals_bonus_score = 5; @storage_sql_dsn = (['DBI:SQLite:/v/a.db']);",
            "[policy]pen_pals_bonus = 5; pen_pals_threshold_high = 1000000; [storage]storage_dsn = \"sqlite:/v/a.db\"; lookup_dsn = []; "},
        Row{"$penpals_bonus_score = 5; $bounce_killer_score = 100;",
            "[policy]pen_pals_bonus = 0; pen_pals_threshold_high = 1000000; bounce_killer_score = 0; "},
        Row{"$log_level = 9; $quarantine_subdir_levels = 2;", "[log]level = 5; [policy]quarantine_subdir_levels = 1; "},
        Row{"$spam_quarantine_method = 'sql:spam-%b-%i-%n';", "[policy]spam_quarantine = \"sql:\"; "},
        Row{"$sa_spam_subject_tag = 'X '; $sa_spam_modifies_subj = 0;",
            "[policy]spam_subject_tag = \"\"; spam_subject_tag3 = \"\"; "},
        Row{"$inet_socket_port = [10024, 9998]; $inet_socket_bind = ['127.0.0.1']; $interface_policy{'10024'} = 'IN'; $policy_bank{'IN'} = { inet_acl => [qw( [::1] 172.18.0.0/16 )] };",
            "[server]listen = [\"127.0.0.1:10024\", \"127.0.0.1:9998\"]; allowed_peers = [\"[::1]\", \"172.18.0.0/16\", \"127.0.0.1\"]; xforward_peers = [\"[::1]\", \"172.18.0.0/16\", \"127.0.0.1\"]; [[bank_rules]]listener = \"10024\"; banks = [\"IN\"]; "},
        Row{"read_hash(\\%whitelist_sender, '/etc/table');",
            "[[sender_lists]]whitelist = [;   \"a@example.net\",;   \".b.example\",; ]; "},
        Row{"read_array(\\@local_domains_acl, '/etc/list');", "[server]local_domains = [\".c.example\", \"d.example\"]; "},
        Row{"@mynetworks = (); read_cidr('/etc/cidr', \\@mynetworks);", "[server]mynetworks = [\"10.0.0.0/8\", \"192.0.2.1\"]; "},
        Row{"@mynetworks_maps = (read_cidr('/etc/cidr'));", "[server]mynetworks = [\"10.0.0.0/8\", \"192.0.2.1\"]; "},
        Row{"$allowed_header_tests{utf8} = 1; $allowed_header_tests{long} = 0;", "[header_checks]utf8 = true; long = false; "},
        Row{"$allowed_added_header_fields{lc('Received')} = 0;", "[policy]add_received = false; "},
        Row{"$hdrfrom_notify_admin = '\"X\" <p@a.com>'; $mailfrom_notify_admin = 'p@a.com';",
            "[notices]sender = \"p@a.com\"; from = \"p@a.com\"; "},
        Row{"$MAXFILES = undef; $MAXLEVELS = 3;", "[open]levels = 3; "},
        Row{"$virus_scanners_failure_is_fatal = 1;", "[policy]scanner_failure = \"tempfail\"; "},
        Row{"$tls_security_level_in = 'encrypt'; $smtpd_tls_cert_file = '/c'; $smtpd_tls_key_file = '/k'; $tls_security_level_out = 'may';",
            "[server]tls_certificate = \"/c\"; tls_key = \"/k\"; tls_required = true; forward_tls = \"may\"; "},
        Row{"@lookup_sql_dsn = (['DBI:Pg:database=m;host=h;port=1','u',\"p'w\"], ['DBI:Pg:dbname=m;host=i','u','']);",
            "[storage]lookup_dsn = [{ dsn = \"dbname='m' host='h' port='1'\", user = \"u\", password = \"p'w\" }, { dsn = \"dbname='m' host='i'\", user = \"u\" }]; "},
        Row{"@storage_sql_dsn = (['DBI:SQLite:/v/a.db']);", "[storage]storage_dsn = \"sqlite:/v/a.db\"; lookup_dsn = []; "},
        Row{"$sql_select_policy = 'SELECT  *,users.id FROM users LEFT JOIN policy ON users.policy_id=policy.id WHERE users.email IN (%k) ORDER BY users.priority DESC';",
            ""},
        Row{"@lookup_sql_dsn = (['DBI:SQLite:/v/a.db']); $sql_clause{'sel_wblist'} = 'SELECT wb FROM mine WHERE a IN (%k)';",
            "[storage]lookup_dsn = \"sqlite:/v/a.db\"; select_wblist = \"SELECT wb FROM mine WHERE a IN (%k)\"; "},
        Row{"$sql_clause{'sel_wblist'} = 'SELECT wb FROM mine WHERE a IN (%k)';", ""},
        Row{"$partition_tag = 7; $sql_store_info_for_all_msgs = 0;", "[storage]record_all = false; partition_tag = 7; "});
    CHECK(added(row.text) == row.want);
    CHECK(missing(row.text).empty());
}

TEST_CASE("rules, lists, banks and scanners are translated") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(
        Row{"$banned_filename_re = new_RE(qr'\\.x$'i, [qr'^\\.(z)$' => 0], [qr'y'i => 'DISCARD']);",
            "[[banned.rules.DEFAULT]]any = '\\.x$'; [[banned.rules.DEFAULT]]action = \"allow\"; any = '(?-i)^\\.(z)$'; [[banned.rules.DEFAULT]]action = \"discard\"; any = \"y\"; "},
        Row{"$banned_namepath_re = new_RE(qr'(?# c )^ T=exe'xmi);",
            "[policy]banned_rulenames = [\"NAMEPATH\"]; [[banned.rules.NAMEPATH]]path = \"(?m)(?# c )^T=exe\"; "},
        Row{"%banned_rules = ('A' => new_RE(qr'a'i)); @banned_filename_maps = ({'u@a.com' => 'A'}, 'NOSUCH,A,NO-MACROS');",
            "[policy]banned_rulenames = [\"A\", \"NO-MACROS\"]; [recipients.\"u@a.com\"]banned_rulenames = [\"A\"]; [[banned.rules.A]]any = \"a\"; "},
        Row{"$banned_filename_re = new_RE(qr'a'i); @banned_filename_maps = (\\$banned_filename_re);",
            "[policy]banned_rulenames = [\"DEFAULT\"]; [[banned.rules.DEFAULT]]any = \"a\"; "},
        Row{"@whitelist_sender_maps = (['!a@b.com', '.b.com'], new_RE(qr'^x'));",
            "[[sender_lists]]whitelist = [;   \"!a@b.com\",;   \".b.com\",; ]; whitelist_patterns = [;   \"^x\",; ]; "},
        Row{"$blacklist_sender{'.b.com'} = 1;", "[[sender_lists]]blacklist = [;   \".b.com\",; ]; "},
        Row{"@score_sender_maps = ({'u@a.com' => [{'x@y' => -1.5}], '.' => [{'x@y' => 2}, new_RE([qr'^z' => 1])]});",
            "[[sender_lists]]recipients = [\"u@a.com\"]; scores = { \"x@y\" = -1.5 }; [[sender_lists]]scores = { \"x@y\" = 2 }; score_patterns = [;   { match = \"^z\", score = 1 },; ]; "},
        Row{"$per_recip_blacklist_sender_lookup_tables = { '.a.com' => [qw(.b.com)] };",
            "[[sender_lists]]recipients = [\".a.com\"]; blacklist = [;   \".b.com\",; ]; "},
        Row{"$inet_socket_port = 1; $interface_policy{'1'} = 'O'; $policy_bank{'O'} = { originating => 1, spam_kill_level_maps => 9, bypass_spam_checks_maps => [1], final_spam_destiny => D_PASS, spam_quarantine_method => undef, virus_admin_maps => [\"x\\@a.com\"], spam_tag2_level_maps => [undef], log_templ => undef };",
            "[server]listen = [\"127.0.0.1:1\"]; [banks.O]originating = true; spam_kill_level = 9; bypass_spam_checks = true; spam_quarantine_to = \"\"; virus_admin = \"x@a.com\"; [[bank_rules]]listener = \"1\"; banks = [\"O\"]; "},
        Row{"@client_ipaddr_policy = ([qw(10.0.0.1)] => 'P', \\@mynetworks => 'MYNETS'); $policy_bank{P} = {};",
            "[[bank_rules]]clients = [\"10.0.0.1\"]; banks = [\"P\"]; "},
        Row{"@av_scanners = (['ClamAV-clamd', \\&ask_daemon, [\"CONTSCAN {}\\n\", ['127.0.0.1:3310', 'clamd:/run/c']], qr/OK/, qr/FOUND/, qr/(.*)/]);",
            "[scanners.clamd]socket = [\"127.0.0.1:3310\", \"/run/c\"]; "},
        Row{"@av_scanners_backup = (['ClamAV-clamscan', ['/no', '/usr/bin/clamscan'], \"-r --tempdir=$MYHOME/tmp {}\", [0], qr/:.*\\sFOUND$/m, qr/^.*?: (?!Inf)(.*) FOUND$/m]);",
            "[scanners.command.clamav-clamscan]program = [\"/no\", \"/usr/bin/clamscan\"]; arguments = [\"-r\", \"--tempdir={}/../tmp\", \"{}\"]; clean = [0]; infected = ':.*\\sFOUND$'; name = \"^.*?: (.*) FOUND$\"; backup = true; "},
        Row{"@av_scanners = (['Other', '/opt/none', '{}', [0], [1], qr/x/]);", ""},
        Row{"@spam_scanners = (['R', 'Amavis::SpamControl::RspamdClient', url => 'http://[::1]:11333/checkv2', score_factor => 6.2/15]);",
            "[scanners.rspamd]url = [\"http://[::1]:11333\"]; score_factor = 0.413333333333333; "});
    CHECK(added(row.text) == row.want);
    CHECK(missing(row.text).empty());
}

TEST_CASE("what Tamis does not have is said, with the reason") {
    struct Row {
        std::string text, what, why;
    };
    const auto row = GENERATE(
        Row{"$enable_dkim_signing = 1;", "$enable_dkim_signing", "OpenDKIM"},
        Row{"dkim_key('a', 'b', '/k');", "dkim_key", "does not sign"},
        Row{"$always_bcc = 'a@b';", "$always_bcc", "recipient_bcc_maps"},
        Row{"$defang_virus = 1;", "$defang_virus", "never changed"},
        Row{"$forward_method = 'pipe:argv=/x';", "$forward_method", "neither smtp nor lmtp"},
        Row{"$forward_method = 'smtp:*:*';", "$forward_method", "\"*\""},
        Row{"@lookup_sql_dsn = (['DBI:mysql:x','u','p']);", "@lookup_sql_dsn", "MySQL"},
        Row{"$smtpd_recipient_limit = 0;", "$smtpd_recipient_limit", "from 1 to"},
        Row{"$spam_quarantine_method = 'bsmtp:x';", "$spam_quarantine_method", "BSMTP"},
        Row{"$log_templ = 'x';", "$log_templ", "log.format"},
        Row{"$virus_admin = \"p\\@$mydomain\";", "$virus_admin", "$mydomain has no value"},
        Row{"$nonsense = 1;", "$nonsense", "not known"}, Row{"@av_scanners = (['X', sub {0}]);", "@av_scanners: 'X'", "code"},
        Row{"@av_scanners = (['Sophie', \\&ask_daemon, ['{}/', '/s'], qr/a/, qr/b/]);", "@av_scanners: 'Sophie'", "ICAP"},
        Row{"$banned_filename_re = new_RE(qr'(?!x)y\\.z');", "qr/(?!x)y\\.z/", "RE2 knows no \"(?!\""},
        Row{"read_hash(\\%whitelist_sender, '/none');", "read_hash(\\%whitelist_sender, '/none')", "/none cannot be read"},
        Row{"read_array(\\@local_domains_acl, '/none');", "read_array(\\@local_domains_acl, '/none')", "/none cannot be read"},
        Row{"@lookup_sql_dsn = (['DBI:mysql:x','u','p']); $sql_select_policy = 'SELECT 1 FROM x WHERE y IN (%k)';",
            "$sql_select_policy", "a comment in the result"},
        Row{"@storage_redis_dsn = ('x'); $bounce_killer_score = 100;", "$bounce_killer_score", "0 here"},
        Row{"@client_ipaddr_policy = ([qw(10.0.0.1)] => 'P'); $policy_bank{P} = {};", "@client_ipaddr_policy", "MYNETS"},
        Row{"$policy_bank{A} = { spam_kill_level_maps => [{'u@a' => 1}] };", "$policy_bank{'A'}: spam_kill_level_maps",
            "[recipients]"},
        Row{"$policy_bank{A} = { always_bcc => 'x' };", "$policy_bank{'A'}: always_bcc", "recipient_bcc_maps"},
        Row{"%sql_clause = ('ins_msg' => 'x');", "$sql_clause{'ins_msg'}", "itself"},
        Row{"@whitelist_sender_maps = (new_RE([qr'^x' => 0]));", "^x", "exceptions"},
        Row{"include_config_files('/none');", "include_config_files", "command line"},
        Row{"read_l10n_templates('de_DE', '/x');", "read_l10n_templates", "notices"},
        Row{"$whitelist_sender{'x@'} = 0;", "x@", "exceptions"}, Row{"foo bar;", "foo bar;", "not understood"},
        Row{"$notify_spam_admin_templ = 'x';", "$notify_spam_admin_templ", "docs/notices.md"},
        Row{"$local_domains_re = read_hash('/none'); @local_domains_maps = (\\$local_domains_re);", "$local_domains_re",
            "/none cannot be read"},
        Row{"@storage_redis_dsn = ('x');", "@storage_redis_dsn", "Redis"});
    const auto imported = import(row.text);
    std::string found;
    for (const auto& line : imported.report)
        if (line.outcome == Outcome::missing && line.what == row.what) found += line.text;
    CHECK(found.find(row.why) != std::string::npos);
    CHECK(report_text(imported).find("f:1: " + row.what) != std::string::npos);
}

TEST_CASE("every statement stands in the report once") {
    const auto imported = import(
        "$log_level = 1;\n$log_level = 2;\n$max_servers = 3;\nmy $x = 5; $sa_tag2_level_deflt = $x;\n%virus_lovers = (); @virus_lovers_maps = ();\n@spam_lovers_acl = ();\n");
    std::string shown;
    for (const auto& line : imported.report)
        shown += fmt::format("{}{}{} ", line.place.line, line.what,
                             line.outcome == Outcome::translated ? "+"
                             : line.outcome == Outcome::needless ? "."
                                                                 : "!");
    CHECK(
        shown ==
        "1$log_level. 2$log_level+ 3$max_servers. 4$sa_tag2_level_deflt+ 4$x. 5%virus_lovers. 5@virus_lovers_maps+ 6@spam_lovers_acl. ");
}

TEST_CASE("a bank whose lists take the place of SQL says so") {
    const std::string bank =
        "$inet_socket_port = 1; $interface_policy{'1'} = 'O'; $policy_bank{'O'} = { bypass_spam_checks_maps => [1], final_spam_destiny => D_PASS };";
    CHECK(added(bank).find("before_sql") == std::string::npos);
    CHECK(added(bank + " @lookup_sql_dsn = (['DBI:SQLite:/v/a.db']);")
              .find("[banks.O]bypass_spam_checks = true; before_sql = true; ") != std::string::npos);
    CHECK(added("@spam_kill_level_maps = ({ 'u@a.com' => 10, '.' => 7 });" + bank).find("before_sql = true") !=
          std::string::npos);
    CHECK(added("@lookup_sql_dsn = (['DBI:SQLite:/v/a.db']); $policy_bank{'O'} = { final_spam_destiny => D_PASS };")
              .find("before_sql") == std::string::npos);
}

TEST_CASE("programs that are not there are one line together") {
    const auto imported = import(
        "@av_scanners = (['One', '/opt/none', '{}', [0], [1], qr/x/],\n['Two', 'two', '{}', qr/never/, undef, qr/x/],\n['Three', ['/a', '/b'], '{}', [0], [1], qr/x/]);");
    std::size_t lines = 0;
    for (const auto& line : imported.report)
        if (line.text.find("not installed") != std::string::npos) {
            ++lines;
            CHECK(line.text.find("'One', 'Two', 'Three'") != std::string::npos);
        }
    CHECK(lines == 1);
}

TEST_CASE("the comment of a statement for a database that was not translated") {
    const auto imported =
        import("@lookup_sql_dsn = (['DBI:mysql:x','u','p']); $sql_select_policy = 'SELECT a FROM b WHERE c IN (%k)';");
    CHECK(
        imported.toml.find(
            "# For the database of @lookup_sql_dsn, which was not translated:\n# select_policy = \"SELECT a FROM b WHERE c IN (%k)\"") !=
        std::string::npos);
}
