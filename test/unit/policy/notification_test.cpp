// notification_test - the notice as a mail reader sees it: its fields, its parts, and that nothing can break out of them
#include <catch2/catch.hpp>

#include <random>

#include "base/text.h"
#include "mail/header.h"
#include "mail/mime_write.h"
#include "policy/delivery_status.h"
#include "policy/notices.h"
#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::Major;
using test::Story;

constexpr mail::ContentCategory oversized{Major::oversized, 0};

NotificationOptions options_of(const Story& story) {
    NotificationOptions options;
    options.hostname = "mx.example.com";
    options.postmaster = "postmaster@mx.example.com";
    options.mail_id = "Zz12_-9hIjKl";
    options.now = story.message.received_at + std::chrono::seconds(5);
    return options;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields fields_of(std::string_view text) {
    Fields fields;
    for (const auto& field : mail::parse_header(text).fields)
        fields.emplace_back(mail::HeaderBlock::name(field, text), mail::unfolded(mail::HeaderBlock::value(field, text)));
    return fields;
}

std::string value_of(const Fields& fields, std::string_view name) {
    for (const auto& [known, value] : fields)
        if (known == name) return value;
    return "(none)";
}

std::vector<std::string> names_of(const Fields& fields) {
    std::vector<std::string> names;
    for (const auto& field : fields) names.push_back(field.first);
    return names;
}

std::string from_quoted_printable(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            out += text[i];
        } else if (text.substr(i).starts_with("=\r\n")) {
            i += 2;
        } else {
            out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        }
    }
    return out;
}

struct Part {
    Fields header;
    std::string body;  // decoded
};

struct Seen {
    Fields header;
    std::vector<Part> parts;
};

// read_notice - as a strict MIME reader: lines of the boundary divide, nothing else does
Seen read_notice(std::string_view text) {
    Seen seen;
    seen.header = fields_of(text);
    const auto type = value_of(seen.header, "Content-Type");
    const auto quote = type.find("boundary=\"");
    REQUIRE(quote != std::string::npos);
    const auto start = quote + 10;
    const std::string line = "\r\n--" + type.substr(start, type.find('"', start) - start);
    auto at = text.find(line);
    for (;;) {
        REQUIRE(at != std::string_view::npos);
        const auto after = text.substr(at + line.size());
        if (after.starts_with("--\r\n")) {
            CHECK(after == "--\r\n");
            return seen;
        }
        REQUIRE(after.starts_with("\r\n"));
        const auto next = text.find(line, at + line.size());
        const auto part = text.substr(at + line.size() + 2, next - at - line.size() - 2);
        const auto split_at = part.find("\r\n\r\n");
        REQUIRE(split_at != std::string_view::npos);
        Part one{fields_of(part), std::string(part.substr(split_at + 4))};
        if (value_of(one.header, "Content-Transfer-Encoding") == "quoted-printable") one.body = from_quoted_printable(one.body);
        seen.parts.push_back(std::move(one));
        at = next;
    }
}

// groups_of - the field groups of a delivery status
std::vector<Fields> groups_of(std::string_view status) {
    std::vector<Fields> groups;
    while (!status.empty()) {
        const auto end = status.find("\r\n\r\n");
        const auto group = status.substr(0, end == std::string_view::npos ? end : end + 2);
        groups.push_back(fields_of(group));
        status = end == std::string_view::npos ? std::string_view() : status.substr(end + 4);
    }
    return groups;
}

const std::vector<std::string> top_names = {"From",           "To",           "Subject",     "Date", "Message-ID",
                                            "Auto-Submitted", "MIME-Version", "Content-Type"};

Seen notice_of(Story& story) {
    auto options = options_of(story);
    const auto notice = delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options));
    REQUIRE(notice);
    return read_notice(notice->text);
}

