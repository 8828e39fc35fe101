#include "scanners/worker/open/file_marks.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/plain_kinds.h"
#include "scanners/worker/open/programs.h"
#include "scanners/worker/open/zip_structure.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto unknown = std::string_view::npos;

std::uint32_t crc_of(std::string_view bytes) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Each looks at what begins at `at` and answers its size: 0 when it is no such file, npos when it may reach to the end.
std::size_t size_of_rar4(std::string_view bytes, std::size_t at) {
    const auto header = window(bytes, at + 7);  // the archive header: its checksum, type 0x73, flags, size
    const auto size = little16(header, 5);
    if (header.size() < 13 || byte_at(header, 2) != 0x73 || size < 13 || size > header.size()) return 0;
    return (crc_of(header.substr(2, size - 2U)) & 0xffffU) == little16(header, 0) ? unknown : 0;
}
std::size_t size_of_rar5(std::string_view bytes, std::size_t at) {
    const auto header = window(bytes, at + 8);  // checksum, size as a number of seven bits a byte, type
    const auto first = byte_at(header, 4);
    const bool is_long = (first & 0x80U) != 0;
    const auto size = is_long ? (first & 0x7fU) | std::size_t{byte_at(header, 5)} << 7U : std::size_t{first};
    const auto all = size + (is_long ? 2U : 1U);
    if (size == 0 || header.size() < 4 + all) return 0;
    return crc_of(header.substr(4, all)) == little32(header, 0) ? unknown : 0;
}
std::size_t size_of_7z(std::string_view bytes, std::size_t at) {
    constexpr std::size_t fixed = 32;
    const auto header = window(bytes, at, fixed);
    if (header.size() < fixed || crc_of(header.substr(12, 20)) != little32(header, 8)) return 0;
    const auto offset = little64(header, 12), size = little64(header, 20), left = bytes.size() - at - fixed;
    return size != 0 && offset <= left && size <= left - offset ? static_cast<std::size_t>(fixed + offset + size) : unknown;
}
std::size_t size_of_cab(std::string_view bytes, std::size_t at) {
    const auto header = window(bytes, at);
    const auto size = little32(header, 8), files = little32(header, 16);
    const bool is_sane = size >= 44 && files >= 36 && files < size && little32(header, 12) == 0 && byte_at(header, 25) == 1 &&
                         little16(header, 26) != 0 && little16(header, 28) != 0 && files < header.size();
    return !is_sane ? 0 : size <= header.size() ? size : unknown;
}
std::size_t size_of_zip(std::string_view bytes, std::size_t at) { return zip_size(bytes, at); }

