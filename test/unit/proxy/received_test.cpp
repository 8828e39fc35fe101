// received_test - one digest and one message, however the bytes came in
#include "proxy/received.h"

#include <catch2/catch.hpp>

namespace tamis::proxy {
namespace {

std::shared_ptr<const mail::SealedSpool> spool_of(std::string text) {
    const auto size = text.size();
    return std::make_shared<const mail::SealedSpool>(-1, size, std::move(text));
}

// in_pieces - the digest of a text that comes so many octets at a time
std::string in_pieces(std::string_view text, std::size_t size) {
    BodyDigest digest;
    for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) digest.feed(text.substr(0, size));
    return digest.hex();
}

constexpr std::string_view of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST_CASE("the digest is that of the body, in whatever pieces it comes, and of a spool the same") {
    struct Row {
        std::string_view text, want;
    };
    const auto row =
        GENERATE(Row{"Subject: x\r\n\r\nabc", of_abc}, Row{"\r\nabc", of_abc}, Row{"A: b\r\n c\r\nD:\r\n\r\nabc", of_abc},
                 Row{"no field\r\n\r\nabc", of_abc}, Row{"Subject: x\r\n\r\n", of_nothing},
                 Row{"Subject: x\r\nabc\r\n", of_nothing}, Row{"", of_nothing});
    CAPTURE(row.text);
    for (std::size_t size = 1; size <= row.text.size() + 1; ++size) CHECK(in_pieces(row.text, size) == row.want);
    CHECK(body_digest(*spool_of(std::string(row.text))).value() == row.want);
}

TEST_CASE("a header section larger than what is read as fields is no body, whoever brings it") {
    const std::string text = "X: " + std::string(mail::header_limit, 'x') + "\r\n\r\nabc";
    CHECK(in_pieces(text, 65536) == of_abc);
    CHECK(body_digest(*spool_of(text)).value() == of_abc);
}

TEST_CASE("a message has its header as fields, ids of its own, and of the removed bytes those of its header") {
    ReceivedText text;
    text.spool = spool_of("Subject: a\r\n\r\nb\xc3\xa9\r\n");
    text.size = 19;
    text.has_8bit = true;
    text.normalised = 2;
    text.removed = {{3, '\r'}, {15, '\0'}};
    text.digest = "d";
    const auto message = received_message(text, mail::LogId("1-01"));
    CHECK(message.header.fields.size() == 1);
    CHECK(message.header.has_separator);
    CHECK(message.size == 19);
    CHECK(message.has_8bit);
    CHECK_FALSE(message.has_8bit_header);
    CHECK(message.normalised == 2);
    REQUIRE(message.header_controls.size() == 1);
    CHECK(message.header_controls[0].offset == 3);
    CHECK(message.digest == "d");
    CHECK(message.log_id.get() == "1-01");
    CHECK(mail::is_mail_id(message.mail_id.get()));
    CHECK(mail::secret_matches(message.mail_id, message.secret_id));
    CHECK(received_message(text, mail::LogId("1-01")).mail_id.get() != message.mail_id.get());
    text.spool = spool_of("Subject: \xc3\xa9\r\n\r\nb\r\n");
    CHECK(received_message(text, mail::LogId("1-01")).has_8bit_header);
}

}  // namespace
}  // namespace tamis::proxy
