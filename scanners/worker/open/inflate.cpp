#include "scanners/worker/open/inflate.h"

#include <algorithm>

#include "scanners/worker/open/members.h"

namespace tamis::open {

Inflater::Inflater() : chunk_(decode_chunk, '\0') { is_ready_ = ::inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }

Inflater::~Inflater() {
    if (is_ready_) ::inflateEnd(&stream_);
}

Inflated Inflater::run(std::string_view deflated, PartWriter& out) {
    constexpr std::size_t most_input = 1U << 30U;  // zlib counts in unsigned int
    consumed_ = produced_ = 0;
    crc_ = 0;
    if (!is_ready_ || ::inflateReset(&stream_) != Z_OK) return Inflated::damaged;
    while (true) {
        const auto input = deflated.substr(consumed_, most_input);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));  // zlib does not write there
        stream_.avail_in = static_cast<uInt>(input.size());
        stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
        stream_.avail_out = static_cast<uInt>(chunk_.size());
        const int         status = ::inflate(&stream_, Z_NO_FLUSH);
        const std::size_t taken = input.size() - stream_.avail_in, made = chunk_.size() - stream_.avail_out;
        consumed_ += taken;
        produced_ += made;
        crc_ = static_cast<std::uint32_t>(::crc32_z(crc_, reinterpret_cast<const Bytef*>(chunk_.data()), made));
        if (made != 0 && !out.write(std::string_view(chunk_).substr(0, made))) return Inflated::stopped;
        if (status == Z_STREAM_END) return Inflated::whole;
        if (status != Z_OK && status != Z_BUF_ERROR) return Inflated::damaged;
        if (taken == 0 && made == 0) return Inflated::cut;
    }
}

}  // namespace tamis::open
