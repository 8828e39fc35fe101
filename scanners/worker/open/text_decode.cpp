#include "scanners/worker/open/text_decode.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis::open {
namespace {

// next_line - the line at `at` without its end; moves `at` behind it
std::string_view next_line(std::string_view text, std::size_t& at) {
    auto end = text.find('\n', at);
    if (end == std::string_view::npos) end = text.size();
    auto line = text.substr(at, end - at);
    at = std::min(end + 1, text.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::uint32_t uu_value(std::string_view line, std::size_t at) {
    return at < line.size() ? (static_cast<unsigned char>(line[at]) - 32U) & 63U : 0;
}

std::size_t uu_count(std::string_view line) { return line.empty() ? 0 : uu_value(line, 0); }

constexpr std::string_view hqx_alphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

constexpr std::array<std::uint8_t, 256> make_hqx_table() {
    std::array<std::uint8_t, 256> table{};
    for (auto& entry : table) entry = 0xff;
    for (std::size_t i = 0; i < hqx_alphabet.size(); ++i)
        table[static_cast<unsigned char>(hqx_alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}

// BinhexBytes - characters to bytes with run lengths undone; calls `take` for each byte until it answers false
template <class Take>
TextNotes binhex_bytes(std::string_view text, Take take) {
    static constexpr auto table = make_hqx_table();
    constexpr std::uint8_t marker = 0x90;
    TextNotes     notes;
    std::uint32_t bits = 0, held = 0;
    std::uint8_t  last = 0;
    bool          after_marker = false;
    auto at = text.find(':');
    if (at == std::string_view::npos) return notes;
    for (++at; at < text.size() && notes.complete; ++at) {
        const char c = text[at];
        if (c == ':') {
            notes.ended = true;
            ++at;
            break;
        }
        const auto value = table[static_cast<unsigned char>(c)];
        if (value == 0xff) {
            if (c != '\r' && c != '\n' && !is_blank(c)) {
                notes.damaged = true;
                break;
            }
            continue;
        }
        bits = bits << 6 | value;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        const auto byte = static_cast<std::uint8_t>(bits >> held);
        if (after_marker) {
            after_marker = false;
            if (byte == 0) notes.complete = take(last = marker);
            for (std::uint32_t i = 1; i < byte && notes.complete; ++i) notes.complete = take(last);
        } else if (byte == marker) {
            after_marker = true;
        } else {
            notes.complete = take(last = byte);
        }
    }
    notes.consumed = at;
    return notes;
}

// Forks - reads the header, then lets the data fork through
class Forks {
public:
    bool take(std::uint8_t byte, Output& out) {
        if (position_ < header_size()) {
            header_ += static_cast<char>(byte);
            if (++position_ == header_size()) left_ = number(header_.size() - 10);
            return true;
        }
        if (left_ == 0) return true;  // checksum, resource fork
        --left_;
        chunk_ += static_cast<char>(byte);
        return chunk_.size() < 32768 || flush(out);
    }
    bool flush(Output& out) {
        const bool ok = chunk_.empty() || out.put(chunk_);
        chunk_.clear();
        return ok;
    }
    bool has_header() const { return position_ > 1 && position_ >= header_size(); }
    bool is_complete() const { return has_header() && left_ == 0; }
    BinhexHeader header() const {
        const auto size = std::min<std::size_t>(static_cast<unsigned char>(header_.front()), 63);
        return {header_.substr(1, size), number(header_.size() - 10)};
    }

private:
    // length, name, version, type and creator, flags, two fork lengths, checksum (RFC 1741 appendix A)
    std::size_t header_size() const {
        return position_ == 0 ? 1 : 1 + static_cast<unsigned char>(header_.front()) + 1 + 8 + 2 + 8 + 2;
    }
    std::uint32_t number(std::size_t at) const {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(header_[at + i]);
        return out;
    }
    std::string   header_, chunk_;
    std::size_t   position_ = 0;
    std::uint32_t left_ = 0;
};

}  // namespace

std::optional<UuBegin> uu_begin(std::string_view line) {
    UuBegin out;
    if (line.starts_with("begin-base64 ")) out.is_base64 = true;
    else if (!line.starts_with("begin ")) return {};
    auto rest = trim(line.substr(line.find(' ')));
    const auto digits = std::min(rest.find_first_not_of("01234567"), rest.size());
    if (digits < 3 || digits > 6 || digits == rest.size() || !is_blank(rest[digits])) return {};
    out.name = trim(rest.substr(digits));
    return out;
}

bool is_uu_line(std::string_view line) {
    if (line.empty() || line[0] < 32 || line[0] > 96) return false;
    const auto needed = (uu_count(line) + 2) / 3 * 4;
    const auto has = line.size() - 1;
    if (has > needed + 2 || has + 4 < needed) return false;  // trailing blanks may be gone, a checksum may follow
    return std::ranges::all_of(line, [](char c) { return c >= 32 && c <= 96; });
}

TextNotes decode_uu(std::string_view text, Output& out) {
    TextNotes   notes;
    std::string bytes;
    for (std::size_t at = 0; at < text.size() && notes.complete;) {
        auto       next = at;
        const auto line = next_line(text, next);
        if (line == "end" || line.starts_with("end ")) {
            notes.ended = true;
            notes.consumed = next;
            break;
        }
        if (!line.empty() && uu_count(line) != 0 && !is_uu_line(line)) {
            notes.damaged = true;
            break;
        }
        const auto count = uu_count(line);
        for (std::size_t i = 0; i < count; i += 3) {
            const auto place = 1 + i / 3 * 4;
            const auto bits = uu_value(line, place) << 18 | uu_value(line, place + 1) << 12 |
                              uu_value(line, place + 2) << 6 | uu_value(line, place + 3);
            for (std::size_t j = 0; j < std::min<std::size_t>(3, count - i); ++j)
                bytes += static_cast<char>(bits >> (16 - 8 * j));
        }
        if (bytes.size() > 32768) {
            notes.complete = out.put(bytes);
            bytes.clear();
        }
        at = notes.consumed = next;
    }
    notes.complete = notes.complete && (bytes.empty() || out.put(bytes));
    return notes;
}

TextNotes decode_uu_base64(std::string_view text, Output& out) {
    TextNotes   notes;
    std::size_t at = 0, data_end = 0;
    while (at < text.size()) {
        data_end = at;
        const auto line = next_line(text, at);
        notes.ended = line.starts_with("====");
        if (notes.ended) break;
        data_end = at;
    }
    notes.consumed = at;
    const auto decoded = decode_base64(text.substr(0, data_end), Base64Reading::stop, out);
    notes.complete = decoded.complete;
    notes.damaged = decoded.is_odd();
    return notes;
}

std::optional<std::string> yenc_name(std::string_view line) {
    if (!line.starts_with("=ybegin ") || line.find(" size=") == std::string_view::npos) return {};
    const auto name = line.find(" name=");
    return name == std::string_view::npos ? std::string() : std::string(trim(line.substr(name + 6)));
}

TextNotes decode_yenc(std::string_view text, Output& out) {
    TextNotes   notes;
    std::string bytes;
    for (std::size_t at = 0; at < text.size() && notes.complete;) {
        const auto line = next_line(text, at);
        notes.consumed = at;
        if (line.starts_with("=yend")) {
            notes.ended = true;
            break;
        }
        if (line.starts_with("=ypart ")) continue;
        if (line.starts_with("=ybegin ")) continue;  // the next part of the same file
        for (std::size_t i = 0; i < line.size(); ++i) {
            auto byte = static_cast<unsigned char>(line[i]);
            if (byte == '=' && i + 1 < line.size()) byte = static_cast<unsigned char>(line[++i] - 64);
            bytes += static_cast<char>(byte - 42);
        }
        if (bytes.size() > 32768) {
            notes.complete = out.put(bytes);
            bytes.clear();
        }
    }
    notes.complete = notes.complete && (bytes.empty() || out.put(bytes));
    return notes;
}

bool is_binhex_line(std::string_view line) {
    return line.starts_with("(This file ") && line.find("BinHex") != std::string_view::npos;
}

std::optional<BinhexHeader> binhex_header(std::string_view text) {
    Forks        forks;
    StringOutput nothing;
    constexpr std::size_t enough = 600;  // 300 characters of header, line ends, blanks before the ":"
    binhex_bytes(text.substr(0, enough), [&](std::uint8_t byte) { return !forks.has_header() && forks.take(byte, nothing); });
    if (!forks.has_header()) return {};
    return forks.header();
}

TextNotes decode_binhex(std::string_view text, Output& out) {
    Forks forks;
    auto  notes = binhex_bytes(text, [&](std::uint8_t byte) { return forks.take(byte, out); });
    notes.complete = notes.complete && forks.flush(out);
    notes.damaged |= !forks.is_complete();
    return notes;
}

}  // namespace tamis::open