// inflates - whether what begins there is deflate data: the first kilobytes come out of it without an error
bool inflates(std::string_view data) {
    constexpr std::size_t enough = 4096;
    std::array<char, enough> out{};
    z_stream stream{};
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    data = data.substr(0, 2 * enough);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    const bool made = stream.avail_out < out.size();
    ::inflateEnd(&stream);
    return status == Z_STREAM_END || (made && (status == Z_OK || status == Z_BUF_ERROR));
}
std::size_t size_of_gzip(std::string_view bytes, std::size_t at) {
    const auto flags = byte_at(bytes, at + 3), level = byte_at(bytes, at + 8), system = byte_at(bytes, at + 9);
    if ((flags & 0xe0U) != 0 || (level != 0 && level != 2 && level != 4) || (system > 13 && system != 255)) return 0;
    std::uint64_t data = at + 10;
    if ((flags & 4U) != 0) data += 2U + little16(bytes, data);
    for (const unsigned bit : {8U, 16U}) {
        constexpr std::size_t longest = 1024;
        if ((flags & bit) == 0) continue;
        const auto end = window(bytes, data, longest).find('\0');
        if (end == unknown) return 0;
        data += end + 1;
    }
    if ((flags & 2U) != 0) data += 2;
    return inflates(window(bytes, data)) ? unknown : 0;
}
std::size_t size_of_xz(std::string_view bytes, std::size_t at) {
    return bytes.size() - at >= 12 && crc_of(bytes.substr(at + 6, 2)) == little32(bytes, at + 8) ? unknown : 0;
}
std::size_t size_of_lzip(std::string_view bytes, std::size_t at) {
    const auto dictionary = byte_at(bytes, at + 5) & 0x1fU;
    return byte_at(bytes, at + 4) <= 1 && dictionary >= 12 && dictionary <= 29 && byte_at(bytes, at + 6) == 0 &&
                   bytes.size() - at > 26
               ? unknown
               : 0;
}
std::size_t size_of_zstd(std::string_view bytes, std::size_t at) {
    const auto descriptor = byte_at(bytes, at + 4);
    const auto block = little(bytes, at + 5 + ((descriptor & 0x20U) != 0 ? 0U : 1U), 1);
    return bytes.size() - at > 9 && (descriptor & 0x18U) == 0 && ((block >> 1U) & 3U) != 3 ? unknown : 0;
}
std::size_t size_of_tar(std::string_view bytes, std::size_t at) { return is_tar(window(bytes, at, 512)) ? unknown : 0; }
std::size_t size_of_ole(std::string_view bytes, std::size_t at) {
    const auto header = window(bytes, at);
    const auto version = little16(header, 26), shift = little16(header, 30);
    return header.size() >= 512 && little16(header, 28) == 0xfffe && (version == 3 || version == 4) && (shift == 9 || shift == 12)
               ? unknown
               : 0;
}
std::size_t size_of_pdf(std::string_view bytes, std::size_t at) {
    constexpr std::size_t near_by = 256;  // the first object stands behind the header and a comment
    const auto rest = window(bytes, at, near_by);
    const auto is_digit = [&](std::size_t i) { return byte_at(rest, i) >= '0' && byte_at(rest, i) <= '9'; };
    if (!is_digit(5) || byte_at(rest, 6) != '.' || !is_digit(7)) return 0;
    return rest.contains(" obj") ? unknown : 0;
}
std::size_t size_of_program(std::string_view bytes, std::size_t at) {
    return is_windows_program(window(bytes, at)) ? unknown : 0;
}
std::size_t size_of_elf(std::string_view bytes, std::size_t at) { return is_elf(window(bytes, at)) ? unknown : 0; }
std::size_t size_of_lha(std::string_view bytes, std::size_t at) {
    const auto method = byte_at(bytes, at + 5), level = byte_at(bytes, at + 20);
    if (byte_at(bytes, at + 6) != '-' || !((method >= '0' && method <= '9') || method == 'd' || method == 's' || method == 'x'))
        return 0;
    if (level == 0 || level == 1) {  // the sum of the header's bytes is in its second one
        const auto header = window(bytes, at + 2, byte_at(bytes, at));
        std::uint32_t sum = 0;
        for (const unsigned char c : header) sum += c;
        return header.size() >= 20 && (sum & 0xffU) == byte_at(bytes, at + 1) ? unknown : 0;
    }
    return level == 2 && little16(bytes, at) >= 26 && little16(bytes, at) < 4096 && byte_at(bytes, at + 19) == 0x20 ? unknown : 0;
}
std::size_t size_of_arj(std::string_view bytes, std::size_t at) {
    const auto size = little16(bytes, at + 2);
    const auto header = window(bytes, at + 4, size);
    return size >= 30 && size <= 2600 && header.size() == size && crc_of(header) == little32(bytes, at + 4U + size) ? unknown : 0;
}
std::size_t size_of_ar(std::string_view bytes, std::size_t at) { return window(bytes, at + 66, 2) == "`\n" ? unknown : 0; }
std::size_t size_of_cpio(std::string_view bytes, std::size_t at) {
    constexpr std::size_t fields = 13 * 8;
    const auto header = window(bytes, at + 6, fields);
    return header.size() == fields && header.find_first_not_of("0123456789abcdefABCDEF") == unknown ? unknown : 0;
}
std::size_t size_of_xar(std::string_view bytes, std::size_t at) {
    return big(bytes, at + 4, 2) >= 28 && big(bytes, at + 4, 2) < 256 && big(bytes, at + 6, 2) == 1 ? unknown : 0;
}
std::size_t size_of_ace(std::string_view bytes, std::size_t at) {  // texts and tables of file types hold the mark as well
    const unsigned size = little16(bytes, at + 2), needed = byte_at(bytes, at + 14), made_with = byte_at(bytes, at + 15);
    return size >= 27 && size < 4096 && byte_at(bytes, at + 4) == 0 && needed >= 10 && needed <= 30 && made_with >= needed &&
                   made_with <= 30 && byte_at(bytes, at + 16) <= 12
               ? unknown
               : 0;
}
std::size_t size_if_there(std::string_view, std::size_t) { return unknown; }  // a mark that is long enough by itself

