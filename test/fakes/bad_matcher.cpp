// bad_matcher - a tamis-worker for tests that matches no rules but does what it is shown: "X-Do: WORD [ARGUMENT]"
//
// Speaks the real wire format until it is told to break it. Before the first job it behaves by its own file name:
// "silent" never says hello, "early" exits with 9, "foreign" is of another build. "match N" is an honest answer: rule N.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "scanners/worker/match_wire.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/spawner_loop.h"
#include "scanners/worker/wire.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

void say(std::string_view packet, std::span<const int> descriptors = {}) {
    if (!send_packet(worker_channel, packet, {}, descriptors, Wait::yes)) ::_exit(0);
}

[[noreturn]] void wait_for_ever() {
    for (;;) ::pause();
}

std::uint32_t number_in(const std::string& text) {
    std::uint32_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

// obey - what is to become of the answer; words that break it do not return
void obey(MatchAnswer& answer, MatchResult& result, std::string_view word, const std::string& argument) {
    result.end = MatchEnd::done;
    if (word == "match") result.rules = {number_in(argument)};
    if (word == "unordered") result.rules = {1, 0};
    if (word == "twice-named") result.rules = {0, 0};
    if (word == "failed") result = {MatchEnd::failed, 7, {}};
    if (word == "limits") result = {MatchEnd::limits, 30, {}};
    if (word == "late") result = {MatchEnd::timeout, 26, {}};
    if (word == "other-job") ++answer.job;
    if (word == "last") answer.is_last = true;
    if (word == "more") answer.results.push_back({MatchEnd::done, 0, {}});
    if (word == "garbage") say("\x42 this is no answer");
    if (word == "empty") ::_exit(0);
    if (word == "hang") wait_for_ever();
    if (word == "crash") {
        fmt::print(stderr, "I am a \x1b[31mcrash\n");
        std::fflush(stderr);
        __builtin_trap();  // as process 1 of its namespace it could not even send itself a signal
    }
    if (word == "crash-once" && ::access(argument.c_str(), F_OK) != 0) {
        ::close(::open(argument.c_str(), O_WRONLY | O_CREAT, 0600));
        __builtin_trap();
    }
}

void answer(const MatchJob& job) {
    MatchAnswer out{job.number, false, {}};
    bool with_descriptor = false, is_double = false;
    std::size_t shown = 0;
    for (const auto& item : job.items) {
        auto text = item.bytes.substr(0, item.bytes.find('\n'));
        if (text.starts_with("X-Do: ")) text.remove_prefix(6);
        const auto blank = text.find(' ');
        const auto word = text.substr(0, blank);
        out.results.emplace_back();
        auto result = std::move(out.results.back());
        obey(out, result, word, blank == std::string_view::npos ? "" : std::string(text.substr(blank + 1)));
        out.results[shown++] = std::move(result);
        with_descriptor = with_descriptor || word == "descriptor";
        is_double = is_double || word == "double";
    }
    const std::array descriptors{0};
    say(encode_match_answer(out), std::span(descriptors).first(with_descriptor ? 1 : 0));
    if (is_double) say(encode_match_answer(out));
}

}  // namespace

int main(int, char** argv) {
    static std::array<char, packet_limit> buffer;
    (void)argv;
    std::string self(4096, '\0');
    const auto size = ::readlink("/proc/self/exe", self.data(), self.size());
    self.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    auto setup = receive_packet(worker_channel, buffer, Wait::yes);
    if (!setup || !parse_match_setup(setup->bytes) || setup->descriptors.size() != 1) return 1;
    if (self.ends_with("/silent")) wait_for_ever();
    if (self.ends_with("/early")) return 9;
    auto hello = encode_hello("nothing at all");
    if (self.ends_with("/foreign")) hello[6] = static_cast<char>(hello[6] ^ 1);
    say(hello);
    for (;;) {
        auto packet = receive_packet(worker_channel, buffer, Wait::yes);
        if (!packet) return 0;
        const auto job = parse_match_job(packet->bytes);
        if (!job) return 1;
        answer(*job);
    }
}
