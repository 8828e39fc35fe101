#include "scanners/worker/open/transfer_decode.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "scanners/worker/open/text_decode.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

std::string decoded(std::string_view text, Base64Reading reading) {
    StringOutput out;
    decode_base64(text, reading, out);
    return out.bytes;
}
std::string decoded(std::string_view text, QuotedReading reading) {
    StringOutput out;
    decode_quoted(text, reading, out);
    return out.bytes;
}

// Full - takes so many bytes, then no more
class Full final : public Output {
public:
    explicit Full(std::size_t room) : room_(room) {}
    bool put(std::string_view bytes) override {
        if (bytes.size() > room_) return false;
        room_ -= bytes.size();
        return true;
    }

private:
    std::size_t room_;
};

}  // namespace

TEST_CASE("base64 in all its readings") {
    struct Row {
        std::string_view text, skip, stop, first;
        bool junk, after, length;
    };
    const auto row =
        GENERATE(Row{"QUJD", "ABC", "ABC", "ABC", false, false, false}, Row{"QUI=", "AB", "AB", "AB", false, false, false},
                 Row{"QQ==", "A", "A", "A", false, false, false}, Row{"Q U\tJ\r\nD", "ABC", "ABC", "ABC", false, false, false},
                 Row{"Q!U*J-D", "ABC", "ABC", "ABC", true, false, false}, Row{"QUI", "AB", "AB", "", false, false, true},
                 Row{"QQ==QkM=", "ABC", "A", "A", false, true, false}, Row{"QQ=QkM=", "ABC", "A\x04$", "A", false, true, false},
                 Row{"====QUJD", "ABC", "ABC", "", true, true, false}, Row{"QUJDQ", "ABC", "ABC", "ABC", false, false, true},
                 Row{"", "", "", "", false, false, false}, Row{"QQ==\r\n\r\n", "A", "A", "A", false, false, false},
                 Row{"QUJD====", "ABC", "ABC", "ABC", false, false, false});
    INFO(row.text);
    CHECK(decoded(row.text, Base64Reading::skip_padding) == row.skip);
    CHECK(decoded(row.text, Base64Reading::stop) == row.stop);
    CHECK(decoded(row.text, Base64Reading::first_padding) == row.first);
    const auto junk = row.text.find_first_of("!*-");
    CHECK(decoded(row.text, Base64Reading::first_junk) == decoded(row.text.substr(0, junk), Base64Reading::skip_padding));
    StringOutput out;
    const auto notes = decode_base64(row.text, Base64Reading::skip_padding, out);
    CHECK(notes.after_padding == row.after);
    CHECK(notes.wrong_length == row.length);
    CHECK(notes.junk == row.junk);
}

TEST_CASE("base64 of any length and line width comes back") {
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7);
    for (std::size_t size = 0; size < bytes.size(); size += 37) {
        const auto coded = base64_encode(std::string_view(bytes).substr(0, size));
        for (const std::size_t width : {1UL, 3UL, 4UL, 76UL, 77UL, 5000UL}) {
            std::string lines;
            for (std::size_t at = 0; at < coded.size(); at += width)
                lines += coded.substr(at, width) + (width % 2 ? "\n" : "\r\n");
            StringOutput out;
            const auto notes = decode_base64(lines, Base64Reading::skip_padding, out);
            REQUIRE(out.bytes == bytes.substr(0, size));
            REQUIRE_FALSE(notes.is_odd());
        }
    }
}

TEST_CASE("quoted-printable in both readings") {
    struct Row {
        std::string_view text, literal, tolerant;
        bool junk, soft;
    };
    const auto row =
        GENERATE(Row{"a=C3=a4b",
                     "a\xc3\xa4"
                     "b",
                     "a\xc3\xa4"
                     "b",
                     false, false},
                 Row{"a=\r\nb", "ab", "ab", false, false}, Row{"a=\nb", "ab", "ab", false, false},
                 Row{"a= \t\r\nb", "a= \t\r\nb", "ab", false, true}, Row{"a=zzb", "a=zzb", "azzb", true, false},
                 Row{"a=", "a", "a", false, false}, Row{"a=4", "a=4", "a4", true, false},
                 Row{"a = b", "a = b", "a  b", true, false}, Row{"a== b", "a== b", "a b", true, false},
                 Row{"a= ", "a= ", "a", false, true}, Row{"", "", "", false, false}, Row{"a_b ", "a_b ", "a_b ", false, false});
    INFO(row.text);
    CHECK(decoded(row.text, QuotedReading::literal) == row.literal);
    CHECK(decoded(row.text, QuotedReading::tolerant) == row.tolerant);
    StringOutput out;
    const auto notes = decode_quoted(row.text, QuotedReading::literal, out);
    CHECK(notes.junk == row.junk);
    CHECK(notes.soft_breaks == row.soft);
}

