#include "tools/doctor/postfix_checks.h"

#include <catch2/catch.hpp>

#include "base/text.h"

using namespace tamis;
using namespace tamis::doctor;
using namespace tamis::doctor;

namespace {

const std::string main_cf =
    "content_filter = tamis-lmtp:[127.0.0.1]:10024\n"
    "default_process_limit = 100\ndefault_destination_concurrency_limit = 20\ndefault_destination_recipient_limit = 50\n"
    "inet_interfaces = all\nqueue_directory = /var/spool/postfix\nmessage_size_limit = 10240000\nmynetworks = 127.0.0.0/8 [::1]/128\n"
    "smtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions = $mynetworks\nsmtpd_client_event_limit_exceptions = $mynetworks\n"
    "smtpd_client_connection_count_limit = 50\nsmtpd_client_connection_rate_limit = 0\nsmtpd_recipient_limit = 1000\n"
    "local_header_rewrite_clients = permit_inet_interfaces\nlmtp_data_done_timeout = 600s\nsmtp_data_done_timeout = 600s\nlmtp_send_xforward_command = no\n"
    "smtp_send_xforward_command = no\nsmtpd_proxy_timeout = 100s\nlocal_recipient_maps = proxy:unix:passwd.byname\nsmtpd_reject_unlisted_recipient = yes\n";
const std::string master_cf =
    "smtp inet n - y - - smtpd\n"
    "pickup unix n - y 60 1 pickup\n"
    "tamis-lmtp unix - - n - 40 lmtp -o lmtp_data_done_timeout=1200 -o lmtp_send_xforward_command=yes\n"
    "127.0.0.1:10025 inet n - n - - smtpd -o content_filter= -o smtpd_client_restrictions=permit_mynetworks,reject -o smtpd_recipient_restrictions=permit_mynetworks,reject"
    " -o mynetworks=127.0.0.0/8 -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_forbid_bare_newline_exclusions= -o local_header_rewrite_clients="
    " -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_address_mappings,no_milters\n";

OurSide our_side() {
    OurSide ours;
    ours.listeners = {*parse_endpoint("127.0.0.1:10024"), *parse_endpoint("unix:/var/spool/postfix/tamis.sock")};
    ours.forward = *deliver::parse_next_hop("smtp:[127.0.0.1]:10025");
    ours.allowed_peers = ours.xforward_peers = *AddressList::parse({"127.0.0.1", "[::1]"});
    ours.own_addresses = {"192.0.2.5"};
    ours.config_file = "/etc/tamis/tamis.toml";
    return ours;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

PostfixSetup setup_of(const std::string& main, const std::string& master) {
    PostfixSetup setup;
    setup.master = parse_master_cf(master);
    setup.raw = setup.expanded = parse_parameters(main);
    return setup;
}

Findings judged(const std::string& main, const std::string& master, const OurSide& ours = our_side()) {
    Report report("postfix");
    judge_postfix(setup_of(main, master), ours, report);
    return report.take();
}

std::string shown(const Findings& findings) { return text_of(findings); }

}  // namespace

TEST_CASE("our own fragments are fine") {
    const auto findings = judged(main_cf, master_cf);
    INFO(shown(findings));
    CHECK(exit_status(findings, true) == 0);
    CHECK(findings.size() == 2);
    CHECK(findings[0].what ==
          "content_filter = tamis-lmtp:[127.0.0.1]:10024: lmtp, 20 messages at a time (maxproc 40), waits 1200 s for an answer");
}

TEST_CASE("each fault in master.cf and main.cf is found, with its fix") {
    struct Row {
        Level level;
        const char *main_from, *main_to, *master_from, *master_to, *what, *fix;
    };
    constexpr auto same = "smtp inet";
    const auto row = GENERATE_COPY(
        Row{Level::problem, "content_filter = tamis-lmtp:[127.0.0.1]:10024", "content_filter =", same, same,
            "mail is not filtered", "-e 'content_filter=tamis-lmtp:[127.0.0.1]:10024'"},
        Row{Level::problem, ":10024", ":10023", same, same, "content_filter = tamis-lmtp:[127.0.0.1]:10023",
            "-e 'content_filter="},
        Row{Level::problem, "tamis-lmtp:[", "amavis:[", same, same, "names a transport that master.cf does not have",
            "master.cf.lmtp"},
        Row{Level::problem, "#end", "#end", "- 40 lmtp ", "- 40 pipe ", "runs pipe", "command=lmtp"},
        Row{Level::problem, "#end", "#end", "_timeout=1200", "_timeout=300", "gives up after 300 s",
            "postconf -P 'tamis-lmtp/unix/lmtp_data_done_timeout=1200s' && postfix reload"},
        Row{Level::warning, "#end", "#end", "xforward_command=yes", "xforward_command=no",
            "does not say who the original client is", "lmtp_send_xforward_command=yes"},
        Row{Level::problem, "#end", "#end", "- 40 lmtp ", "- 40 lmtp -o lmtp_tls_security_level=encrypt ", "insists on TLS",
            "lmtp_tls_security_level=none"},
        Row{Level::warning, "#end", "#end", "- 40 lmtp", "- 1 lmtp", "one message at a time", "process_limit=40"},
        Row{Level::warning, "recipient_limit = 50", "recipient_limit = 5000", same, same, "sends 5000 recipients",
            "tamis-lmtp_destination_recipient_limit=1000"},
        Row{Level::problem, "#end", "#end", "- 40 lmtp ", "- 40 lmtp -o smtp_bind_address=192.0.2.5 ",
            "server.allowed_peers does not name", "allowed_peers"},
        Row{Level::problem, "#end", "#end", "-o content_filter= ", "", "in a loop",
            "postconf -P '127.0.0.1:10025/inet/content_filter=' && postfix reload"},
        Row{Level::problem, "#end", "#end", "127.0.0.1:10025 ", "127.0.0.1:10026 ",
            "no service of master.cf listens on our next hop", "master.cf.lmtp"},
        Row{Level::problem, "#end", "#end", "-o mynetworks=127.0.0.0/8", "-o mynetworks=10.0.0.0/8", "refuses us",
            "mynetworks=127.0.0.0/8 [::1]/128"},
        Row{Level::warning, "#end", "#end", "-o smtpd_authorized_xforward_hosts=127.0.0.0/8", "", "does not let 127.0.0.1 say",
            "smtpd_authorized_xforward_hosts=127.0.0.0/8"},
        Row{Level::warning, "#end", "#end", "no_address_mappings,", "", "both apply address mappings",
            "no_unknown_recipient_checks,no_milters,no_address_mappings"},
        Row{Level::problem, "#end", "receive_override_options = no_address_mappings\n#end", same, same,
            "both have no_address_mappings", "no_header_body_checks,no_unknown_recipient_checks,no_milters'"},
        Row{Level::warning, "#end", "smtpd_milters = inet:127.0.0.1:8891\n#end", ",no_milters", "", "milters again",
            "no_milters"},
        Row{Level::warning, "#end", "header_checks = pcre:/x\n#end", "no_header_body_checks,", "", "applies header_checks",
            "no_header_body_checks"},
        Row{Level::warning, "#end", "#end", "no_unknown_recipient_checks,", "", "looks again whether recipients exist",
            "no_unknown_recipient_checks"},
        Row{Level::warning, "#end", "smtpd_sender_restrictions = reject_unknown_sender_domain\n#end", same, same,
            "does reject_unknown_sender_domain in smtpd_sender_restrictions again", "smtpd_sender_restrictions='"},
        Row{Level::warning, "#end", "#end", "-o local_header_rewrite_clients=", "", "breaks DKIM",
            "local_header_rewrite_clients='"},
        Row{Level::warning, "message_size_limit = 10240000", "message_size_limit = 0", "-o content_filter= ",
            "-o content_filter= -o message_size_limit=10240000 ", "bounced after it was accepted", "message_size_limit=0"},
        Row{Level::warning, "#end", "#end", "- - smtpd -o content_filter=", "- 10 smtpd -o content_filter=",
            "takes 10 connections at a time", "process_limit=40"},
        Row{Level::warning, "#end", "#end", "-o content_filter= ", "-o content_filter= -o smtpd_recipient_limit=20 ",
            "takes 20 recipients", "smtpd_recipient_limit=50"},
        Row{Level::warning, "smtpd_client_event_limit_exceptions = $mynetworks", "smtpd_client_event_limit_exceptions =",
            "-o content_filter= ", "-o content_filter= -o smtpd_client_connection_count_limit=5 ", "connections of one client",
            "smtpd_client_connection_count_limit=0"},
        Row{Level::warning, "smtpd_forbid_bare_newline = normalize", "smtpd_forbid_bare_newline = no", same, same,
            "smtp/inet takes a bare newline", "-e 'smtpd_forbid_bare_newline=yes'"},
        Row{Level::warning, "#end", "#end", "-o content_filter= ", "-o content_filter= -o smtpd_forbid_bare_newline=no ",
            "127.0.0.1:10025/inet takes a bare newline", "127.0.0.1:10025/inet/smtpd_forbid_bare_newline=yes"},
        Row{Level::warning, "#end", "#end", "-o smtpd_forbid_bare_newline_exclusions= ", "", "excepts 127.0.0.1",
            "smtpd_forbid_bare_newline_exclusions='"},
        Row{Level::warning, "smtpd_forbid_bare_newline = normalize", "y = z", same, same,
            "Postfix without smtpd_forbid_bare_newline", "upgrade Postfix"},
        Row{Level::problem, "#end", "#end", "-o content_filter= ", "-o content_filter= -o smtpd_tls_security_level=encrypt ",
            "insists on TLS", "forward_tls"},
        Row{Level::warning, "#end", "#end",
            "127.0.0.1:10025 inet n - n - - smtpd -o content_filter= -o smtpd_client_restrictions=permit_mynetworks,reject",
            "10025 inet n - n - - smtpd -o content_filter= -o smtpd_client_restrictions=", "listens on every address",
            "smtpd_client_restrictions=permit_mynetworks,reject"},
        Row{Level::warning, "#end", "#end", same, "submission inet n - y - - smtpd -o content_filter=\nsmtp inet",
            "submission/inet is not filtered", "submission/inet/content_filter=tamis-lmtp:[127.0.0.1]:10024"},
        Row{Level::problem, "#end", "#end", same, "short inet n\nsmtp inet", "too few fields", "postconf -M"});
    const auto findings =
        judged(replaced(main_cf + "#end", row.main_from, row.main_to), replaced(master_cf, row.master_from, row.master_to));
    INFO(row.what << "\n" << shown(findings));
    const auto found =
        std::ranges::find_if(findings, [&](const Finding& each) { return each.what.find(row.what) != std::string::npos; });
    REQUIRE(found != findings.end());
    CHECK(found->level == row.level);
    CHECK(join(found->fix, "\n").find(row.fix) != std::string::npos);
}

TEST_CASE("ways to us, and ways that only look so") {
    struct Row {
        const char* value;
        bool reaches;
    };
    const auto row = GENERATE(Row{"tamis-lmtp:[127.0.0.1]:10024", true}, Row{"tamis-lmtp:127.0.0.1:10024", true},
                              Row{"tamis-lmtp:localhost:10024", true}, Row{"tamis-lmtp:inet:127.0.0.1:10024", true},
                              Row{"tamis-lmtp:unix:/var/spool/postfix/tamis.sock", true}, Row{"tamis-lmtp:unix:tamis.sock", true},
                              Row{"tamis-lmtp:[192.0.2.5]:10024", false}, Row{"tamis-lmtp:[127.0.0.1]:10025", false},
                              Row{"tamis-lmtp:[10.0.0.1]:1, [127.0.0.1]:10024", true}, Row{"tamis-lmtp:", false},
                              Row{"tamis-lmtp", false}, Row{"tamis-lmtp:[127.0.0.1]", false});
    INFO(row.value);
    Report report("postfix");
    const auto setup = setup_of(replaced(main_cf, "tamis-lmtp:[127.0.0.1]:10024", row.value), master_cf);
    CHECK(find_routes(setup, our_side(), report).empty() == !row.reaches);
    CHECK((report.worst() == Level::problem) == !row.reaches);
}

TEST_CASE("a caged transport looks for its socket below the queue directory") {
    auto ours = our_side();
    const auto main = replaced(main_cf, "tamis-lmtp:[127.0.0.1]:10024", "tamis-lmtp:unix:/run/tamis.sock");
    const auto caged = replaced(master_cf, "tamis-lmtp unix - - n", "tamis-lmtp unix - - y");
    ours.listeners = {*parse_endpoint("unix:/run/tamis.sock")};
    CHECK(exit_status(judged(main, master_cf, ours), true) == 0);
    CHECK(exit_status(judged(main, caged, ours), false) == 2);
    ours.listeners = {*parse_endpoint("unix:/var/spool/postfix/run/tamis.sock")};
    CHECK(exit_status(judged(main, caged, ours), true) == 0);
}

TEST_CASE("before the queue: a proxy filter must wait longer than we may take") {
    const auto main = replaced(main_cf, "content_filter = tamis-lmtp:[127.0.0.1]:10024", "content_filter =");
    const auto master =
        replaced(master_cf, "smtp inet n - y - - smtpd", "smtp inet n - y - - smtpd -o smtpd_proxy_filter=127.0.0.1:10024");
    const auto findings = judged(main, master);
    INFO(shown(findings));
    CHECK(shown(findings).find("waits 100 s for its smtpd_proxy_filter") != std::string::npos);
    auto ours = our_side();
    ours.message = std::chrono::seconds(90);
    CHECK(exit_status(judged(main, master, ours), false) == 0);
}

TEST_CASE("another host's next hop is not judged here") {
    auto ours = our_side();
    ours.forward = *deliver::parse_next_hop("smtp:[198.51.100.7]:25");
    CHECK(shown(judged(main_cf, master_cf, ours)).find("is on another host") != std::string::npos);
}

TEST_CASE("networks of Postfix") {
    CHECK(is_within("127.0.0.1", "10.0.0.0/8 127.0.0.0/8") == true);
    CHECK(is_within("127.0.0.1", "!127.0.0.1, 127.0.0.0/8") == false);
    CHECK(is_within("::1", "127.0.0.0/8, [::1]/128") == true);
    CHECK(is_within("192.0.2.1", "127.0.0.0/8") == false);
    CHECK(is_within("192.0.2.1", "127.0.0.0/8, cidr:/etc/postfix/networks") == std::nullopt);
    CHECK(is_within("192.0.2.1", "") == false);
}
