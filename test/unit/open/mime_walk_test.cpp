#include "scanners/worker/open/mime_walk.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tamis;
using namespace tamis::open;
using mail::AnomalyKind;
using mail::PartFlag;

namespace {

OpenerSetup setup() {
    OpenerSetup out;
    out.decoders = mime_decoders();
    out.open_message = open_mime;
    return out;
}

// crlf - a message written with "\n" for the sake of reading
std::string crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

Opened opened(std::string_view text, Extract extract = Extract::unopenable) {
    auto ask = setup();
    ask.extract = extract;
    const auto message = crlf(text);
    return open_message(ask, Blob::of(message));
}

// tree - "path container type names flags" of each part
std::vector<std::string> tree(const Opened& opened) {
    std::vector<std::string> out;
    for (const auto& part : opened.contents.parts) {
        auto line = part.path + " " + (part.types.empty() ? "-" : part.types.front());
        for (const auto& name : part.names) line += " [" + name + "]";
        if (part.has(PartFlag::alternate)) line += " alternate";
        out.push_back(line);
    }
    return out;
}

bool has(const Opened& opened, AnomalyKind kind) {
    return std::ranges::any_of(opened.contents.anomalies, [&](const auto& anomaly) { return anomaly.kind == kind; });
}

using Tree = std::vector<std::string>;

}  // namespace

TEST_CASE("an ordinary multipart becomes its tree, breadth first") {
    const auto out = opened("MIME-Version: 1.0\n"
                            "Content-Type: multipart/mixed; boundary=\"o\"\n\n"
                            "This is a multi-part message in MIME format.\n"
                            "--o\nContent-Type: multipart/alternative; boundary=i\n\n"
                            "--i\nContent-Type: text/plain; charset=utf-8\n\nhello\n"
                            "--i\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<b>h=C3=A9</b>=\n\n"
                            "--i--\n"
                            "--o\nContent-Type: application/pdf; name=\"a.pdf\"\n"
                            "Content-Disposition: attachment; filename=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\n"
                            "aGVsbG8gd29ybGQ=\n"
                            "--o--\n");
    CHECK(tree(out) == Tree{"1 multipart/mixed", "1/1 multipart/alternative", "1/2 application/pdf [a.pdf]",
                            "1/1/1 text/plain", "1/1/2 text/html"});
    CHECK(out.contents.parts[2].size == 11);
    CHECK(out.contents.parts[2].sha256 == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
    CHECK(out.contents.parts[3].charset == "utf-8");
    CHECK(out.contents.parts[4].size == 10);
    CHECK(out.contents.anomalies.empty());
    CHECK(out.contents.mime_error.empty());
    CHECK(out.contents.limit.empty());
    CHECK(out.extracts.empty());
}

TEST_CASE("a nested message is walked, and its header is noted") {
    const auto out = opened("Content-Type: multipart/digest; boundary=b\nMIME-Version: 1.0\n\n"
                            "--b\n\nFrom: a@b.example\nMessage-ID: <1@b.example>\nSubject: inner\n"
                            "Content-Type: application/x-msdownload; name=evil.exe\n\nMZ\n--b--\n");
    CHECK(tree(out) == Tree{"1 multipart/digest", "1/1 message/rfc822", "1/1/1 application/x-msdownload [evil.exe]"});
    REQUIRE(out.contents.attached_headers.size() == 1);
    CHECK(out.contents.attached_headers[0].part == 2);
    CHECK(out.contents.attached_headers[0].fields == 4);
    CHECK(out.contents.attached_headers[0].message_id == "<1@b.example>");
    CHECK(out.contents.attached_headers[0].from == "a@b.example");
    CHECK(out.contents.attached_headers[0].is_whole_message);
    CHECK_FALSE(out.contents.is_ambiguous());
}

TEST_CASE("two boundaries: both readings are parts") {
    const auto out = opened("Content-Type: multipart/mixed; boundary=a; boundary=b\n\n"
                            "--a\nContent-Type: text/plain\n\nharmless\n--a--\n"
                            "--b\nContent-Disposition: attachment; filename=x.exe\n\nMZ\n--b--\n");
    CHECK(has(out, AnomalyKind::duplicate_boundary));
    const auto seen = tree(out);
    CHECK(std::ranges::find(seen, "2/1 text/plain [x.exe] alternate") != seen.end());
    CHECK(std::ranges::find(seen, "1/1 text/plain") != seen.end());
}
