// the pure parts of a release: stored text, prefix, states, and the text that leaves
#include <catch2/catch.hpp>

#include "quarantine/crlf_text.h"
#include "quarantine/release.h"
#include "quarantine/release_state.h"
#include "quarantine/released_message.h"
#include "quarantine/stored_copy.h"

using namespace tamis;
using namespace tamis::quarantine;

namespace {

std::shared_ptr<const mail::SealedSpool> spool_of(const std::string& text) {
    return std::make_shared<mail::SealedSpool>(-1, text.size(), text);
}

std::string crlf(std::string_view text, std::size_t piece = 1000) {
    std::string out;
    CrlfText to([&](std::string_view bytes) {
        out += bytes;
        return true;
    });
    for (std::size_t i = 0; i < text.size(); i += piece) REQUIRE(to.feed(text.substr(i, piece)));
    REQUIRE(to.finish());
    return out;
}

const std::string prefix =
    "X-Envelope-From: <a@example.org>\nX-Envelope-To: <b@example.com>,\n <C@example.com>\nX-Envelope-To-Blocked: <C@example.com>\n"
    "X-Quarantine-ID: <abcdefghijkl>\nX-Amavis-Alert: INFECTED\nX-Spam-Flag: YES\nX-Spam-Status: Yes,\n\tscore=9\n";
const std::string message = "Received: by filter\nSubject: hello\n\nbody\n";

StoredCopy copy_of(const std::string& text, FindingFields findings = FindingFields::strip) {
    auto copy = parse_stored_copy(spool_of(crlf(text)), false, findings);
    INFO((copy ? "" : copy.error().detail));
    REQUIRE(copy);
    return *copy;
}

std::string original_of(const StoredCopy& copy) { return std::string(copy.spool->head().substr(copy.begin)); }

std::string text_of(const mail::EditedMessage& message_) {
    std::string out;
    for (const auto& piece : message_.pieces)
        out += piece.size == 0 ? piece.literal : std::string(message_.spool->head().substr(piece.offset, piece.size));
    return out;
}

ReleaseFacts facts(ReleaseFormat format) {
    ReleaseFacts out;
    out.format = format;
    out.mail_id = "abcdefghijkl";
    out.new_id = "NEWID";
    out.hostname = "filter.example.com";
    out.from = "postmaster@filter.example.com";
    out.recipients = {"C@example.com"};
    out.feedback_type = "abuse";
    out.boundary = "=_B";
    return out;
}

}  // namespace

TEST_CASE("stored text becomes CRLF text however it is cut into pieces") {
    using namespace std::string_view_literals;
    struct Row {
        std::string_view in, out;
    };
    const auto row = GENERATE(Row{"a\nb\n", "a\r\nb\r\n"}, Row{"a\r\nb", "a\r\nb\r\n"}, Row{"a\rb\r\r\nc\0d\n"sv, "ab\r\ncd\r\n"},
                              Row{"", ""}, Row{"\n\n", "\r\n\r\n"}, Row{"x\r", "x\r\n"});
    for (const std::size_t piece : {1U, 2U, 3U, 100U}) CHECK(crlf(row.in, piece) == row.out);
    CrlfText full([](std::string_view) { return false; });
    CHECK_FALSE(full.feed("x\n"));
}

TEST_CASE("the fields put on top of a copy are read and end where the message begins") {
    const auto copy = copy_of(prefix + message);
    CHECK(copy.sender == "a@example.org");
    CHECK(copy.recipients == std::vector<std::string>{"b@example.com", "C@example.com"});
    REQUIRE(copy.blocked);
    CHECK(*copy.blocked == std::vector<std::string>{"C@example.com"});
    CHECK(copy.mail_id == "abcdefghijkl");
    CHECK(original_of(copy) == crlf(message));
    CHECK(original_of(copy_of("Return-Path: <x@example.org>\nDelivered-To: virus-quarantine\n" + prefix + message)) ==
          crlf(message));
    const auto report = copy_of(prefix + message, FindingFields::keep);
    CHECK(original_of(report) ==
          "X-Amavis-Alert: INFECTED\r\nX-Spam-Flag: YES\r\nX-Spam-Status: Yes,\r\n\tscore=9\r\n" + crlf(message));
    const auto old =
        copy_of("X-Envelope-From: <>\nX-Envelope-To: \"quoted <>, x\"@example.com\nX-Quarantine-ID: <abc>\nSubject: x\n\n");
    CHECK(old.sender == "");
    CHECK_FALSE(old.blocked);
}

