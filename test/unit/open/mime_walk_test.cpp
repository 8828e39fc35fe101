#include "scanners/worker/open/mime_walk.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tamis;
using namespace tamis::worker;
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

Opened opened(std::string_view text, Extract extract = Extract::not_plain) {
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
    const auto out = opened(
        "MIME-Version: 1.0\n"
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
    CHECK(tree(out) == Tree{"1 multipart/mixed", "1/1 multipart/alternative", "1/2 application/pdf [a.pdf]", "1/1/1 text/plain",
                            "1/1/2 text/html"});
    CHECK(out.contents.parts[2].size == 11);
    CHECK(out.contents.parts[2].sha256 == "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
    CHECK(out.contents.parts[3].charset == "utf-8");
    CHECK(out.contents.parts[4].size == 10);
    CHECK(out.contents.anomalies.empty());
    CHECK(out.contents.mime_error.empty());
    CHECK(out.contents.limit.empty());
    CHECK(out.shown.size() == 3);
}

TEST_CASE("a nested message is walked, and its header is noted") {
    const auto out = opened(
        "Content-Type: multipart/digest; boundary=b\nMIME-Version: 1.0\n\n"
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
    const auto out = opened(
        "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n"
        "--a\nContent-Type: text/plain\n\nharmless\n--a--\n"
        "--b\nContent-Disposition: attachment; filename=x.exe\n\nMZ\n--b--\n");
    CHECK(has(out, AnomalyKind::duplicate_boundary));
    const auto seen = tree(out);
    CHECK(std::ranges::find(seen, "2/1 text/plain [x.exe] alternate") != seen.end());
    CHECK(std::ranges::find(seen, "1/1 text/plain") != seen.end());
}

TEST_CASE("each oddity has its anomaly, and says whether it is ambiguous") {
    struct Row {
        const char* text;
        AnomalyKind kind;
    };
    const auto row = GENERATE(
        Row{"Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nx\n--a--\n", AnomalyKind::duplicate_boundary},
        Row{"Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n--a\n\nx\n--a--\n",
            AnomalyKind::duplicate_type},
        Row{"Content-Type: text/plain\nContent-Type: text/html\n\nx\n", AnomalyKind::duplicate_type},
        Row{"Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nQUJDREVG\n", AnomalyKind::duplicate_encoding},
        Row{"Content-Disposition: attachment; filename=a.txt; filename=b.exe\n\nx\n", AnomalyKind::duplicate_name},
        Row{"Content-Disposition: attachment; filename=a.txt\nContent-Type: a/b; name=b.exe\n\nx\n", AnomalyKind::duplicate_name},
        Row{"Content-Type: text/plain; charset=utf-8; charset=utf-7\n\n+ADw-script\n", AnomalyKind::duplicate_parameter},
        Row{"Content-Type: multipart/mixed; boundary=\"=?us-ascii?q?b?=\"\n\n--b\n\nx\n--b--\n",
            AnomalyKind::encoded_word_in_structure},
        Row{"Content-Transfer-Encoding: =?us-ascii?q?base64?=\n\neA==\n", AnomalyKind::encoded_word_in_structure},
        Row{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nLS1iCkNvbnRlbnQtVHlwZTogYS9iCgpoZWxsbyB3b3JsZAotLWItLQo=\n",
            AnomalyKind::encoding_of_composite},
        Row{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: quoted-printable\n\n--b\n\nx\n=2D-b\nContent-Type: a/b\n\nhello world\n--b--\n",
            AnomalyKind::encoding_of_composite},
        Row{"Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", AnomalyKind::bad_boundary},
        Row{"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n----\n", AnomalyKind::bad_boundary},
        Row{"Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\nx\n--b--\n", AnomalyKind::bad_boundary},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\nContent-Type: a/b\n\nhello\n--b--\n",
            AnomalyKind::boundary_reuse},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--bx\n\nworld\n--b--\n", AnomalyKind::boundary_lookalike},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b\n\nhello\n--b \n\nworld\n--b--\n",
            AnomalyKind::boundary_lookalike},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b-- \n\n--b\nContent-Type: a/b\n\nworld\n--b--\n",
            AnomalyKind::boundary_lookalike},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\n\nhello\n--b--\n",
            AnomalyKind::text_after_epilogue},
        Row{"Content-Type: a/b\nContent-Transfer-Encoding: base64\n\nQUJDREVG!QUJD\n", AnomalyKind::bad_base64},
        Row{"Content-Type: a/b\nContent-Transfer-Encoding: base64\n\nQUJDREVGRw==\nQkM=\n", AnomalyKind::bad_base64},
        Row{"Content-Transfer-Encoding: base64\n\nQUJDREVGRw==\nQUJDREVGRw==\n", AnomalyKind::bad_base64},
        Row{"Content-Type: a/b\nContent-Transfer-Encoding: quoted-printable\n\nabc=zz\n", AnomalyKind::bad_quoted_printable},
        Row{"Content-Type: text/plain; name=a.bat\nContent-Transfer-Encoding: quoted-printable\n\nabc=zz\n",
            AnomalyKind::bad_quoted_printable},
        Row{"Content-Transfer-Encoding: x-base64\n\nQUJDREVG\n", AnomalyKind::bad_encoding},
        Row{"Content-Transfer-Encoding: base64;\n\nQUJDREVG\n", AnomalyKind::bad_encoding},
        Row{"Content-Transfer-Encoding: base64 (x)\n\neA==\n", AnomalyKind::comment_in_structure},
        Row{"Content-Type : multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n", AnomalyKind::bad_header},
        Row{"garbage\nContent-Type: text/plain\n\nx\n", AnomalyKind::hidden_header},
        Row{"A: b\n \nContent-Type: text/plain\n\nx\n", AnomalyKind::hidden_header},
        Row{"A: b\n Content-Type: multipart/mixed; boundary=b\n\nx\n", AnomalyKind::hidden_header},
        Row{"Content-Type: multipart/mixed; boundary=b (x)\n\n--b\n\nx\n--b--\n", AnomalyKind::comment_in_structure},
        Row{"Content-Type: multipart/mixed; boundary=\"b\n\n--b\n\nx\n--b--\n", AnomalyKind::bad_parameter},
        Row{"Content-Type: text/plain; boundary=b\n\n--b\n\nx\n--b--\n", AnomalyKind::other_reading},
        Row{"\nbegin 644 a.exe\n#86)C\n`\nend\n", AnomalyKind::embedded_encoding},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", AnomalyKind::unclosed_multipart},
        Row{"Content-Type: text/plain; charset=nobody\n\n\xff\n", AnomalyKind::unknown_charset},
        Row{"Content-Type: text\n\nx\n", AnomalyKind::misplaced_parameter});
    INFO(row.text);
    const auto out = opened(row.text);
    CHECK(has(out, row.kind));
    CHECK(out.contents.is_ambiguous() == mail::is_ambiguous(row.kind));
    CHECK(out.contents.mime_error.size() <= 250);
}

