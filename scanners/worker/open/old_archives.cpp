#include "scanners/worker/open/old_archives.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/lzh.h"
#include "scanners/worker/open/lzw.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/packed_member.h"

namespace tamis::worker {

using mail::PartFlag;

namespace {

using namespace std::string_view_literals;

std::uint8_t flag(PartFlag which) { return static_cast<std::uint8_t>(which); }

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

std::uint32_t crc32_of(std::string_view bytes) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// with_slashes - a path of another system
std::string with_slashes(std::string_view path, char separator) {
    std::string out(path);
    std::ranges::replace(out, separator, '/');
    return out;
}

// --- ARJ: technote.txt of ARJ 3 ---------------------------------------------------------------------------------------------

struct ArjHeader {
    std::string_view basic;  // empty: there is none
    std::size_t next = 0;    // behind it and its extensions
    bool is_end = false, is_sound = false;
};

ArjHeader arj_header(std::string_view bytes, std::size_t at) {
    constexpr std::size_t most = 2600, least = 30;
    ArjHeader out;
    const auto size = little16(bytes, at + 2);
    if (window(bytes, at, 2) != "\x60\xea"sv || bytes.size() - at < 4) return out;
    out.is_end = size == 0;
    if (size < least || size > most || bytes.size() - at - 4 < size + 4UL) return out;
    out.basic = bytes.substr(at + 4, size);
    out.is_sound = crc32_of(out.basic) == little32(bytes, at + 4 + size);
    out.next = at + 4 + size + 4;
    while (const std::size_t more = little16(bytes, out.next)) out.next += 2 + more + 4;  // extensions, each with its checksum
    out.next = std::min(out.next + 2, bytes.size());
    return out;
}

Decoded decode_arj(unsigned method, std::string_view packed, std::uint64_t size, Output& out) {
    switch (method) {
        case 0: return decode_stored(packed, out);
        case 1:
        case 2:
        case 3: return decode_lzh(arj_form, packed, size, out);
        case 4: return decode_arj_fastest(packed, size, out);
        default: return Decoded::unknown_method;
    }
}

// add_arj_member - false: no budget
bool add_arj_member(Opener& opener, std::uint32_t part, std::string_view basic, std::string_view data) {
    constexpr unsigned garbled = 1, goes_on = 4, went_on = 8, directory = 3, label = 4;
    const auto bits = byte_at(basic, 4), type = byte_at(basic, 6);
    const auto method = byte_at(basic, 5);
    const auto name = until_nul(window(basic, std::max<std::size_t>(byte_at(basic, 0), 30)));
    std::uint8_t flags = type == directory ? flag(PartFlag::directory) : 0;
    if ((bits & garbled) != 0) flags |= flag(PartFlag::encrypted) | flag(PartFlag::undecipherable);
    if ((bits & (goes_on | went_on)) != 0) mark_damaged(opener, part, "a member that is in several volumes");
    if (type == label) return true;
    const std::uint64_t size = little32(basic, 16);
    return unpack_member(opener, part,
                         {.container = "arj",
                          .names = member_names(with_slashes(name, '\\'), false),
                          .flags = flags,
                          .data = data,
                          .size = size,
                          .sum = {CheckSum::Kind::crc32, little32(basic, 20)}},
                         [&](std::string_view packed, Output& out) { return decode_arj(method, packed, size, out); });
}

// --- LHA: header levels 0 to 3 ----------------------------------------------------------------------------------------------

struct LhaHeader {
    std::size_t data = 0;  // where the packed bytes begin; 0: no header
    std::uint64_t packed = 0, size = 0;
    std::string_view method;  // "-lh5-"
    std::string name;
    std::uint16_t sum = 0;
    bool is_sound = true;
};

bool is_lha_method(std::string_view method) {
    return method.size() == 5 && method.front() == '-' && method.back() == '-' &&
           (method.substr(1, 2) == "lh" || method.substr(1, 2) == "lz" || method.substr(1, 2) == "pm");
}

// extend_lha - the extended headers from `at` on, each with the size of the next one at its end; where the data begin
std::size_t extend_lha(std::string_view bytes, std::size_t at, std::uint64_t size, unsigned width, LhaHeader& out) {
    constexpr unsigned name = 1, path = 2, wide_sizes = 0x42;
    std::string directory;
    while (size != 0) {
        if (size < width + 1U || at > bytes.size() || size > bytes.size() - at) {
            out.is_sound = false;
            break;
        }
        const auto type = byte_at(bytes, at);
        const auto value = bytes.substr(at + 1, static_cast<std::size_t>(size) - 1 - width);
        if (type == name) out.name = value;
        if (type == path) directory = value;
        if (type == wide_sizes && value.size() >= 16) {
            out.packed = little64(value, 0);
            out.size = little64(value, 8);
        }
        at += static_cast<std::size_t>(size);
        size = little(bytes, at - width, width);
    }
    if (!directory.empty() && directory.back() != '\xff' && directory.back() != '/' && directory.back() != '\\') directory += '/';
    out.name = directory + out.name;
    return at;
}

LhaHeader lha_header(std::string_view bytes, std::size_t at) {
    LhaHeader out;
    const auto head = window(bytes, at);
    const auto level = byte_at(head, 20);
    out.method = window(head, 2, 5);
    if (head.size() < 24 || !is_lha_method(out.method) || level > 3) return {};
    out.packed = little32(head, 7);
    out.size = little32(head, 11);
    if (level < 2) {
        const std::size_t whole = byte_at(head, 0) + 2UL, name = byte_at(head, 21);
        if (whole < 24 + name || whole > head.size()) return {};
        std::uint8_t sum = 0;
        for (const char c : head.substr(2, whole - 2)) sum = static_cast<std::uint8_t>(sum + static_cast<unsigned char>(c));
        out.is_sound = sum == byte_at(head, 1);
        out.name = head.substr(22, name);
        out.sum = little16(head, 22 + name);
        out.data = at + whole;
        if (level == 1) {  // the packed size counts the extensions too
            out.data = extend_lha(bytes, at + whole, little16(head, whole - 2), 2, out);
            const auto more = out.data - at - whole;
            if (more > out.packed) out.is_sound = false;
            out.packed -= std::min<std::uint64_t>(more, out.packed);
        }
        return out;
    }
    out.sum = little16(head, 21);
    const unsigned width = level == 2 ? 2 : 4;
    const std::size_t whole = level == 2 ? little16(head, 0) : little32(head, 24), first = level == 2 ? 24 : 28;
    if (whole < first + width || whole > head.size()) return {};
    extend_lha(bytes, at + first + width, little(head, first, width), width, out);
    out.data = at + whole;
    return out;
}

Decoded decode_lha(std::string_view method, std::string_view packed, std::uint64_t size, Output& out) {
    constexpr std::pair<std::string_view, const LzhForm*> forms[] = {
        {"-lh4-", &lh4_form}, {"-lh5-", &lh5_form}, {"-lh6-", &lh6_form}, {"-lh7-", &lh7_form}, {"-lhx-", &lhx_form}};
    if (method == "-lh0-" || method == "-lz4-" || method == "-pm0-") return decode_stored(packed, out);
    const auto* form = std::ranges::find(forms, method, &std::pair<std::string_view, const LzhForm*>::first);
    return form == std::end(forms) ? Decoded::unknown_method : decode_lzh(*form->second, packed, size, out);
}

// --- ARC and Spark ----------------------------------------------------------------------------------------------------------

constexpr unsigned spark_compressed = 0x7f;

struct ArcHeader {
    std::size_t data = 0;  // 0: no header
    unsigned method = 0;
    std::uint64_t packed = 0, size = 0;
    std::uint16_t sum = 0;
    std::string_view name;
};

ArcHeader arc_header(std::string_view bytes, std::size_t at) {
    constexpr std::size_t name_at = 2, name_size = 13, old_size = 25, new_size = 29;
    ArcHeader out;
    out.method = byte_at(bytes, at + 1);
    const bool is_known =
        (out.method >= 1 && out.method <= 11) || out.method == spark_compressed || (out.method >= 0x81 && out.method <= 0x89);
    const auto size = out.method == 1 ? old_size : new_size;
    if (byte_at(bytes, at) != 0x1a || !is_known || bytes.size() - at < size) return out;
    const auto field = bytes.substr(at + name_at, name_size);
    out.name = until_nul(field);
    const bool is_name =
        !out.name.empty() && out.name.size() < name_size &&
        std::ranges::all_of(
            out.name, [](unsigned char c) { return c > 0x20 && c != 0x7f && !"\"*/:<>?\\|"sv.contains(static_cast<char>(c)); });
    if (!is_name) return out;
    out.packed = little32(bytes, at + 15);
    out.sum = little16(bytes, at + 23);
    out.size = out.method == 1 ? out.packed : little32(bytes, at + 25);
    out.data = at + size;
    return out;
}

// RunLengths - ARC's second layer: 0x90 and a count repeat the byte before
class RunLengths final : public Output {
public:
    explicit RunLengths(Output& out) : out_(out) {}
    bool put(std::string_view bytes) override {
        std::string plain;
        for (const char c : bytes) {
            if (is_count_) {
                is_count_ = false;
                if (c == '\0') plain.push_back(last_ = mark);
                else plain.append(static_cast<unsigned char>(c) - 1U, last_);
            } else if (c == mark) {
                is_count_ = true;
            } else {
                plain.push_back(last_ = c);
            }
            if (plain.size() >= 32 * 1024) {
                if (!out_.put(plain)) return false;
                plain.clear();
            }
        }
        return out_.put(plain);
    }

private:
    static constexpr char mark = '\x90';
    Output& out_;
    char last_ = '\0';
    bool is_count_ = false;
};

// decode_squeezed - a Huffman tree as a list of nodes; 256 ends
Decoded decode_squeezed(std::string_view packed, Output& out) {
    const unsigned nodes = little16(packed, 0);
    if (nodes == 0 || nodes > 257 || packed.size() < 2 + 4UL * nodes) return Decoded::damaged;
    std::string plain;
    unsigned node = 0, steps = 0;
    for (std::size_t at = 2 + 4UL * nodes; at < packed.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            const auto next =
                static_cast<std::int16_t>(little16(packed, 2 + 4UL * node + 2UL * (byte_at(packed, at) >> bit & 1U)));
            if (next >= 0) {
                node = static_cast<unsigned>(next);
                if (node >= nodes || ++steps > nodes) return Decoded::damaged;
                continue;
            }
            const int symbol = -(next + 1);
            node = steps = 0;
            if (symbol == 256) return out.put(plain) ? Decoded::whole : Decoded::stopped;
            if (symbol > 256) return Decoded::damaged;
            plain.push_back(static_cast<char>(static_cast<unsigned char>(symbol)));
        }
        if (plain.size() < 32 * 1024) continue;
        if (!out.put(plain)) return Decoded::stopped;
        plain.clear();
    }
    return out.put(plain) ? Decoded::damaged : Decoded::stopped;
}

Decoded decode_arc(unsigned method, std::string_view packed, std::uint64_t size, Output& out) {
    RunLengths runs(out);
    switch (method & 0x7fU) {
        case 1:
        case 2: return decode_stored(packed, out);
        case 3: return decode_stored(packed, runs);
        case 4: return decode_squeezed(packed, runs);
        case 8: return decode_lzw(LzwForm::compress, byte_at(packed, 0), window(packed, 1), UINT64_MAX, runs);
        case 9: return decode_lzw(LzwForm::compress, 13, packed, size, out);
        case spark_compressed: return decode_lzw(LzwForm::compress, byte_at(packed, 0), window(packed, 1), size, out);
        default: return Decoded::unknown_method;
    }
}

// --- zoo --------------------------------------------------------------------------------------------------------------------

constexpr std::uint32_t zoo_tag = 0xfdc4a7dc;

std::string zoo_name(std::string_view entry) {
    const auto short_name = until_nul(window(entry, 38, 13));
    if (byte_at(entry, 4) != 2) return std::string(short_name);
    const auto long_size = byte_at(entry, 56), path_size = byte_at(entry, 57);
    const auto long_name = until_nul(window(entry, 58, long_size)), path = until_nul(window(entry, 58UL + long_size, path_size));
    std::string out(path);
    if (!out.empty() && out.back() != '/') out += '/';
    return out + std::string(long_name.empty() ? short_name : long_name);
}

Decoded decode_zoo(unsigned method, std::string_view packed, std::uint64_t size, Output& out) {
    switch (method) {
        case 0: return decode_stored(packed, out);
        case 1: return decode_lzw(LzwForm::zoo, 13, packed, size, out);
        case 2: return decode_lzh(lh5_form, packed, size, out);
        default: return Decoded::unknown_method;
    }
}

}  // namespace

