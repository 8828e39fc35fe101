// bad_worker - a tamis-worker for tests that does what the message tells it: the first line is "X-Do: WORD [ARGUMENT]"
//
// Speaks the real wire format until it is told to break it. Before the first job it behaves by its own file name:
// "silent" never says hello, "early" exits with 9, "foreign" is of another build.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

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

Descriptor memory_file(std::string_view bytes, int seals) {
    Descriptor file(::memfd_create("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (::write(file.get(), bytes.data(), bytes.size()) < 0) ::_exit(1);
    if (seals != 0) ::fcntl(file.get(), F_ADD_SEALS, seals);
    return file;
}

Answer good(std::uint32_t job) {
    Answer out{.job = job, .contents = {}, .shown = {}};
    mail::Part root;
    root.path = "1";
    root.names = {fmt::format("worker-{}", ::getpid())};
    out.contents.parts.push_back(root);
    out.contents.was_opened = true;
    return out;
}

// with_part - an answer with a part for the engines whose bytes come as descriptor
Answer with_part(std::uint32_t job, std::uint64_t size) {
    auto out = good(job);
    out.shown.push_back({1, "1", false, size, false, {}});
    return out;
}

// batch_of - one part, inline
std::string batch_of(std::uint32_t job, std::string_view bytes) {
    return encode_batch({job, {{1, "1", false, bytes.size(), true, bytes}}});
}

// hear - the daemon's answer; true: it has enough, or allows what was wished
bool hear() {
    std::array<char, 1000> buffer{};
    const auto packet = receive_packet(worker_channel, buffer, Wait::yes);
    if (!packet) ::_exit(0);
    const auto answer = parse_go_on(packet->bytes);
    if (!answer) ::_exit(1);
    return answer->is_grant ? answer->is_allowed : answer->has_enough;
}

void obey(const Job& job, std::string_view word, const std::string& argument) {
    constexpr int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (word == "crash") {
        fmt::print(stderr, "I am a \x1b[31mcrash\n");
        __builtin_trap();  // as process 1 of its namespace it could not even send itself a signal
    }
    if (word == "crash-once") {  // the argument names a file that says it has happened
        const Descriptor mark(::open(argument.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
        if (mark) __builtin_trap();
    }
    if (word == "overrun") ::_exit(exit_cpu);
    if (word == "hang") wait_for_ever();
    if (word == "long" || word == "long-hang") say(encode_long_job(job.number));
    if (word == "long-hang") wait_for_ever();
    if (word == "garbage") return say("\x05nonsense");
    if (word == "empty") return say("");
    if (word == "huge") return say(encode_elsewhere({job.number, std::uint64_t{1} << 40}));
    if (word == "other-job") return say(encode_answer(good(job.number + 1)));
    if (word == "twice") say(encode_answer(good(job.number)));
    if (word == "close") {
        ::close(worker_channel);
        wait_for_ever();
    }
    if (word == "unsealed" || word == "wrong-size" || word == "sealed") {
        const auto file = memory_file("0123456789", word == "unsealed" ? F_SEAL_SHRINK | F_SEAL_GROW : sealed);
        const std::array descriptors{file.get()};
        return say(encode_answer(with_part(job.number, word == "wrong-size" ? 11 : 10)), descriptors);
    }
    if (word == "pipe") {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) ::_exit(1);
        return say(encode_answer(with_part(job.number, 0)), std::span(ends).first(1));
    }
    if (word == "too-many-descriptors") {
        const auto file = memory_file("0123456789", sealed);
        const std::array descriptors{file.get(), file.get(), file.get()};
        return say(encode_answer(with_part(job.number, 10)), descriptors);
    }
    if (word == "no-descriptor") return say(encode_answer(with_part(job.number, 10)));
    if (word == "two-batches") {  // without waiting for the daemon in between
        say(batch_of(job.number, "first"));
        return say(batch_of(job.number, "second"));
    }
    if (word == "two-wishes") {
        say(encode_wish({job.number, 1}));
        return say(encode_wish({job.number, 1}));
    }
    if (word == "no-wish") return say(encode_wish({job.number, 0}));
    if (word == "other-batch") return say(batch_of(job.number + 1, "x"));
    if (word == "other-wish") return say(encode_wish({job.number + 1, 1}));
    auto answer = good(job.number);
    if (word == "batches" || word == "batch-crash") {  // the argument says how many; the last word comes with the answer
        for (int i = 0; i < std::stoi(argument); ++i) {
            say(batch_of(job.number, fmt::format("batch {}", i)));
            if (hear()) answer.contents.limit = fmt::format("enough after {}", i + 1);
            if (!answer.contents.limit.empty()) break;
        }
        if (word == "batch-crash") __builtin_trap();
        answer.shown.push_back({1, "1", false, 4, true, "last"});
    }
    if (word == "wish") {  // the argument says for how many bytes
        say(encode_wish({job.number, std::stoull(argument)}));
        answer.contents.limit = hear() ? "allowed" : "refused";
    }
    if (word == "last") answer.is_last = true;
    say(encode_answer(answer));
}

}  // namespace

int main() {
    std::string self(1000, '\0');
    self.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::readlink("/proc/self/exe", self.data(), self.size()))));
    std::array<char, packet_limit> buffer{};
    if (self.ends_with("early")) ::_exit(9);
    if (self.ends_with("silent")) wait_for_ever();
    if (!receive_packet(worker_channel, buffer, Wait::yes)) return 0;
    auto hello = encode_hello("nothing: this is a test");
    if (self.ends_with("foreign")) hello[6] ^= 1;
    say(hello);
    for (;;) {
        const auto packet = receive_packet(worker_channel, buffer, Wait::yes);
        if (!packet) return 0;
        const auto job = parse_job(packet->bytes);
        if (!job) return 1;
        const auto line = job->message.substr(0, job->message.find("\r\n"));
        const auto words = line.starts_with("X-Do: ") ? line.substr(6) : std::string_view("fine");
        const auto space = words.find(' ');
        obey(job->job, words.substr(0, space), space == std::string_view::npos ? "" : std::string(words.substr(space + 1)));
    }
}
