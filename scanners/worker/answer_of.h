// answer_of - from a worker's packet to Contents: its bytes and descriptors are checked, whatever the worker is
//
// A descriptor is accepted only when it is a memfd that can no longer change or shrink and has exactly the size that was
// said. No blocking: memory files only.
#pragma once

#include <span>
#include <variant>

#include "scanners/worker/packet.h"
#include "scanners/worker/wire.h"

namespace tamis::worker {

struct TakenAnswer {
    std::uint32_t job = 0;
    bool is_last = false;
    mail::Contents contents;  // with the last parts for the engines
};

struct TakenBatch {
    std::uint32_t job = 0;
    mail::ShownParts shown;
};

// take_said - of a packet of kind `answer`, `batch` or `elsewhere`; takes its descriptors over
Result<std::variant<TakenAnswer, TakenBatch>> take_said(Packet& packet, const Limits& limits);

// check_sealed - Errc::bad_reply unless it is a memfd with these bytes for ever
Done check_sealed(int descriptor, std::uint64_t size);

}  // namespace tamis::worker
