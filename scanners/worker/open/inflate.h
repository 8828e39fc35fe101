// inflate - zlib's inflate for the members of zip and gzip: raw deflate data in, chunks out
//
// One object serves many members one after the other. Trusts nothing; one thread; no I/O.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::open {

enum class Inflated : std::uint8_t {
    whole,    // to the end of the deflate stream
    cut,      // the input ended before the stream did
    damaged,  // these bytes are no deflate stream
    stopped,  // the writer took no more: no budget
};

class Inflater {
public:
    Inflater();
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    // run - one stream into the writer; what is not part of it stays unread
    Inflated      run(std::string_view deflated, PartWriter& out);
    std::uint64_t consumed() const noexcept { return consumed_; }  // of the last run's input
    std::uint64_t produced() const noexcept { return produced_; }
    std::uint32_t crc() const noexcept { return crc_; }            // CRC-32 of the last run's output

private:
    z_stream      stream_{};
    bool          is_ready_ = false;
    std::string   chunk_;
    std::uint64_t consumed_ = 0, produced_ = 0;
    std::uint32_t crc_ = 0;
};

}  // namespace tamis::open
