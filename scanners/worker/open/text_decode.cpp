#include "scanners/worker/open/text_decode.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace tamis::worker {
namespace {

// next_line - the line at `at` without its end; moves `at` behind it
std::string_view next_line(std::string_view text, std::size_t& at) {
    const auto end = std::min(text.find_first_of("\r\n", at), text.size());
    const auto line = text.substr(at, end - at);
    at = std::min(end + (text.substr(end, 2) == "\r\n" ? 2 : 1), text.size());
    return line;
}

std::uint32_t uu_value(std::string_view line, std::size_t at) {
    return at < line.size() ? (static_cast<unsigned char>(line[at]) - 32U) & 63U : 0;
}

std::size_t uu_count(std::string_view line) { return line.empty() ? 0 : uu_value(line, 0); }

constexpr std::string_view xx_alphabet = "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

std::uint32_t xx_value(std::string_view line, std::size_t at) {
    const auto value = at < line.size() ? xx_alphabet.find(line[at]) : 0;
    return value == std::string_view::npos ? 0 : static_cast<std::uint32_t>(value);
}

std::size_t xx_count(std::string_view line) { return line.empty() ? 0 : xx_value(line, 0); }

constexpr std::size_t encoded_size(std::size_t count) { return (count + 2) / 3 * 4; }

// Lines - how a line of one of the two encodings is read
struct Lines {
    bool (*is_line)(std::string_view);
    bool (*is_short)(std::string_view);  // may be data while the file is not at its end
    std::size_t (*count)(std::string_view);
    std::uint32_t (*value)(std::string_view, std::size_t);
};

// decode_lines - up to the line "end", or where the data end. A few lines that are no data do not end them when data follow
// (readers pass over them, or take them for data: the caller is told that it is damaged).
TextNotes decode_lines(std::string_view text, const Lines& lines, Output& out) {
    constexpr std::size_t most_strange = 8;
    TextNotes notes;
    std::string bytes;
    std::size_t strange = 0, longest = 0;
    bool is_last = false;  // a line with fewer bytes than the others was there
    for (std::size_t at = 0; at < text.size() && notes.complete && strange <= most_strange;) {
        const auto line = next_line(text, at);
        if (line == "end" || line.starts_with("end ")) {
            notes.ended = true;
            notes.consumed = at;
            notes.damaged |= strange != 0;
            break;
        }
        if (uu_begin(line)) break;  // another file
        const auto count = lines.count(line);
        const bool is_data = lines.is_line(line) || (!is_last && lines.is_short(line));
        if (!trim(line).empty() && count != 0 && !is_data) {
            ++strange;
            continue;
        }
        is_last |= count < longest && !line.empty();
        longest = std::max(longest, count);
        if (count != 0) notes.damaged |= std::exchange(strange, 0) != 0;
        for (std::size_t i = 0; i < count && !trim(line).empty(); i += 3) {
            const auto place = 1 + i / 3 * 4;
            const auto bits = lines.value(line, place) << 18 | lines.value(line, place + 1) << 12 |
                              lines.value(line, place + 2) << 6 | lines.value(line, place + 3);
            for (std::size_t j = 0; j < std::min<std::size_t>(3, count - i); ++j)
                bytes += static_cast<char>(bits >> (16 - 8 * j));
        }
        if (bytes.size() > 32768) {
            notes.complete = out.put(bytes);
            bytes.clear();
        }
        if (strange == 0) notes.consumed = at;
    }
    notes.complete = notes.complete && (bytes.empty() || out.put(bytes));
    return notes;
}

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
    TextNotes notes;
    std::uint32_t bits = 0, held = 0;
    std::uint8_t last = 0;
    bool after_marker = false;
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

enum class Fork : std::uint8_t { data, resource };

// crc_of - of BinHex (RFC 1741 appendix B): CRC-CCITT with zero bytes in place of the checksum itself; some writers append two,
// which the algorithm wants, and some two more
std::uint32_t crc_of(std::string_view bytes, std::size_t zeros) {
    std::uint32_t crc = 0;
    for (std::size_t i = 0; i < bytes.size() + zeros; ++i) {
        const std::uint32_t byte = i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
        for (int bit = 7; bit >= 0; --bit) {
            const bool carry = (crc & 0x8000U) != 0;
            crc = (crc << 1 | (byte >> bit & 1U)) & 0xffffU;
            if (carry) crc ^= 0x1021U;
        }
    }
    return crc;
}

// Forks - reads the header, then lets one fork through
class Forks {
public:
    explicit Forks(Fork wanted) : wanted_(wanted) {}
    bool take(std::uint8_t byte, Output& out) {
        if (position_ < header_size()) {
            header_ += static_cast<char>(byte);
            if (++position_ == header_size()) {
                constexpr std::uint64_t checksum = 2;  // behind the data
                skip_ = wanted_ == Fork::data ? 0 : data_size() + checksum;
                left_ = wanted_ == Fork::data ? data_size() : resource_size();
            }
            return true;
        }
        if (skip_ != 0) {
            --skip_;
            return true;
        }
        if (left_ == 0) return true;  // checksum, the other fork
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
    bool is_complete() const { return has_header() && skip_ == 0 && left_ == 0; }
    BinhexHeader header() const {
        const auto size = std::min<std::size_t>(static_cast<unsigned char>(header_.front()), 63);
        const auto sum = static_cast<std::uint32_t>(static_cast<unsigned char>(header_[header_.size() - 2])) << 8 |
                         static_cast<unsigned char>(header_.back());
        const auto summed = std::string_view(header_).substr(0, header_.size() - 2);
        const bool is_sure = size != 0 && (crc_of(summed, 2) == sum || crc_of(summed, 4) == sum);
        return {header_.substr(1, size), data_size(), resource_size(), is_sure};
    }

private:
    // length, name, version, type and creator, flags, two fork lengths, checksum (RFC 1741 appendix A)
    std::size_t header_size() const {
        return position_ == 0 ? 1 : 1 + static_cast<unsigned char>(header_.front()) + 1 + 8 + 2 + 8 + 2;
    }
    std::uint32_t data_size() const { return number(header_.size() - 10); }
    std::uint32_t resource_size() const { return number(header_.size() - 6); }
    std::uint32_t number(std::size_t at) const {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(header_[at + i]);
        return out;
    }
    Fork wanted_;
    std::string header_, chunk_;
    std::size_t position_ = 0;
    std::uint64_t skip_ = 0, left_ = 0;
};

TextNotes decode_fork(std::string_view text, Fork fork, Output& out) {
    Forks forks(fork);
    auto notes = binhex_bytes(text, [&](std::uint8_t byte) { return forks.take(byte, out); });
    notes.complete = notes.complete && forks.flush(out);
    notes.damaged |= !forks.is_complete();
    return notes;
}

}  // namespace

std::optional<UuBegin> uu_begin(std::string_view line) {
    constexpr std::string_view words[] = {"begin-base64-encoded", "begin-base64", "begin"};
    const auto* word = std::ranges::find_if(words, [&](std::string_view each) {
        return starts_with_fold(line, each) && line.size() > each.size() && is_blank(line[each.size()]);
    });
    if (word == std::end(words)) return {};
    UuBegin out;
    out.is_base64 = *word != "begin";
    auto rest = trim(line.substr(word->size()));
    const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    out.has_mode = digits != 0 && (digits == rest.size() || is_blank(rest[digits]));
    if (out.has_mode) rest = trim(rest.substr(digits));
    out.name = rest;
    if (word->ends_with("encoded"))
        if (const auto decoded = base64_decode(rest)) out.name = *decoded;
    return out;
}

bool is_uu_line(std::string_view line) {
    constexpr std::size_t most_behind = 80;
    if (line.empty() || line[0] <= 32 || line[0] > 96 || uu_count(line) == 0) return false;
    const auto needed = encoded_size(uu_count(line));
    const auto has = line.size() - 1;
    if (has > needed + most_behind || has + 4 < needed) return false;  // trailing blanks may be gone, a checksum may follow
    return std::ranges::all_of(line.substr(0, needed + 1), [](char c) { return c >= 32 && c <= 96; });
}

bool is_short_uu_line(std::string_view line) {
    return !line.empty() && uu_count(line) != 0 && line.size() - 1 < encoded_size(uu_count(line)) &&
           std::ranges::all_of(line, [](char c) { return c >= 32 && c < 96; });
}

bool is_xx_line(std::string_view line) {
    if (line.empty() || xx_count(line) == 0) return false;
    const auto needed = encoded_size(xx_count(line));
    const auto has = line.size() - 1;
    if (has < needed || has > needed + 1) return false;  // a checksum may follow
    return line.find_first_not_of(xx_alphabet) == std::string_view::npos;
}

bool is_base64_line(std::string_view line) {
    line = trim(line);
    constexpr std::size_t one_group = 2;
    const auto has = std::min(line.find('='), line.size());
    return has >= one_group && line.size() - has <= 2 &&
           std::ranges::all_of(line.substr(0, has), [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; });
}

TextNotes decode_uu(std::string_view text, Output& out) {
    return decode_lines(text, {is_uu_line, is_short_uu_line, uu_count, uu_value}, out);
}

TextNotes decode_xx(std::string_view text, Output& out) {
    return decode_lines(text, {is_xx_line, [](std::string_view) { return false; }, xx_count, xx_value}, out);
}

// without the end line, the data end with the first line that is none
TextNotes decode_uu_base64(std::string_view text, Output& out) {
    TextNotes notes;
    std::size_t data_end = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto line = next_line(text, at);
        notes.ended = line.starts_with("====");
        if (notes.ended) {
            notes.consumed = at;
            break;
        }
        if (!trim(line).empty() && !is_base64_line(line)) break;
        notes.consumed = data_end = at;
    }
    const auto decoded = decode_base64(text.substr(0, data_end), Base64Reading::stop, out);
    notes.complete = decoded.complete;
    notes.damaged = decoded.junk || decoded.after_padding;
    return notes;
}

