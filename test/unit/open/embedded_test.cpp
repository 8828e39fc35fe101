// embedded_test - files written as text: every encoding in every spelling, within everything that may carry it
#include "scanners/worker/open/embedded.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::AnomalyKind;

namespace {

constexpr std::string_view evil = "MZ this is what somebody wants to hide from the scanners, 0123456789";

std::string uu_lines(std::string_view data, bool is_xx) {
    constexpr std::string_view xx = "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const auto coded = [&](unsigned value) { return is_xx ? xx[value] : value == 0 ? '`' : static_cast<char>(value + 32); };
    std::string out;
    for (std::size_t at = 0; at < data.size(); at += 45) {
        const auto line = data.substr(at, 45);
        out += coded(static_cast<unsigned>(line.size()));
        for (std::size_t i = 0; i < line.size(); i += 3) {
            unsigned bits = 0;
            for (std::size_t j = 0; j < 3; ++j)
                bits = bits << 8 | (i + j < line.size() ? static_cast<unsigned char>(line[i + j]) : 0U);
            for (unsigned j = 0; j < 4; ++j) out += coded(bits >> (18 - 6 * j) & 63U);
        }
        out += "\n";
    }
    return out + coded(0) + "\n";
}

enum class Sum { right, of_four, wrong };

std::string hqx(std::string_view data, std::string_view resource, Sum sum = Sum::right) {
    constexpr std::string_view alphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
    const auto big = [](std::uint64_t value, int bytes) {
        std::string out;
        for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
        return out;
    };
    const auto crc = [&](std::string_view bytes, std::size_t zeros = 2) {
        unsigned out = 0;
        for (const char c : std::string(bytes) + std::string(zeros, '\0'))
            for (int bit = 7; bit >= 0; --bit) {
                const bool carry = (out & 0x8000U) != 0;
                out = (out << 1 | (static_cast<unsigned char>(c) >> bit & 1U)) & 0xffffU;
                if (carry) out ^= 0x1021U;
            }
        return big(out, 2);
    };
    const std::string head = std::string("\x05") + "a.exe" + std::string(1, '\0') + "APPL????" + std::string(2, '\0') +
                             big(data.size(), 4) + big(resource.size(), 4);
    std::string raw = head + (sum == Sum::wrong ? std::string("xx") : crc(head, sum == Sum::right ? 2 : 4));
    raw += std::string(data) + crc(data) + std::string(resource) + crc(resource);
    std::string out = ":";
    unsigned bits = 0, held = 0;
    for (const char c : raw + std::string(2, '\0')) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (held += 8; held >= 6; held -= 6) {
            out += alphabet[bits >> (held - 6) & 63U];
            if (out.size() % 65 == 64) out += '\n';
        }
    }
    return out + ":\n";
}

std::string yenc_lines(std::string_view data) {
    std::string out;
    for (const char c : data) out += static_cast<char>(static_cast<unsigned char>(c) + 42U);
    return out + "\n";
}

struct Form {
    std::string name, text;
};

// forms - the file in every spelling
std::vector<Form> forms() {
    std::vector<Form> out;
    for (const auto* mode : {"64", "644", "0644", "100644", "7", "1006440", "888"})
        out.push_back(
            {std::string("uu mode ") + mode, std::string("begin ") + mode + " a.exe\n" + uu_lines(evil, false) + "end\n"});
    const auto lines = uu_lines(evil, false);
    out.push_back({"uu without a mode", "begin a.exe\n" + lines + "end\n"});
    out.push_back({"uu without a name", "begin 644\n" + lines + "end\n"});
    out.push_back({"uu without an end", "begin 644 a.exe\n" + lines});
    out.push_back({"uu with an empty line", "begin 644 a.exe\n\n" + lines + "end\n"});
    out.push_back({"uu in capitals", "BEGIN 644 A.EXE\n" + lines + "end\n"});
    out.push_back({"uu with a tab", "begin\t644\ta.exe\n" + lines + "end\n"});
    out.push_back({"xx", "begin 644 a.exe\n" + uu_lines(evil, true) + "end\n"});
    const auto base64 = base64_encode(evil);
    for (const auto* word : {"begin-base64 644 a.exe", "begin-base64 64 a.exe", "begin-base64-encoded 644 YS5leGU="}) {
        out.push_back({word, std::string(word) + "\n" + base64 + "\n====\n"});
        out.push_back({std::string(word) + ", no end", std::string(word) + "\n" + base64 + "\n"});
    }
    out.push_back({"hqx", "(This file must be converted with BinHex 4.0)\n\n" + hqx(evil, "")});
    out.push_back({"hqx without its words", hqx(evil, "")});
    for (const auto* line : {"=ybegin line=128 size=68 name=a.exe", "=ybegin line=128 name=a.exe", "=ybegin name=a.exe",
                             "=ybegin part=1 line=128 size=68 name=a.exe"})
        out.push_back({line, std::string(line) + "\n" + yenc_lines(evil) + "=yend size=68\n"});
    return out;
}