TEST_CASE("a failure notice has all its fields and parts") {
    Story story(2);
    story.block(0, oversized, Destiny::bounce);
    story.envelope.peer_helo = "mta.example.com";
    story.envelope.peer_address = "127.0.0.1";
    story.envelope.envelope_id = "QQ+2B1";
    story.envelope.recipients[0].original_recipient = "rfc822;Bob+2Bold@example.org";
    story.envelope.client.address = "203.0.113.9";
    auto options = options_of(story);
    const auto notice = delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options));
    REQUIRE(notice);
    CHECK(notice->sender.empty());
    CHECK(notice->recipients == std::vector<std::string>{"ann@example.net"});
    CHECK_FALSE(notice->smtputf8);
    CHECK(is_ascii(notice->text));
    CHECK(notice->text.find("secret body") == std::string::npos);

    const auto seen = read_notice(notice->text);
    CHECK(names_of(seen.header) == top_names);
    CHECK(value_of(seen.header, "From") == "\"Content-filter at mx.example.com\" <postmaster@mx.example.com>");
    CHECK(value_of(seen.header, "To") == "<ann@example.net>");
    CHECK(value_of(seen.header, "Message-ID") == "<DSNZz12_-9hIjKl@mx.example.com>");
    CHECK(value_of(seen.header, "Auto-Submitted") == "auto-replied");
    CHECK(value_of(seen.header, "MIME-Version") == "1.0");
    CHECK(value_of(seen.header, "Content-Type").starts_with("multipart/report; report-type=delivery-status; boundary="));

    REQUIRE(seen.parts.size() == 3);
    CHECK(value_of(seen.parts[0].header, "Content-Type") == "text/plain; charset=us-ascii");
    CHECK(seen.parts[0].body.find("<bob0@example.com>:\r\n    552 5.3.4 Bounce, id=12345-01 - Message size") !=
          std::string::npos);
    CHECK(seen.parts[0].body.find("bob1") == std::string::npos);
    CHECK(seen.parts[0].body.find('{') == std::string::npos);

    CHECK(value_of(seen.parts[1].header, "Content-Type") == "message/delivery-status");
    CHECK(value_of(seen.parts[1].header, "Content-Description") == "Delivery error report");
    CHECK(value_of(seen.parts[1].header, "Content-Disposition") == "inline; filename=\"dsn_status.dsn\"");
    const auto groups = groups_of(seen.parts[1].body);
    REQUIRE(groups.size() == 2);
    CHECK(names_of(groups[0]) ==
          std::vector<std::string>{"Reporting-MTA", "Received-From-MTA", "Arrival-Date", "Original-Envelope-Id"});
    CHECK(value_of(groups[0], "Reporting-MTA") == "dns; mx.example.com");
    CHECK(value_of(groups[0], "Received-From-MTA") == "dns; mta.example.com ([127.0.0.1])");
    CHECK(value_of(groups[0], "Original-Envelope-Id") == "QQ+1");
    CHECK(names_of(groups[1]) == std::vector<std::string>{"Original-Recipient", "Final-Recipient", "Action", "Status",
                                                          "Diagnostic-Code", "Last-Attempt-Date", "Final-Log-ID"});
    CHECK(value_of(groups[1], "Original-Recipient") == "rfc822;Bob+old@example.org");
    CHECK(value_of(groups[1], "Final-Recipient") == "rfc822;bob0@example.com");
    CHECK(value_of(groups[1], "Action") == "failed");
    CHECK(value_of(groups[1], "Status") == "5.3.4");
    CHECK(value_of(groups[1], "Diagnostic-Code").starts_with("smtp; 552 5.3.4 Bounce, id=12345-01 - Message"));
    CHECK(value_of(groups[1], "Final-Log-ID") == "12345-01/aB3dEf9hIjKl");

    CHECK(value_of(seen.parts[2].header, "Content-Type") == "text/rfc822-headers");
    CHECK(seen.parts[2].body.starts_with("Return-Path: <ann@example.net>\r\nReceived: from a.example"));
    CHECK(seen.parts[2].body.ends_with("+0100\r\n"));
}

TEST_CASE("the next hop's refusal names it and its reply") {
    Story story(2);
    story.outcomes[0] = {{554, "5.7.1", "id=12345-01 - Rejected by next-hop MTA"},
                         false,
                         "",
                         "relay.example.com",
                         "550-5.1.1 no such\r\n550 5.1.1 user",
                         "bob0+spam@example.com"};
    const auto groups = groups_of(notice_of(story).parts[1].body);
    REQUIRE(groups.size() == 2);
    CHECK(names_of(groups[1]) == std::vector<std::string>{"X-NextToLast-Final-Recipient", "Final-Recipient", "Action", "Status",
                                                          "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date", "Final-Log-ID"});
    CHECK(value_of(groups[1], "X-NextToLast-Final-Recipient") == "rfc822;bob0@example.com");
    CHECK(value_of(groups[1], "Final-Recipient") == "rfc822;bob0+spam@example.com");
    CHECK(value_of(groups[1], "Remote-MTA") == "dns; relay.example.com");
    CHECK(value_of(groups[1], "Diagnostic-Code") == "smtp; 550-5.1.1 no such 550 5.1.1 user");
}

TEST_CASE("a success and a failure in one notice") {
    Story story(2);
    story.block(0, oversized, Destiny::bounce);
    story.envelope.recipients[1].notify = "SUCCESS";
    auto options = options_of(story);
    options.next_hop_takes_dsn = false;
    const auto seen = read_notice(
        delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options)).value().text);
    const auto groups = groups_of(seen.parts[1].body);
    REQUIRE(groups.size() == 3);
    CHECK(value_of(groups[1], "Action") == "failed");
    CHECK(value_of(groups[2], "Action") == "relayed");
    CHECK(value_of(groups[2], "Status") == "2.0.0");
    CHECK(seen.parts[0].body.find("<bob1@example.com>") != std::string::npos);
}

