// what databases, engines and mail servers said, and what doctor makes of it
#include <catch2/catch.hpp>

#include "base/file_rights.h"
#include "base/text.h"
#include "tools/doctor/database_facts.h"
#include "tools/doctor/engine_answers.h"
#include "tools/doctor/mail_server.h"

using namespace tamis;
using namespace tamis::doctor;
using namespace tamis::doctor;

namespace {

bool tells(const Findings& findings, Level level, std::string_view what, std::string_view fix = {}) {
    return std::ranges::any_of(findings, [&](const Finding& each) {
        return each.level == level && each.what.find(what) != std::string::npos &&
               (fix.empty() || join(each.fix, "\n").find(fix) != std::string::npos);
    });
}

}  // namespace

TEST_CASE("a report is text, JSON, and an exit status") {
    Report report("storage");
    report.ok("fine");
    report.not_checked("no right");
    CHECK(exit_status({}, true) == 0);
    report.warning("odd", {"do this"});
    auto findings = report.take();
    CHECK(exit_status(findings, false) == 0);
    CHECK(exit_status(findings, true) == 1);
    findings.push_back({Level::problem, "postfix", "bad \"quote\"", {"one", "two"}});
    CHECK(exit_status(findings, false) == 2);
    CHECK(text_of(findings) ==
          "ok           storage   fine\n"
          "not checked  storage   no right\n"
          "warning      storage   odd\n"
          "                       fix: do this\n"
          "problem      postfix   bad \"quote\"\n"
          "                       fix: one\n"
          "                       fix: two\n"
          "1 problem, 1 warning, 1 ok, 1 not checked\n");
    CHECK(
        json_of({findings[3]}) ==
        "{\"problems\":1,\"warnings\":0,\"not_checked\":0,\"ok\":0,\"findings\":[{\"level\":\"problem\",\"topic\":\"postfix\",\"what\":\"bad \\\"quote\\\"\",\"fix\":[\"one\",\"two\"]}]}\n");
    Finding back;
    const auto line = one_json(findings[3]);
    REQUIRE(parse_one(std::string_view(line).substr(0, line.size() - 1), back));
    CHECK(back.level == Level::problem);
    CHECK(back.fix == findings[3].fix);
    for (const auto* bad : {"", "{", "[]", "{\"level\":\"great\"}"}) CHECK_FALSE(parse_one(bad, back));
}

TEST_CASE("clamd's version and the age of its signatures") {
    const auto version = parse_clamd_version("ClamAV 1.0.7/27345/Thu Jul 25 08:28:55 2024");
    REQUIRE(version);
    CHECK(version->program == "ClamAV 1.0.7");
    CHECK(version->database == "27345");
    REQUIRE(version->made);
    CHECK(parse_clamd_version("ClamAV 1.4.3")->made == std::nullopt);
    CHECK(parse_clamd_version("ClamAV 1.4.3/1/Thu Foo 25 08:28:55 2024")->made == std::nullopt);
    CHECK_FALSE(parse_clamd_version("UNKNOWN COMMAND"));
    struct Row {
        std::time_t days;
        Level level;
    };
    const auto row =
        GENERATE(Row{0, Level::ok}, Row{2, Level::ok}, Row{4, Level::warning}, Row{15, Level::problem}, Row{-2, Level::warning});
    Report report("scanners");
    judge_clamd_age(*version, "clamd x", *version->made + row.days * 86400 + 60, report);
    CHECK(report.worst() == row.level);
    Report unknown("scanners");
    judge_clamd_age(*parse_clamd_version("ClamAV 1.4.3"), "clamd x", 0, unknown);
    CHECK(unknown.worst() == Level::warning);  // a clamd without official signatures finds next to nothing
    Report odd("scanners");
    judge_clamd_age(*parse_clamd_version("ClamAV 1.4.3/1/Thu Foo 25 08:28:55 2024"), "clamd x", 0, odd);
    CHECK(odd.worst() == Level::not_checked);
}

TEST_CASE("spamd's pong") {
    CHECK(is_spamd_pong("SPAMD/1.5 0 PONG\r"));
    for (const auto* bad : {"", "SPAMD/1.5 76 Bad header", "HTTP/1.1 0 PONG", "SPAMD/1.5 0"}) CHECK_FALSE(is_spamd_pong(bad));
}

TEST_CASE("who can get to a file") {
    const std::vector<Step> path{
        {"/", 0755, 0, 0}, {"/var", 0755, 0, 0}, {"/var/spool", 0710, 0, 50}, {"/var/spool/sock", 0660, 10, 60}};
    CHECK(obstacle({"root", 0, {}}, path, 2).empty());
    CHECK(obstacle({"owner", 10, {50}}, path, 2).empty());
    CHECK(obstacle({"owner", 10, {}}, path, 2) == "/var/spool");
    CHECK(obstacle({"member", 11, {50, 60}}, path, 2).empty());
    CHECK(obstacle({"other", 12, {50}}, path, 2) == "/var/spool/sock");
    CHECK(steps_of("/usr/bin/no-such-thing").size() == 3);
    Person person;
    CHECK(find_person("root", person));
    CHECK_FALSE(find_person("tamis-no-such-user", person));
}