std::string with_line_ends(std::string_view text, std::string_view end) {
    std::string out;
    for (const char c : text) out += c == '\n' ? std::string(end) : std::string(1, c);
    return out;
}

std::string wide(std::string_view text, std::size_t unit, bool little) {
    std::string out;
    for (const char c : text) {
        if (little) out += c;
        out.append(unit - 1, '\0');
        if (!little) out += c;
    }
    return out;
}

std::string base64_part(std::string_view type, std::string_view bytes) {
    return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64_encode(bytes) + "\r\n--bb--\r\n";
}

Opened opened(std::string message, KindFinder* kinds = nullptr) {
    OpenerSetup setup;
    setup.decoders = mime_decoders();
    std::ranges::move(archive_decoders(), std::back_inserter(setup.decoders));
    setup.kinds = kinds;
    setup.open_message = open_mime;
    return open_message(setup, Blob::of(std::move(message)));
}

bool finds_evil(const Opened& opened) {
    return std::ranges::any_of(opened.contents.parts, [](const auto& part) {
        return part.size == evil.size() &&
               (part.container == "uuencode" || part.container == "yenc" || part.container == "binhex");
    });
}

}  // namespace

TEST_CASE("files written as text are found in every spelling, in every carrier") {
    for (const auto& form : forms()) {
        for (const auto* before :
             {"", "some words\nbefore it\n\n", ":\n=\nbegin\n(\n", "begin the day with 644 words\nbegin 644\n"}) {
            const auto text = before + form.text + "words behind it\n";
            INFO(form.name << ", behind \"" << before << "\"");
            CHECK(finds_evil(opened(with_line_ends("MIME-Version: 1.0\nContent-Type: text/plain\n\n" + text, "\r\n"))));
            for (const auto* end : {"\r\n", "\n", "\r"}) {
                const auto lines = with_line_ends(text, end);
                for (const auto* type : {"text/plain", "application/octet-stream", "application/octet-stream; name=x.uue",
                                         "image/png", "application/mac-binhex40"}) {
                    INFO("as " << type << ", line end " << escaped(end));
                    const auto out = opened(base64_part(type, lines));
                    CHECK(finds_evil(out));
                    const bool is_text = std::string_view(type).starts_with("text/");
                    CHECK(has_anomaly(out.contents, AnomalyKind::embedded_encoding) == is_text);
                }
            }
        }
    }
}

TEST_CASE("files written as text are found behind every charset that hides them") {
    using namespace std::string_view_literals;
    for (const auto& form : forms()) {
        if (form.name.starts_with("=y")) continue;  // bytes, no characters
        const auto text = "words before it\n" + form.text;
        struct Row {
            std::string charset, bytes;
        };
        const Row rows[] = {{"utf-16le", wide(text, 2, true)},
                            {"utf-16be", wide(text, 2, false)},
                            {"utf-16", wide(text, 2, false)},
                            {"utf-16", wide(text, 2, true)},
                            {"utf-16", "\xff\xfe" + wide(text, 2, true)},
                            {"utf-16le", "\xfe\xff" + wide(text, 2, false)},
                            {"utf-32", wide(text, 4, false)},
                            {"utf-32le", wide(text, 4, true)},
                            {"utf-8", "\xff\xfe" + wide(text, 2, true)},
                            {"", wide(text, 2, true)},
                            {"us-ascii", wide(text, 2, false)},
                            {"", std::string("\0\0\xfe\xff"sv) + wide(text, 4, false)}};
        for (const auto& row : rows) {
            INFO(form.name << " in " << row.charset);
            CHECK(finds_evil(opened(base64_part("text/plain; charset=" + (row.charset.empty() ? "x" : row.charset), row.bytes))));
            CHECK_FALSE(wide_charset_of(row.bytes).empty());
            CHECK(finds_evil(opened(base64_part("application/octet-stream", row.bytes))));
        }
    }
}

TEST_CASE("lines that lost the blanks at their ends are whole again") {
    for (const std::size_t zeros : {5U, 20U, 40U}) {  // at the end of the first line, and within the third
        std::string data = std::string("MZ") + std::string(43 - zeros, 'x') + std::string(zeros, '\0') + std::string(45, 'y') +
                           std::string(45, '\0') + "end of it";
        auto lines = uu_lines(data, false);
        std::ranges::replace(lines, '`', ' ');
        std::string trimmed;
        for (const auto line : split(lines, '\n')) trimmed += std::string(line.substr(0, line.find_last_not_of(' ') + 1)) + "\n";
        const auto out =
            opened(with_line_ends("Content-Type: text/plain\n\nwords\nbegin 644 a.exe\n" + trimmed + "end\n", "\r\n"));
        INFO(zeros);
        REQUIRE(part_named(out.contents, "a.exe") != nullptr);
        CHECK(part_named(out.contents, "a.exe")->sha256 ==
              opened(base64_part("application/x; name=a.exe", data)).contents.parts[1].sha256);
    }
}

TEST_CASE("words in capitals behind the data are no data") {
    const auto out = opened(with_line_ends(
        "Content-Type: text/plain\n\nbegin 644 a.exe\n" + uu_lines(evil, false) + "REGARDS\nTHE MANAGEMENT\n", "\r\n"));
    CHECK(finds_evil(out));
}

