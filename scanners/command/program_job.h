// program_job - what the daemon and the process that runs a scanner program say to each other, as bytes
//
// Both are the same program (a fork of it), so there is no version. The daemon sends one job with the files' descriptors
// beside it; the runner answers with pieces of output and, for each run, how it ended. The runner is trusted, what the
// program said in its output is not. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis::scanners {

struct ProgramJob {
    std::string directory;  // to make, and to remove afterwards; full path
    std::string hidden;     // a folder above it that is ours: replaced by a tmpfs that nobody else sees, if the
                            // kernel allows, so that the program sees nothing else in there; "" is not replaced
    std::string program;    // full path
    std::vector<std::vector<std::string>> runs;  // arguments without the program's name; one run after the other
    std::vector<std::uint64_t> sizes;            // of the files, whose descriptors come beside the job
    std::uint64_t output = 0;                    // bytes of a run's output that are passed on
    std::uint32_t wall_ms = 0;                   // all runs together
    std::uint32_t cpu_seconds = 0;               // RLIMIT_CPU of a run
    std::uint64_t file = 0;                      // RLIMIT_FSIZE; also the room for the program's own files in the directory
    bool operator==(const ProgramJob&) const = default;
};
// parts of the directory: the files, and a place for the program's own
constexpr std::string_view files_folder = "parts", work_folder = "tmp";

std::string encode_program_job(const ProgramJob& job);
Result<ProgramJob> parse_program_job(std::string_view packet);

enum class ProgramPacket : std::uint8_t {
    output = 101,  // bytes that the program said
    ended,         // a run is over: its status
    trouble,       // the job cannot be done: why
};
struct ProgramNews {
    ProgramPacket kind = ProgramPacket::trouble;
    std::int32_t status = 0;    // of ended: as waitpid(2) tells it
    bool is_truncated = false;  // of ended
    bool is_late = false;       // of trouble: the time was up
    std::string_view text;      // of output and trouble
};
std::string encode_program_news(const ProgramNews& news);  // of output: without the text, which follows in the packet
Result<ProgramNews> parse_program_news(std::string_view packet);

}  // namespace tamis::scanners
