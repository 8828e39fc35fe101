#include "scanners/worker/open/cms.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "scanners/worker/open/ber.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using namespace std::string_literals;

namespace {

const std::string inside = "the file inside, in the clear\n";

bool holds(const Opened& out, std::uint64_t size) {
    return std::ranges::any_of(out.contents.parts,
                               [&](const auto& part) { return part.parent != 0 && part.size == size && !part.sha256.empty(); });
}
bool holds_inside(const Opened& out) { return holds(out, inside.size()); }

// tlv - one element; `indefinite`: with end-of-contents octets
std::string tlv(unsigned tag, const std::string& content, bool indefinite = false) {
    std::string out(1, static_cast<char>(tag));
    if (indefinite) return out + "\x80" + content + "\0\0"s;
    if (content.size() < 128) return out + static_cast<char>(content.size()) + content;
    return out + "\x84" + static_cast<char>(content.size() >> 24U) + static_cast<char>(content.size() >> 16U) +
           static_cast<char>(content.size() >> 8U) + static_cast<char>(content.size()) + content;
}
std::string id(unsigned last) { return "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"s + static_cast<char>(last); }

// signed_with - a signed message without signers; `pieces`: octets of the string, each one of its own
std::string signed_with(const std::string& content, std::size_t piece, bool indefinite, unsigned type = 1) {
    std::string octets;
    if (piece == 0) {
        octets = tlv(0x04, content);
    } else {
        std::string all;
        for (std::size_t at = 0; at < content.size(); at += piece) all += tlv(0x04, content.substr(at, piece));
        octets = tlv(0x24, all, indefinite);
    }
    const auto inner = tlv(0x30, id(type) + tlv(0xa0, octets, indefinite), indefinite);
    return tlv(0x30, id(2) + tlv(0xa0, tlv(0x30, "\x02\x01\x01\x31\0"s + inner + "\x31\0"s, indefinite), indefinite), indefinite);
}

}  // namespace

TEST_CASE("signed, compressed and plain CMS messages are opened, whatever their type and name") {
    const std::string sample = GENERATE("signed-file.txt.p7m", "signed-file.pem", "digested.p7m", "data.p7m", "signed-twice.p7m");
    INFO(sample);
    for (const char* type : {"application/octet-stream", "application/pkcs7-mime", "image/png"}) {
        const auto out = open_attachment(of_corpus("identity/" + sample), sample, type);
        CHECK(holds_inside(out));
        CHECK_FALSE(out.contents.is_encrypted());
        CHECK_FALSE(out.contents.is_undecipherable());
        CHECK_FALSE(out.contents.is_ambiguous());
    }
}

TEST_CASE("a MIME entity that is signed is walked") {
    const std::string sample = GENERATE("signed-entity.p7m", "signed-stream.p7m");
    const auto out = open_attachment(of_corpus("identity/" + sample), "smime.p7m", "application/pkcs7-mime");
    const auto* part = part_named(out.contents, "inside.bin");
    REQUIRE(part != nullptr);
    CHECK(part->size == inside.size());
    CHECK_FALSE(out.contents.is_undecipherable());
}

TEST_CASE("a signed file has its name without the ending") {
    CHECK(part_named(open_attachment(of_corpus("identity/signed-file.txt.p7m"), "invoice.xml.p7m").contents, "invoice.xml") !=
          nullptr);
}

TEST_CASE("what is encrypted is told by its content type") {
    for (const char* sample : {"enveloped.p7m", "authenticated.p7m", "encrypted-data.p7m"})
        for (const char* name : {"smime.p7m", "x.bin"})
            CHECK(open_attachment(of_corpus("identity/"s + sample), name).contents.is_encrypted());
}

TEST_CASE("detached signatures and certificates hold nothing") {
    for (const char* sample : {"detached.p7s", "certificates.p7b"}) {
        const auto out = open_attachment(of_corpus("identity/"s + sample), sample, "application/pkcs7-mime");
        CHECK(out.contents.parts.size() == 1);
        CHECK_FALSE(out.contents.is_undecipherable());
    }
}

TEST_CASE("lengths may be indefinite and octet strings in pieces") {
    for (const std::size_t piece : {std::size_t{0}, std::size_t{1}, std::size_t{13}, std::size_t{1000}})
        for (const bool indefinite : {false, true}) {
            INFO(piece << " " << indefinite);
            const auto out = open_attachment(signed_with(inside, piece, indefinite));
            CHECK(holds_inside(out));
            CHECK_FALSE(out.contents.is_undecipherable());
        }
}

TEST_CASE("messages within each other are opened, not without end") {
    auto message = inside;
    for (int i = 0; i < 5; ++i) message = signed_with(message, 0, false);
    CHECK(holds_inside(open_attachment(message)));
    for (int i = 0; i < 40; ++i) message = signed_with(message, 0, false);
    CHECK_FALSE(open_attachment(message).contents.limit.empty());
    std::string deep = tlv(0x04, inside);
    for (int i = 0; i < 100; ++i) deep = tlv(0x24, deep);
    const auto out = open_attachment(tlv(0x30, id(1) + tlv(0xa0, deep)));
    CHECK(out.contents.is_undecipherable());
}

TEST_CASE("bytes behind the structure are a second reading") {
    const auto message = of_corpus("identity/signed-file.txt.p7m");
    const auto out = open_attachment(message + make_zip({{.name = "a.exe", .data = "MZ"}}));
    CHECK(out.contents.is_ambiguous());
    CHECK(part_named(out.contents, "a.exe") != nullptr);
    CHECK_FALSE(open_attachment(message + "\r\n").contents.is_ambiguous());
}

TEST_CASE("what is cut, or calls itself CMS and is none, is undecipherable") {
    const auto message = of_corpus("identity/signed-file.txt.p7m");
    for (const std::size_t size : {std::size_t{20}, std::size_t{60}, message.size() - 1})
        CHECK(open_attachment(message.substr(0, size)).contents.is_undecipherable());
    CHECK(open_attachment("x", "smime.p7m", "application/pkcs7-mime").contents.is_undecipherable());
    CHECK_FALSE(open_attachment("0\x82\x01\x02 and other data, none of it CMS").contents.is_undecipherable());
}

TEST_CASE("BER elements never reach beyond their bytes") {
    const auto bytes =
        GENERATE(""s, "\x30"s, "\x30\x80"s, "\x30\x84\xff\xff\xff\xff"s, "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"s,
                 "\x30\x80\x30\x80\x30\x80"s, "\x04\x80\0\0"s, "\x1f\xff\xff\xff"s);
    const auto element = read_ber(bytes);
    if (element) CHECK(element->size <= bytes.size());
    if (element) CHECK(element->content.size() <= bytes.size());
}
