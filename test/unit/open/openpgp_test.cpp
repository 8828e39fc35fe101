#include "scanners/worker/open/openpgp.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "scanners/worker/open/openpgp_packets.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using namespace std::string_literals;

namespace {

const std::string inside = "the file inside, in the clear\n";

bool holds_inside(const Opened& out) {
    return std::ranges::any_of(out.contents.parts, [&](const auto& part) {
        return part.parent != 0 && part.size == inside.size() && !part.sha256.empty();
    });
}

}  // namespace

TEST_CASE("encrypted OpenPGP messages are told, binary or in armor, in any part") {
    const std::string sample = GENERATE("encrypted.gpg", "encrypted.asc", "passphrase.gpg");
    for (const char* type : {"application/octet-stream", "text/plain", "application/pgp-encrypted", "application/msword"}) {
        const auto out = open_attachment(of_corpus("identity/" + sample), "x.bin", type);
        CHECK(out.contents.is_encrypted());
        CHECK_FALSE(out.contents.is_ambiguous());
    }
}

TEST_CASE("an armored message behind other text is told") {
    const auto armored = of_corpus("identity/encrypted.asc");
    CHECK(open_attachment("Hello,\r\n\r\nplease read:\r\n" + armored + "\r\n-- \r\nme\r\n", "", "text/plain")
              .contents.is_encrypted());
    CHECK(open_attachment("<html><body><pre>\n" + armored + "</pre></body></html>\n", "", "text/html").contents.is_encrypted());
    CHECK(open_attachment(make_zip({{.name = "a.txt", .data = "Hello\n" + armored}}), "a.zip").contents.is_encrypted());
}

TEST_CASE("signed, compressed and literal messages are opened") {
    const std::string sample =
        GENERATE("signed.gpg", "signed.asc", "signed-zlib.gpg", "signed-bzip2.gpg", "signed-plain.gpg", "stored.gpg");
    INFO(sample);
    const auto out = open_attachment(of_corpus("identity/" + sample), sample);
    CHECK(holds_inside(out));
    CHECK_FALSE(out.contents.is_encrypted());
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK_FALSE(out.contents.is_ambiguous());
}

TEST_CASE("keys, detached signatures and texts signed in the clear are nothing of that") {
    for (const char* sample : {"key.gpg", "detached.sig", "clear.asc"}) {
        INFO(sample);
        const auto out = open_attachment(of_corpus("identity/"s + sample), sample);
        CHECK_FALSE(out.contents.is_undecipherable());
        CHECK(out.contents.parts.size() == 1);
    }
}

TEST_CASE("a text that speaks of armor is no message") {
    const auto text = GENERATE(
        "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"s,
        "It begins with -----BEGIN PGP MESSAGE----- and ends somewhere.\n"s, "-----BEGIN PGP MESSAGE-----"s,
        "-----BEGIN PGP MESSAGE-----\nVersion: x\n\nThis is where the encrypted data would be, in base64.\n-----END PGP MESSAGE-----\n"s);
    CHECK_FALSE(open_attachment(text, "", "text/plain").contents.is_undecipherable());
}

TEST_CASE("ordinary data are no OpenPGP messages") {
    unsigned x = 1;
    for (unsigned first = 0x80; first < 0x100; ++first) {
        std::string bytes(1, static_cast<char>(first));
        while (bytes.size() < 400) bytes.push_back(static_cast<char>((x = x * 1103515245 + 12345) >> 16U));
        CHECK(read_pgp(bytes).meaning == PgpMeaning::none);
        for (unsigned second = 0; second < 0x100; ++second) {
            bytes[1] = static_cast<char>(second);
            REQUIRE(read_pgp(bytes).meaning != PgpMeaning::encrypted);
        }
    }
}

TEST_CASE("a literal message in pieces is joined") {
    // new format, tag 11: a piece of 512 bytes, then the rest
    const std::string body = "b\0\0\0\0\0"s + std::string(506, 'x') + "the end";
    const auto message = "\xcb\xe9"s + body.substr(0, 512) + static_cast<char>(body.size() - 512) + body.substr(512);
    const auto out = open_attachment(message, "x.gpg");
    REQUIRE(out.contents.parts.size() == 2);
    CHECK(out.contents.parts[1].size == body.size() - 6);
}

TEST_CASE("armor is found in linear time") {
    std::string text;
    while (text.size() < 1'000'000) text += "-----BEGIN PGP MESSAGE";
    CHECK(open_attachment(text, "", "text/plain").contents.limit.empty());
}
