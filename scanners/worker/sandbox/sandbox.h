// sandbox - a process gives up everything but computing on what it has open: for good
//
// Guarantees after enter_sandbox(): no file, socket, process, signal to others, executable memory or kernel interface
// beyond the calls listed in sandbox.cpp can be had; a forbidden call ends the process (SIGSYS), one that only looks
// something up by name fails with EACCES. seccomp is required; Landlock, an empty root directory and namespaces are
// added where the kernel has them. Everything that needs files must have happened before. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::worker {

// SandboxWork - what for: each gets the calls it needs and no more
enum class SandboxWork {
    open,   // decodes into memory files that it hands over
    match,  // looks at what it is given and answers
};

struct SandboxLimits {
    std::uint64_t memory;       // private writable memory (RLIMIT_DATA); AddressSanitizer builds cannot have it
    std::uint64_t file;         // largest memfd (RLIMIT_FSIZE): a larger write fails
    std::uint32_t descriptors;  // RLIMIT_NOFILE
    std::uint32_t cpu_seconds;  // of the process's life (RLIMIT_CPU)
    SandboxWork work = SandboxWork::open;
};

// enter_sandbox - returns what is active, for the log: "seccomp, empty root, landlock 7, namespaces user pid net ...".
// `namespaces` names those of our own that the spawner made, in its words; "" when we share the daemon's. Fault: without
// seccomp nothing may be decoded.
Result<std::string> enter_sandbox(const SandboxLimits& limits, std::string_view namespaces);

}  // namespace tamis::worker