TEST_CASE("habits whose readings show the same parts are odd, and no MIME error") {
    struct Row {
        const char* text;
        AnomalyKind kind;
    };
    const auto row = GENERATE(
        Row{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: quoted-printable\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nhello\n--b--\n",
            AnomalyKind::encoding_of_composite},
        Row{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\nContent-Type: a/b\n\nhello world\n--b--\n",
            AnomalyKind::encoding_of_composite},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\nhello\n--bb--\n--b--\n",
            AnomalyKind::boundary_reuse},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b \nContent-Type: a/b\n\nworld\n--b--\n",
            AnomalyKind::boundary_lookalike},
        Row{"Content-Type: multipart/mixed; boundary=b\n\n--b \nContent-Type: a/b\n\nworld\n--b-- \n",
            AnomalyKind::boundary_lookalike},
        Row{"Content-Type: multipart/mixed; boundary=_=x\n\n--_=x\n\nhello\n--_=x--\n", AnomalyKind::bad_parameter},
        Row{"Content-Transfer-Encoding: base64\n\nQUJDREVGRw\n", AnomalyKind::bad_base64},
        Row{"Content-Transfer-Encoding: base64\n\nQUJDREVG!QUJD\n", AnomalyKind::bad_base64},
        Row{"Content-Transfer-Encoding: base64\n\nQUJDREVGRw==\n____\na list, https://lists.example.org/\n",
            AnomalyKind::bad_base64},
        Row{"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<a href=\"?a=zz\">\n",
            AnomalyKind::bad_quoted_printable},
        Row{"Content-Transfer-Encoding: quoted-printable\n\nhello= \nworld\n", AnomalyKind::bad_quoted_printable},
        Row{"Content-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: 7bit\n\nhello\n",
            AnomalyKind::duplicate_encoding},
        Row{"Content-Type: text/plain; charset=utf-8\nContent-Type: text/plain\n\nhello\n", AnomalyKind::duplicate_type},
        Row{"Content-Type: text/plain; charset=utf-8; charset=iso-8859-1\n\nhello\n", AnomalyKind::duplicate_parameter},
        Row{"Content-Disposition: attachment; filename=a.jpg; filename=b.jpeg\n\nhello\n", AnomalyKind::duplicate_name});
    INFO(row.text);
    const auto out = opened(row.text);
    CHECK(has(out, row.kind));
    CHECK_FALSE(out.contents.is_ambiguous());
    CHECK(std::ranges::none_of(out.contents.parts, [](const auto& part) { return part.has(PartFlag::ambiguous); }));
    CHECK(out.contents.mime_error.empty());
}

TEST_CASE("an unquoted boundary that readers may cut is ambiguous when the shorter one occurs") {
    const auto out = opened(
        "Content-Type: multipart/mixed; boundary=b=x\n\n--b=x\n\nhello\n--b\nContent-Type: a/b; name=x.exe\n\nMZ hello\n--b--\n--b=x--\n");
    CHECK(out.contents.is_ambiguous());
    CHECK(std::ranges::any_of(out.contents.parts,
                              [](const auto& part) { return part.names == std::vector<std::string>{"x.exe"}; }));
}

