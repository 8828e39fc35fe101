// Adversarial headers and bodies at n, 2n, ... 64n: the time grows linearly (docs/security.md, "Attack and overload").

#include <catch2/catch.hpp>

#include <time.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "scanners/worker/open/mime_walk.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

std::string times(std::string_view text, std::size_t size) {
    std::string out;
    out.reserve(size + text.size());
    while (out.size() < size) out += text;
    return out;
}

// a sanitizer costs several times the time; its figures prove nothing about the limit
#if __has_feature(address_sanitizer)
constexpr double allowed_seconds = 1;
#else
constexpr double allowed_seconds = 0.050;  // what a hostile header or body may cost
#endif

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Duration of CPU for one opening, the best of several runs
double measured(const std::string& message, int runs) {
    double best = 1e9;
    for (int run = 0; run < runs; ++run) {
        OpenerSetup setup;
        setup.decoders = mime_decoders();
        setup.open_message = open_mime;
        setup.limits.cpu = std::chrono::minutes(10);
        setup.limits.wall = std::chrono::minutes(10);
        const double before = cpu_seconds();
        Opener opener(setup, message.size());
        const auto out = opener.open(Blob::borrow(message));
        best = std::min(best, cpu_seconds() - before);
        if (out.contents.parts.empty()) return 0;
    }
    return best;
}

// slope_over_doublings - of the straight line through log2 of the times, one per doubling of the size (least squares)
double slope_over_doublings(const std::vector<double>& times) {
    const double count = static_cast<double>(times.size()), middle = (count - 1) / 2;
    double above = 0, below = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
        const double at = static_cast<double>(i) - middle;
        above += at * std::log2(times[i]);
        below += at * at;
    }
    return above / below;
}

struct Shape {
    const char* name;
    std::function<std::string(std::size_t)> make;
};

std::string in_type(std::size_t n, std::string_view front, std::string_view again, std::string_view back = "") {
    return "Content-Type: multipart/mixed; " + std::string(front) + times(again, n) + std::string(back) +
           "\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
}
std::string in_body(std::size_t n, std::string_view again) {
    return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + times(again, n) + "\r\n--b--\r\n";
}
std::string in_text(std::size_t n, std::string_view header, std::string_view again) {
    return std::string(header) + "\r\n" + times(again, n);
}

