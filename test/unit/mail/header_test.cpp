// header_test - parsing is total and linear; edits change what they say and nothing else
#include "mail/header.h"

#include <catch2/catch.hpp>

#include <random>

#include "base/text.h"
#include "lib/growth.h"
#include "mail/header_edit.h"

namespace tamis::mail {
namespace {

Message message_of(std::string text) {
    Message message;
    message.header = parse_header(text);
    const auto size = text.size();
    message.spool = std::make_shared<SealedSpool>(-1, size, std::move(text));
    return message;
}

std::string bytes_of(const EditedMessage& edited) {
    std::string out;
    for (const auto& piece : edited.pieces)
        out += piece.size == 0 ? piece.literal : std::string(edited.spool->head().substr(piece.offset, piece.size));
    return out;
}

// check_total - every byte of the header section belongs to exactly one field, or to the empty line
void check_total(std::string_view text) {
    const auto block = parse_header(text);
    CAPTURE(escaped(text.substr(0, 2000), 2000));
    std::size_t at = 0;
    for (const auto& field : block.fields) {
        REQUIRE(field.begin == at);
        REQUIRE(field.end > field.begin);
        REQUIRE(field.value_begin >= field.begin);
        REQUIRE(field.value_begin <= field.end);
        REQUIRE(field.begin + field.name_size <= field.value_begin);
        for (const char c : HeaderBlock::name(field, text)) REQUIRE((c > 0x20 && c < 0x7f && c != ':'));
        REQUIRE(HeaderBlock::value(field, text).size() <= field.end - field.value_begin);
        at = field.end;
    }
    const auto rest = text.substr(at, block.size - at);
    if (block.has_separator) REQUIRE((rest == "\r\n" || rest == "\n"));
    else REQUIRE(rest.empty());
    REQUIRE(block.size <= text.size());
    if (!block.has_separator && !block.truncated) REQUIRE(block.size == text.size());
}

TEST_CASE("every byte belongs to exactly one field: all short texts of the bytes that matter") {
    static constexpr std::string_view sharp("a:\r\n \0", 6);
    for (std::size_t length = 0; length <= 6; ++length) {
        std::size_t count = 1;
        for (std::size_t i = 0; i < length; ++i) count *= sharp.size();
        for (std::size_t code = 0; code < count; ++code) {
            std::string text;
            for (std::size_t rest = code, i = 0; i < length; ++i, rest /= sharp.size()) text += sharp[rest % sharp.size()];
            check_total(text);
        }
    }
}

TEST_CASE("every byte belongs to exactly one field: random texts") {
    std::mt19937 random(1);
    static constexpr std::string_view sharp("aB-:\r\n \t\0\x80", 10);
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (std::size_t size = random() % 200; text.size() < size;)
            text += random() % 4 == 0 ? std::string("\r\n") : std::string(1, sharp[random() % sharp.size()]);
        check_total(text);
    }
}

TEST_CASE("names, values and lines that are none") {
    struct Row {
        std::string text, name, value;
    };
    const auto row = GENERATE(Row{"Subject: x\r\n", "Subject", " x"}, Row{"Subject : x\r\n", "Subject", " x"},
                              Row{"Subject:\r\n", "Subject", ""}, Row{"Subject:", "Subject", ""}, Row{"A:b\n", "A", "b"},
                              Row{"A: b\r\n c\r\n\t\r\n", "A", " b\r\n c\r\n\t"}, Row{": x\r\n", "", ": x"},
                              Row{"no colon\r\n", "", "no colon"}, Row{" blank: first\r\n", "", " blank: first"},
                              Row{"a b: c\r\n", "", "a b: c"}, Row{"\xc3\xa9: c\r\n", "", "\xc3\xa9: c"},
                              Row{"From x y\r\n", "", "From x y"}, Row{"\rA: b\r\n", "", "\rA: b"}, Row{"A:: b\r\n", "A", ": b"});
    const auto block = parse_header(row.text);
    CAPTURE(escaped(row.text));
    REQUIRE(block.fields.size() == 1);
    CHECK(HeaderBlock::name(block.fields[0], row.text) == row.name);
    CHECK(HeaderBlock::value(block.fields[0], row.text) == row.value);
}

TEST_CASE("a header above the limit ends before the field that reaches it") {
    std::string text = "A: b\r\nX-Spam-Flag: NO";
    text.append(header_limit, 'x');
    text += "\r\nX-Quarantine-ID: <forged>\r\n\r\nbody";
    const auto block = parse_header(text);
    CHECK(block.truncated);
    REQUIRE(block.fields.size() == 1);
    CHECK(block.size == 6);
    HeaderEdits edits;
    edits.prepend("New", "x");
    edits.remove("X-Spam-Flag");
    edits.replace_next("A", "c");
    CHECK(bytes_of(edits.apply(message_of(text))) == "New: x\r\nA: c\r\n" + text.substr(6));
}

std::string repeated(std::string_view unit, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += unit;
    out.resize(bytes);
    return out;
}

TEST_CASE("time grows with the size, whatever the shape") {
    const std::string unit = GENERATE("a", "=?", "=?utf-8?q?", "=?utf-8?q?a?=", "=?a?q?", "(", "\"", "\\", "<", "[", "\r\n ", ",",
                                      "a:", "a:\r\n", "\n", "(\\", "a@b,", ": ", "=?utf-8?b?AAAA?= ");
    CAPTURE(unit);
    CHECK(tamis::test::grows_linearly(header_limit / 64, [&](std::size_t size) {
        const auto text = repeated(unit, size);
        const auto block = parse_header(text);
        HeaderEdits edits;
        edits.remove("a");
        const bool is_bounded = block.fields.size() <= text.size() && decode_words(text).size() <= 2 * text.size() &&
                                addresses_of(text, 100).size() <= 100 && unfolded(text).size() <= text.size() &&
                                field_text("X", text).size() <= 2 * text.size() + 10 &&
                                edits.apply(message_of(text)).pieces.size() <= text.size();
        if (!is_bounded) FAIL("more comes out than goes in");
    }));
}

TEST_CASE("encoded words") {
    struct Row {
        const char *text, *want;
    };
    const auto row = GENERATE(
        Row{"plain", "plain"}, Row{"=?utf-8?Q?caf=C3=A9?=", "caf\xc3\xa9"}, Row{"=?UTF-8?B?Y2Fmw6k=?=", "caf\xc3\xa9"},
        Row{"=?iso-8859-1?q?a=E9_b?= c", "a\xc3\xa9 b c"}, Row{"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
        Row{"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"}, Row{"=?utf-8?q?a?= b", "a b"}, Row{"=?utf-8?q?a", "=?utf-8?q?a"},
        Row{"=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="}, Row{"=?koi8-r?q?a?=", "=?koi8-r?q?a?="}, Row{"=?utf-8*en?q?a?=", "a"},
        Row{"=?utf-8?x?a?=", "=?utf-8?x?a?="}, Row{"=?utf-8?q?=4?=", "=?utf-8?q?=4?="}, Row{"=?utf-8?b?Y?=", "=?utf-8?b?Y?="},
        Row{"=?windows-1252?q?=80?=", "\xe2\x82\xac"}, Row{"=?", "=?"}, Row{"=??q?a?=", "=??q?a?="});
    CHECK(decode_words(row.text) == row.want);
}

TEST_CASE("what is encoded can be decoded, and stands on lines of at most 76") {
    std::mt19937 random(3);
    for (int round = 0; round < 2000; ++round) {
        std::string text = "\xc3\xa9";
        for (std::size_t size = random() % 200; text.size() < size;) {
            static constexpr std::string_view pieces[] = {"a",    " ",  "?",   "=", "_", "\xc3\xa9", "\xe4\xb8\xad",
                                                          "\r\n", "=?", "\x01"};
            text += pieces[random() % std::size(pieces)];
        }
        const auto encoded = encode_words(text, 9);
        CHECK(decode_words(encoded) == text);
        CHECK(is_ascii(encoded));
        for (const auto line : split("Subject: " + encoded, '\n')) CHECK(line.size() <= 77);
    }
    CHECK(encode_words("plain", 9) == "plain");
    CHECK(encode_words("", 9).empty());
}

TEST_CASE("addresses of a From field") {
    struct Row {
        const char* text;
        std::vector<std::string> want;
    };
    const auto row = GENERATE(Row{"a@b", {"a@b"}}, Row{"A B <a@b>", {"a@b"}}, Row{"\"x, y\" <a@b>, c@d", {"a@b", "c@d"}},
                              Row{"a@b (comment, with (nested) <x@y>)", {"a@b"}}, Row{"Group: a@b, <c@d>;", {"a@b", "c@d"}},
                              Row{"undisclosed-recipients:;", {}}, Row{"nobody", {}}, Row{"", {}}, Row{"<>", {}},
                              Row{"\"a@b\"@c", {"\"a@b\"@c"}}, Row{"<a@b", {"a@b"}}, Row{"a\r\n @b", {"a @b"}}, Row{"(", {}},
                              Row{"\"", {}}, Row{"(\\", {}}, Row{"\"\\", {}});
    CAPTURE(row.text);
    CHECK(addresses_of(row.text) == row.want);
    CHECK(addresses_of("a@b,c@d,e@f", 2) == std::vector<std::string>{"a@b", "c@d"});
}

}  // namespace
}  // namespace tamis::mail