TEST_CASE("a notice about success alone") {
    Story story;
    story.envelope.recipients[0].notify = "SUCCESS";
    auto options = options_of(story);
    options.next_hop_takes_dsn = false;
    const auto seen = read_notice(
        delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options)).value().text);
    CHECK(value_of(seen.header, "Subject") == "Your message was relayed");
    CHECK(value_of(seen.parts[1].header, "Content-Description") == "Delivery report");
}

TEST_CASE("nobody is told about nothing, and the null sender never is") {
    Story story;
    auto options = options_of(story);
    CHECK_FALSE(delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options)));
    story.envelope.sender.clear();
    CHECK_FALSE(delivery_status_notification(story.as_case(), options, {{NotificationKind::failed, ""}}));
}

TEST_CASE("SMTPUTF8: the global types, addresses as they are") {
    Story story(1, "From: jos\xc3\xa9@example.net\r\nSubject: caf\xc3\xa9\r\n\r\nbody\r\n");
    story.envelope.smtputf8 = true;
    story.envelope.sender = "jos\xc3\xa9@example.net";
    story.envelope.recipients[0].address = "\xe4\xb8\xad@example.com";
    story.envelope.recipients[0].original_recipient = "utf-8;\\x{4E2D}@example.com";
    story.block(0, oversized, Destiny::bounce);
    auto options = options_of(story);
    const auto notice =
        delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options)).value();
    CHECK(notice.smtputf8);
    const auto seen = read_notice(notice.text);
    CHECK(value_of(seen.header, "To") == "<jos\xc3\xa9@example.net>");
    CHECK(value_of(seen.header, "Content-Type").find("report-type=global-delivery-status") != std::string::npos);
    CHECK(value_of(seen.header, "Content-Transfer-Encoding") == "8bit");
    CHECK(value_of(seen.parts[1].header, "Content-Type") == "message/global-delivery-status");
    CHECK(value_of(seen.parts[1].header, "Content-Disposition") == "inline; filename=\"dsn_status.u8dsn\"");
    CHECK(value_of(seen.parts[2].header, "Content-Type") == "message/global-headers");
    const auto groups = groups_of(seen.parts[1].body);
    CHECK(value_of(groups.at(1), "Final-Recipient") == "utf-8;\xe4\xb8\xad@example.com");
    CHECK(value_of(groups.at(1), "Original-Recipient") == "utf-8;\xe4\xb8\xad@example.com");
}

TEST_CASE("without SMTPUTF8 the notice is ASCII whatever the message was") {
    Story story(1, "From: jos\xc3\xa9@example.net\r\nSubject: caf\xe9\r\n\r\nbody\r\n");
    story.envelope.sender = "jos\xc3\xa9@example.net";
    story.envelope.recipients[0].address = "\xe4\xb8\xad@example.com";
    story.block(0, oversized, Destiny::bounce);
    auto options = options_of(story);
    const auto notice =
        delivery_status_notification(story.as_case(), options, decide_notifications(story.as_case(), options)).value();
    CHECK_FALSE(notice.smtputf8);
    CHECK(is_ascii(notice.text));
    const auto seen = read_notice(notice.text);
    CHECK(value_of(seen.header, "To") == "undisclosed-recipients:;");
    CHECK(value_of(groups_of(seen.parts[1].body).at(1), "Final-Recipient") == "utf-8;\\x{4E2D}@example.com");
    CHECK(seen.parts[2].body.find("Subject: caf\xe9\r\n") != std::string::npos);
}

TEST_CASE("address types") {
    CHECK(typed_address("a b@c", false) == "rfc822;a b@c");
    CHECK(typed_address("a\r\nX: y@c", false) == "rfc822;a  X: y@c");
    CHECK(typed_address("\xff@c", true) == "rfc822;\\xFF@c");
    CHECK(typed_address("\xc3\xa9\\@c", true) == "utf-8;\xc3\xa9\\x{5C}@c");
    CHECK(typed_original("rfc822;a+0D+0Ab@c", false) == "rfc822;a  b@c");
    CHECK(typed_original("nonsense", false) == "unknown;nonsense");
    CHECK(typed_original("rfc822;a+0", false) == "unknown;rfc822;a+0");
    CHECK(typed_original("utf-8;\\x{D800}@c", true) == "utf-8;\\x{5C}x{D800}@c");
    CHECK(typed_original("utf-8;\\x{E9}@c", false) == "utf-8;\\x{E9}@c");
}

