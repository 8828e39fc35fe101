#include "scanners/worker/open/lzw.h"

#include <algorithm>
#include <string>
#include <vector>

#include "scanners/worker/open/bit_readers.h"

namespace tamis::worker {
namespace {

constexpr unsigned first_bits = 9, control = 256, widest_ever = 16;
constexpr std::int32_t root = -1, unused = -2;  // instead of a prefix

class Lzw {
public:
    Lzw(LzwForm form, unsigned widest, std::string_view packed, std::uint64_t size, Output& out)
        : form_(form),
          widest_(std::clamp(widest, first_bits, widest_ever)),
          bits_(packed),
          size_(size),
          out_(out),
          prefix_(std::size_t{1} << widest_, unused),
          last_(std::size_t{1} << widest_, '\0') {
        for (unsigned byte = 0; byte < control; ++byte) {
            prefix_[byte] = root;
            last_[byte] = static_cast<char>(static_cast<unsigned char>(byte));
        }
        next_ = form_ == LzwForm::zoo ? control + 2 : form_ == LzwForm::shrink ? control : control + 1;
    }

    Decoded run() {
        while (made_ < size_ && !is_ended_) {
            const auto step = one();
            if (step == Decoded::stopped) return step;
            if (step == Decoded::damaged) return flush() ? step : Decoded::stopped;
        }
        if (!flush()) return Decoded::stopped;
        return size_ != UINT64_MAX && made_ < size_ ? Decoded::damaged : Decoded::whole;
    }

private:
    static constexpr std::size_t chunk = 32 * 1024;

    bool is_full() const { return next_ >= prefix_.size(); }

    // read - the next code; codes of one width come in groups of eight in compress's form
    unsigned read() {
        if (form_ == LzwForm::compress && next_ > (1U << width_) - 1U && width_ < widest_) widen(width_ + 1);
        const auto out = bits_.take(width_);
        in_group_ = (in_group_ + 1) % 8;
        is_ended_ = bits_.is_over();
        return out;
    }
    void widen(unsigned width) {
        while (form_ == LzwForm::compress && in_group_ != 0) {
            bits_.take(width_);
            in_group_ = (in_group_ + 1) % 8;
        }
        width_ = width;
    }

    Decoded one() {
        const auto code = read();
        if (is_ended_) return Decoded::whole;
        if (form_ == LzwForm::zoo && code == control + 1) {
            is_ended_ = true;
            return Decoded::whole;
        }
        if (code == control) return command();
        if (before_ == unused && code >= control) return Decoded::damaged;
        const bool is_known = form_ == LzwForm::shrink ? prefix_[code] != unused : code < next_;
        if (!is_known && form_ != LzwForm::shrink && code != next_)
            return Decoded::damaged;  // only the very next one may be told early
        const auto string_of = is_known ? static_cast<std::int32_t>(code) : before_;
        if (!spell(string_of)) return Decoded::damaged;
        first_ = spelled_.back();
        std::ranges::reverse(spelled_);
        if (!is_known) spelled_.push_back(first_);
        if (!give()) return Decoded::stopped;
        if (before_ != unused && !add()) return Decoded::damaged;
        before_ = static_cast<std::int32_t>(code);
        return Decoded::whole;
    }

    // command - behind code 256
    Decoded command() {
        if (form_ == LzwForm::shrink) {
            const auto what = read();
            if (is_ended_ || what < 1 || what > 2 || (what == 1 && width_ == widest_)) return Decoded::damaged;
            if (what == 1) ++width_;
            else forget_leaves();
            return out_.put({}) ? Decoded::whole : Decoded::stopped;  // it costs time and gives no byte: the budget is asked
        }
        widen(first_bits);
        next_ = form_ == LzwForm::zoo ? control + 2 : control + 1;
        before_ = unused;
        return Decoded::whole;
    }

    void forget_leaves() {
        std::vector<bool> is_inner(prefix_.size(), false);
        for (std::size_t code = control + 1; code < prefix_.size(); ++code)
            if (prefix_[code] >= 0) is_inner[static_cast<std::size_t>(prefix_[code])] = true;
        for (std::size_t code = control + 1; code < prefix_.size(); ++code)
            if (!is_inner[code]) prefix_[code] = unused;
        next_ = control;
    }

    // spell - the string of a code, backwards; false: it has no beginning
    bool spell(std::int32_t code) {
        spelled_.clear();
        for (; code != root; code = prefix_[static_cast<std::size_t>(code)]) {
            if (code == unused || spelled_.size() > prefix_.size()) return false;
            spelled_.push_back(last_[static_cast<std::size_t>(code)]);
        }
        return !spelled_.empty();
    }

    bool give() {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(spelled_.size(), size_ - made_));
        made_ += count;
        held_.append(spelled_, 0, count);
        return held_.size() < chunk || flush();
    }
    bool flush() {
        const bool done = out_.put(held_);
        held_.clear();
        return done;
    }

    // add - the string before and the first byte of this one
    bool add() {
        if (form_ == LzwForm::shrink) {
            do ++next_;
            while (!is_full() && prefix_[next_] != unused);
            if (is_full()) return false;
        }
        if (is_full()) return true;
        prefix_[next_] = before_;
        last_[next_] = first_;
        if (form_ == LzwForm::shrink) return true;
        ++next_;
        if (form_ == LzwForm::zoo && next_ >= 1U << width_ && width_ < widest_) ++width_;
        return true;
    }

    LzwForm form_;
    unsigned widest_, width_ = first_bits;
    LowBits bits_;
    std::uint64_t size_, made_ = 0;
    Output& out_;
    std::vector<std::int32_t> prefix_;
    std::string last_, spelled_, held_;
    unsigned next_ = 0, in_group_ = 0;
    std::int32_t before_ = unused;
    char first_ = '\0';
    bool is_ended_ = false;
};

}  // namespace

Decoded decode_lzw(LzwForm form, unsigned widest, std::string_view packed, std::uint64_t size, Output& out) {
    return Lzw(form, widest, packed, size, out).run();
}

}  // namespace tamis::worker
