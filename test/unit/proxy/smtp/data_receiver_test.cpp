#include "proxy/smtp/data_receiver.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "lib/growth.h"

using tamis::proxy::DataReceiver;

namespace {

struct Received {
    std::string text;
    bool finished = false;
    std::size_t used = 0;
    std::uint64_t normalised = 0;
};

Received receive(const std::string& bytes, std::size_t step) {
    Received out;
    DataReceiver receiver(0, [&](std::string_view part) {
        out.text += part;
        return true;
    });
    for (std::size_t at = 0; at < bytes.size() && !receiver.finished(); at += step)
        out.used += receiver.feed(std::string_view(bytes).substr(at, step));
    out.finished = receiver.finished();
    out.normalised = receiver.normalised();
    return out;
}

// model - the same thing said a second time, one byte at a time and as slowly as can be read
Received model(const std::string& bytes) {
    Received out;
    const auto end = (bytes.starts_with(".\r\n") ? 0 : bytes.find("\r\n.\r\n"));
    const bool at_start = bytes.starts_with(".\r\n");
    std::string body = bytes;
    if (at_start) {
        out.finished = true;
        out.used = 3;
        return out;
    }
    if (end != std::string::npos) {
        out.finished = true;
        out.used = end + 5;
        body = bytes.substr(0, end + 2);
    }
    bool line_start = true;
    for (std::size_t i = 0; i < body.size(); ++i) {
        const char c = body[i];
        if (line_start && c == '.') {
            line_start = false;
            continue;
        }
        line_start = false;
        if (c == '\r' && i + 1 < body.size() && body[i + 1] == '\n') {
            out.text += "\r\n";
            ++i;
            line_start = true;
        } else if (c == '\n') {
            out.text += "\r\n";
            ++out.normalised;
        } else if (c == '\r' || c == '\0') {
            ++out.normalised;
        } else {
            out.text += c;
        }
    }
    if (!out.finished) out.used = bytes.size();
    return out;
}

}  // namespace

TEST_CASE("every sequence of CR, LF, NUL, dot and a letter up to length 7 is what the model says, however it is split") {
    const std::string alphabet("\r\n\0.a", 5);
    std::size_t wrong = 0;
    for (std::size_t length = 1; length <= 7; ++length) {
        std::vector<std::size_t> digits(length, 0);
        for (;;) {
            std::string text;
            for (const auto digit : digits) text += alphabet[digit];
            const auto want = model(text);
            for (const std::size_t step : {std::size_t(1), std::size_t(2), std::size_t(3), text.size()}) {
                const auto got = receive(text, step);
                // a CR at the very end of unfinished input is still undecided: compare finished dialogues exactly
                if (got.finished != want.finished ||
                    (want.finished && (got.text != want.text || got.used != want.used || got.normalised != want.normalised)))
                    ++wrong;
                if (got.text.find('\0') != std::string::npos) ++wrong;
            }
            std::size_t at = 0;
            while (at < length && ++digits[at] == alphabet.size()) digits[at++] = 0;
            if (at == length) break;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("what comes out consists of CRLF lines only") {
    std::mt19937 random(1);
    const std::string alphabet("\r\n\0.ab", 6);
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (int i = 0; i < 200; ++i) text += alphabet[random() % alphabet.size()];
        const auto got = receive(text + "\r\n.\r\n", 1 + random() % 64);
        REQUIRE(got.finished);
        for (std::size_t i = 0; i < got.text.size(); ++i) {
            if (got.text[i] == '\n') REQUIRE((i != 0 && got.text[i - 1] == '\r'));
            if (got.text[i] == '\r') REQUIRE((i + 1 < got.text.size() && got.text[i + 1] == '\n'));
            REQUIRE(got.text[i] != '\0');
        }
    }
}

TEST_CASE("clean text is passed on unchanged, leading dots unstuffed") {
    struct Row {
        std::string in, out;
    };
    const auto row = GENERATE(Row{"a\r\nb\r\n.\r\n", "a\r\nb\r\n"}, Row{".\r\n", ""}, Row{"..\r\n.\r\n", ".\r\n"},
                              Row{"..a\r\n.b\r\n.\r\n", ".a\r\nb\r\n"}, Row{"\r\n.\r\n", "\r\n"});
    for (std::size_t step = 1; step <= row.in.size(); ++step) {
        const auto got = receive(row.in, step);
        CHECK(got.finished);
        CHECK(got.text == row.out);
        CHECK(got.used == row.in.size());
        CHECK(got.normalised == 0);
    }
}

TEST_CASE("what follows the end of data is not touched") {
    const std::string text = "x\r\n.\r\nMAIL FROM:<a@b>\r\n";
    CHECK(receive(text, text.size()).used == 6);
}

TEST_CASE("an oversized message is read to its real end and nothing beyond the limit is stored") {
    std::string stored;
    DataReceiver receiver(10, [&](std::string_view part) {
        stored += part;
        return true;
    });
    const std::string text = "0123456789\r\nMAIL FROM:<x@y>\r\n.\r\n";
    CHECK(receiver.feed(text) == text.size());
    CHECK(receiver.finished());
    CHECK(receiver.too_big());
    CHECK(receiver.size() == text.size() - 3);
    CHECK(stored.size() <= 10);
}

TEST_CASE("a sink that cannot take more is not asked again and the end is still found") {
    int calls = 0;
    DataReceiver receiver(0, [&](std::string_view) {
        ++calls;
        return false;
    });
    const std::string text = "a\rb\nc\r\n.d\r\n.\r\n";
    CHECK(receiver.feed(text) == text.size());
    CHECK(receiver.finished());
    CHECK(receiver.sink_failed());
    CHECK(calls == 1);
}

TEST_CASE("octets above 127 are noticed in any place") {
    for (std::size_t at = 0; at < 200; ++at) {
        std::string text(200, 'a');
        text[at] = '\xe4';
        DataReceiver receiver(0, [](std::string_view) { return true; });
        receiver.feed(text + "\r\n.\r\n");
        CHECK(receiver.has_8bit());
    }
}

TEST_CASE("where a bare CR or a NUL was taken out is remembered") {
    const std::string bytes("A: b\0c\r\nX\r: y\r\nZ: \nq\r\r\n\r\n\0\r\n.\r\n", 31);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, bytes.size()}) {
        std::string text;
        DataReceiver receiver(0, [&](std::string_view part) {
            text += part;
            return true;
        });
        for (std::size_t at = 0; at < bytes.size(); at += step) receiver.feed(std::string_view(bytes).substr(at, step));
        REQUIRE(receiver.finished());
        CHECK(text == "A: bc\r\nX: y\r\nZ: \r\nq\r\n\r\n\r\n");
        std::vector<std::pair<std::uint32_t, char>> found;
        for (const auto& removed : receiver.removed()) found.emplace_back(removed.offset, removed.what);
        CHECK(found == std::vector<std::pair<std::uint32_t, char>>{{4, '\0'}, {8, '\r'}, {19, '\r'}, {23, '\0'}});
        CHECK(receiver.normalised() == 5);  // and a bare LF
    }
    DataReceiver many(0, [](std::string_view) { return true; });
    many.feed(std::string(1000, '\0'));
    CHECK(many.removed().size() == 100);
    CHECK(many.normalised() == 1000);
}

