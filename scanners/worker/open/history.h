// history - the sliding window of an LZ77 decoder; its bytes go to an Output whenever it is full
//
// Copies never leave the window: what was not written yet reads as the fill byte, as the old programs have it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

// Decoded - how the decompression of one member ended
enum class Decoded : std::uint8_t {
    whole,
    damaged,         // the data end early, or no encoder makes them
    unknown_method,  // another method than those we know
    stopped,         // the output took no more: no budget
};

class History {
public:
    History(std::size_t size, char fill, Output& out) : window_(size, fill), out_(out) {}
    // put, copy - false: the output takes no more
    bool put(char byte) {
        window_[at_++] = byte;
        ++produced_;
        return at_ != window_.size() || flush();
    }
    // copy - `distance` counts back from here, 1 is the byte before; the caller keeps it within the window
    bool copy(std::size_t distance, std::size_t count) {
        auto from = at_ >= distance ? at_ - distance : at_ + window_.size() - distance;
        while (count-- != 0) {
            const char byte = window_[from];
            if (++from == window_.size()) from = 0;
            if (!put(byte)) return false;
        }
        return true;
    }
    // flush - what was not given out yet; once more at the end
    bool flush() {
        const bool done = out_.put(std::string_view(window_).substr(given_, at_ - given_));
        if (at_ == window_.size()) at_ = 0;
        given_ = at_;
        return done;
    }
    std::size_t size() const noexcept { return window_.size(); }
    std::uint64_t produced() const noexcept { return produced_; }

private:
    std::string window_;
    Output& out_;
    std::size_t at_ = 0, given_ = 0;
    std::uint64_t produced_ = 0;
};

}  // namespace tamis::worker