TEST_CASE("a header of many lines is cut at a line end, a boundary in it is avoided") {
    std::string text = "Subject: x\r\nX-Evil: a\r\n --=_Zz129hIjKl_0\r\n";
    while (text.size() < 200'000) text += "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    Story story(1, text + "\r\nsecret\r\n");
    story.block(0, oversized, Destiny::bounce);
    const auto seen = notice_of(story);
    REQUIRE(seen.parts.size() == 3);
    CHECK(seen.parts[2].body.size() < 66'000);
    CHECK(seen.parts[2].body.ends_with("aaa\r\n"));
    CHECK(value_of(seen.header, "Content-Type").find("=_Zz129hIjKl_1") != std::string::npos);
}

TEST_CASE("a message without any header, and one that begins with a blank") {
    const char* text = GENERATE("", "\r\nbody", " folded\r\nSubject: x\r\n\r\nbody", "no header at all\r\n");
    Story story(1, text);
    story.block(0, oversized, Destiny::bounce);
    const auto seen = notice_of(story);
    REQUIRE(seen.parts.size() == 3);
    const auto fields = fields_of(seen.parts[2].body);
    CHECK(value_of(fields, "Return-Path") == "<ann@example.net>");
}

std::string noise(std::mt19937& random, std::size_t limit) {
    // the bytes that break things are more frequent than the others
    static constexpr std::string_view sharp("\r\n\0 \t:;,<>\"\\=?-_+.@(){}", 22);
    std::string out;
    const std::size_t size = random() % limit;
    while (out.size() < size) {
        if (random() % 8 == 0) out += "\r\n\r\n--=_Zz129hIjKl_0\r\nX: y\r\n";
        else if (random() % 3 == 0) out += sharp[random() % sharp.size()];
        else out += static_cast<char>(random() % 256);
    }
    return out;
}

TEST_CASE("S9: no bytes in any value make another field or another part") {
    std::mt19937 random(20'260'101);
    for (int round = 0; round < 3000; ++round) {
        std::string text = "From: ann@example.net\r\nSubject: ";
        for (const char c : noise(random, 300))
            if (c != '\n' && c != '\r') text += c;
        text += "\r\n\r\nsecret\r\n";
        Story story(3, text);
        auto& envelope = story.envelope;
        envelope.smtputf8 = round % 2 == 0;
        envelope.sender = "x" + noise(random, 300);
        envelope.peer_helo = "x" + noise(random, 300);
        envelope.peer_address = noise(random, 50);
        envelope.envelope_id = "x" + noise(random, 200);
        envelope.client.address = noise(random, 50);
        envelope.client.name = noise(random, 300);
        envelope.client.helo = noise(random, 300);
        envelope.client.ident = noise(random, 300);
        story.findings.viruses = {noise(random, 300)};
        for (auto& recipient : envelope.recipients) {
            recipient.address = noise(random, 1500);
            recipient.original_recipient = "x" + noise(random, 1500);
        }
        for (std::size_t i = 0; i < 2; ++i) {
            story.block(i, {Major::virus, 0}, Destiny::bounce);
            story.outcomes[i].remote_mta = "x" + noise(random, 300);
            story.outcomes[i].remote_reply = "x" + noise(random, 2000);
        }
        story.outcomes[0].response.text = noise(random, 2000);
        story.outcomes[0].response.enhanced = noise(random, 10);
        auto options = options_of(story);
        const auto notice = delivery_status_notification(
            story.as_case(), options,
            {{NotificationKind::failed, ""}, {NotificationKind::failed, ""}, {NotificationKind::suppressed, ""}});
        REQUIRE(notice);
        CAPTURE(round, escaped(notice->text, 5000));
        CHECK(mail::is_eight_bit(notice->text));
        if (!envelope.smtputf8) CHECK(is_ascii(notice->text));
        CHECK(is_utf8(notice->text));
        const auto seen = read_notice(notice->text);
        auto names = names_of(seen.header);
        if (names.back() == "Content-Transfer-Encoding") names.pop_back();
        CHECK(names == top_names);
        REQUIRE(seen.parts.size() == 3);
        for (const auto& part : seen.parts) CHECK(names_of(part.header).front() == "Content-Type");
        const auto groups = groups_of(seen.parts[1].body);
        REQUIRE(groups.size() == 3);
        CHECK(names_of(groups[0]) ==
              std::vector<std::string>{"Reporting-MTA", "Received-From-MTA", "Arrival-Date", "Original-Envelope-Id"});
        for (std::size_t i = 1; i < 3; ++i)
            CHECK(names_of(groups[i]) == std::vector<std::string>{"Original-Recipient", "Final-Recipient", "Action", "Status",
                                                                  "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date",
                                                                  "Final-Log-ID"});
        CHECK(names_of(fields_of(seen.parts[2].body)) == std::vector<std::string>{"Return-Path", "From", "Subject"});
        CHECK(notice->text.find("secret") == std::string::npos);
    }
}

}  // namespace
}  // namespace tamis::policy