TEST_CASE("a bare CR in the header of a decoded message gives a second reading") {
    // "A: b<CR>Content-Disposition: attachment; filename=x.exe<CRLF><CRLF>MZ"
    const auto out = opened(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
        "QTogYg1Db250ZW50LURpc3Bvc2l0aW9uOiBhdHRhY2htZW50OyBmaWxlbmFtZT14LmV4ZQ0KDQpNWg==\n");
    CHECK(has(out, AnomalyKind::bad_line_ends));
    CHECK(std::ranges::any_of(out.contents.parts, [](const auto& part) {
        return std::ranges::find(part.names, "x.exe") != part.names.end() && part.has(PartFlag::alternate);
    }));
}

TEST_CASE("encrypted and absent content is undecipherable") {
    struct Row {
        const char* type;
        bool encrypted, undecipherable;
    };
    const auto row = GENERATE(
        Row{"multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"", true, true},
        Row{"application/pgp-encrypted", true, true},
        Row{"application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", false, true},
        Row{"application/x-pkcs7-mime; name=smime.p7m", false, true},
        Row{"application/pkcs7-mime; smime-type=certs-only", false, true}, Row{"message/partial; id=x; number=1", false, true},
        Row{"message/external-body; access-type=URL", false, true}, Row{"application/pgp-signature", false, false});
    const auto out = opened("Content-Type: " + std::string(row.type) + "\n\n--b\n\nx\n--b--\n");
    CHECK(out.contents.is_encrypted() == row.encrypted);
    CHECK(out.contents.is_undecipherable() == row.undecipherable);
}

TEST_CASE("BinHex in a text is a part with its name") {
    const auto out = opened(
        "\nsee:\n(This file must be converted with BinHex 4.0)\n\n"
        ":#@9TBf&b,Q0[E3\"849K8G(4iG!!!!!!!\"3!!!!$@3'KPE'a[$q-!!!:\n");
    REQUIRE(out.contents.parts.size() == 2);
    CHECK(out.contents.parts[1].container == "binhex");
    CHECK(out.contents.parts[1].names == std::vector<std::string>{"eicar.com"});
    CHECK(out.contents.parts[1].sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");  // "hello"
}

TEST_CASE("the depth and the number of parts are limited, and a limit is told") {
    std::string deep;
    for (int i = 0; i < 200; ++i)
        deep += "Content-Type: multipart/mixed; boundary=n" + std::to_string(i) + "x\n\n--n" + std::to_string(i) + "x\n";
    const auto too_deep = opened(deep + "\nx\n");
    CHECK(too_deep.contents.limit == "Maximum MIME depth (64) exceeded");
    std::string wide = "Content-Type: multipart/mixed; boundary=b\n\n";
    for (int i = 0; i < 1500; ++i) wide += "--b\n\nx\n";
    const auto too_wide = opened(wide + "--b--\n");
    CHECK(too_wide.contents.limit == "Maximum number of MIME parts (1000) exceeded");
    CHECK(too_wide.contents.parts.size() == 1000);
}

TEST_CASE("views of views stay within the budget") {
    std::string many;  // two boundaries at each of 40 levels
    for (int i = 0; i < 40; ++i) {
        const auto n = std::to_string(i);
        many += "Content-Type: multipart/mixed; boundary=a" + n + "x; boundary=b" + n + "x\n\n--a" + n + "x\n\n--b" + n + "x\n";
    }
    const auto out = opened(many + "\nx\n");
    CHECK(out.contents.is_ambiguous());
    CHECK(out.contents.parts.size() <= 1000);
}

TEST_CASE("preamble and epilogue are parts when they hold more than the usual words") {
    const auto usual =
        opened("Content-Type: multipart/mixed; boundary=b\n\nThis is a multi-part message in MIME format.\n--b\n\nx\n--b--\n");
    CHECK(tree(usual) == Tree{"1 multipart/mixed", "1/1 text/plain"});
    const auto odd = opened("Content-Type: multipart/mixed; boundary=b\n\nwhat (is) this\n--b\n\nx\n--b--\n1\n2\n3\n4\n5\n6\n");
    CHECK(tree(odd) == Tree{"1 multipart/mixed", "1/1 text/plain [preamble]", "1/2 text/plain", "1/3 text/plain [epilogue]"});
    CHECK(odd.contents.anomalies.empty());
}

TEST_CASE("a bounce without MIME shows the header it returns") {
    const auto out = opened(
        "From: MAILER-DAEMON@example.org\n\nHi. This is the qmail-send program.\n\n--- Below this line is a copy.\n\n"
        "Return-Path: <a@b.example>\nFrom: a@b.example\nMessage-ID: <1@b.example>\nSubject: x\n\nHello\n");
    REQUIRE(out.contents.attached_headers.size() == 1);
    CHECK(out.contents.attached_headers[0].fields == 4);
    CHECK(out.contents.attached_headers[0].message_id == "<1@b.example>");
    CHECK_FALSE(out.contents.attached_headers[0].is_whole_message);
}
