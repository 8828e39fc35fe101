// main - tamis-worker: opens hostile messages, one after the other, without files, network, secrets or privileges
//
// Started by tamisd's spawner with a SEQPACKET socket as descriptor 3. The first packet there says what it is to do for all
// its life (`roles`): to open messages (wire.h, here) or to match YARA rules (match_role.h). It reads everything it will ever
// need from files, confines itself for good (sandbox.h), and answers jobs until the socket closes. A job that uses its quantum of CPU
// goes on at low priority; one that exceeds its CPU limit by half of it (within one call of a library) ends the process. Memory that runs out is
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
#include <span>
#include <utility>

#include "scanners/worker/match_role.h"
#include "scanners/worker/match_wire.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/sandbox/sandbox.h"
#include "scanners/worker/spawner_loop.h"
#include "scanners/worker/tools.h"
#include "scanners/worker/wire.h"

namespace tamis::worker {
namespace {

constexpr int low_priority = 10;  // a tenth of the CPU that others get: enough not to starve on a busy host

// Alarm - what the CPU timer's handler needs; the one place where a signal handler meets the program
struct Alarm {
    std::array<char, 8> note{};  // the packet "long job", ready to be sent
    std::size_t note_size = 0;
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
    iovec piece{alarm.note.data(), alarm.note_size};
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
        const auto most =
            job.limits.cpu + std::max<std::chrono::milliseconds>(job.limits.cpu / 2, std::chrono::milliseconds(100));
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

// DaemonSide - one job's talk with the daemon while it goes on: parts for the engines, and room for memory files
class DaemonSide final : public PartSink, public MemoryGate {
public:
    explicit DaemonSide(std::uint32_t job) : job_(job) { set_memory_gate(this); }
    ~DaemonSide() override { set_memory_gate(nullptr); }
    DaemonSide(const DaemonSide&) = delete;
    DaemonSide& operator=(const DaemonSide&) = delete;

    Took take(const mail::Contents& so_far, std::vector<ShownBlob> parts) override;
    std::string why() const override { return why_; }
    bool grow(std::uint64_t bytes) override;
    void shrink(std::uint64_t bytes) noexcept override { used_ -= std::min(used_, bytes); }
    // finish - the answer, with the last parts
    Done finish(Opened opened, bool is_last);

private:
    // Packed - parts as they are sent; inline bytes are views of their blobs
    struct Packed {
        std::vector<PartBytes> shown;
        std::vector<Descriptor> held;
        std::uint64_t in_files = 0;
    };
    Result<Packed> pack(const mail::Contents& contents, const std::vector<ShownBlob>& parts);
    Done send(std::string bytes, std::vector<Descriptor> held);
    GoOn wait_for(bool is_grant);

