#include "scanners/worker/open/transfer_decode.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/text.h"

namespace tamis::worker {
namespace {

constexpr std::size_t chunk_size = 64 * 1024;

// Chunk - collects what goes to the output in pieces worth a call
class Chunk {
public:
    Chunk(Output& out, std::size_t expected)
        : out_(out), size_(std::clamp<std::size_t>(expected, 64, chunk_size)), bytes_(std::make_unique<char[]>(size_)) {}
    bool flush() {
        if (used_ != 0 && !out_.put({bytes_.get(), used_})) return false;
        used_ = 0;
        return true;
    }
    bool add(char c) {
        if (used_ == size_ && !flush()) return false;
        bytes_[used_++] = c;
        return true;
    }
    bool add(std::string_view text) {
        while (!text.empty()) {
            if (used_ == size_ && !flush()) return false;
            const auto count = std::min(size_ - used_, text.size());
            std::copy_n(text.data(), count, bytes_.get() + used_);
            used_ += count;
            text.remove_prefix(count);
        }
        return true;
    }
    // room / took - to write into it directly
    char* room(std::size_t wanted) {
        if (size_ - used_ < wanted && !flush()) return nullptr;
        return bytes_.get() + used_;
    }
    void took(std::size_t count) { used_ += count; }

private:
    Output& out_;
    std::size_t size_;
    std::unique_ptr<char[]> bytes_;
    std::size_t used_ = 0;
};

constexpr std::uint8_t blank = 64, padding = 65, bad = 66;
constexpr std::uint32_t no_quad = 0xff000000;

struct Base64Tables {
    std::array<std::uint8_t, 256> value{};
    std::array<std::array<std::uint32_t, 256>, 4> shifted{};  // value at each place of a group; no_quad if there is none
};

constexpr Base64Tables make_base64_tables() {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Base64Tables tables;
    for (auto& entry : tables.value) entry = bad;
    for (const char c : std::string_view(" \t\r\n")) tables.value[static_cast<unsigned char>(c)] = blank;
    tables.value['='] = padding;
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        tables.value[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    for (std::size_t place = 0; place < 4; ++place)
        for (std::size_t c = 0; c < 256; ++c)
            tables.shifted[place][c] = tables.value[c] < 64 ? std::uint32_t{tables.value[c]} << (18 - 6 * place) : no_quad;
    return tables;
}
constexpr Base64Tables base64 = make_base64_tables();

unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// whole_groups - decodes groups of four while they are clean; returns the characters taken
std::size_t whole_groups(std::string_view text, std::size_t at, Chunk& chunk, bool& goes_on) {
    const auto begin = at;
    while (at + 4 <= text.size()) {
        const auto groups = std::min<std::size_t>((text.size() - at) / 4, 20);
        char* to = chunk.room(groups * 3);
        if (to == nullptr) {
            goes_on = false;
            break;
        }
        std::size_t done = 0;
        for (; done < groups; ++done, at += 4) {
            const auto bits = base64.shifted[0][byte_at(text, at)] | base64.shifted[1][byte_at(text, at + 1)] |
                              base64.shifted[2][byte_at(text, at + 2)] | base64.shifted[3][byte_at(text, at + 3)];
            if (bits >= no_quad) break;
            to[3 * done] = static_cast<char>(bits >> 16);
            to[3 * done + 1] = static_cast<char>(bits >> 8);
            to[3 * done + 2] = static_cast<char>(bits);
        }
        chunk.took(done * 3);
        if (done == groups) continue;
        if (text[at] == '\r' && text[at + 1] == '\n') at += 2;  // an ordinary line end
        else break;
    }
    return at - begin;
}

// Group - up to four characters that are not side by side
struct Group {
    std::array<std::uint8_t, 4> values{};
    std::size_t count = 0, pads = 0;

    // emit - the whole bytes among what is there
    bool emit(Chunk& chunk) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) bits = bits << 6 | (i < count ? values[i] : 0U);
        const auto bytes = count < 2 ? 0 : count - 1;
        bool ok = true;
        for (std::size_t i = 0; i < bytes && ok; ++i) ok = chunk.add(static_cast<char>(bits >> (16 - 8 * i)));
        count = pads = 0;
        return ok;
    }
};

}  // namespace