TEST_CASE("addresses of a copy are read octet by octet, whatever stands in their quotes") {
    const std::vector<std::string> odd = {"\"a b@c >>=d\"@example.com",
                                          "\" a\tb \"@x",
                                          "\"<,>\\\"\\\\\"@x",
                                          "\xe9u@example.com",
                                          "\xff\xc3@x",
                                          "a\\xFF@x",
                                          "a.\"> b\".c@x",
                                          ""};
    std::string all;
    for (const auto& address : odd) all += (all.empty() ? "<" : ",\n <") + address + ">";
    CHECK(angle_addresses(all) == odd);
    const auto copy = copy_of("X-Envelope-From: <a\xff@example.net>\nX-Envelope-To: " + all + "\nX-Envelope-To-Blocked: " + all +
                              "\nX-Quarantine-ID: <abc>\n" + message);
    CHECK(copy.sender == "a\xff@example.net");
    CHECK(copy.recipients == odd);
    CHECK(*copy.blocked == odd);
    // an old amavisd wrote no brackets; a field that was cut names what is left
    CHECK(angle_addresses("\"quoted <>, x\"@example.com, b@x") ==
          std::vector<std::string>{"\"quoted <>, x\"@example.com", "b@x"});
    CHECK(angle_addresses("<a@x>, <\"b") == std::vector<std::string>{"a@x", "\"b"});
}

TEST_CASE("octets of the fields on top of a copy make no 8-bit message of it") {
    const auto with = [](const std::string& body) {
        const auto text = crlf("X-Envelope-From: <a\xff@x>\nX-Envelope-To: <b@x>\nX-Quarantine-ID: <abc>\nSubject: s\n\n" + body);
        return parse_stored_copy(spool_of(text), true);
    };
    CHECK_FALSE(with("body\n")->has_8bit);
    CHECK(with("b\xc3\xb6 dy\n")->has_8bit);
    CHECK_FALSE(with("b\xc3\xb6 dy\n")->has_8bit_header);
}

TEST_CASE("a message cannot add recipients by beginning with our fields") {
    const auto copy = copy_of(
        prefix + "X-Envelope-To-Blocked: <evil@example.net>\nX-Envelope-From: <evil@example.net>\nX-Quarantine-ID: <evil>\n\n");
    CHECK(*copy.blocked == std::vector<std::string>{"C@example.com"});
    CHECK(copy.sender == "a@example.org");
    CHECK(copy.mail_id == "abcdefghijkl");
    CHECK(original_of(copy).starts_with("X-Envelope-To-Blocked: <evil@example.net>\r\n"));
}

TEST_CASE("what is no copy is a clear fault") {
    struct Row {
        std::string text, why;
    };
    const auto row = GENERATE(Row{"Subject: x\n\n", "no X-Quarantine-ID"}, Row{"", "no X-Quarantine-ID"},
                              Row{"X-Quarantine-ID: <a>\nSubject: x\n\n", "says no sender"},
                              Row{"From a@b Tue Jan  3 10:00:00 2023\nX-Quarantine-ID: <a>\n\n", "mailbox file"});
    const auto copy = parse_stored_copy(spool_of(crlf(row.text)), false);
    REQUIRE_FALSE(copy);
    CHECK(copy.error().detail.find(row.why) != std::string::npos);
}

TEST_CASE("the state of a release lives in rs and at the end of smtp_resp") {
    const std::string response = "250 2.7.0 Ok, discarded, id=1 - spam";
    CHECK(standing_of(" ", response).kind == Standing::Kind::free);
    CHECK(standing_of("", response).kind == Standing::Kind::free);
    CHECK(standing_of("p", response).kind == Standing::Kind::free);
    const ReleaseNote begun{false, "2026-11-22T20:05:12Z", "root@filter 1]", {}, "TOKEN"};
    const auto claimed = with_note(response, begun);
    CHECK(claimed == response + " [releasing 2026-11-22T20:05:12Z by root@filter_1_ token TOKEN]");
    auto standing = standing_of("t", claimed);
    CHECK(standing.kind == Standing::Kind::releasing);
    CHECK(standing.note.token == "TOKEN");
    CHECK(describe_note(standing.note) == "release begun 2026-11-22T20:05:12Z by root@filter_1_");
    const auto released = with_note(claimed, {true, "2026-11-22T20:05:13Z", "root@filter", "4Nk9z", {}});
    CHECK(released == response + " [released 2026-11-22T20:05:13Z by root@filter as 4Nk9z]");
    standing = standing_of("R", released);
    CHECK(standing.kind == Standing::Kind::released);
    CHECK(describe_note(standing.note) == "released 2026-11-22T20:05:13Z by root@filter, queue id 4Nk9z");
    CHECK(without_note(released) == response);
    CHECK(without_note(response) == response);
    const auto by_another = standing_of("R", response);  // MailZu writes the letter alone
    CHECK(by_another.kind == Standing::Kind::released);
    CHECK(describe_note(by_another.note) == "released by another program, which did not note when");
    const auto wide =
        with_note(std::string(255, 'x'), {true, "2026-11-22T20:05:13Z", std::string(300, 'y'), std::string(300, 'z'), {}});
    CHECK(wide.size() == 255);
    CHECK(standing_of("R", wide).note.queue_id == std::string(60, 'z'));
    // a note inside an answer that a stranger could have chosen means nothing without the letter
    CHECK(standing_of(" ", "550 x [released 2026-11-22T20:05:13Z by a as b]").kind == Standing::Kind::free);
    CHECK(state_words("v") == "seen");
    CHECK(state_words("p") == "release requested");
    CHECK(state_words("x") == "state x of another front end");
}