const Shape shapes[] = {
    {"unclosed comments", [](auto n) { return in_type(n, "boundary=b ", "("); }},
    {"many comments", [](auto n) { return in_type(n, "boundary=b ", "(a)"); }},
    {"nested comments", [](auto n) { return in_type(n, "boundary=b ", "((a)"); }},
    {"escapes in a comment", [](auto n) { return in_type(n, "(", "\\)"); }},
    {"quotes", [](auto n) { return in_type(n, "boundary=", "\""); }},
    {"unclosed quotes with escapes", [](auto n) { return in_type(n, "boundary=\"", "\\\""); }},
    {"semicolons", [](auto n) { return in_type(n, "boundary=b", ";"); }},
    {"parameters", [](auto n) { return in_type(n, "boundary=b", "; a=b"); }},
    {"boundary parameters", [](auto n) { return in_type(n, "boundary=b", "; boundary=c"); }},
    {"RFC 2231 pieces", [](auto n) { return in_type(n, "boundary*0=b", "; boundary*1=c"); }},
    {"equals signs", [](auto n) { return in_type(n, "boundary=b; a", "="); }},
    {"encoded word beginnings", [](auto n) { return in_type(n, "boundary=\"", "=?", "\""); }},
    {"encoded word fronts", [](auto n) { return in_type(n, "name=\"", "=?utf-8?q?a", "\"; boundary=b"); }},
    {"encoded words", [](auto n) { return in_type(n, "name=\"", "=?utf-8?q?a?= ", "\"; boundary=b"); }},
    {"words of different charsets",
     [](auto n) { return in_type(n, "name=\"", "=?utf-8?b?4Q==?= =?utf-7?q?a?= ", "\"; boundary=b"); }},
    {"percent escapes", [](auto n) { return in_type(n, "name*=utf-8''", "%41%", "; boundary=b"); }},
    {"folds", [](auto n) { return in_type(n, "boundary=b; a=b", "\r\n "); }},
    {"blanks", [](auto n) { return in_type(n, "boundary=b", " "); }},
    {"fields", [](auto n) { return times("A: b\r\n", n) + "\r\nx"; }},
    {"no fields", [](auto n) { return times("garbage\r\n", n) + "\r\nx"; }},
    {"type fields", [](auto n) { return times("Content-Type: multipart/mixed; boundary=b\r\n", n) + "\r\n--b\r\n\r\nx"; }},
    {"encoding fields", [](auto n) { return times("Content-Transfer-Encoding: base64\r\n", n) + "\r\nQUJD"; }},
    {"colons", [](auto n) { return times(":", n) + "\r\n\r\nx"; }},
    {"lines of blanks", [](auto n) { return "A: b\r\n" + times(" \r\n", n) + "\r\nx"; }},
    {"dashes", [](auto n) { return in_body(n, "-"); }},
    {"almost boundaries on one line", [](auto n) { return in_body(n, "--b "); }},
    {"blanks before boundaries", [](auto n) { return in_body(n, "      --b"); }},
    {"line ends", [](auto n) { return in_body(n, "\r\n"); }},
    {"lookalikes after CR", [](auto n) { return in_body(n, "x\r--bx"); }},
    {"base64 of padding", [](auto n) { return in_text(n, "Content-Transfer-Encoding: base64\r\n", "="); }},
    {"base64 of pieces", [](auto n) { return in_text(n, "Content-Transfer-Encoding: base64\r\n", "QQ==\r\n"); }},
    {"base64 of junk", [](auto n) { return in_text(n, "Content-Transfer-Encoding: base64\r\n", "!\r\n"); }},
    {"quoted-printable of equals signs",
     [](auto n) { return in_text(n, "Content-Transfer-Encoding: quoted-printable\r\n", "="); }},
    {"quoted-printable of blanks",
     [](auto n) { return in_text(n, "Content-Transfer-Encoding: quoted-printable\r\n", "=       "); }},
    {"uuencode beginnings", [](auto n) { return in_text(n, "", "begin 644 a\r\n#86)C\r\n"); }},
    {"yEnc beginnings", [](auto n) { return in_text(n, "", "=ybegin line=1 size=1 name=a\r\n"); }},
    {"BinHex beginnings", [](auto n) { return in_text(n, "", "(This file must be converted with BinHex 4.0)\r\n:!\r\n"); }},
    {"uuencode without data", [](auto n) { return in_text(n, "", "begin 644 a\r\n"); }},
    {"uuencode beginnings with CR", [](auto n) { return in_text(n, "", "begin 644 a\r"); }},
    {"uuencode and strange lines",
     [](auto n) { return in_text(n, "", "begin 644 a\r\n#86)C\r\nx\r\nx\r\nx\r\nx\r\nx\r\nx\r\nx\r\nx\r\nx\r\n"); }},
    {"uuencode and one line", [](auto n) { return "\r\nbegin 644 a\r\n#86)C\r\n" + times("x", n); }},
    {"base64 beginnings", [](auto n) { return in_text(n, "", "begin-base64 644 a\r\nQUJD\r\n"); }},
    {"BinHex without words", [](auto n) { return in_text(n, "", ":!!!!!!!!!!!!!!!!!!!!\r\n"); }},
    {"footers", [](auto n) { return in_text(n, "Content-Transfer-Encoding: base64\r\n", "QUJD\r\n!\r\n"); }},
    {"multiparts with an encoding",
     [](auto n) {
         return in_text(n, "Content-Type: multipart/mixed; boundary=b=x\r\nContent-Transfer-Encoding: quoted-printable\r\n",
                        "--b=x \r\n\r\nhello=\r\n");
     }},
    {"header sections in a text", [](auto n) { return in_text(n, "", "Message-ID: a\r\nContent-Type: b\r\nX: y\r\n\r\n"); }},
    {"guessed boundaries", [](auto n) { return in_text(n, "Content-Type: multipart/mixed\r\n", "--a\r\nx\r\n"); }},
    {"one line", [](auto n) { return in_text(n, "", "abcdefgh"); }},
};

}  // namespace

TEST_CASE("adversarial headers and bodies take time in proportion to their size") {
    constexpr std::size_t smallest = 8 * 1024;
    constexpr std::size_t factor = 64;
    REQUIRE(std::size(shapes) >= 30);
    for (const auto& shape : shapes) {
        INFO(shape.name);
        std::vector<std::string> messages;
        for (std::size_t size = smallest; size <= smallest * factor; size *= 2) messages.push_back(shape.make(size));
        // The slope of log time over log size: 1 is linear, 2 quadratic. A measurement that was disturbed is repeated; what
        // is truly steep stays so.
        double slope = 9;
        for (int tries = 0; tries < 5 && slope > 1.3; ++tries) {
            std::vector<double> times;
            for (const auto& message : messages)
                times.push_back(std::max(measured(message, message.size() < 100'000 ? 7 : 3), 20e-6));
            slope = std::min(slope, slope_over_doublings(times));
        }
        CHECK(slope <= 1.3);
        CHECK(measured(shape.make(40 * 1024), 3) < allowed_seconds);
    }
}
