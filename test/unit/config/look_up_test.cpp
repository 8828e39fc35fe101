#include "config/look_up.h"

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "unit/config/fixture.h"

using namespace tamis;
using namespace tamis::config;
using namespace tamis::test;

namespace {

mail::Message message(const std::string& text) {
    const int descriptor = memfd_create("message", MFD_CLOEXEC);
    mail::Message out;
    out.spool = std::make_shared<mail::SealedSpool>(descriptor, text.size(), text);
    out.header = mail::parse_header(text);
    return out;
}

}  // namespace

TEST_CASE("two recipients of one message end up with settings of their own") {
    const auto settings = configured("[policy]\nspam_kill_level = 5\n[recipients.\"c@example.com\"]\nspam_kill_level = 9\n");
    const auto to = envelope("s@else.org", {"a@example.com", "b@example.com", "c@example.com", "d@else.org"});
    const auto request = make_lookup(*settings, to, {});
    const auto wishes = resolve(*settings, choose_banks(*settings, to), request, {{row("1", "a@example.com", "Y")}, {}, {}, {}});
    REQUIRE(wishes.size() == 4);
    CHECK(wishes[0].effective.policy.bypass_spam_checks);
    CHECK_FALSE(wishes[1].effective.policy.bypass_spam_checks);
    CHECK(wishes[1].effective.policy.levels.kill == 5.0);
    CHECK(wishes[2].effective.policy.levels.kill == 9.0);
    CHECK(wishes[2].effective.policy.is_local);
    CHECK_FALSE(wishes[3].effective.policy.is_local);
    policy::MessageFindings gtube;
    gtube.score = 1000;
    CHECK(policy::judge(gtube, {}, wishes[0].effective.policy).passes());
    CHECK_FALSE(policy::judge(gtube, {}, wishes[1].effective.policy).passes());
}

TEST_CASE("only local addresses are asked for by their bare user name") {
    const auto settings = configured("[recipients.\"friend@else.org\"]\nlocal = true\n");
    const auto request =
        make_lookup(*settings, envelope("u@example.com", {"u@example.com", "u@else.org", "friend@else.org"}), {"x@else.org"});
    const auto has_bare = [](const storage::LookupAddress& address) {
        return std::ranges::find(address.keys, address.pieces.user) != address.keys.end();
    };
    CHECK(has_bare(request.recipients[0]));
    CHECK_FALSE(has_bare(request.recipients[1]));
    CHECK(has_bare(request.recipients[2]));
    REQUIRE(request.senders.size() == 2);
    CHECK(has_bare(request.senders[0]));
    CHECK_FALSE(has_bare(request.senders[1]));
    const auto other = configured("[storage]\nlookup_no_at_means_domain = true\n");
    const auto keys = make_lookup(*other, envelope("", {"u@x.org"}), {}).recipients[0].keys;
    CHECK(std::ranges::find(keys, "x.org") != keys.end());
}

TEST_CASE("mynetworks is originating by the original client, not by who connects") {
    const auto settings = configured("[banks.MYUSERS]\nspam_tag_level = 3\n");
    CHECK(choose_banks(*settings, envelope("u@example.com", {"x@y"}, "10.1.2.3")).path == "MYNETS/MYUSERS");
    CHECK(choose_banks(*settings, envelope("u@else.org", {"x@y"}, "10.1.2.3")).path == "MYNETS");
    CHECK(choose_banks(*settings, envelope("", {"x@y"}, "10.1.2.3")).path == "MYNETS");
    CHECK(choose_banks(*settings, envelope("u@example.com", {"x@y"}, "192.0.2.1")).path.empty());
    CHECK_FALSE(choose_banks(*settings, envelope("u@example.com", {"x@y"})).originating);
}

TEST_CASE("what sender lists say is found for each recipient") {
    const auto settings = configured(
        "[[sender_lists]]\nrecipients = [\"a@example.com\"]\nblacklist = [\"spam.org\"]\nscores = { \".\" = 2 }\n"
        "[[sender_lists]]\nwhitelist = [\"friend@good.org\"]\n");
    const auto wishes = [&](const std::string& sender, const std::vector<std::string>& from) {
        const auto to = envelope(sender, {"a@example.com", "b@example.com"});
        return resolve(*settings, choose_banks(*settings, to), make_lookup(*settings, to, from), {});
    };
    const auto spam = wishes("x@spam.org", {});
    CHECK(spam[0].senders.findings().blacklisted);
    CHECK(spam[0].senders.findings().score_boost == 2);
    CHECK_FALSE(spam[1].senders.findings().blacklisted);
    const auto mixed = wishes("x@spam.org", {"friend@good.org"});
    CHECK_FALSE(mixed[0].senders.findings().whitelisted);
    CHECK(mixed[0].senders.findings().blacklisted);
}

TEST_CASE("senders and references of a message's header") {
    const auto mail = message(
        "From: A <a@x.org>, b@x.org\r\nFROM: \"c@no\" <c@x.org>\r\nReferences: <1@x> junk <2@x>\r\n <3@x\r\n y> <broken\r\n"
        "In-Reply-To: <2@x> <4@x>\r\n\r\nFrom: body@x.org\r\n");
    CHECK(from_addresses(mail) == std::vector<std::string>{"a@x.org", "b@x.org", "c@x.org"});
    const auto ids = referenced_message_ids(mail);
    CHECK(ids.front() == "<1@x>");
    CHECK(ids.back() == "<4@x>");
    CHECK(std::ranges::count(ids, "<2@x>") == 1);
    std::string many = "References:";
    for (int i = 0; i < 1000; ++i) many += " <" + std::to_string(i) + "@x>";
    CHECK(referenced_message_ids(message(many + "\r\n\r\n")).size() == 30);
    CHECK(referenced_message_ids(message("Subject: x\r\n\r\n")).empty());
}

TEST_CASE("a table, a bank or a list that is wrong is a problem of the file") {
    std::string path = (std::filesystem::temp_directory_path() / "tamis-look-up-XXXXXX").string();
    ::close(mkstemp(path.data()));
    std::ofstream(path) << "[recipient.\"x\"]\n[recipients.\"y.org\"]\nspam_kill = 1\n[[sender_lists]]\nblacklists = 1\n";
    Problems problems("t.toml");
    (void)load_settings_file(path, problems);
    std::filesystem::remove(path);
    REQUIRE(problems.lines().size() == 3);
    CHECK_THAT(problems.lines()[0], Catch::Contains("unknown setting \"recipient\"") && Catch::Contains("recipients"));
    CHECK_THAT(problems.lines()[1], Catch::StartsWith("t.toml:3:1: unknown setting \"spam_kill\""));
    CHECK_THAT(problems.lines()[2], Catch::StartsWith("t.toml:5:1: unknown setting \"blacklists\""));
}
