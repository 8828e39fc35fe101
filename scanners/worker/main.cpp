// main - tamis-worker: opens hostile messages, one after the other, without files, network, secrets or privileges
//
// Started by tamisd's spawner with a SEQPACKET socket as descriptor 3. The first packet there says what it is to do for all
// its life (`roles`): to open messages (wire.h, here) or to match YARA rules (match_role.h). It reads everything it will ever
// need from files, confines itself for good (sandbox.h), and answers jobs until the socket closes. A job that uses its quantum of CPU
// goes on at low priority; one that exceeds its CPU limit by an eighth (within one call of a library) ends the process. Memory that runs out is
// an answer ("over limits"), after which the process asks to be replaced.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>

#include "scanners/worker/match_role.h"
#include "scanners/worker/match_wire.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/sandbox/sandbox.h"
#include "scanners/worker/spawner_loop.h"
#include "scanners/worker/tools.h"
#include "scanners/worker/wire.h"

namespace tamis::open {
namespace {

constexpr int low_priority = 10;  // a tenth of the CPU that others get: enough not to starve on a busy host

// Alarm - what the CPU timer's handler needs; the one place where a signal handler meets the program
struct Alarm {
    std::array<char, 8>   note{};  // the packet "long job", ready to be sent
    std::size_t           note_size = 0;
    volatile sig_atomic_t is_long = 0;
};
Alarm& alarm_state() {
    static Alarm alarm;
    return alarm;
}

// on_cpu_time - first: the quantum is used, go on at low priority and tell the daemon; then: far too much
void on_cpu_time(int) {
    Alarm& alarm = alarm_state();
    if (alarm.is_long != 0) ::_exit(exit_cpu);
    alarm.is_long = 1;
    const int error = errno;
    ::setpriority(PRIO_PROCESS, 0, low_priority);
    iovec  piece{alarm.note.data(), alarm.note_size};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (::sendmsg(worker_channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE) ::_exit(0);
    errno = error;
}

timeval to_timeval(std::chrono::milliseconds span) {
    return {span.count() / 1000, static_cast<suseconds_t>(span.count() % 1000 * 1000)};
}

// CpuWatch - the timer of one job
class CpuWatch {
public:
    CpuWatch(const Job& job, std::chrono::milliseconds quantum) {
        Alarm& alarm = alarm_state();
        const auto note = encode_long_job(job.number);
        alarm.note_size = note.copy(alarm.note.data(), alarm.note.size());
        // decoders look at the clock themselves; only a single call of a library may get here, and it is not to cost much more
        const auto most = job.limits.cpu + std::max<std::chrono::milliseconds>(job.limits.cpu / 8, std::chrono::milliseconds(100));
        if (job.is_long) {
            alarm.is_long = 1;
            ::setpriority(PRIO_PROCESS, 0, low_priority);
        }
        set(alarm.is_long != 0 ? most : quantum, most);
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start_);
    }
    ~CpuWatch() { set({}, {}); }
    CpuWatch(const CpuWatch&) = delete;
    CpuWatch& operator=(const CpuWatch&) = delete;

    std::chrono::microseconds used() const {
        timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return std::chrono::microseconds((now.tv_sec - start_.tv_sec) * 1'000'000 + (now.tv_nsec - start_.tv_nsec) / 1000);
    }

private:
    static void set(std::chrono::milliseconds first, std::chrono::milliseconds then) {
        const itimerval when{to_timeval(then), to_timeval(first)};
        ::setitimer(ITIMER_PROF, &when, nullptr);
    }
    timespec start_{};
};

Opened failed(std::string why) {
    Opened out;
    out.contents.failure = std::move(why);
    return out;
}

Result<Blob> message_of(const JobPacket& packet, std::vector<Descriptor>& descriptors) {
    if (packet.job.is_inline) return Blob::borrow(packet.message);
    struct stat about{};
    // not fstat(): the C library asks by name (newfstatat), and the sandbox knows no names
    if (descriptors.size() != 1 || ::syscall(SYS_fstat, descriptors[0].get(), &about) != 0 ||
        static_cast<std::uint64_t>(about.st_size) != packet.job.size)
        return fail(Errc::bad_input, "the message is not as large as was said");
    return Blob::map(descriptors[0].release(), packet.job.size);
}

// open_safely - whatever a decoder throws ends here
Opened open_safely(const OpenerSetup& setup, const Blob& message, std::uint64_t memory, bool& is_last) {
    is_last = true;
    try {
        auto out = open_message(setup, message);
        is_last = false;
        return out;
    } catch (const std::bad_alloc&) {
        Opened out;
        out.contents.was_opened = true;
        out.contents.limit = fmt::format("Maximum memory of a decoder ({} MiB) exceeded", memory >> 20);
        return out;
    } catch (const std::exception& trouble) {
        return failed(fmt::format("the decoder failed: {}", trouble.what()));
    }
}

class WorkerProcess {
public:
    explicit WorkerProcess(Tools tools) : tools_(std::move(tools)) {}
    int run(std::string_view first, std::string_view namespaces);

private:
    int  serve();
    Done answer(const JobPacket& packet, std::vector<Descriptor>& descriptors);
    Done send_answer(std::uint32_t job, Opened opened, bool is_last) const;

