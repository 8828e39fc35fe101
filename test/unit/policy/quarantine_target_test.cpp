// quarantine_target_test - every form of a method with every form of a name, and file names that stay where they belong
#include "policy/quarantine_target.h"

#include <catch2/catch.hpp>

namespace tamis::policy {
namespace {

using Kind = QuarantineTarget::Kind;

TEST_CASE("method and name decide together where a copy goes") {
    struct Row {
        std::string method, to;
        std::optional<QuarantineTarget> want;
    };
    const auto row = GENERATE(
        Row{"", "virus-quarantine", {}}, Row{"sql:", "", {}}, Row{"local:v-%m", "", {}},
        Row{"sql:", "virus-quarantine", QuarantineTarget{Kind::sql, "", ""}},
        Row{"sql:", "admin@example.com", QuarantineTarget{Kind::sql, "", ""}},
        Row{"SQL:", "%a", QuarantineTarget{Kind::sql, "", ""}},
        Row{"local:v-%m.gz", "virus-quarantine", QuarantineTarget{Kind::file, "v-%m.gz", ""}},
        Row{"local:v-%m", "admin@example.com", QuarantineTarget{Kind::mail, "", "admin@example.com"}},
        Row{"mbox:/var/q", "x", QuarantineTarget{Kind::mbox, "/var/q", ""}},
        Row{"mbox:/var/q", "%a", QuarantineTarget{Kind::mail, "", "bob@example.com"}},
        Row{"smtp:[127.0.0.1]:10025", "q@example.com", QuarantineTarget{Kind::mail, "smtp:[127.0.0.1]:10025", "q@example.com"}},
        Row{"lmtp:/run/lmtp", "junk", QuarantineTarget{Kind::mail, "lmtp:/run/lmtp", "junk"}},
        Row{"q@example.com", "spam-quarantine", QuarantineTarget{Kind::mail, "", "q@example.com"}},
        Row{"q@example.com", "own@example.com", QuarantineTarget{Kind::mail, "", "own@example.com"}});
    const auto got = quarantine_target(row.method, row.to, "bob@example.com");
    INFO(row.method << " + " << row.to);
    REQUIRE(got);
    CHECK(*got == row.want);
}

TEST_CASE("a method that cannot work is refused with its reason") {
    struct Row {
        std::string method, says;
    };
    const auto row = GENERATE(
        Row{"bsmtp:x", "not known"}, Row{"spam", "not known"}, Row{"sql:x", "nothing follows"}, Row{"local:", "template"},
        Row{"local:virus", "%m"}, Row{"local:../%m", "dot"}, Row{"local:/etc/%m", "below quarantine_dir"},
        Row{"local:a/./%m", "dot"}, Row{"local:.%m", "dot"}, Row{"local:a//%m", "below"}, Row{"local:%m%x", "%"},
        Row{"local:%m%", "%"}, Row{"local:a b%m", "letters"}, Row{"local:%m%b%n%i%P%m%b", "too long"}, Row{"mbox:", "path"},
        Row{"mbox:/var/q/", "path"}, Row{"mbox:/var/../q", ".."}, Row{"mbox:/var/\nq", "printable"},
        Row{"a b@example.com", "no address"}, Row{"<q@example.com>", "no address"}, Row{"a@b,c@d", "no address"});
    const auto done = check_quarantine_method(row.method);
    INFO(row.method);
    REQUIRE_FALSE(done);
    CHECK(done.error().detail.find(row.says) != std::string::npos);
    CHECK_FALSE(quarantine_target(row.method, "x", "y"));
}

TEST_CASE("an address that could break out of its command is refused") {
    CHECK_FALSE(quarantine_target("smtp:[127.0.0.1]:25", "a@b>\r\nRCPT TO:<c@d", "x@y"));
    CHECK_FALSE(quarantine_target("local:%m", "a@b c", "x@y"));
    CHECK_FALSE(quarantine_target("smtp:[127.0.0.1]:25", "%a", ""));
}

TEST_CASE("file names") {
    const QuarantineFacts facts{"aB3dEf9hIjKl", "00ff", "12345-01/x", 7,
                                std::chrono::system_clock::time_point(std::chrono::seconds(1'672'736'400))};
    CHECK(quarantine_file_name("virus-%m", facts, 0) == "virus-aB3dEf9hIjKl");
    CHECK(quarantine_file_name("virus-%m.gz", facts, 1) == "a/virus-aB3dEf9hIjKl.gz");
    CHECK(quarantine_file_name("spam/%P/%m", facts, 1) == "spam/7/a/aB3dEf9hIjKl");
    CHECK(quarantine_file_name("%n_%b_%m%%", facts, 0) == "12345-01_x_00ff_aB3dEf9hIjKl%");
    const auto timed = quarantine_file_name("%i-%m", facts, 0);
    CHECK(timed.size() == 15 + 1 + 12);
    CHECK(timed.substr(0, 6) == "202301");
    CHECK(quarantine_file_name("%m", {"../../etc/passwd", "", "", 0, {}}, 1) == "_/.._.._etc_passwd");
    CHECK(is_gzip_name("x.gz"));
    CHECK_FALSE(is_gzip_name("gz"));
}

}  // namespace
}  // namespace tamis::policy
