#include "policy/bounce.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

// Tree - contents made by hand: each part with its type and the number of its parent
class Tree {
public:
    Tree& part(std::vector<std::string> types, std::uint32_t parent = 1) {
        mail::Part part;
        part.number = static_cast<std::uint32_t>(contents.parts.size()) + 1;
        part.parent = contents.parts.empty() ? 0 : parent;
        part.types = std::move(types);
        contents.parts.push_back(std::move(part));
        return *this;
    }
    // header - of an original, found in the part added last
    Tree& header(std::uint32_t fields, std::string message_id, std::string from = "Bob <bob@example.com>") {
        contents.attached_headers.push_back(
            {static_cast<std::uint32_t>(contents.parts.size()), fields, std::move(message_id), std::move(from), false});
        return *this;
    }
    std::string seen(const BounceSigns& signs) const {
        const auto bounce = recognise_bounce(contents, signs);
        return bounce ? std::string(bounce->kind) + " " + bounce->original : "-";
    }
    mail::Contents contents;
};

const BounceSigns null_sender{.null_sender = true};
const BounceSigns somebody{};

Tree report(const std::string& type, const std::string& original) {
    Tree tree;
    tree.part({"multipart/report"}).part({"text/plain"}).part({type}).part({original});
    return tree;
}

std::string signs_of(const std::string& header, const std::string& sender = "") {
    mail::Envelope envelope;
    envelope.sender = sender;
    const auto signs = bounce_signs(envelope, policy::test::message_of(header + "\r\ntext\r\n"));
    return std::string(signs.null_sender ? "null " : "") + (signs.is_reply_of_automat ? "reply " : "") +
           (signs.from_daemon ? "daemon " : "") + signs.answered;
}

}  // namespace

TEST_CASE("a multipart/report with the original beside it is a bounce, whoever sent it") {
    struct Row {
        std::string report, original, want;
    };
    const auto row = GENERATE(
        Row{"message/delivery-status", "message/rfc822", "DSN <1@x>"},
        Row{"message/delivery-status", "text/rfc822-headers", "DSN <1@x>"},
        Row{"message/global-delivery-status", "message/global", "DSN <1@x>"},
        Row{"message/global-delivery-status", "message/global-headers", "DSN <1@x>"},
        Row{"message/disposition-notification", "message/rfc822", "MDN <1@x>"},
        Row{"message/global-disposition-notification", "text/rfc822-headers", "MDN <1@x>"},
        Row{"message/feedback-report", "message/rfc822", "ARF <1@x>"}, Row{"text/html", "message/rfc822", "DSN <1@x>"},
        Row{"message/delivery-status", "message/partial", "DSN <1@x>"},
        Row{"message/delivery-status", "message/rfc822-headers", "DSN <1@x>"}, Row{"message/delivery-status", "image/png", "-"});
    const auto tree = report(row.report, row.original).header(9, "<1@x>");
    CHECK(tree.seen(somebody) == row.want);
}

TEST_CASE("a report whose original says no Message-ID is a bounce all the same") {
    CHECK(report("message/delivery-status", "message/rfc822").seen(null_sender) == "DSN ");
    CHECK(report("message/delivery-status", "message/rfc822").header(2, "").seen(null_sender) == "DSN ");
}

TEST_CASE("a report without any original tells nothing") {
    Tree tree;
    tree.part({"multipart/report"}).part({"text/plain"}).part({"message/delivery-status"});
    CHECK(tree.seen(null_sender) == "-");
}

TEST_CASE("a report inside something else is what somebody passes on") {
    Tree tree;
    tree.part({"multipart/mixed"})
        .part({"multipart/report"})
        .part({"message/delivery-status"}, 2)
        .part({"message/rfc822"}, 2)
        .header(9, "<1@x>");
    CHECK(tree.seen(null_sender) == "-");
}