namespace {

std::string repeated(std::string_view what, std::size_t size) {
    std::string out(what);
    while (out.size() < size) out += out;
    return out;
}

// take_in - as a session does it: in blocks as large as its input buffer
void take_in(const std::string& bytes) {
    constexpr std::size_t block = 128 * 1024;
    std::size_t calls = 0;
    DataReceiver receiver(0, [&](std::string_view) { return ++calls != 0; });
    for (std::size_t at = 0; at < bytes.size(); at += block) receiver.feed(std::string_view(bytes).substr(at, block));
}

}  // namespace

TEST_CASE("the cost of data is linear, whatever it is") {
    const std::string special("\0\r\n.a\xe4", 6);
    std::vector<std::string> shapes{
        std::string(1, '\0'), "\r", "\n", ".", "a", "\r\n.", "\r\n.\r", "\r\n..", "a\r\n\0", "\r\r\n"};
    for (const char first : special)
        for (const char second : special) shapes.push_back({first, second});
    for (const auto& shape : shapes) {
        INFO("shape " << Catch::rangeToString(std::vector<int>(shape.begin(), shape.end())));
        CHECK(tamis::test::grows_linearly(4096, [&](std::size_t size) { take_in(repeated(shape, size)); }));
    }
    for (const char tail : special) {  // a line that does not end, with something else far behind
        CHECK(tamis::test::grows_linearly(
            4096, [&](std::size_t size) { take_in(repeated("a\0", size) + tail + repeated(std::string(1, '\0'), size)); }));
    }
}

TEST_CASE("no pair of octets costs much more than another") {
    constexpr std::size_t size = 2 * 1024;
    const double usual = tamis::test::cost([&] { take_in(repeated("\n\0", size)); });  // everything is taken out or mended
    std::vector<int> slow;
    for (int pair = 0; pair < 65536; ++pair) {
        const auto bytes = repeated(std::string{static_cast<char>(pair >> 8), static_cast<char>(pair & 255)}, size);
        const double begun = tamis::test::cpu_seconds();
        take_in(bytes);
        if (tamis::test::cpu_seconds() - begun < 8 * usual) continue;
        if (tamis::test::cost([&] { take_in(bytes); }) > 8 * usual) slow.push_back(pair);
    }
    CHECK(slow == std::vector<int>{});
}

TEST_CASE("the sink is asked once for many octets, not once for each") {
    std::size_t calls = 0, octets = 0;
    DataReceiver receiver(0, [&](std::string_view part) {
        ++calls;
        octets += part.size();
        return true;
    });
    receiver.feed(repeated(std::string("a\0", 2), 128 * 1024));
    CHECK(octets == 64 * 1024);
    CHECK(calls < 100);
}
