#include "scanners/worker/open/pdf.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "scanners/worker/open/pdf_filters.h"
#include "scanners/worker/open/pdf_syntax.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using namespace std::string_literals;

namespace {

const std::string inside = "the file inside, in the clear\n";

bool holds_inside(const Opened& out) {
    return std::ranges::any_of(out.contents.parts, [&](const auto& part) {
        return part.container == "pdf" && part.size == inside.size() && !part.sha256.empty();
    });
}
std::string name_of_inside(const Opened& out) {
    for (const auto& part : out.contents.parts)
        if (part.container == "pdf" && !part.names.empty()) return part.names.front();
    return "";
}

}  // namespace

TEST_CASE("attached files are parts with their names") {
    for (const char* sample : {"attachment.pdf", "objects.pdf"}) {
        INFO(sample);
        const auto out = open_bytes(of_corpus("identity/"s + sample));
        CHECK(holds_inside(out));
        CHECK(name_of_inside(out) == "inside.txt");
        CHECK(out.contents.anomalies.empty());
        CHECK_FALSE(out.contents.is_undecipherable());
    }
}

TEST_CASE("a PDF that opens with the empty password is not encrypted, and its attachments are read") {
    const std::string sample = GENERATE("r2", "r3", "r4", "r5", "r6", "r6-objects", "r4-objects");
    INFO(sample);
    const auto opens = open_bytes(of_corpus("identity/open-" + sample + ".pdf"));
    CHECK_FALSE(opens.contents.is_encrypted());
    CHECK(holds_inside(opens));
    CHECK(opens.contents.anomalies.empty());
    CHECK(open_bytes(of_corpus("identity/closed-" + sample + ".pdf")).contents.is_encrypted());
}

TEST_CASE("what cannot be checked is encrypted") {
    const auto encrypt = GENERATE("<</Filter/Other/V 1/R 2>>"s, "<</Filter/Standard/V 9/R 9>>"s, "<<>>"s, "99 0 R"s, "5"s);
    CHECK(open_bytes("%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<</Root 1 0 R/Encrypt " + encrypt + ">>\n%%EOF\n")
              .contents.is_encrypted());
}

TEST_CASE("attached files of every filter are read") {
    const auto hex = "<</Type/Embedded#46ile/Filter/ASCIIHexDecode/Length 10>>\nstream\n68656c6c6f>\nendstream"s;
    const auto base = "<</Type/EmbeddedFile/Filter[/A85]/Length 9>>\nstream\nBOu!rDZ~>\nendstream"s;
    const auto run = "<</Type/EmbeddedFile/Filter/RunLengthDecode/Length 7>>\nstream\n\4hello\x80\nendstream"s;
    const auto lzw = "<</Type/EmbeddedFile/Filter/LZWDecode/Length 9>>\nstream\n\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01\nendstream"s;
    for (const auto& [body, size] : {std::pair{hex, 5U}, std::pair{base, 5U}, std::pair{run, 5U}, std::pair{lzw, 10U}}) {
        INFO(body);
        const auto out = open_bytes("%PDF-1.4\n1 0 obj\n" + body + "\nendobj\ntrailer\n<<>>\n");
        REQUIRE(out.contents.parts.size() == 2);
        CHECK(out.contents.parts[1].size == size);
    }
    const auto unknown =
        open_bytes("%PDF-1.4\n1 0 obj\n<</Type/EmbeddedFile/Filter/Jbig/Length 5>>\nstream\nhello\nendstream\nendobj\n");
    CHECK(unknown.contents.is_undecipherable());
}

TEST_CASE("objects are found whatever the length says") {
    const auto length = GENERATE("5"s, "500000"s, "-1"s, "9 0 R"s, "0"s);
    const auto file =
        "%PDF-1.4\n7 0 obj <</Length " + length + "/Type/EmbeddedFile>> stream\r\nhello\r\nendstream endobj 8 0 obj 5 endobj";
    const auto read = read_pdf(file, 100);
    REQUIRE(read.objects.size() == 2);
    CHECK(read.objects[0].id.number == 7);
    CHECK(file.substr(read.objects[0].data, 5) == "hello");
    CHECK(read.objects[1].id.number == 8);
}

TEST_CASE("dictionaries of any depth end") {
    const PdfDictionary dictionary("<</A<</B(x\\)>>)>>/C[<</D 1>>]/E<3e3e>/F#47 2>>rest");
    CHECK(dictionary.size() == "<</A<</B(x\\)>>)>>/C[<</D 1>>]/E<3e3e>/F#47 2>>"s.size());
    CHECK(dictionary.number("FG") == 2);
    CHECK(dictionary.text("E") == ">>");
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<</A";
    CHECK(PdfDictionary(deep).size() == 0);
}

TEST_CASE("hostile objects are read in linear time") {
    const auto piece = GENERATE("1 0 obj<<("s, "1 0 obj<</A<"s, "1 0 obj "s, "1 0 obj<<>>stream\n"s, "trailer<<("s,
                                "1 0 obj<</Type/ObjStm>>stream\nx\nendstream "s);
    std::string file = "%PDF-1.4\n";
    while (file.size() < 1'000'000) file += piece;
    CHECK(open_bytes(file).contents.limit.empty());
}
