#include "scanners/worker/open/packed_member.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <utility>

#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

constexpr std::array<std::uint16_t, 256> make_crc16_table() {
    std::array<std::uint16_t, 256> out{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        unsigned crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xa001U : 0U);
        out[byte] = static_cast<std::uint16_t>(crc);
    }
    return out;
}
constexpr auto crc16_table = make_crc16_table();

}  // namespace

bool CheckedOutput::put(std::string_view bytes) {
    size_ += bytes.size();
    if (kind_ == CheckSum::Kind::crc16) sum_ = crc16(bytes, static_cast<std::uint16_t>(sum_));
    if (kind_ == CheckSum::Kind::crc32 && !bytes.empty())
        sum_ = static_cast<std::uint32_t>(::crc32_z(sum_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    return writer_.write(bytes);
}

bool unpack_member(Opener& opener, std::uint32_t archive, PackedMember member,
                   const std::function<Decoded(std::string_view packed, Output& out)>& decode) {
    if ((member.flags & static_cast<std::uint8_t>(mail::PartFlag::encrypted)) != 0 ||
        (member.flags & static_cast<std::uint8_t>(mail::PartFlag::directory)) != 0)
        return add_empty(opener, archive, member.container, std::move(member.names), member.flags, member.container.data()) != 0;
    auto writer = opener.new_part(
        {.parent = archive, .container = member.container, .names = std::move(member.names), .flags = member.flags},
        member.container.data());
    if (!writer) return false;
    const auto number = writer.number();
    CheckedOutput out(writer, member.sum.kind);
    const auto how = decode(member.data, out);
    if (how == Decoded::stopped) return false;
    const bool is_right = how == Decoded::whole && (!member.size || out.size() == *member.size) &&
                          (member.sum.kind == CheckSum::Kind::none || out.sum() == member.sum.value);
    if (how == Decoded::whole)
        writer.finish();  // else the writer ends it as a truncated part: what came out is opened all the same
    if (is_right) return true;
    mark_unreadable(opener, number);
    if (how == Decoded::unknown_method) mark_unread(opener, archive, "a member of a compression method that is not read here");
    else
        mark_damaged(opener, archive,
                     how == Decoded::whole ? "a member with a wrong checksum or size" : "a member that cannot be decompressed");
    return true;
}

Decoded decode_stored(std::string_view packed, Output& out) {
    constexpr std::size_t chunk = 64 * 1024;
    do {
        if (!out.put(packed.substr(0, chunk))) return Decoded::stopped;
        packed.remove_prefix(std::min(chunk, packed.size()));
    } while (!packed.empty());
    return Decoded::whole;
}

std::uint16_t crc16(std::string_view bytes, std::uint16_t from) {
    for (const char c : bytes)
        from = static_cast<std::uint16_t>(from >> 8U ^ crc16_table[(from ^ static_cast<unsigned char>(c)) & 0xffU]);
    return from;
}

}  // namespace tamis::worker
