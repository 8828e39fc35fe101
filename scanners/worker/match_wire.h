// match_wire - what the daemon and a worker that matches YARA rules say to each other, as bytes
//
// A kind of job of its own beside that of wire.h: the first packet a worker gets says which kind it serves for all its life
// (main.cpp). The compiled rules travel once, as a sealed memfd beside `setup`; then each `job` brings a few things to look
// at, and each `answer` says for each of them which rules matched, by their number: a worker in an attacker's hands can
// name no rule that the administrator did not write. Hello and death are those of wire.h. The parsers are strict and total
// as there. Pure: descriptors travel beside the bytes (packet.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis::worker {

enum class MatchPacket : std::uint8_t {
    setup = 64,  // daemon to worker, first; its descriptor is the compiled rules
    job,         // daemon to worker: what to look at
    answer,      // worker to daemon
};

constexpr std::size_t match_items_most = 32;           // of one job
constexpr std::size_t match_inline = 64 * 1024;        // bytes of all things of a job that lie in the packet
constexpr std::size_t match_rules_most = 16'000;       // that an answer can name for all things of its job together
constexpr std::uint32_t match_time_most = 86'400'000;  // milliseconds

// MatchSetup - limits of a worker's life, and what the rules must turn out to be
struct MatchSetup {
    std::uint64_t memory = 256ULL << 20;  // RLIMIT_DATA
    std::uint32_t descriptors = 64;       // RLIMIT_NOFILE
    std::uint32_t cpu_seconds = 3600;     // it asks to be replaced when it has used so much
    std::uint32_t longest_job = 60;       // seconds; RLIMIT_CPU is the sum of both
    std::uint64_t rules_size = 0;         // bytes of the descriptor
    std::uint32_t rules = 0;              // how many there are
    bool operator==(const MatchSetup&) const = default;
};
std::string encode_match_setup(const MatchSetup& setup);
Result<MatchSetup> parse_match_setup(std::string_view packet);  // Errc::conflict: of another build

struct MatchItem {
    std::uint64_t size = 0;
    bool is_inline = false;  // else it is the next descriptor
    std::string_view bytes;  // when is_inline
};
struct MatchJob {
    std::uint32_t number = 0;
    std::uint32_t time_ms = 0;     // for each of them
    std::vector<MatchItem> items;  // views into what was parsed
};
std::string encode_match_job(const MatchJob& job);
Result<MatchJob> parse_match_job(std::string_view packet);

// MatchEnd - how one look ended; only `done` says anything about the rules
enum class MatchEnd : std::uint8_t {
    done,
    timeout,  // the time was up
    limits,   // memory, or more matches than can be kept or told
    failed,   // any other error of libyara
};
struct MatchResult {
    MatchEnd end = MatchEnd::failed;
    std::uint32_t code = 0;            // of libyara, when not done
    std::vector<std::uint32_t> rules;  // numbers in ascending order, when done
    bool operator==(const MatchResult&) const = default;
};
struct MatchAnswer {
    std::uint32_t job = 0;
    bool is_last = false;              // the worker wants to be replaced
    std::vector<MatchResult> results;  // one for each item
};
// encode_match_answer - what names more rules than an answer can becomes MatchEnd::limits
std::string encode_match_answer(const MatchAnswer& answer);
// parse_match_answer - to a job with that many things, from a worker with that many rules
Result<MatchAnswer> parse_match_answer(std::string_view packet, std::size_t items, std::uint32_t rules);

}  // namespace tamis::worker