    std::uint32_t job_;
    std::array<char, 256> buffer_{};  // the job's own buffer may hold the message
    std::uint64_t granted_ = job_reserve, used_ = 0;
    std::uint64_t sent_in_files_ = 0;  // of the batch that the daemon still has
    bool is_batch_out_ = false, has_enough_ = false;
    std::string why_;
};

// wait_for - until the daemon has answered; without one there is nothing to go on for
GoOn DaemonSide::wait_for(bool is_grant) {
    for (;;) {
        auto packet = receive_packet(worker_channel, buffer_, Wait::yes);
        if (!packet) ::_exit(packet.error().is(Errc::closed) ? 0 : exit_bad_packet);
        const auto answer = parse_go_on(packet->bytes);
        if (!answer) ::_exit(exit_bad_packet);
        if (answer->job != job_) continue;  // said while the answer to that job was on its way
        has_enough_ = has_enough_ || answer->has_enough;
        if (!answer->is_grant) {
            is_batch_out_ = false;
            shrink(std::exchange(sent_in_files_, 0));
        }
        if (answer->is_grant == is_grant) return *answer;
    }
}

bool DaemonSide::grow(std::uint64_t bytes) {
    constexpr std::uint64_t step = 8ULL * 1024 * 1024;
    if (bytes > granted_ - std::min(used_, granted_) && is_batch_out_) wait_for(false);  // its files are gone then
    if (bytes > granted_ - std::min(used_, granted_)) {
        const auto more = std::max(step, bytes - (granted_ - std::min(used_, granted_)));
        if (!send_packet(worker_channel, encode_wish({job_, more}), {}, {}, Wait::yes)) ::_exit(0);
        if (!wait_for(true).is_allowed) return false;
        granted_ += more;
    }
    used_ += bytes;
    return true;
}

Result<DaemonSide::Packed> DaemonSide::pack(const mail::Contents& contents, const std::vector<ShownBlob>& parts) {
    Packed out;
    std::uint64_t in_line = 0;
    const auto refused = [&](Fault fault) {
        shrink(out.in_files);
        return std::unexpected(std::move(fault));
    };
    for (const auto& each : parts) {
        const auto bytes = each.bytes.bytes();
        PartBytes about{each.part, contents.parts[each.part - 1].path, each.is_plain, bytes.size(), false, {}};
        if (bytes.size() <= inline_part && in_line + bytes.size() <= inline_parts) {
            in_line += bytes.size();
            about.is_inline = true;
            about.bytes = bytes;
        } else {
            if (!grow(bytes.size()))
                return refused({make_error_code(Errc::over_limit), "limits.memory has no room for its bytes"});
            out.in_files += bytes.size();
            auto descriptor = each.bytes.to_descriptor();
            if (!descriptor) return refused(std::move(descriptor.error()));
            out.held.emplace_back(*descriptor);
        }
        out.shown.push_back(std::move(about));
    }
    return out;
}

Done DaemonSide::send(std::string bytes, std::vector<Descriptor> held) {
    if (bytes.size() > inline_answer) {
        auto descriptor = Blob::borrow(bytes).to_descriptor();
        if (!descriptor) return std::unexpected(std::move(descriptor.error()));
        held.insert(held.begin(), Descriptor(*descriptor));
        bytes = encode_elsewhere({job_, bytes.size()});
    }
    std::vector<int> numbers;
    for (const auto& each : held) numbers.push_back(each.get());
    return send_packet(worker_channel, bytes, {}, numbers, Wait::yes);
}

PartSink::Took DaemonSide::take(const mail::Contents& so_far, std::vector<ShownBlob> parts) {
    if (is_batch_out_) wait_for(false);
    if (has_enough_) return Took::enough;
    auto packed = pack(so_far, parts);
    if (!packed) {
        why_ = describe(packed.error());
        return Took::no;
    }
    sent_in_files_ = packed->in_files;
    if (auto sent = send(encode_batch({job_, std::move(packed->shown)}), std::move(packed->held)); !sent) {
        if (sent.error().is(Errc::closed)) ::_exit(0);
        shrink(std::exchange(sent_in_files_, 0));
        why_ = describe(sent.error());
        return Took::no;
    }
    is_batch_out_ = true;
    return Took::yes;
}

// finish - what cannot be handed over (no descriptors or no memory left) is a limit, not a loss
Done DaemonSide::finish(Opened opened, bool is_last) {
    auto packed = has_enough_ ? Packed{} : pack(opened.contents, opened.shown);
    if (!packed) {
        for (const auto& each : opened.shown) opened.contents.parts[each.part - 1].shown = mail::Shown::kept_back;
        if (opened.contents.limit.empty()) {
            opened.contents.limit = "Not shown to the virus scanners: " + describe(packed.error());
            opened.contents.limit_part = opened.shown.front().part;
        }
        packed = Packed{};
    }
    Answer out{job_, is_last, std::move(opened.contents), std::move(packed->shown)};
    return send(encode_answer(out), std::move(packed->held));
}

class WorkerProcess {
public:
    explicit WorkerProcess(Tools tools) : tools_(std::move(tools)) {}
    int run(std::string_view first, std::string_view namespaces);

private:
    int serve();
    Done answer(const JobPacket& packet, std::vector<Descriptor>& descriptors);

    Tools tools_;
    Setup setup_;
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
        if (kind_of(packet->bytes) == PacketKind::go_on) continue;  // said while the answer was on its way
        const auto job = parse_job(packet->bytes);
        if (!job) return exit_bad_packet;
        if (!answer(*job, packet->descriptors)) return 0;
    }
}

Done WorkerProcess::answer(const JobPacket& packet, std::vector<Descriptor>& descriptors) {
    bool is_last = false;
    Opened opened;
    DaemonSide daemon(packet.job.number);
    {
        const CpuWatch watch(packet.job, std::chrono::milliseconds(setup_.quantum_ms));
        auto setup = tools_.setup;
        setup.limits = packet.job.limits;
        setup.extract = packet.job.extract;
        setup.sink = &daemon;
        auto message = message_of(packet, descriptors);
        opened = message ? open_safely(setup, *message, setup_.memory, is_last) : failed(message.error().detail);
        opened.contents.cpu = watch.used();
    }
    return daemon.finish(std::move(opened), is_last);
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
    auto packet = receive_packet(worker_channel, *buffer, Wait::yes);
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
}  // namespace tamis::worker

int main(int argc, char** argv) {
    int code = 1;
    try {
        code = tamis::worker::work(argc > 1 ? argv[1] : "");
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "{}", trouble.what());
    }
    std::fflush(stderr);
    ::_exit(code);  // nothing is to be tidied up, and the sandbox would not allow everything that tidying does
}
