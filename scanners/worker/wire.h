// wire - what the daemon, the spawner and a worker say to each other, as bytes
//
// Small binary packets; both ends are programs of one build (build_id() is compared when a worker starts, and differs as soon
// as any structure that is sent here has changed). The first byte says what a packet is. The parsers are strict and
// total: each count and length has a limit, nothing may be left over, and nothing is allocated before the bytes for it are
// seen. What the worker says is hostile; what the daemon says to the worker is trusted, and still read with care.
// Pure: descriptors travel beside the bytes (packet.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/contents.h"
#include "scanners/worker/open/limits.h"

namespace tamis::worker {

enum class PacketKind : std::uint8_t {
    setup = 1,  // daemon to worker, first: how to confine itself
    hello,      // worker to daemon: ready, confined
    job,        // daemon to worker: a message, in the packet or as descriptor
    long_job,   // worker to daemon: this job has used its quantum of CPU and goes on at low priority
    answer,     // worker to daemon: the contents; descriptors are parts for the engines
    elsewhere,  // an answer or a batch, with the bytes in a sealed memfd: the first descriptor
    death,      // spawner to daemon: how the worker ended
    batch,      // worker to daemon: parts for the engines, while the opening goes on; one at a time
    wish,       // worker to daemon: may my memory files grow by so many bytes?
    go_on,      // daemon to worker: the batch has been seen, or the answer to the wish
};

// kind_of - of a packet; 0 is no kind
inline PacketKind kind_of(std::string_view packet) noexcept {
    return static_cast<PacketKind>(packet.empty() ? 0 : static_cast<unsigned char>(packet.front()));
}

std::string_view build_id() noexcept;

constexpr std::size_t inline_message = 64 * 1024;           // a larger message goes as descriptor
constexpr std::size_t inline_answer = 64 * 1024;            // a larger answer goes as descriptor
constexpr std::size_t inline_part = 16 * 1024;              // a larger part goes as descriptor
constexpr std::size_t inline_parts = 512 * 1024;            // so do all that come after this many bytes
constexpr std::uint64_t answer_limit = 4ULL * 1024 * 1024;  // bytes of an answer; more parts than fit are not told of
constexpr std::uint32_t shown_most = 250;                   // parts of one packet: each may need a descriptor
constexpr std::uint64_t job_reserve = 4ULL * 1024 * 1024;   // bytes of memory files that a job may have without asking

// Setup - limits of a worker's life
struct Setup {
    std::uint64_t memory = 256ULL << 20;  // RLIMIT_DATA
    std::uint64_t file = 300ULL << 20;    // RLIMIT_FSIZE: the largest memfd
    std::uint32_t descriptors = 512;      // RLIMIT_NOFILE
    std::uint32_t cpu_seconds = 3600;     // RLIMIT_CPU
    std::uint32_t quantum_ms = 100;       // CPU of a job before it counts as long
    bool operator==(const Setup&) const = default;
};
std::string encode_setup(const Setup& setup);
Result<Setup> parse_setup(std::string_view packet);  // Errc::conflict: of another build

// encode_hello - with a line that says how the worker is confined; parse_hello returns that line (at most 200 bytes)
std::string encode_hello(std::string_view confinement);
Result<std::string> parse_hello(std::string_view packet);  // Errc::conflict: of another build

struct Job {
    std::uint32_t number = 0;
    Limits limits;
    Extract extract = Extract::not_plain;
    bool is_long = false;    // low priority from the beginning
    bool is_inline = false;  // the message follows in the packet
    std::uint64_t size = 0;  // of the message
};
// encode_job - without the message; it is appended when is_inline
std::string encode_job(const Job& job);
struct JobPacket {
    Job job;
    std::string_view message;  // when is_inline
};
Result<JobPacket> parse_job(std::string_view packet);

std::string encode_long_job(std::uint32_t number);
Result<std::uint32_t> parse_long_job(std::string_view packet);

// PartBytes - a mail::ShownPart on its way
struct PartBytes {
    std::uint32_t part = 0;
    std::string path;
    bool is_plain = false;
    std::uint64_t size = 0;
    bool is_inline = false;
    std::string_view bytes;  // when is_inline
};
struct Answer {
    std::uint32_t job = 0;
    bool is_last = false;          // the worker wants to be replaced
    mail::Contents contents;       // its `shown` is empty
    std::vector<PartBytes> shown;  // views into what was parsed
};
// encode_answer - texts are cut to the limits that parse_answer checks; parts that would make it larger than answer_limit
// are left out, and Contents::limit says so
std::string encode_answer(const Answer& answer);
// parse_answer - bytes of an `answer` packet or of the memfd. Everything is checked: numbers, parents, flags, lengths, counts
// and bytes of shown parts against the limits. Never longer than linear.
Result<Answer> parse_answer(std::string_view bytes, const Limits& limits);
// parse_answer - with the default limits, for a fuzz target
Result<mail::Contents> parse_answer(std::string_view bytes);

struct Elsewhere {
    std::uint32_t job = 0;
    std::uint64_t size = 0;
};
std::string encode_elsewhere(const Elsewhere& where);
Result<Elsewhere> parse_elsewhere(std::string_view packet);

// Batch - parts for the engines before the answer; the worker waits with the next one until `go_on` has come
struct Batch {
    std::uint32_t job = 0;
    std::vector<PartBytes> shown;  // views into what was parsed
};
std::string encode_batch(const Batch& batch);
Result<Batch> parse_batch(std::string_view bytes, const Limits& limits);

struct Wish {
    std::uint32_t job = 0;
    std::uint64_t bytes = 0;
};
std::string encode_wish(const Wish& wish);
Result<Wish> parse_wish(std::string_view packet);

struct GoOn {
    std::uint32_t job = 0;
    bool is_grant = false;    // the answer to a wish; else to a batch
    bool is_allowed = true;   // of a grant: the bytes may be used
    bool has_enough = false;  // something was found: no further parts are needed
};
std::string encode_go_on(const GoOn& answer);
Result<GoOn> parse_go_on(std::string_view packet);

// DeathNotice - how a worker ended, and what it wrote on stderr
struct DeathNotice {
    std::int32_t status = 0;  // as waitpid(2) tells it
    std::uint64_t cpu_us = 0;
    std::string said;  // at most 1000 bytes, raw
};
std::string encode_death(const DeathNotice& death);
Result<DeathNotice> parse_death(std::string_view packet);
// describe_death - "SIGSEGV", "SIGSYS: a forbidden system call", "exit code 3", with what it said, escaped and cut
std::string describe_death(const DeathNotice& death);
// is_cpu_death - it used more CPU time than it may: a second try would do the same
bool is_cpu_death(const DeathNotice& death) noexcept;

// exit codes of a worker
constexpr int exit_cpu = 3;            // the job exceeded its CPU time by far
constexpr int exit_unconfined = 4;     // the sandbox could not be entered
constexpr int exit_bad_packet = 5;     // what came from the daemon cannot be understood
constexpr int exit_not_started = 127;  // the program could not be executed

}  // namespace tamis::worker