TEST_CASE("an encoding that ends nowhere hides no other file") {
    for (const auto* first : {"=ybegin line=128 size=1 name=a\nxx\n", "begin-base64 644 x\nQUJD\n", "begin 644 x\n#86)C\n", ":\n",
                              "=ybegin name=b\n=ybegin name=c\n"})
        for (const auto& form : forms()) {
            INFO(first << form.name);
            CHECK(finds_evil(opened(with_line_ends("Content-Type: text/plain\n\n" + (first + form.text), "\r\n"))));
        }
}

TEST_CASE("strange lines between the data are passed over, and told") {
    auto text = std::string("begin 644 a.exe\n") + uu_lines(evil, false) + "end\n";
    text.insert(text.find('\n', 20) + 1, "what is this\n");
    const auto out = opened(base64_part("application/octet-stream", text));
    CHECK(finds_evil(out));
    CHECK(has_anomaly(out.contents, AnomalyKind::embedded_encoding));
    CHECK(out.contents.is_ambiguous());
}

TEST_CASE("both forks of BinHex are parts") {
    const auto out = opened("Content-Type: application/mac-binhex40\r\n\r\n" + with_line_ends(hqx("data", evil), "\r\n"));
    CHECK(part_named(out.contents, "a.exe") != nullptr);
    CHECK(finds_evil(out));
    CHECK(finds_evil(opened("Content-Type: text/plain\r\n\r\n" + with_line_ends(hqx(evil, "", Sum::of_four), "\r\n"))));
    // a wrong checksum: only where it is declared
    CHECK(
        finds_evil(opened("Content-Type: application/mac-binhex40\r\n\r\n" + with_line_ends(hqx(evil, "", Sum::wrong), "\r\n"))));
    CHECK_FALSE(finds_evil(opened("Content-Type: text/plain\r\n\r\n" + with_line_ends(hqx(evil, "", Sum::wrong), "\r\n"))));
}

TEST_CASE("prose about such files is prose") {
    for (const auto* text :
         {"We begin 644 tests now\nbegin 644 is how uuencode begins\nend\n", "begin 644 a.txt\nthis is no data\nend\n",
          "begin the work\nand end it\n", "begin 644 file.txt\n\n(the data come here)\n\nend\n",
          "begin-base64 644 x\nis the other way to begin\n====\n", "=ybegin is how yEnc begins\n", "a list:\n:one\n:two\n",
          "::= means is\n:-)\n", "begin\n  writeln('x');\nend.\n", "BEGIN 644 X\nM IS FOR MANY WORDS IN CAPITALS\n",
          "begin 1 day early\nTHIS LINE IS IN CAPITALS\n", "begin 12 THINGS\nA B C\nD E F\nend\n",
          "(This file is about BinHex)\n:word:\n"}) {
        INFO(text);
        for (const auto& message : {with_line_ends(std::string("Content-Type: text/plain\n\n") + text, "\r\n"),
                                    base64_part("text/plain", text), base64_part("application/octet-stream", text)}) {
            const auto out = opened(message);
            CHECK(std::ranges::none_of(out.contents.parts, [](const auto& part) {
                return part.container == "uuencode" || part.container == "yenc" || part.container == "binhex";
            }));
            CHECK(out.contents.anomalies.empty());
        }
    }
}

TEST_CASE("a file of base64 that is named so") {
    const auto base64 = base64_encode(evil) + "\n";
    const auto finds = [](const Opened& out) {
        return std::ranges::any_of(out.contents.parts,
                                   [](const auto& part) { return part.container == "base64" && part.size == evil.size(); });
    };
    CHECK(finds(opened(base64_part("application/octet-stream; name=a.exe.b64", base64))));
    CHECK(part_named(opened(base64_part("text/plain; name=a.exe.b64", base64)).contents, "a.exe") != nullptr);
    CHECK_FALSE(finds(opened(base64_part("text/plain", base64))));
    CHECK_FALSE(finds(opened(base64_part("text/plain; name=a.b64", "words, and no base64\n"))));
}

TEST_CASE("within archives, files that are named so are looked into") {
    const auto text = "words\nbegin 644 a.exe\n" + uu_lines(evil, false) + "end\n";
    const auto kinds = MagicKinds::load();
    REQUIRE(kinds);
    REQUIRE(prepare_archives());
    CHECK(finds_evil(opened(base64_part("application/zip", pack("zip", "none", {{"x.uue", text}})), kinds->get())));
    const auto yenc = "=ybegin line=128 size=68 name=a.exe\n" + yenc_lines(evil) + "=yend size=68\n";  // octets that no text has
    CHECK(finds_evil(opened(base64_part("application/zip", pack("zip", "none", {{"x.yenc", yenc}})), kinds->get())));
    // nobody opens it as anything but a text
    CHECK_FALSE(finds_evil(opened(base64_part("application/zip", pack("zip", "none", {{"manual.txt", text}})), kinds->get())));
}
