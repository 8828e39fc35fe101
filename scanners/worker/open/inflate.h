// inflate - zlib's inflate for the members of zip and gzip: raw deflate data in, chunks out
//
// One object serves many members one after the other. Trusts nothing; one thread; no I/O.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

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
    Inflated run(std::string_view deflated, PartWriter& out);
    std::uint64_t consumed() const noexcept { return consumed_; }  // of the last run's input
    std::uint64_t produced() const noexcept { return produced_; }
    std::uint32_t crc() const noexcept { return crc_; }  // CRC-32 of the last run's output

private:
    z_stream stream_{};
    bool is_ready_ = false;
    std::string chunk_;
    std::uint64_t consumed_ = 0, produced_ = 0;
    std::uint32_t crc_ = 0;
};

// inflate_zlib - at most `most` bytes of zlib data (RFC 1950), as far as they can be read; `is_whole` says whether that is all
std::string inflate_zlib(std::string_view packed, std::size_t most, bool& is_whole);
// inflate_raw - the same of deflate data without a header (RFC 1951)
std::string inflate_raw(std::string_view packed, std::size_t most, bool& is_whole);
// inflated_head - the beginning of zlib data: enough to see what they are
std::string inflated_head(std::string_view packed);
// deflated_head - the same of raw deflate data (RFC 1951)
std::string deflated_head(std::string_view packed);

}  // namespace tamis::worker
