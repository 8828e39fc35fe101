#include "scanners/worker/open/rar_headers.h"

#include <cstdint>

#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto mark = "Rar!\x1a\x07\x01\0"sv;

// Cursor - numbers of variable length, seven bits a byte, the lowest first
struct Cursor {
    std::string_view bytes;
    std::uint64_t at = 0;
    bool failed = false;

    std::uint64_t number() {
        std::uint64_t out = 0;
        for (unsigned shift = 0; shift < 63; shift += 7) {
            if (at >= bytes.size()) break;
            const auto byte = byte_at(bytes, at++);
            out |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) return out;
        }
        failed = true;
        return 0;
    }
};

bool is_encrypted(std::string_view extra) {
    Cursor cursor{extra};
    while (cursor.at < extra.size()) {
        const auto size = cursor.number();
        const auto begin = cursor.at;
        const auto type = cursor.number();
        if (cursor.failed || size == 0 || size > extra.size() - begin) return false;
        if (type == 1) return true;
        cursor.at = begin + size;
    }
    return false;
}

// read_member - a file header: its name when its data are encrypted
void read_member(Cursor& cursor, std::string_view extra, RarHeaders& out) {
    const auto flags = cursor.number();
    cursor.number();  // size
    cursor.number();  // attributes
    cursor.at += ((flags & 2U) != 0 ? 4U : 0U) + ((flags & 4U) != 0 ? 4U : 0U);
    cursor.number();  // compression
    cursor.number();  // system
    const auto length = cursor.number();
    const auto name = window(cursor.bytes, cursor.at, length);
    if (!cursor.failed && is_encrypted(extra)) out.encrypted.emplace(name);
}

}  // namespace

bool is_rar5(std::string_view bytes) { return bytes.starts_with(mark); }

RarHeaders read_rar5_headers(std::string_view bytes, std::uint32_t most_members) {
    constexpr std::uint64_t main_header = 1, file_header = 2, encryption_header = 4, end_header = 5;
    RarHeaders out;
    std::uint64_t at = mark.size();
    std::uint32_t members = 0;
    while (at + 7 < bytes.size() && members <= most_members) {
        Cursor start{bytes, at + 4};
        const auto size = start.number();
        if (start.failed || size == 0 || size > bytes.size() - start.at) break;
        const auto header = bytes.substr(start.at, size);
        Cursor cursor{header};
        const auto type = cursor.number(), flags = cursor.number();
        const auto extra_size = (flags & 1U) != 0 ? cursor.number() : 0, data_size = (flags & 2U) != 0 ? cursor.number() : 0;
        if (cursor.failed || extra_size > header.size()) break;
        const auto extra = header.substr(header.size() - extra_size);
        if (type == encryption_header) {
            out.are_encrypted = true;
            break;
        }
        if (type == main_header) out.is_volume = (cursor.number() & 1U) != 0;
        if (type == file_header) {
            ++members;
            read_member(cursor, extra, out);
        }
        if (type == end_header) break;
        const auto next = start.at + size;
        if (data_size > bytes.size() - next) break;
        at = next + data_size;
    }
    return out;
}

}  // namespace tamis::worker