bool is_arj(std::string_view head) {
    const auto header = arj_header(head, 0);
    return !header.basic.empty() && byte_at(header.basic, 0) >= 30 && byte_at(header.basic, 0) <= header.basic.size() &&
           (header.is_sound || byte_at(header.basic, 6) == 2);
}

void open_arj(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    auto header = arj_header(bytes, 0);  // of the archive
    if (header.basic.empty()) return mark_damaged(opener, part, "the ARJ header cannot be read");
    if (!header.is_sound) mark_damaged(opener, part, "a wrong checksum of an ARJ header");
    while (opener.budget().check_time()) {
        header = arj_header(bytes, header.next);
        if (header.is_end) return;
        if (header.basic.empty()) return mark_damaged(opener, part, "an ARJ archive without its end");
        if (!header.is_sound) mark_damaged(opener, part, "a wrong checksum of an ARJ header");
        const std::uint64_t packed = little32(header.basic, 12), left = bytes.size() - header.next;
        if (packed > left) mark_damaged(opener, part, "a member that is cut");
        if (!add_arj_member(opener, part, header.basic, window(bytes, header.next, packed))) return;
        header.next += static_cast<std::size_t>(std::min(packed, left));
    }
}

bool is_lha(std::string_view head) { return lha_header(head, 0).data != 0; }

