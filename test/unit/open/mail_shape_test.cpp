#include "scanners/worker/open/mail_shape.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using namespace std::string_literals;

namespace {

const std::string mail_text =
    "Return-Path: <a@example.org>\r\nReceived: from x\r\n by y; Mon, 30 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nFrom: <a@example.org>\r\n"
    "To: <b@example.com>\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"ii\"\r\n\r\n--ii\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
    "--ii\r\nContent-Type: application/octet-stream; name=\"inside.bin\"\r\n\r\nhello\r\n--ii--\r\n";

bool has_inside(const Opened& out) { return part_named(out.contents, "inside.bin") != nullptr; }

}  // namespace

TEST_CASE("a mail is opened under any name and type, attached or in an archive") {
    const std::string name = GENERATE("m.eml"s, "letter.doc"s, "data"s);
    for (const char* type : {"application/octet-stream", "application/msword", "image/png"})
        CHECK(has_inside(open_attachment(mail_text, name, type)));
    CHECK(has_inside(open_attachment(make_zip({{.name = name, .data = mail_text}}), "a.zip")));
}

TEST_CASE("an MHT file is opened") {
    const auto page = "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"ii\"\r\n\r\n" +
                      mail_text.substr(mail_text.find("--ii"));
    CHECK(has_inside(open_attachment(page, "page.doc", "application/msword")));
    CHECK(has_inside(open_attachment("From: <Saved by Blink>\r\nSubject: page\r\n" + page, "page.mhtml")));
    CHECK(has_inside(open_attachment("\xef\xbb\xbf\r\n" + page, "page.mht")));
}

TEST_CASE("each mail of an mbox is opened") {
    const auto begin = "From a@example.org Mon Nov 30 07:00:00 2026\n"s;
    const auto mbox = begin + "From: <a@example.org>\nTo: <b@example.com>\nSubject: first\n\nhi\n\n" + begin + mail_text + "\n" +
                      begin + mail_text;
    for (const char* type : {"application/mbox", "application/octet-stream", "text/plain"}) {
        const auto out = open_attachment(mbox, "m.mbox", type);
        CHECK(std::ranges::count(out.contents.parts, "mbox", &mail::Part::container) >= 3);
        CHECK(has_inside(out));
        CHECK_FALSE(out.contents.is_ambiguous());
    }
}

TEST_CASE("what only resembles mail is none") {
    const auto text = GENERATE(
        "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 07:00:00 GMT\r\nContent-Type: text/html\r\n\r\n<html>"s,
        "Date: Mon\nContent-Type: text/html\nServer: x\n\n"s, "Package: tamis\nVersion: 1\nDescription: a filter\n more\n"s,
        "name: value\nother: value\nthird: value\n"s, "Dear Anna,\n\nFrom: Bob\nTo: Carl\nSubject: x\n"s,
        "Nov 30 07:00:00 host postfix/smtpd[1]: connect\n"s, "From now on we meet on Mondays at 10:00.\nFrom: the office\n"s,
        "To: do\nSubject: milk\n"s, ""s, "\r\n\r\n"s, "Note: this\nTip: that\nWarning: more\nDate: today\n"s);
    CHECK(mail_shape(text) == MailShape::none);
}

TEST_CASE("the oddities of what only looks like a mail are not held against the message") {
    const auto odd =
        "From: <a@example.org>\r\nTo: <b@example.com>\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n"s;
    CHECK_FALSE(open_attachment(odd, "notes.dat").contents.is_ambiguous());
    CHECK(open_attachment(odd, "notes.eml").contents.is_ambiguous());
    CHECK(open_attachment(odd, "", "message/rfc822").contents.is_ambiguous());
}

TEST_CASE("mbox separators stand behind an empty line and before a field") {
    const auto begin = "From a@example.org Mon Nov 30 07:00:00 2026\n"s;
    const auto text =
        begin + "Subject: s\n\nhello\nFrom here on 10:00 it goes on\n\nFrom me at 10:00\nmore\n\n" + begin + "Subject: t\n\n";
    CHECK(mbox_messages(text, 100).size() == 2);
    CHECK(mbox_messages(text, 1).size() == 1);
}
