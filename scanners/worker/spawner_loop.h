// spawner_loop - what the forked spawner process does until its daemon is gone; spawner.h tells the whole story
//
// One thread, no allocation that grows but one entry per worker. Trusts the daemon's commands.
#pragma once

#include <cstdint>

namespace tamis::worker {

// SpawnCommand - first byte of a packet to the spawner; the cookie (64 bits, little endian) follows
enum class SpawnCommand : std::uint8_t {
    start = 1,  // with one descriptor: the worker's end of its socket pair
    kill = 2,
    program = 3,  // with one descriptor: the channel of a program_runner (scanners/command)
};

constexpr int worker_channel = 3;  // the worker's end is this descriptor

// run_spawner - takes both descriptors over and never returns. `program` is the worker, opened with O_PATH.
[[noreturn]] void run_spawner(int commands, int program, bool namespaces);

}  // namespace tamis::worker