void open_lha(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    std::size_t at = 0;
    while (at < bytes.size() && byte_at(bytes, at) != 0 && opener.budget().check_time()) {
        auto header = lha_header(bytes, at);
        if (header.data == 0)
            return mark_damaged(opener, part, at == 0 ? "the LHA header cannot be read" : "bytes that are no LHA member");
        const std::uint64_t left = bytes.size() - std::min(header.data, bytes.size());
        if (!header.is_sound) mark_damaged(opener, part, "a wrong LHA header");
        if (header.packed > left) mark_damaged(opener, part, "a member that is cut");
        std::ranges::replace(header.name, '\xff', '/');
        PackedMember member{.container = "lha",
                            .names = member_names(header.name, false),
                            .data = window(bytes, header.data, header.packed),
                            .size = header.size,
                            .sum = {CheckSum::Kind::crc16, header.sum}};
        if (header.method == "-lhd-") {
            const auto type = flag(header.name.contains('|') ? PartFlag::link : PartFlag::directory);  // "name|target"
            if (add_empty(opener, part, "lha", std::move(member.names), type, "lha") == 0) return;
        } else if (!unpack_member(opener, part, std::move(member), [&](std::string_view packed, Output& out) {
                       return decode_lha(header.method, packed, header.size, out);
                   })) {
            return;
        }
        at = header.data + static_cast<std::size_t>(std::min(header.packed, left));
    }
}

