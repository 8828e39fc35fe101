#include "scanners/worker/open/lzop.h"

#include <utility>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto who = "lzop";
constexpr auto mark = "\x89LZO\0\r\n\x1a\n"sv;

// Unpacker - the state machine of LZO1X; every read and every copy is checked
class Unpacker {
public:
    Unpacker(std::string_view packed, std::size_t size) : in_(packed), size_(size) { out_.reserve(size); }

    std::optional<std::string> run() {
        if (byte_at(in_, 0) > 17) {
            const auto count = byte_at(in_, at_++) - 17U;
            literals(count);
            state_ = count < 4 ? count : 4;
        }
        while (!failed_ && !done_) step();
        if (failed_ || out_.size() != size_ || at_ != in_.size()) return std::nullopt;
        return std::move(out_);
    }

private:
    unsigned next() {
        if (at_ >= in_.size()) failed_ = true;
        return failed_ ? 0 : byte_at(in_, at_++);
    }
    unsigned next16() {
        const auto low = next();
        return low | next() << 8U;
    }
    // longer - a length that did not fit: zeros count 255 each
    std::size_t longer(std::size_t base) {
        std::size_t more = 0;
        unsigned byte = 0;
        while (!failed_ && (byte = next()) == 0 && more <= size_) more += 255;
        if (more > size_) failed_ = true;
        return base + more + byte;
    }
    void literals(std::size_t count) {
        if (count > in_.size() - at_ || count > size_ - out_.size()) {
            failed_ = true;
            return;
        }
        out_.append(in_.substr(at_, count));
        at_ += count;
    }
    void copy(std::size_t back, std::size_t count) {
        if (failed_ || back > out_.size() || count > size_ - out_.size()) {
            failed_ = true;
            return;
        }
        for (std::size_t i = 0; i < count; ++i) out_.push_back(out_[out_.size() - back]);
    }
    void after_match(unsigned count) {
        state_ = count;
        literals(count);
    }

    void step() {
        const auto token = next();
        if (failed_) return;
        if (token >= 64) {
            const std::size_t back = 1 + (token >> 2U & 7U) + (static_cast<std::size_t>(next()) << 3U);
            copy(back, (token >> 5U) + 1);
            after_match(token & 3U);
        } else if (token >= 32) {
            const auto count = (token & 31U) == 0 ? longer(33) : (token & 31U) + 2;
            const auto pair = next16();
            copy(1 + (pair >> 2U), count);
            after_match(pair & 3U);
        } else if (token >= 16) {
            const auto count = (token & 7U) == 0 ? longer(9) : (token & 7U) + 2;
            const auto pair = next16();
            const std::size_t back = (static_cast<std::size_t>(token & 8U) << 11U) + (pair >> 2U);
            if (back == 0) {
                done_ = true;
                return;
            }
            copy(back + 0x4000, count);
            after_match(pair & 3U);
        } else if (state_ == 0) {
            literals(token == 0 ? longer(18) : token + 3U);
            state_ = 4;
        } else {
            const bool is_long = state_ == 4;
            const std::size_t back = (is_long ? 0x801U : 1U) + (token >> 2U) + (static_cast<std::size_t>(next()) << 2U);
            copy(back, is_long ? 3 : 2);
            after_match(token & 3U);
        }
    }

    std::string_view in_;
    std::size_t size_, at_ = 0;
    std::string out_;
    unsigned state_ = 0;
    bool failed_ = false, done_ = false;
};

struct Header {
    std::size_t size = 0;  // 0: none
    std::uint32_t flags = 0;
    std::uint8_t method = 0;
    std::string_view name;
};

Header read_header(std::string_view bytes) {
    Header out;
    if (!bytes.starts_with(mark)) return out;
    const auto version = big(bytes, 9, 2);
    const bool is_new = version >= 0x0940;
    std::size_t at = is_new ? 15 : 13;
    out.method = byte_at(bytes, at);
    at += is_new ? 2 : 1;
    out.flags = static_cast<std::uint32_t>(big(bytes, at, 4));
    at += 4;
    if ((out.flags & 0x800U) != 0) at += 4;
    at += is_new ? 12 : 8;
    const auto length = byte_at(bytes, at);
    out.name = window(bytes, at + 1, length);
    at += 1U + length + 4U;
    if ((out.flags & 0x40U) != 0) at += 4 + static_cast<std::size_t>(big(bytes, at, 4)) + 4;
    if (at <= bytes.size()) out.size = at;
    return out;
}

enum class Blocks : std::uint8_t { whole, damaged, stopped };

// read_blocks - from `at` on; it is moved behind them
Blocks read_blocks(Opener& opener, std::string_view bytes, std::size_t& at, std::uint32_t flags, PartWriter& writer) {
    constexpr std::size_t largest_block = 64UL * 1024 * 1024;
    const std::size_t of_plain = ((flags & 1U) != 0 ? 4 : 0) + ((flags & 0x100U) != 0 ? 4 : 0);
    const std::size_t of_packed = ((flags & 2U) != 0 ? 4 : 0) + ((flags & 0x200U) != 0 ? 4 : 0);
    while (true) {
        if (at > bytes.size() || bytes.size() - at < 4) return Blocks::damaged;
        const auto size = static_cast<std::size_t>(big(bytes, at, 4)), packed = static_cast<std::size_t>(big(bytes, at + 4, 4));
        at += 4;
        if (size == 0) return Blocks::whole;
        at += 4 + of_plain + (packed < size ? of_packed : 0);
        if (size > largest_block || packed > size || at > bytes.size() || packed > bytes.size() - at) return Blocks::damaged;
        if (size > opener.budget().bytes_left()) return opener.budget().take_bytes(size, who) ? Blocks::damaged : Blocks::stopped;
        const auto data = bytes.substr(at, packed);
        at += packed;
        if (packed == size) {
            if (!writer.write(data)) return Blocks::stopped;
            continue;
        }
        const auto plain = decompress_lzo1x(data, size);
        if (!plain) return Blocks::damaged;
        if (!writer.write(*plain)) return Blocks::stopped;
    }
}

}  // namespace

std::optional<std::string> decompress_lzo1x(std::string_view packed, std::size_t size) { return Unpacker(packed, size).run(); }

bool is_lzop(const mail::Part& part) { return has_kind(part, "lzo"); }

void open_lzop(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto all = bytes.bytes();
    std::size_t at = 0;
    while (at < all.size()) {
        const auto header = read_header(all.substr(at));
        if (header.size == 0 || header.method == 0 || header.method > 3)
            return mark_damaged(opener, part, "the lzop header cannot be read");
        auto names = unpacked_names(opener.part(part));
        if (!header.name.empty()) names = member_names(header.name, false);
        auto writer = opener.new_part({.parent = part, .container = who, .names = std::move(names)}, who);
        if (!writer) return;
        const auto number = writer.number();
        at += header.size;
        const auto result = read_blocks(opener, all, at, header.flags, writer);
        if (result == Blocks::stopped) return;
        if (result == Blocks::damaged) {
            mark_unreadable(opener, number);
            return mark_damaged(opener, part, "the lzop data are damaged");
        }
        writer.finish();
    }
}

}  // namespace tamis::worker