TEST_CASE("a decoder stops when its output is full") {
    const auto coded = base64_encode(std::string(300'000, 'x'));
    Full base64_full(100'000);
    CHECK_FALSE(decode_base64(coded, Base64Reading::skip_padding, base64_full).complete);
    Full quoted_full(100'000);
    CHECK_FALSE(decode_quoted(std::string(300'000, 'x'), QuotedReading::literal, quoted_full).complete);
    Full yenc_full(100);
    CHECK_FALSE(decode_yenc(std::string(300'000, 'x'), yenc_full).complete);
}

TEST_CASE("uuencode, yEnc and BinHex") {
    StringOutput uu;
    auto notes = decode_uu("#86)C\r\n`\r\nend\r\nrest", uu);
    CHECK(uu.bytes == "abc");
    CHECK(notes.ended);
    CHECK_FALSE(notes.damaged);
    CHECK(notes.consumed == 15);
    StringOutput broken;
    notes = decode_uu("#86)C\nthis is no data\n", broken);
    CHECK_FALSE(notes.ended);
    CHECK(notes.consumed == 6);
    CHECK(broken.bytes == "abc");
    CHECK(uu_begin("begin 644 a file.exe")->name == "a file.exe");
    CHECK(uu_begin("begin-base64 644 x")->is_base64);
    for (const auto* line : {"begin", "begin644 x", " begin 644 x", "beginning 644 x", "begin-base65 644 x"})
        CHECK_FALSE(uu_begin(line));
    CHECK(uu_begin("begin 64 x")->has_mode);
    CHECK_FALSE(uu_begin("begin the day")->has_mode);
    CHECK(uu_begin("begin-base64-encoded 644 YS5leGU=")->name == "a.exe");
    CHECK(is_uu_line("#86)C"));
    CHECK(is_uu_line("#86)Cxxxxx"));  // readers count
    CHECK_FALSE(is_uu_line("#86)C" + std::string(90, 'x')));
    CHECK_FALSE(is_uu_line("#86xC"));
    CHECK(is_xx_line("1MIWP"));
    CHECK_FALSE(is_xx_line("1MIWP and more"));
    CHECK_FALSE(is_uu_line("the next line"));

    StringOutput yenc;
    CHECK(decode_yenc("\x8b\x8c=n\r\n=yend size=3\r\n", yenc).ended);
    CHECK(yenc.bytes == std::string("ab\x04", 3));
    CHECK(yenc_name("=ybegin line=128 size=3 name=a b.exe") == "a b.exe");
    CHECK_FALSE(yenc_name("=ybegin nonsense").has_value());

    StringOutput base64;
    CHECK(decode_uu_base64("QUJD\n====\n", base64).ended);
    CHECK(base64.bytes == "ABC");
}

TEST_CASE("a text behind base64") {
    struct Row {
        std::string_view text;
        std::size_t begin;
    };
    constexpr auto none = std::string_view::npos;
    const auto row = GENERATE(
        Row{"QUJD\r\n", none}, Row{"QQ==\r\nQkM=\r\n", none}, Row{"QQ==\r\n-- \r\nlist\r\n", 6},
        Row{"QUJD\r\n____\r\na list\r\n", 6}, Row{"QUJD! a list", none}, Row{"QQ== a list!\r\n", none},
        Row{"____\r\nQUJD\r\n", none}, Row{"QUJD\r\n\r\nSee http://a.example/?x=y\r\n", 8},
        Row{"QUJDQUJD\r\n!\r\nQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\r\n", none},
        Row{std::string_view("QUJD\r\n--\0\r\n", 11), none});
    INFO(row.text);
    CHECK(text_behind_base64(row.text) == row.begin);
}