struct Mark {
    std::string_view bytes;
    std::size_t before;  // of the file that stand before the mark
    std::string_view kind;
    std::size_t (*size)(std::string_view bytes, std::size_t at);
    bool is_weak = false;
};
constexpr Mark marks[] = {
    {"PK\x03\x04"sv, 0, "zip", size_of_zip},
    {"Rar!\x1a\x07\0"sv, 0, "rar", size_of_rar4},
    {"Rar!\x1a\x07\x01\0"sv, 0, "rar", size_of_rar5},
    {"7z\xbc\xaf\x27\x1c\0"sv, 0, "7z", size_of_7z},
    {"MSCF\0\0\0\0"sv, 0, "cab", size_of_cab},
    {"\x1f\x8b\x08"sv, 0, "gz", size_of_gzip},
    {"BZh11AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh21AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh31AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh41AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh51AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh61AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh71AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh81AY&SY"sv, 0, "bz2", size_if_there},
    {"BZh91AY&SY"sv, 0, "bz2", size_if_there},
    {"\xfd"
     "7zXZ\0"sv,
     0, "xz", size_of_xz},
    {"LZIP"sv, 0, "lz", size_of_lzip},
    {"\x28\xb5\x2f\xfd"sv, 0, "zst", size_of_zstd},
    {"\x89LZO\0\r\n\x1a\n"sv, 0, "lzo", size_if_there},
    {"ustar"sv, 257, "tar", size_of_tar},
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, 0, "cdf-ms", size_of_ole},
    {"%PDF-"sv, 0, "pdf", size_of_pdf, true},
    {"MZ"sv, 0, "exe", size_of_program, true},
    {"\x7f"
     "ELF"sv,
     0, "exe", size_of_elf, true},
    {"-lh"sv, 2, "lha", size_of_lha},
    {"-lz"sv, 2, "lha", size_of_lha},
    {"\x60\xea"sv, 0, "arj", size_of_arj},
    {"**ACE**"sv, 7, "ace", size_of_ace},
    {"!<arch>\n"sv, 0, "a", size_of_ar},
    {"070701"sv, 0, "cpio", size_of_cpio},
    {"070702"sv, 0, "cpio", size_of_cpio},
    {"xar!"sv, 0, "xar", size_of_xar},
    {"\xed\xab\xee\xdb\x03\0"sv, 0, "rpm", size_if_there},
    {"MSWIM\0\0\0"sv, 0, "wim", size_if_there},
};

// Most bytes are ruled out by the two that a mark begins with: one look at a table of 8 KiB
constexpr std::size_t pair_at(unsigned char first, unsigned char second) { return std::size_t{first} << 8U | second; }
constexpr std::array<std::uint64_t, 1024> make_pairs() {
    std::array<std::uint64_t, 1024> out{};
    for (const auto& mark : marks) {
        const auto pair = pair_at(static_cast<unsigned char>(mark.bytes[0]), static_cast<unsigned char>(mark.bytes[1]));
        out[pair / 64] |= std::uint64_t{1} << (pair % 64);
    }
    return out;
}
constexpr auto pairs = make_pairs();

}  // namespace

FoundFile find_file(std::string_view bytes, std::size_t lowest, std::size_t from, std::size_t until) {
    until = std::min(until, bytes.size() - std::min<std::size_t>(bytes.size(), 1));
    for (auto at = from; at < until; ++at) {
        const auto pair = pair_at(static_cast<unsigned char>(bytes[at]), static_cast<unsigned char>(bytes[at + 1]));
        if ((pairs[pair / 64] >> (pair % 64) & 1U) == 0) continue;
        for (const auto& mark : marks) {
            if (bytes[at] != mark.bytes[0] || at < lowest + mark.before || !bytes.substr(at).starts_with(mark.bytes)) continue;
            const auto begin = at - mark.before;
            const auto size = mark.size(bytes, begin);
            if (size != 0) return {mark.kind, begin, size, at, mark.is_weak};
        }
    }
    return {};
}

FoundFile find_zip_by_end(std::string_view bytes, std::size_t from, std::size_t until, unsigned& tries) {
    constexpr std::string_view mark = "PK\x05\x06";
    constexpr std::size_t fixed = 22;
    const auto range = bytes.substr(0, std::min(until, bytes.size()));
    for (auto at = range.find(mark, from); at != unknown && tries != 0; at = range.find(mark, at + 1)) {
        const auto stop = at + fixed + little16(bytes, at + 20);
        if (bytes.size() - at < fixed || little32(bytes, at + 12) == 0 || stop > bytes.size()) continue;
        --tries;
        if (find_zip_end(bytes.substr(0, stop)) != at) continue;
        const auto reading = read_zip(bytes.substr(0, stop), 64);
        if (reading.members.empty() || reading.members.front().data_at == 0) continue;
        const auto begin = static_cast<std::size_t>(std::min<std::uint64_t>(reading.begin, at));
        return {"zip", begin, stop - begin, at};
    }
    return {};
}

}  // namespace tamis::worker