std::optional<std::string> yenc_name(std::string_view line) {
    constexpr std::string_view parameters[] = {" size=", " line=", " name="};
    const auto has = [&](std::string_view each) { return line.find(each) != std::string_view::npos; };
    if (!line.starts_with("=ybegin ") || std::ranges::none_of(parameters, has)) return {};
    const auto name = line.find(" name=");
    return name == std::string_view::npos ? std::string() : std::string(trim(line.substr(name + 6)));
}

TextNotes decode_yenc(std::string_view text, Output& out) {
    TextNotes notes;
    std::string bytes;
    for (std::size_t at = 0; at < text.size() && notes.complete;) {
        const auto line = next_line(text, at);
        if (line.starts_with("=ybegin ")) break;  // another file
        notes.consumed = at;
        if (line.starts_with("=yend")) {
            notes.ended = true;
            break;
        }
        if (line.starts_with("=ypart ")) continue;
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
    Forks forks(Fork::data);
    StringOutput nothing;
    constexpr std::size_t enough = 600;  // 300 characters of header, line ends, blanks before the ":"
    binhex_bytes(text.substr(0, enough), [&](std::uint8_t byte) { return !forks.has_header() && forks.take(byte, nothing); });
    if (!forks.has_header()) return {};
    return forks.header();
}

TextNotes decode_binhex(std::string_view text, Output& out) { return decode_fork(text, Fork::data, out); }

TextNotes decode_binhex_resource(std::string_view text, Output& out) { return decode_fork(text, Fork::resource, out); }

}  // namespace tamis::worker