TEST_CASE("a next hop that lacks something") {
    MailServer good;
    good.greeting = {220, "mta ESMTP"};
    good.hello = {250, "mta\nPIPELINING\nSIZE 1\n8BITMIME\nSMTPUTF8\nDSN\nXFORWARD NAME ADDR"};
    good.offered = deliver::parse_extensions(good.hello);
    good.mail = good.recipient = deliver::RemoteReply{250, "2.1.0 Ok"};
    const HopWishes wishes{"server.forward smtp:[127.0.0.1]:10025"};
    const auto judged = [](const MailServer& server, const HopWishes& with, const deliver::Extensions* front = nullptr) {
        Report report("nexthop");
        judge_hop(server, with, front, report);
        return report.take();
    };
    CHECK(tells(judged(good, wishes), Level::ok, "answers: 220 mta ESMTP"));
    auto down = MailServer{};
    down.trouble = "connection refused";
    CHECK(tells(judged(down, wishes), Level::problem, "does not answer", "postfix start"));
    down.is_forbidden = true;
    CHECK(tells(judged(down, wishes), Level::not_checked, "connection refused"));
    auto closed = good;
    closed.greeting = {554, "go away"};
    CHECK(tells(judged(closed, wishes), Level::problem, "does not want to talk: 554 go away"));
    auto refuses = good;
    refuses.recipient = deliver::RemoteReply{554, "5.7.1 Relay access denied"};
    CHECK(tells(judged(refuses, wishes), Level::problem, "takes no mail from us for <postmaster>: 554 5.7.1 Relay access denied",
                "mynetworks"));
    auto plain = good;
    plain.offered = {};
    const auto all = judged(plain, {wishes.shown, "encrypt"});
    for (const auto* name : {"8BITMIME", "SMTPUTF8", "DSN", "PIPELINING", "SIZE", "XFORWARD"})
        CHECK(tells(all, Level::warning, std::string("does not offer ") + name));
    CHECK(tells(all, Level::problem, "STARTTLS"));
    // what the same Postfix does not offer to others either is no surprise to it
    deliver::Extensions front;
    front.dsn = true;
    CHECK(judged(plain, {wishes.shown, "none", false}, &front).size() == 1);
}

TEST_CASE("databases of a list") {
    DatabaseFacts good;
    good.dsn = *storage::parse_dsn("postgresql://tamis@db1/mail");
    good.version = "15.1";
    good.role = "tamis";
    good.max_connections = 100;
    good.reserved = 3;
    good.used = 5;
    DatabaseUse use{"storage_dsn", true, false, 4, "tamis.toml", "tamis"};
    const auto judged = [&](const std::vector<DatabaseFacts>& list) {
        Report report("storage");
        judge_databases(list, use, report);
        return report.take();
    };
    CHECK(tells(judged({good}), Level::problem, "has none of the tables", "tamis schema install -c tamis.toml"));
    auto down = good;
    down.trouble = "postgresql://tamis@db1/mail: no password supplied: the server asks";
    CHECK(tells(judged({down}), Level::problem, "no password supplied", "~tamis/.pgpass"));
    CHECK(tells(judged({down, good}), Level::warning, "another entry of the list is used"));
    auto standby = good;
    standby.catalogue.is_writable = false;
    CHECK(tells(judged({standby}), Level::problem, "read-only", "primary"));
    CHECK(tells(judged({standby, good}), Level::ok, "a standby, used when it becomes the primary"));
    auto late = good;
    late.clock_ahead = -90;
    CHECK(tells(judged({late}), Level::warning, "its clock is 90 s behind ours", "timedatectl"));
    auto full = good;
    full.used = 97;
    CHECK(tells(judged({full}), Level::problem, "97 of its 97 connections are in use"));
    use.connections = 60;
    CHECK(tells(judged({good}), Level::warning, "one tamisd host needs up to 60"));
    use.connections = 4;
    auto poor = good;
    poor.missing_rights = {
        {"msgs", "INSERT"}, {"quarantine", "DELETE"}, {"maddr_id_seq", "USAGE"}, {"policy", "SELECT"}, {"policy", "UPDATE"}};
    const auto rights = judged({poor});
    CHECK(tells(rights, Level::problem, "no right to INSERT on msgs; USAGE on maddr_id_seq",
                "GRANT USAGE ON SEQUENCE maddr_id_seq TO \"tamis\";"));
    CHECK(tells(rights, Level::warning, "no right to DELETE on quarantine", "GRANT DELETE ON quarantine"));
    DatabaseFacts file;
    file.dsn = *storage::parse_dsn("sqlite:/var/lib/tamis/tamis.db");
    file.is_absent = true;
    CHECK(tells(judged({file}), Level::ok, "not there yet"));
}
