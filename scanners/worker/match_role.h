// match_role - tamis-worker as one that matches YARA rules: loads the compiled rules, confines itself, answers jobs
//
// libyara's matcher and its modules (pe, elf, dotnet ...) read hostile bytes only here, behind the sandbox. The rules are the
// administrator's. Whatever libyara cannot do is an error in the answer, never an empty list of matches.
#pragma once

#include <string_view>

#include "scanners/worker/packet.h"

namespace tamis::worker {

// serve_match - from the `setup` packet to the end of the daemon; the exit code of the process
int serve_match(Packet setup, std::string_view namespaces);

}  // namespace tamis::worker
