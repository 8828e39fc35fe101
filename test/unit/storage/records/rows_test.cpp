#include "storage/records/rows.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "test/unit/storage/fixture.h"

using namespace tamis;
using namespace tamis::storage;
using Charset = TextRules::Charset;

TEST_CASE("texts are made to fit their column") {
    struct Row {
        std::string text;
        std::size_t width;
        Charset charset;
        std::string want;
    };
    const std::string emoji = "\xf0\x9f\x98\x80", replacement = "\xef\xbf\xbd";
    const auto row = GENERATE_COPY(
        Row{"plain", 255, Charset::utf8, "plain"}, Row{"a" + emoji + "b", 2, Charset::utf8, "a" + emoji},
        Row{"a" + emoji + "b", 4, Charset::any_bytes, "a"}, Row{"a" + emoji + "b", 5, Charset::any_bytes, "a" + emoji},
        Row{"a" + emoji + "b", 9, Charset::ascii, "a?b"}, Row{std::string("x\0y", 3), 9, Charset::utf8, "x" + replacement + "y"},
        Row{"\xd8\x64", 9, Charset::utf8, replacement + "d"},
        Row{"\xed\xa0\x80", 9, Charset::utf8, replacement + replacement + replacement}, Row{"\xff", 9, Charset::ascii, "?"});
    CHECK(fitted(row.text, row.width, {.charset = row.charset}) == row.want);
}

TEST_CASE("a record becomes the rows that amavisd would write") {
    auto record = test::make_record();
    record.quarantine_location = std::string(300, 'q');
    record.log_id = mail::LogId("12345-01-very-long-log-id");
    record.size = 10'000'000'000;
    record.spam_level = -1.5;
    record.recipients.push_back({});  // without an address: counted, not stored
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "SENDER@example.org";
    record.recipients.back().response = "250 \xc3\xa4\n";
    const auto rows = make_rows(record, {});
    CHECK(rows.time_num == "1673000100");
    CHECK(rows.time_iso == "20230106T101500Z");
    CHECK(rows.am_id == "12345-01-very-long-l");
    CHECK(rows.size == "2147483647");
    CHECK(rows.originating == "Y");
    CHECK(rows.content == "S");
    CHECK(rows.spam_level == "-1.500");
    CHECK(rows.quar_loc.size() == 255);
    CHECK(rows.sender == "sender@example.org");
    REQUIRE(rows.recipients.size() == 2);
    CHECK(rows.recipients[0].sequence == "1");
    CHECK(rows.recipients[1].sequence == "3");
    CHECK(rows.recipients[1].smtp_resp == "250 ???");
    CHECK(rows.recipients[0].rs == " ");
    CHECK(rows.recipients[0].bl == "N");
    CHECK(rows.addresses == std::vector<AddressKey>{{"sender@example.org", "org.example"}, {"user@example.com", "com.example"}});
}

TEST_CASE("maddr keeps the letters of local parts when the site says that they matter") {
    auto record = test::make_record();
    record.sender = "Sender@Example.ORG";
    record.recipients.front().address = "User@example.com";
    CHECK(make_rows(record, {}).sender == "sender@example.org");
    record.local_case_matters = true;
    const auto rows = make_rows(record, {});
    CHECK(rows.sender == "Sender@example.org");
    CHECK(rows.recipients.front().email == "User@example.com");
}

TEST_CASE("a message that is still processed has no content, odd numbers and codes are tamed") {
    auto record = test::make_record();
    record.content = '\0';
    record.dsn_sent = '\n';
    record.spam_level = std::numeric_limits<double>::quiet_NaN();
    record.received_at = std::chrono::system_clock::time_point(-std::chrono::hours(1));
    const auto rows = make_rows(record, {.charset = Charset::utf8, .eight_bit_addresses = true});
    CHECK_FALSE(rows.has_content);
    CHECK(rows.dsn_sent == "?");
    CHECK(rows.spam_level == "0.000");
    CHECK(rows.time_num == "0");
}

