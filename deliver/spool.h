// spool - where a message lies while we have it: a memfd that is sealed when complete, or an unlinked file when large
//
// Memory is admitted before it is taken: the units live as long as the spool. A message that outgrows `memory_limit`,
// or for which no more memory is admitted, moves to an unlinked file in `directory` (O_TMPFILE); nothing ever has a
// name that somebody else could open. Writing may touch the disk's page cache but never waits for the disk. One thread
// at a time; the sealed result may be shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "base/slots.h"
#include "mail/message.h"

namespace tamis::deliver {

// the first bytes of a message are kept in memory as well: a smaller message is written with one system call, and the
// header section is at hand
constexpr std::size_t spool_head_limit = 256 * 1024;

struct SpoolOptions {
    std::string directory;                         // for large messages
    std::uint64_t memory_limit = 8 * 1024 * 1024;  // above it: a file
};

class SpoolWriter {
public:
    // `memory` admits bytes; it must outlive what seal() returns. `first` are the units taken for the beginning before
    // anything was read. For the first spool_head_limit octets, which may hold the header section, the caller makes room
    // before it appends; more is taken as the message grows, at once or not at all: without it the message goes to a file.
    SpoolWriter(const SpoolOptions& options, Slots& memory, Slots::Units first);
    ~SpoolWriter();
    SpoolWriter(const SpoolWriter&) = delete;
    SpoolWriter& operator=(const SpoolWriter&) = delete;

    // make_room - waits until the part of the next `bytes` octets that is kept in memory in any case is admitted
    Task<Done> make_room(std::size_t bytes, Deadline deadline);
    // append - false when it cannot be stored; fault() says why (no space, no descriptor)
    bool append(std::string_view bytes);
    const Fault& fault() const noexcept { return fault_; }
    std::uint64_t size() const noexcept { return head_.size() + spilled_; }

    // seal - the finished message: nobody can change it any more
    Result<std::shared_ptr<const mail::SealedSpool>> seal();

private:
    bool write_out(std::string_view bytes);
    bool admitted(std::uint64_t bytes);
    // cost - of a message of that size with so much in head: engines and workers get it as a memfd, the head is there twice
    static std::uint64_t cost(std::uint64_t size, std::uint64_t head) noexcept { return size + head; }
    bool move_to_file();

    const SpoolOptions* options_;
    Slots* memory_;
    Slots::Units units_;
    std::string head_;           // the first bytes, kept in memory as well
    std::uint64_t spilled_ = 0;  // bytes in the descriptor only
    int descriptor_ = -1;
    bool is_file_ = false;
    bool head_written_ = false;
    std::string pending_;  // collected for one larger write
    Fault fault_;
};

}  // namespace tamis::deliver