TEST_CASE("a released message is the original below Resent fields, or inside a message of ours") {
    const auto copy = copy_of(prefix + message);
    const auto original = crlf(message);
    const auto resent = text_of(released_message(copy, facts(ReleaseFormat::resend)));
    CHECK(resent.starts_with("Received: by filter.example.com (Tamis, release of abcdefghijkl)\r\n\tid NEWID; "));
    CHECK(
        resent.find(
            "\r\nResent-From: \"Content-filter at filter.example.com\" <postmaster@filter.example.com>\r\nResent-To: <C@example.com>\r\nResent-Date: ") !=
        std::string::npos);
    CHECK(resent.ends_with("\r\nResent-Message-ID: <abcdefghijkl-NEWID@filter.example.com>\r\n" + original));
    auto asked = facts(ReleaseFormat::resend);
    asked.requested_by = "admin@example.com\r\nBcc: x";
    asked.recipients.push_back("d@example.com");
    const auto by = text_of(released_message(copy, asked));
    CHECK(by.find("\r\nResent-From: <admin@example.com") != std::string::npos);
    CHECK(by.find("\r\nBcc") == std::string::npos);
    CHECK(by.find("\r\nResent-Sender: \"Content-filter") != std::string::npos);
    CHECK(by.find("\r\nResent-To: undisclosed-recipients:;\r\n") != std::string::npos);

    const auto attached = text_of(released_message(copy, facts(ReleaseFormat::attach)));
    CHECK(attached.find("Content-Type: multipart/mixed; boundary=\"=_B\"\r\n") != std::string::npos);
    CHECK(attached.find("Subject: From quarantine: hello\r\n") != std::string::npos);
    CHECK(
        attached.find(
            "\r\n--=_B\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"msg-abcdefghijkl.eml\"\r\n"
            "Content-Transfer-Encoding: 7bit\r\n\r\n" +
            original + "\r\n--=_B--\r\n") != std::string::npos);
    const auto plain = text_of(released_message(copy, facts(ReleaseFormat::plain)));
    CHECK(plain.find("Content-Type: text/plain; charset=us-ascii\r\n") != std::string::npos);
    CHECK(plain.ends_with("\r\n" + original));
    const auto report = text_of(released_message(copy_of(prefix + message, FindingFields::keep), facts(ReleaseFormat::arf)));
    CHECK(report.find("Content-Type: multipart/report; report-type=feedback-report;\r\n") != std::string::npos);
    CHECK(report.find("Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n") != std::string::npos);
    CHECK(report.find("Original-Mail-From: <a@example.org>\r\nOriginal-Rcpt-To: <b@example.com>\r\n") != std::string::npos);
    CHECK(report.find("X-Spam-Flag: YES\r\n") != std::string::npos);
}

TEST_CASE("where a copy is follows from quar_type and quar_loc") {
    storage::QuarantineItem item;
    item.key = {0, "abcdefghijkl"};
    const auto kind = [&](std::string type, std::string location) {
        item.type = std::move(type);
        item.location = std::move(location);
        return locate(item);
    };
    CHECK(kind("Q", "abcdefghijkl")->kind == Located::Kind::table);
    CHECK(kind("F", "v/virus-abcdefghijkl")->name == "v/virus-abcdefghijkl");
    CHECK(kind("Z", "x.gz,abcdefghijkl[7]")->kind == Located::Kind::table);
    CHECK(kind("F", "a,b")->name == "a");
    for (const auto& [type, why] : {std::pair{"M", "mailed to"},
                                    {"L", "mailed to"},
                                    {"B", "BSMTP"},
                                    {"", "no copy"},
                                    {"X", "unknown type"},
                                    {"F", "does not say"}}) {
        const auto located = kind(type, type == std::string("F") ? "" : "box@example.com");
        REQUIRE_FALSE(located);
        CHECK(located.error().detail.find(why) != std::string::npos);
    }
}