// decode_base64 - decoders differ in four things only: what an octet outside the alphabet does, what padding in the middle does, what
// comes behind padding, and what a group that is not whole gives. Each reading is one choice of these; the notes say which of the
// questions came up at all, so that the usual text is decoded once.
DecodeNotes decode_base64(std::string_view text, Base64Reading reading, Output& out) {
    DecodeNotes notes;
    Chunk chunk(out, text.size() / 4 * 3 + 64);
    Group group;
    bool idle_padding = false;
    for (std::size_t at = 0; at < text.size() && notes.complete;) {
        if (group.count == 0 && group.pads == 0) {
            const auto taken = whole_groups(text, at, chunk, notes.complete);
            at += taken;
            if (taken != 0 && std::exchange(idle_padding, false)) notes.junk = notes.after_padding = true;
            if (at >= text.size() || !notes.complete) break;
        }
        const auto value = base64.value[byte_at(text, at++)];
        if (value == blank) continue;
        if (value == bad) {
            notes.junk = true;
            if (reading == Base64Reading::first_junk) break;
            continue;
        }
        if (value == padding && reading == Base64Reading::first_padding) {
            notes.complete = group.emit(chunk);
            break;
        }
        if (value == padding) {
            if (group.count + group.pads == 0) idle_padding = true;  // no group to end
            else if (++group.pads + group.count >= 4 || group.count == 3) {
                notes.wrong_length |= group.count == 1;
                notes.complete = group.emit(chunk);
                if (const auto next = text.find_first_not_of("= \t\r\n", at); next != std::string_view::npos) {
                    notes.after_padding = true;
                    if (reading == Base64Reading::stop) break;
                    at = next;
                }
            }
            continue;
        }
        if (std::exchange(idle_padding, false)) notes.junk = notes.after_padding = true;
        if (group.pads != 0) {  // "ab=c": some end the group here, some forget the padding
            notes.after_padding = true;
            group.pads = 0;
            if (reading == Base64Reading::skip_padding || reading == Base64Reading::first_junk)
                notes.complete = group.emit(chunk);
        }
        group.values[group.count++] = value;
        if (group.count == 4) notes.complete = group.emit(chunk);
    }
    if (group.count != 0) {
        notes.wrong_length = true;
        if (reading == Base64Reading::first_padding) group.count = 0;
        notes.complete = notes.complete && group.emit(chunk);
    }
    notes.complete = notes.complete && chunk.flush();
    return notes;
}

// decode_quoted - an "=" that begins neither an octet nor a soft line break is where readings part: left as it is, or taken out.
// Blanks are looked at once (blanks_end): "= = = ..." would otherwise cost the square of its length.
DecodeNotes decode_quoted(std::string_view text, QuotedReading reading, Output& out) {
    DecodeNotes notes;
    Chunk chunk(out, text.size());
    const auto hex = [](char c) {
        if (is_digit(c)) return c - '0';
        const char l = lower(c);
        return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
    };
    std::size_t blanks_end = 0;  // blanks up to here were looked at
    for (std::size_t at = 0; at < text.size() && notes.complete;) {
        const auto equals = std::min(text.find('=', at), text.size());
        notes.complete = chunk.add(text.substr(at, equals - at));
        if (equals == text.size()) break;
        at = equals + 1;
        const auto rest = text.substr(at, 2);
        if (rest.size() == 2 && hex(rest[0]) >= 0 && hex(rest[1]) >= 0) {
            notes.complete = notes.complete && chunk.add(static_cast<char>(hex(rest[0]) << 4 | hex(rest[1])));
            at += 2;
        } else if (rest.starts_with("\r\n")) {
            at += 2;
        } else if (rest.starts_with('\n')) {
            at += 1;
        } else if (rest.empty()) {
            break;  // the data end with a soft line break
        } else {
            auto end = at;
            if (is_blank(rest[0]) && at >= blanks_end) {
                end = std::min(text.find_first_not_of(" \t", at), text.size());
                blanks_end = end;
            }
            const auto line_end = text.substr(end, 2);
            const bool is_break = end == text.size() || line_end.starts_with("\r\n") || line_end.starts_with('\n');
            (is_break ? notes.soft_breaks : notes.junk) = true;
            if (reading == QuotedReading::literal) notes.complete = notes.complete && chunk.add('=');
            else if (is_break) at = std::min(end + (line_end.starts_with('\r') ? 2U : 1U), text.size());
        }
    }
    notes.complete = notes.complete && chunk.flush();
    return notes;
}

std::size_t text_behind_base64(std::string_view text) {
    constexpr std::size_t longest = 4096, longest_run = 72;
    const auto line_of = [&](std::size_t at) { return at == 0 ? 0 : text.rfind('\n', at - 1) + 1; };  // npos + 1 is 0
    const auto value_of = [&](std::size_t at) { return base64.value[byte_at(text, at)]; };
    std::size_t begin = 0;
    bool ended = false;  // by padding
    for (; begin < text.size(); ++begin) {
        const auto value = value_of(begin);
        ended |= value == padding;
        if (value == bad || (ended && value < 64)) break;
    }
    if (begin == text.size()) return std::string_view::npos;
    begin = line_of(begin);
    const auto before = trim(text.substr(0, begin));
    if (before.size() < 4 || text.size() - begin > longest || (ended && !before.ends_with('='))) return std::string_view::npos;
    std::size_t run = 0;
    bool has_words = false;
    for (auto at = begin; at < text.size(); ++at) {
        const auto c = byte_at(text, at);
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) return std::string_view::npos;
        if (c == '\r' || c == '\n') continue;  // data may go on over a line end
        run = value_of(at) < 64 || value_of(at) == padding ? run + 1 : 0;
        has_words |= value_of(at) == bad;
        if (run > longest_run) return std::string_view::npos;
    }
    return has_words ? begin : std::string_view::npos;
}

bool looks_like_base64(std::string_view text) {
    constexpr std::size_t enough = 60;
    std::size_t count = 0;
    bool ended = false;
    for (const char c : text.substr(0, chunk_size)) {
        const auto value = base64.value[static_cast<unsigned char>(c)];
        if (value == blank) continue;
        if (value == bad || (ended && value != padding)) return false;
        ended |= value == padding;
        ++count;
    }
    return count >= enough;
}

}  // namespace tamis::worker