TEST_CASE("header sections of an original in mail that nobody sent") {
    struct Row {
        std::uint32_t fields;
        std::string message_id, from, want;
    };
    const auto row = GENERATE(Row{3, "<1@x>", "b@x", "bounce <1@x>"}, Row{2, "<1@x>", "b@x", "-"}, Row{5, "", "b@x", "bounce "},
                              Row{4, "", "b@x", "-"}, Row{9, "<1@x>", "", "-"}, Row{9, " <1@x> (comment)", "b@x", "bounce <1@x>"},
                              Row{9, "1@x", "b@x", "bounce <1@x>"}, Row{9, "not an id", "b@x", "bounce "});
    Tree mixed;
    mixed.part({"multipart/mixed"}).part({"text/plain"}).part({"message/rfc822"}).header(row.fields, row.message_id, row.from);
    Tree text;
    text.part({"text/plain"}).header(row.fields, row.message_id, row.from);
    CHECK(mixed.seen(null_sender) == row.want);
    CHECK(text.seen(null_sender) == row.want);
    CHECK(text.seen({.from_daemon = true}) == row.want);
    CHECK(text.seen(somebody) == "-");
    CHECK(mixed.seen(somebody) == "-");
}

TEST_CASE("the first telling header section counts, and none of deeper parts") {
    Tree tree;
    tree.part({"multipart/mixed"}).part({"text/plain"}).header(2, "<few@x>").part({"message/rfc822"}).header(7, "<1@x>");
    CHECK(tree.seen(null_sender) == "bounce <1@x>");
    Tree deep;
    deep.part({"multipart/mixed"}).part({"multipart/mixed"}).part({"message/rfc822"}, 2).header(7, "<1@x>");
    CHECK(deep.seen(null_sender) == "-");
}

TEST_CASE("automatic answers name what they answer") {
    Tree tree;
    tree.part({"text/plain"});
    const BounceSigns answer{.null_sender = true, .is_reply_of_automat = true, .answered = "<1@x>"};
    CHECK(tree.seen(answer) == "autoresponse <1@x>");
    auto signs = answer;
    SECTION("with a sender") { signs.null_sender = false; }
    SECTION("not an answer") { signs.is_reply_of_automat = false; }
    SECTION("to nobody knows what") { signs.answered.clear(); }
    CHECK(tree.seen(signs) == "-");
}

TEST_CASE("contents that were never opened say nothing") {
    CHECK(Tree().seen(null_sender) == "-");
    Tree orphan;
    orphan.part({"text/plain"});
    orphan.contents.attached_headers.push_back({77, 9, "<1@x>", "b@x", false});
    CHECK(orphan.seen(null_sender) == "-");
}

TEST_CASE("what the message itself says") {
    CHECK(signs_of("From: MAILER-DAEMON@mx.example.org\r\n") == "null daemon ");
    CHECK(signs_of("From: \"Mail\" <Postmaster@mx>, a@b\r\n", "a@b") == "daemon ");
    CHECK(signs_of("From: a@b, postmaster@mx\r\n", "a@b").empty());
    CHECK(signs_of("Auto-Submitted: Auto-Replied (vacation)\r\nIn-Reply-To:\r\n <1@x> (yours)\r\n") == "null reply <1@x>");
    CHECK(signs_of("Auto-Submitted: auto-generated\r\nReferences: <1@x> <2@x>\r\n <3@x>\r\n") == "null <3@x>");
    CHECK(signs_of("In-Reply-To: your message of today\r\nReferences: <1@x>\r\n") == "null <1@x>");
    CHECK(signs_of("References: <" + std::string(2000, 'a') + ">\r\n") == "null ");
    CHECK(signs_of("From: <<<,,;;\r\nReferences: <\r\n") == "null ");
}

TEST_CASE("the domain of a Message-ID") {
    CHECK(message_id_domain("<a@Sub.Example.COM>") == "sub.example.com");
    CHECK(message_id_domain("<a@b@example.com >") == "example.com");
    CHECK(message_id_domain("<a>").empty());
    CHECK(message_id_domain("").empty());
    CHECK(message_id_domain("<a@>").empty());
}