    Tools                          tools_;
    Setup                          setup_;
    std::array<char, packet_limit> buffer_{};
};

int WorkerProcess::run(std::string_view first, std::string_view namespaces) {
    auto setup = parse_setup(first);
    if (!setup) {
        fmt::print(stderr, "{}", setup.error().detail);
        return exit_bad_packet;
    }
    setup_ = *setup;
    auto confined = enter_sandbox({setup_.memory, setup_.file, setup_.descriptors, setup_.cpu_seconds}, namespaces);
    if (!confined) {
        fmt::print(stderr, "{}", describe(confined.error()));
        return exit_unconfined;
    }
    if (!send_packet(worker_channel, encode_hello(*confined), {}, {}, Wait::yes)) return 0;
    return serve();
}

int WorkerProcess::serve() {
    for (;;) {
        auto packet = receive_packet(worker_channel, buffer_, Wait::yes);
        if (!packet) return packet.error().is(Errc::closed) ? 0 : exit_bad_packet;
        const auto job = parse_job(packet->bytes);
        if (!job) return exit_bad_packet;
        if (!answer(*job, packet->descriptors)) return 0;
    }
}

Done WorkerProcess::answer(const JobPacket& packet, std::vector<Descriptor>& descriptors) {
    bool   is_last = false;
    Opened opened;
    {
        const CpuWatch watch(packet.job, std::chrono::milliseconds(setup_.quantum_ms));
        auto setup = tools_.setup;
        setup.limits = packet.job.limits;
        setup.extract = packet.job.extract;
        auto message = message_of(packet, descriptors);
        opened = message ? open_safely(setup, *message, setup_.memory, is_last) : failed(message.error().detail);
        opened.contents.cpu = watch.used();
    }
    return send_answer(packet.job.number, std::move(opened), is_last);
}

// send_answer - extracts that cannot be handed over (no descriptors or no memory left) are a limit, not a loss
Done WorkerProcess::send_answer(std::uint32_t job, Opened opened, bool is_last) const {
    Answer out{job, is_last, std::move(opened.contents), {}};
    std::vector<Descriptor> held;
    std::uint64_t           in_line = 0;
    std::string             trouble;
    for (const auto& blob : opened.extracts) {
        const auto bytes = blob.bytes();
        if (bytes.size() <= inline_extract && in_line + bytes.size() <= inline_extracts) {
            in_line += bytes.size();
            out.extracts.push_back({bytes.size(), true, bytes});
            continue;
        }
        auto descriptor = held.size() < extracts_most ? blob.to_descriptor() : fail(Errc::over_limit, "too many");
        if (!descriptor) {
            trouble = fmt::format("Not all parts could be handed to the scanners: {}", describe(descriptor.error()));
            break;
        }
        held.emplace_back(*descriptor);
        out.extracts.push_back({bytes.size(), false, {}});
    }
    if (!trouble.empty()) {
        if (out.contents.limit.empty()) out.contents.limit = trouble;
        for (auto& part : out.contents.parts)
            if (part.extract >= static_cast<std::int32_t>(out.extracts.size())) part.extract = -1;
    }
    auto bytes = encode_answer(out);
    std::vector<int> numbers;
    if (bytes.size() > inline_answer) {
        auto descriptor = Blob::borrow(bytes).to_descriptor();
        if (!descriptor) return std::unexpected(std::move(descriptor.error()));
        held.insert(held.begin(), Descriptor(*descriptor));
        bytes = encode_answer_elsewhere({job, bytes.size()});
    }
    for (const auto& descriptor : held) numbers.push_back(descriptor.get());
    return send_packet(worker_channel, bytes, {}, numbers, Wait::yes);
}

// serve_open - from the first packet to the end of the daemon: opens messages
int serve_open(Packet setup, std::string_view namespaces) {
    auto tools = load_tools();
    if (!tools) {
        fmt::print(stderr, "{}", describe(tools.error()));
        return exit_bad_packet;
    }
    return WorkerProcess(std::move(*tools)).run(setup.bytes, namespaces);
}

// Role - a kind of jobs; the first packet says which one this process serves for all its life
struct Role {
    std::uint8_t first;
    int (*serve)(Packet setup, std::string_view namespaces);
};
constexpr std::array roles{Role{static_cast<std::uint8_t>(PacketKind::setup), serve_open},
                           Role{static_cast<std::uint8_t>(MatchPacket::setup), serve_match}};

int serve_role(std::string_view namespaces) {
    const auto buffer = std::make_unique<std::array<char, packet_limit>>();
    auto       packet = receive_packet(worker_channel, *buffer, Wait::yes);
    if (!packet) return packet.error().is(Errc::closed) ? 0 : exit_bad_packet;
    const auto role = std::ranges::find(roles, static_cast<std::uint8_t>(kind_of(packet->bytes)), &Role::first);
    return role == roles.end() ? exit_bad_packet : role->serve(std::move(*packet), namespaces);
}

int work(std::string_view namespaces) {
    struct stat channel{};
    if (::fstat(worker_channel, &channel) != 0 || !S_ISSOCK(channel.st_mode)) {
        fmt::print(stderr, "tamis-worker is started by tamisd, not by hand\n");
        return 2;
    }
    ::prctl(PR_SET_NAME, "tamis-worker");
    std::signal(SIGXFSZ, SIG_IGN);  // a memfd that grows too large is a failed write
    struct sigaction handling{};
    handling.sa_handler = on_cpu_time;
    handling.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &handling, nullptr);
    // when the host runs out of memory, a worker goes first
    if (const Descriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); score)
        if (::write(score.get(), "1000", 4) < 0) fmt::print(stderr, "oom_score_adj stays as it is. ");
    return serve_role(namespaces);
}

}  // namespace
}  // namespace tamis::open

int main(int argc, char** argv) {
    int code = 1;
    try {
        code = tamis::open::work(argc > 1 ? argv[1] : "");
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "{}", trouble.what());
    }
    std::fflush(stderr);
    ::_exit(code);  // nothing is to be tidied up, and the sandbox would not allow everything that tidying does
}
