// Figures, not checks: `test_open [speed]` prints them.

#include <fmt/format.h>
#include <time.h>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "scanners/worker/open/mime_walk.h"
#include "scanners/worker/open/transfer_decode.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

class Nowhere final : public Output {
public:
    bool put(std::string_view bytes) override {
        count += bytes.size();
        return true;
    }
    std::size_t count = 0;
};

template <class Work>
double seconds_each(int times, Work work) {
    const auto now = [] {
        timespec at{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
        return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) / 1e9;
    };
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        const auto before = now();
        for (int i = 0; i < times; ++i) work();
        best = std::min(best, (now() - before) / times);
    }
    return best;
}

}  // namespace

TEST_CASE("speed of the walker", "[.speed]") {
    std::string text =
        "From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\nReceived: from a by b\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n";
    while (text.size() < 10240) text += "The quick brown fox jumps over the lazy dog and goes on to the end of line\r\n";
    const auto open = [](const std::string& message) {
        OpenerSetup setup;
        setup.decoders = mime_decoders();
        setup.open_message = open_mime;
        Opener opener(setup, message.size());
        CHECK(opener.open(Blob::borrow(message)).contents.parts.size() >= 1);
    };
    fmt::print("10 kB of text: {:.1f} us\n", 1e6 * seconds_each(1000, [&] { open(text); }));
    std::string lines;
    const auto coded = base64_encode(std::string(8 << 20, 'x'));
    for (std::size_t at = 0; at < coded.size(); at += 76) lines += coded.substr(at, 76) + "\r\n";
    Nowhere out;
    const auto decode = seconds_each(3, [&] { decode_base64(lines, Base64Reading::skip_padding, out); });
    fmt::print("base64: {:.0f} MB/s of text\n", static_cast<double>(lines.size()) / decode / 1e6);
    std::string quoted;
    while (quoted.size() < (8 << 20)) quoted += "Some text with =C3=A4 umlauts and a soft line break at the end of the li=\r\n";
    const auto decode_q = seconds_each(3, [&] { decode_quoted(quoted, QuotedReading::literal, out); });
    fmt::print("quoted-printable: {:.0f} MB/s of text\n", static_cast<double>(quoted.size()) / decode_q / 1e6);
    const auto large =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-Type: application/pdf\r\n\r\n" +
        lines + "--b--\r\n";
    const auto whole = seconds_each(2, [&] { open(large); });
    fmt::print("a message with one base64 part: {:.0f} MB/s\n", static_cast<double>(large.size()) / whole / 1e6);
}