TEST_CASE("addresses that are no text of the database become ASCII where the column is a varchar") {
    struct Row {
        Charset charset;
        std::string want_first, want_second;
    };
    const auto row = GENERATE(
        Row{Charset::utf8, "j\xc3\xb6rg@example.org", "a?b?@c"}, Row{Charset::any_bytes, "j\xc3\xb6rg@example.org", "a?b?@c"},
        Row{Charset::latin1, "j\xc3\xb6rg@example.org", "a?b?@c"}, Row{Charset::ascii, "j??rg@example.org", "a?b?@c"});
    const auto rows = make_rows(test::make_record("j\xc3\xb6rg@example.org", std::string("a\0b\xff@c", 6)),
                                {.charset = row.charset, .eight_bit_addresses = false});
    CHECK(rows.sender == row.want_first);
    CHECK(rows.recipients[0].email == row.want_second);
}

TEST_CASE("LATIN1 keeps what it has; a narrow column gets what fits") {
    TextRules rules{.charset = Charset::latin1};
    CHECK(fitted("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xe2\x82\xac.", 255, rules) == "gr\xc3\xbc\xc3\x9f ? ?.");
    CHECK(can_hold("gr\xc3\xbc", Charset::latin1));
    CHECK_FALSE(can_hold("\xe2\x82\xac", Charset::latin1));
    CHECK_FALSE(can_hold("\xfc", Charset::latin1));
    rules.widths.subject = 3;
    rules.widths.am_id = 4;
    const auto rows = make_rows(test::make_record(), rules);
    CHECK(rows.subject == "sub");
    CHECK(rows.am_id == "1234");
}

TEST_CASE("what the database refuses is given up step by step, and all rows agree") {
    auto record = test::make_record("a\xff@example.net", "\xc3\xa9'u\\@example.com");
    record.subject = "gr\xc3\xbc\xc3\x9f 'x' " + std::string(300, 's');
    std::vector<MessageRows> steps{make_rows(record, {})};
    TextRules rules;
    std::optional<Concession> next = Concession();
    while ((next = next_concession(*next, false))) {
        rules.concession = *next;
        steps.push_back(make_rows(record, rules));
        const auto& rows = steps.back();
        const auto is_known = [&](const std::string& email) {
            return std::ranges::count(rows.addresses, email, &AddressKey::email) == 1;
        };
        CHECK(is_known(rows.sender));
        CHECK(is_known(rows.recipients[0].email));
        CHECK(rows.mail_id == record.mail_id.get());
        CHECK(rows.quar_loc == record.mail_id.get());
        CHECK(rows.secret_id == record.secret_id.get());
    }
    REQUIRE(steps.size() == 7);
    CHECK(steps[0].sender == "a\xff@example.net");
    CHECK(steps[1].sender == "a?@example.net");
    CHECK(steps[1].recipients[0].email == "\xc3\xa9'u\\@example.com");
    CHECK(steps[1].subject == steps[0].subject);
    CHECK(steps[2].recipients[0].email ==
          "?"
          "?'u\\@example.com");
    CHECK(steps[2].subject.starts_with("gr?? 'x' sss"));
    CHECK(steps[3].recipients[0].email == "???u?@example.com");
    CHECK(steps[3].subject.starts_with("gr?? ?x? sss"));
    CHECK(steps[3].subject.size() == 255);
    CHECK(steps[4].subject.size() == 128);
    CHECK(steps[6].subject.size() == 32);
    CHECK(next_concession({}, true) == Concession{Concession::Octets::all, 128});
    CHECK(next_concession({Concession::Octets::all, 32}, true) == Concession{Concession::Octets::utf8_addresses, 32});
    CHECK_FALSE(next_concession({Concession::Octets::plain, 32}, true));
}

TEST_CASE("a record that cannot be written is told in full, on one line, without its secret") {
    auto record = test::make_record("evil\n@x.org");
    record.subject = "line\r\nbreak \xf0\x9f\x98\x80";
    const auto line = in_full(record);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(is_ascii(line));
    for (const auto& part : {record.mail_id.get(), std::string("user@example.com"), std::string("ds=D"), std::string("MYNETS")})
        CHECK_THAT(line, Catch::Contains(part));
    CHECK_THAT(line, !Catch::Contains(record.secret_id.get()));
}