bool is_arc(std::string_view head, std::uint64_t size) {
    constexpr std::uint64_t largest = 64ULL << 20U;
    const auto header = arc_header(head, 0);
    if (header.data == 0) return false;
    const auto next = header.data + header.packed;
    if (next + 1 < head.size())
        return byte_at(head, next) == 0x1a && (byte_at(head, next + 1) == 0 || arc_header(head, next).data != 0);
    // it ends here, or goes on where we do not see; or it is cut, and then the rest of the header must make sense
    const unsigned date = little16(head, 19), month = date >> 5U & 15U;
    const bool is_dated = date == 0 || (month >= 1 && month <= 12 && (date & 31U) != 0);
    return next == size || (is_dated && header.packed <= largest && header.size <= 16 * largest);
}

void open_arc(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    std::size_t at = 0;
    while (opener.budget().check_time()) {
        if (window(bytes, at, 2) == "\x1a\0"sv || window(bytes, at, 2) == "\x1a\x80"sv) return;
        const auto header = arc_header(bytes, at);
        if (header.data == 0) return mark_damaged(opener, part, "an ARC archive without its end");
        const std::uint64_t left = bytes.size() - header.data;
        if (header.packed > left) mark_damaged(opener, part, "a member that is cut");
        if (!unpack_member(
                opener, part,
                {.container = "arc",
                 .names = member_names(header.name, false),
                 .data = window(bytes, header.data, header.packed),
                 .size = header.size,
                 .sum = {CheckSum::Kind::crc16, header.sum}},
                [&](std::string_view packed, Output& out) { return decode_arc(header.method, packed, header.size, out); }))
            return;
        at = header.data + static_cast<std::size_t>(std::min(header.packed, left));
    }
}

bool is_zoo(std::string_view head) { return little32(head, 20) == zoo_tag; }

void open_zoo(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    std::uint64_t at = little32(bytes, 24);
    while (opener.budget().check_time()) {
        const auto entry = window(bytes, at, 58 + 2 * 256);
        const std::uint64_t next = little32(entry, 6), data = little32(entry, 10), size = little32(entry, 20),
                            packed = little32(entry, 24);
        if (entry.size() < 51 || little32(entry, 0) != zoo_tag)
            return mark_damaged(opener, part, "a zoo archive without its end");
        if (next == 0) return;
        if (data > bytes.size() || packed > bytes.size() - data) mark_damaged(opener, part, "a member that is cut");
        const auto method = byte_at(entry, 5);
        if (!unpack_member(opener, part,
                           {.container = "zoo",
                            .names = member_names(zoo_name(entry), false),
                            .data = window(bytes, data, packed),
                            .size = size,
                            .sum = {CheckSum::Kind::crc16, little16(entry, 18)}},
                           [&](std::string_view from, Output& out) { return decode_zoo(method, from, size, out); }))
            return;
        if (next <= at) return mark_damaged(opener, part, "a zoo archive whose members go in circles");
        at = next;
    }
}

}  // namespace tamis::worker
