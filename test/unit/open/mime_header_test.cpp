#include "scanners/worker/open/mime_header.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "scanners/worker/open/charset.h"

using namespace tamis::worker;

namespace {
using List = std::vector<std::string>;
constexpr std::size_t limit = 256;

List values(std::string_view field, std::string_view name) { return readings_of(parse_structured(field, limit), name).values; }
List names(std::string_view field) { return names_of(parse_structured(field, limit), field, "filename"); }
bool has(const List& list, std::string_view text) { return std::ranges::find(list, text) != list.end(); }
}  // namespace

TEST_CASE("the value before the parameters is read without comments, blanks and case") {
    struct Row {
        std::string_view field, value;
        bool comment;
    };
    const auto row = GENERATE(Row{"text/plain", "text/plain", false}, Row{" Text/PLAIN ; charset=x", "text/plain", false},
                              Row{"(a(b)c) text/plain", "text/plain", true}, Row{"text/(x)plain", "text/plain", true},
                              Row{"text / plain", "text/plain", false}, Row{"(unclosed text/plain", "", true}, Row{"", "", false},
                              Row{"\r\n text/plain", "text/plain", false}, Row{"text/plain (a \\) b); x=y", "text/plain", true});
    const auto field = parse_structured(row.field, limit);
    CHECK(field.value == row.value);
    CHECK(field.has_comment == row.comment);
}

TEST_CASE("every plausible value of a parameter is a reading, the likeliest first") {
    struct Row {
        std::string_view field, name;
        List values;
    };
    const auto row = GENERATE(
        Row{"a; boundary=b", "boundary", {"b"}}, Row{"a; boundary=\"b c\"", "boundary", {"b c"}},
        Row{"a; BOUNDARY = b ", "boundary", {"b"}}, Row{"a; boundary=b; boundary=c", "boundary", {"b", "c"}},
        Row{"a; boundary=\"a\\\"b\"", "boundary", {"a\"b"}}, Row{"a; boundary=\"b", "boundary", {"b"}},
        Row{"a; boundary=b(c)", "boundary", {"b"}}, Row{"a; bound(x)ary=b", "boundary", {"b"}},
        Row{"a; boundary*0=a; boundary*1=b", "boundary", {"ab"}}, Row{"a; boundary*1=b; boundary*0=a", "boundary", {"ab"}},
        Row{"a; boundary*0=a; boundary*2=b", "boundary", {"ab", "a"}},
        Row{"a; boundary*0=a; boundary*0=c; boundary*1=b", "boundary", {"ab", "acb"}},
        Row{"a; boundary*=us-ascii''%62", "boundary", {"b", "us-ascii''%62"}},
        Row{"a; boundary=c; boundary*=us-ascii'en'b", "boundary", {"c", "b", "us-ascii'en'b"}},
        Row{"a; boundary=\"=?us-ascii?q?b?=\"", "boundary", {"b", "=?us-ascii?q?b?="}},
        Row{"a; boundary=\"a\r\n b\"", "boundary", {"a b", "ab"}}, Row{"a; xboundary=b", "boundary", {}},
        Row{"a; x; boundary=b", "boundary", {"b"}}, Row{"a; x=\"y; boundary=b", "boundary", {}});
    CHECK(values(row.field, row.name) == row.values);
}

TEST_CASE("what is odd about a parameter is told") {
    const auto read = [](std::string_view field) { return readings_of(parse_structured(field, limit), "x"); };
    CHECK(read("a; x=1; x=2").duplicate);
    CHECK_FALSE(read("a; x=1; x=1").duplicate);
    CHECK(read("a; x*0=1; x*0=2").duplicate);
    CHECK(read("a; x*0=1; x*2=2").broken);
    CHECK(read("a; x*=utf-8''%zz").broken);
    CHECK(read("a; x*=no-charset''a").broken);
    CHECK(read("a; x=\"1\"2").broken);
    CHECK(read("a; x=\"1").broken);
    CHECK(read("a; x=\"=?utf-8?q?a?=\"").encoded_word);
    CHECK(read("a; x*=utf-8''a").extended);
    CHECK_FALSE(read("a; x*0*=utf-8''a%20; x*1=b").broken);
    std::string many = "a";
    for (int i = 0; i < 300; ++i) many += "; p=q";
    CHECK(parse_structured(many, limit).too_many);
    CHECK(parse_structured(many, limit).parameters.size() == limit);
}

