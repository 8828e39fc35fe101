// probe_tools - the decoders of probe_worker: tamis-worker itself, with a "decoder" that does what the message tells it
//
// The first line is "X-Do: WORD [NUMBER]". Everything else - packets, sandbox, timers, limits - is the real program.
#include <fmt/format.h>
#include <iconv.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <stdexcept>

#include "scanners/worker/charsets.h"
#include "scanners/worker/tools.h"

namespace tamis::worker {
namespace {

std::uint64_t cpu_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

void burn(std::uint64_t milliseconds) {
    for (const auto until = cpu_ms() + milliseconds; cpu_ms() < until;) {
    }
}

void fill_memory() {
    std::vector<std::vector<char>> held;
    for (;;) held.emplace_back(1 << 20, 'x');
}

// deep - as deep as asked; the bytes make each level need its place on the stack
std::uint64_t deep(std::uint64_t levels) {
    std::array<volatile char, 1000> bytes{};
    bytes[levels % bytes.size()] = 1;
    return levels == 0 ? 0 : deep(levels - 1) + static_cast<std::uint64_t>(bytes[levels % bytes.size()]);
}

void add_parts(Opener& opener, std::uint32_t count, std::size_t size) {
    for (std::uint32_t i = 0; i < count; ++i) {
        auto writer = opener.new_part({.parent = 1, .container = "probe", .names = {fmt::format("part {}", i)}}, "probe");
        writer.write(fmt::format("{:08}", i) + std::string(size - 8, 'x'));
        writer.finish();
    }
}

void set_description(Opener& opener, std::string text) { opener.part(1).description = std::move(text); }

void open_probe(Opener& opener, std::uint32_t parent, const Blob& message) {
    const auto line = message.bytes().substr(0, message.bytes().find("\r\n"));
    opener.new_part_of({.parent = parent, .container = "mime", .is_mime = true}, message, "probe", false);
    if (!line.starts_with("X-Do: ")) return;
    const auto words = std::string(line.substr(6));
    const auto space = words.find(' ');
    const auto word = words.substr(0, space);
    const auto number = space == std::string::npos ? 0 : std::strtoull(words.c_str() + space, nullptr, 10);
    if (word == "burn") burn(number);
    if (word == "memory") fill_memory();
    if (word == "throw") throw std::runtime_error("something odd");
    if (word == "deep") set_description(opener, fmt::format("{}", deep(number)));
    if (word == "socket" && ::socket(AF_INET, SOCK_STREAM, 0) >= 0) set_description(opener, "a socket");
    if (word == "many") add_parts(opener, static_cast<std::uint32_t>(number), 300);
    if (word == "large") add_parts(opener, static_cast<std::uint32_t>(number), 20'000);
    if (word == "huge") add_parts(opener, 1, number);
    if (word == "charset") {
        const iconv_t held = ::iconv_open("UTF-8", "EUC-JP");
        const iconv_t other = ::iconv_open("UTF-8", "IBM1364");  // nobody sends mail in it: not held
        set_description(opener,
                        fmt::format("{} {}", held != reinterpret_cast<iconv_t>(-1), other != reinterpret_cast<iconv_t>(-1)));
        ::iconv_close(held);
    }
}

}  // namespace

Result<Tools> load_tools() {
    hold_charsets();
    Tools out;
    out.setup.open_message = open_probe;
    return out;
}

}  // namespace tamis::worker
