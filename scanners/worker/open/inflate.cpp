#include "scanners/worker/open/inflate.h"

#include <algorithm>

#include "scanners/worker/open/members.h"

namespace tamis::worker {

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
        const int status = ::inflate(&stream_, Z_NO_FLUSH);
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

namespace {

std::string inflate_into_memory(std::string_view packed, int window_bits, std::size_t most, bool& is_whole) {
    constexpr std::size_t most_input = 1U << 30U;
    std::string out;
    is_whole = false;
    z_stream stream{};
    if (::inflateInit2(&stream, window_bits) != Z_OK) return out;
    packed = packed.substr(0, most_input);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(packed.size());
    while (out.size() < most) {
        const auto known = out.size(), step = std::min(most - known, decode_chunk);
        out.resize(known + step);
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + known);
        stream.avail_out = static_cast<uInt>(step);
        const int status = ::inflate(&stream, Z_NO_FLUSH);
        const auto made = step - stream.avail_out;
        out.resize(known + made);
        is_whole = status == Z_STREAM_END;
        if (is_whole || (status != Z_OK && status != Z_BUF_ERROR) || made == 0) break;
    }
    ::inflateEnd(&stream);
    return out;
}

constexpr std::size_t head_size = 4096;

}  // namespace

std::string inflate_zlib(std::string_view packed, std::size_t most, bool& is_whole) {
    return inflate_into_memory(packed, MAX_WBITS, most, is_whole);
}

std::string inflate_raw(std::string_view packed, std::size_t most, bool& is_whole) {
    return inflate_into_memory(packed, -MAX_WBITS, most, is_whole);
}

std::string inflated_head(std::string_view packed) {
    bool is_whole = false;
    return inflate_into_memory(packed, MAX_WBITS, head_size, is_whole);
}

std::string deflated_head(std::string_view packed) {
    bool is_whole = false;
    return inflate_into_memory(packed, -MAX_WBITS, head_size, is_whole);
}

}  // namespace tamis::worker