TEST_CASE("a file's name is found in every documented spelling") {
    struct Row {
        std::string_view field, name;
    };
    const auto row = GENERATE(
        Row{"attachment; filename=payload.exe", "payload.exe"}, Row{"attachment; filename=\"payload.exe\"", "payload.exe"},
        Row{"attachment; filename*=utf-8'en-US'payload.exe", "payload.exe"},
        Row{"attachment; filename*=payload.exe", "payload.exe"}, Row{"attachment; filename*=utf-8''payload%2Eexe", "payload.exe"},
        Row{"attachment; filename*0=pay; filename*1=load.exe", "payload.exe"},
        Row{"attachment; filename*0*=utf-8''pay; filename*1*=load%2Eexe", "payload.exe"},
        Row{"attachment; filename*0*=utf-8''pay; filename*1=load.exe", "payload.exe"},
        Row{"attachment; filename=\"=?utf-8?B?cGF5bG9hZC5leGU=?=\"", "payload.exe"},
        Row{"attachment; filename==?utf-8?Q?payload=2Eexe?=", "payload.exe"},
        Row{"attachment; filename=\"=?utf-8?Q?payload?= =?utf-8?Q?=2Eexe?=\"", "payload.exe"},
        Row{"attachment; filename=my payload.exe", "my payload.exe"},
        Row{"attachment; filename=payload.exe (x).pdf", "payload.exe"},
        Row{"attachment; filename=\"payload.exe\"; filename=\"x.txt\"", "payload.exe"},
        Row{"attachment; filename=x.txt; filename=payload.exe", "payload.exe"},
        Row{"attachment filename=payload.exe", "payload.exe"}, Row{"attachment; filename =\r\n payload.exe", "payload.exe"},
        Row{"attachment; filename=\"pay\r\n load.exe\"", "payload.exe"},
        Row{"attachment; filename=\"x.txt\"payload.exe", "x.txt"},
        Row{"attachment; filename=\"C:\\temp\\payload.exe\"", "C:\\temp\\payload.exe"},
        Row{"attachment; filename=\"payload.exe", "payload.exe"}, Row{"attachment; x=\"a; filename=payload.exe", "payload.exe"},
        Row{"attachment; filename*=iso-8859-1''%FCber.exe", "über.exe"},
        Row{"attachment; filename*=iso-2022-jp''%1B%24B%46%7C%1B%28B.exe", "日.exe"});
    INFO(row.field);
    CHECK(has(names(row.field), row.name));
}

TEST_CASE("decoded names stand before raw ones") {
    const auto found = names("attachment; filename=\"=?utf-8?q?=C3=BC?=.exe\"");
    REQUIRE_FALSE(found.empty());
    CHECK(found.front() == "ü.exe");
    CHECK(has(found, "=?utf-8?q?=C3=BC?=.exe"));
}

TEST_CASE("the extension is what a desktop goes by") {
    CHECK(extension_of("a.EXE") == "exe");
    CHECK(extension_of("a.exe. . ") == "exe");
    CHECK(extension_of("a.tar.gz") == "gz");
    CHECK(extension_of("README") == "");
    CHECK(extension_of("") == "");
}

TEST_CASE("encoded words of every charset become UTF-8") {
    struct Row {
        std::string_view text, decoded;
    };
    const auto row = GENERATE(
        Row{"plain", "plain"}, Row{"=?utf-8?q?a_b?=", "a b"}, Row{"=?UTF-8?B?w7w=?=", "ü"}, Row{"=?utf-8?B?w7w?=", "ü"},
        Row{"=?iso-8859-1*de?q?=FC?= =?iso-8859-1?q?=E4?=", "üä"}, Row{"x =?utf-8?q?a?= y", "x a y"},
        Row{"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"}, Row{"=?koi8-r?b?0NLJ18XU?=", "привет"}, Row{"=?gb2312?b?1tDOxA==?=", "中文"},
        Row{"=?shift_jis?b?k/qWew==?=", "日本"}, Row{"=?windows-1252?q?=80?=", "€"}, Row{"=?utf-7?q?+AOQ-?=", "ä"},
        Row{"=?nobody?q?a?=", "=?nobody?q?a?="}, Row{"=?utf-8?x?a?=", "=?utf-8?x?a?="}, Row{"=?utf-8?q?a", "=?utf-8?q?a"},
        Row{"=?utf-8?q?=FF?=", "\xef\xbf\xbd"}, Row{"=?=?=?", "=?=?=?"}, Row{"", ""});
    CHECK(decode_words(row.text) == row.decoded);
}

TEST_CASE("charsets come from our table alone") {
    CHECK(preopen_charsets() >= 40);
    CHECK(is_known_charset("UTF-8"));
    CHECK(is_known_charset("windows-1250"));
    CHECK(is_known_charset("ks_c_5601-1987"));
    CHECK_FALSE(is_known_charset("../../tmp/evil"));
    CHECK_FALSE(is_known_charset("UTF-8//TRANSLIT"));
    CHECK_FALSE(is_known_charset(std::string(1000, 'x')));
    CHECK(hides_ascii("utf-16le"));
    CHECK_FALSE(hides_ascii("big5"));
    CHECK(to_utf8(std::string_view("h\0i\0", 4), "utf-16le") == "hi");
    CHECK(to_utf8(std::string_view("\0h\0i", 4), "utf-16") == "hi");
    CHECK(to_utf8("\xff\xfeh", "utf-16") == "\xef\xbf\xbd");
    // the mark is believed, whatever is declared, and forgotten afterwards
    CHECK(to_utf8(std::string_view("\xff\xfeh\0i\0", 6), "utf-16") == "hi");
    CHECK(to_utf8(std::string_view("\0h\0i", 4), "utf-16") == "hi");
    CHECK(to_utf8(std::string_view("\xfe\xff\0h\0i", 6), "utf-16le") == "hi");
    CHECK(to_utf8(std::string_view("h\0i\0", 4), "utf-16le") == "hi");
    CHECK(to_utf8(std::string_view("\xff\xfe\0\0h\0\0\0", 8), "utf-32") == "h");
    CHECK(to_utf8(std::string_view("\0\0\0h", 4), "utf-32") == "h");
    CHECK(to_utf8("\x88\x89", "ibm037") == "hi");
    CHECK(hides_ascii("cp500"));
    CHECK_FALSE(hides_ascii("ibm437"));
    CHECK_FALSE(to_utf8("x", "nobody").has_value());
}
