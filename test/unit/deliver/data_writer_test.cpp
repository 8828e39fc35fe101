#include "deliver/data_writer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>

namespace tamis::deliver {
namespace {

std::string text_of(const LineGuard::Views& views) {
    std::string out;
    for (const auto& view : views) out.append(static_cast<const char*>(view.data()), view.size());
    return out;
}

// is_wire_clean - the promise of data_writer.h, checked without any of its code
bool is_wire_clean(const std::string& wire) {
    std::size_t at = 0;
    for (;;) {
        const auto end = wire.find("\r\n", at);
        if (end == std::string::npos) return false;  // the last line is not ended
        const auto line = wire.substr(at, end - at);
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return false;
        at = end + 2;
        if (line == ".") return at == wire.size();
        if (line.starts_with('.') && !line.starts_with("..")) return false;
    }
}

// unstuffed - what a receiver makes of it
std::string unstuffed(const std::string& wire) {
    std::string out;
    for (std::size_t at = 0; at < wire.size();) {
        const auto end = wire.find("\r\n", at) + 2;
        auto line = wire.substr(at, end - at);
        at = end;
        if (line == ".\r\n") break;
        if (line.starts_with('.')) line.erase(0, 1);
        out += line;
    }
    return out;
}

// normalised - the documented meaning, the slow and obvious way
std::string normalised(const std::string& in) {
    std::string lf;
    for (const char c : in)
        if (c != '\0' && c != '\r') lf += c;
    std::string out;
    for (const char c : lf) {
        if (c == '\n') out += '\r';
        out += c;
    }
    if (!out.empty() && !out.ends_with('\n')) out += "\r\n";
    return out;
}

std::string guard(const std::vector<std::string_view>& pieces, std::size_t max_views = 512) {
    LineGuard rule;
    std::string out;
    for (auto piece : pieces)
        while (!piece.empty()) {
            LineGuard::Views views;
            const auto used = rule.feed(piece, views, max_views);
            if (used == 0) return "no progress";
            if (views.size() > max_views) return "too many views";
            out += text_of(views);
            piece.remove_prefix(used);
        }
    LineGuard::Views last;
    rule.finish(last);
    return out + text_of(last);
}

std::shared_ptr<const mail::SealedSpool> spool_of(const std::string& text, std::size_t head) {
    const int descriptor = ::memfd_create("spool", MFD_CLOEXEC);
    REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    return std::make_shared<const mail::SealedSpool>(descriptor, text.size(), text.substr(0, head));
}

std::string write_all(const mail::EditedMessage& message, std::size_t* batches = nullptr) {
    DataWriter writer(message);
    std::string out;
    for (std::size_t count = 0;; ++count) {
        const auto batch = writer.next();
        REQUIRE(batch);
        REQUIRE((*batch)->size() <= DataWriter::batch_views);
        if ((*batch)->empty()) {
            if (batches != nullptr) *batches = count;
            return out;
        }
        out += text_of(**batch);
    }
}

}  // namespace

TEST_CASE("every sequence of CR, LF, NUL, dot and a letter leaves as CRLF lines, however it is split") {
    constexpr std::string_view alphabet("\r\n\0.a", 5);
    std::size_t tried = 0;
    for (std::size_t length = 1; length <= 7; ++length) {
        std::size_t count = 1;
        for (std::size_t i = 0; i < length; ++i) count *= alphabet.size();
        for (std::size_t number = 0; number < count; ++number) {
            std::string in;
            for (std::size_t i = 0, rest = number; i < length; ++i, rest /= 5) in += alphabet[rest % 5];
            const auto want = normalised(in);
            const auto whole = guard({in});
            if (!is_wire_clean(whole) || unstuffed(whole) != want) FAIL("whole: " << number << " of " << length);
            std::vector<std::string_view> bytes;
            for (std::size_t i = 0; i < length; ++i) bytes.push_back(std::string_view(in).substr(i, 1));
            if (guard(bytes) != whole) FAIL("byte by byte: " << number << " of " << length);
            for (std::size_t cut = 1; cut < length; ++cut)
                if (guard({std::string_view(in).substr(0, cut), std::string_view(in).substr(cut)}) != whole)
                    FAIL("cut at " << cut << ": " << number << " of " << length);
            if (guard({in}, 8) != whole) FAIL("few views: " << number << " of " << length);
            ++tried;
        }
    }
    CHECK(tried == 97655);
}

TEST_CASE("random bytes leave as CRLF lines, and long lines hold the same sequences") {
    std::mt19937 random(1);
    std::uniform_int_distribution<int> byte(0, 255);
    std::uniform_int_distribution<std::size_t> size(0, 3000);
    for (int round = 0; round < 300; ++round) {
        std::string in(size(random), 'x');
        for (auto& c : in) {
            const int drawn = byte(random);
            c = drawn < 40 ? "\r\n.\0a"[drawn % 5] : static_cast<char>(byte(random));
        }
        const auto wire = guard({in}, 16);
        REQUIRE(is_wire_clean(wire));
        REQUIRE(unstuffed(wire) == normalised(in));
    }
    for (const std::size_t length : {997U, 998U, 999U, 65536U, 300000U})
        for (const std::string tail : {"\n.\n", "\r.\r\n", "\n.\r\nMAIL FROM:<>\n", "\r\n\r.\n", "."}) {
            const auto wire = guard({std::string(length, 'x') + tail});
            REQUIRE(is_wire_clean(wire));
        }
}

TEST_CASE("clean text comes back identical and is not copied") {
    const std::string text = "Subject: x\r\n\r\nline\r\n..dots\r\n.\r\n" + std::string(2000, 'y') + "\r\n";
    CHECK(unstuffed(guard({text})) == text);
    const std::string plain = "Subject: x\r\n\r\nno dots here\r\n";
    LineGuard rule;
    LineGuard::Views views;
    CHECK(rule.feed(plain, views, 512) == plain.size());
    REQUIRE(views.size() == 1);
    CHECK(views.front().data() == plain.data());
    CHECK(guard({}) == ".\r\n");
    CHECK(guard({"no end"}) == "no end\r\n.\r\n");
}

TEST_CASE("a message of literals and spool ranges is one batch when small") {
    const std::string text = "From: a\r\nX-Old: gone\r\n\r\nbody\r\n.dot\r\n";
    mail::EditedMessage message;
    message.spool = spool_of(text, text.size());
    message.pieces = {{"Received: us\r\n", 0, 0}, {"", 0, 9}, {"X-New: 1\r\n", 0, 0}, {"", 22, text.size() - 22}};
    std::size_t batches = 0;
    CHECK(write_all(message, &batches) == "Received: us\r\nFrom: a\r\nX-New: 1\r\n\r\nbody\r\n..dot\r\n.\r\n");
    CHECK(batches == 1);
    CHECK(DataWriter::octets(message) == 14 + 9 + 10 + text.size() - 22);
}

TEST_CASE("a large message is read from the spool in pieces, whatever its head holds") {
    std::string text;
    for (int line = 0; text.size() < 3'000'000; ++line)
        text += (line % 97 == 0 ? ".dot " : "line ") + std::to_string(line) + "\r\n";
    const auto head =
        GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{70'001}, std::size_t{2'999'999}, std::size_t{9'000'000});
    mail::EditedMessage message;
    message.spool = spool_of(text, head);
    message.pieces = {{"Received: us\r\n", 0, 0}, {"", 0, 1'234'567}, {"", 1'234'567, text.size() - 1'234'567}};
    const auto wire = write_all(message);
    CHECK(is_wire_clean(wire));
    CHECK(unstuffed(wire) == "Received: us\r\n" + text);
}

TEST_CASE("a megabyte of nothing but line feeds, NULs, carriage returns or dots still ends, in linear time") {
    const auto c = GENERATE('\n', '\0', '\r', '.');
    const std::string text(1'000'000, c);
    mail::EditedMessage message;
    message.spool = spool_of(text, 1000);
    message.pieces = {{"", 0, text.size()}};
    const auto wire = write_all(message);
    CHECK(is_wire_clean(wire));
    CHECK(unstuffed(wire) == normalised(text));
}

TEST_CASE("a piece outside the spool is a fault and never a message cut short") {
    mail::EditedMessage message;
    message.pieces = {{"", 0, 10}};
    CHECK_FALSE(DataWriter(message).next());
    message.spool = spool_of("short\r\n", 7);
    CHECK_FALSE(DataWriter(message).next());
}

}  // namespace tamis::deliver
