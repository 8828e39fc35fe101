#include "scanners/worker/open/known_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/old_archives.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

// The `size` of a large part is only what has come so far (see KindFinder): nothing here may need it to be the end, but where `head` is all
bool is_all(std::string_view head, std::uint64_t size) { return head.size() == size; }

bool is_at(std::string_view head, std::size_t at, std::string_view bytes) { return window(head, at, bytes.size()) == bytes; }

// is_boot_sector - a jump and a BIOS parameter block, or a table of partitions: not only 55 AA at its place
bool is_boot_sector(std::string_view head, std::uint64_t size) {
    if (!is_at(head, 510, "\x55\xaa") || size < 4096) return false;
    const auto jump = byte_at(head, 0);
    const unsigned sector = little16(head, 11), cluster = byte_at(head, 13), fats = byte_at(head, 16);
    const bool has_parameters = (jump == 0xeb || jump == 0xe9) &&
                                (sector == 512 || sector == 1024 || sector == 2048 || sector == 4096) && cluster != 0 &&
                                (cluster & (cluster - 1)) == 0 && fats >= 1 && fats <= 2 && little16(head, 14) != 0;
    unsigned used = 0;
    for (std::size_t at = 446; at < 510; at += 16) {
        if (byte_at(head, at) != 0 && byte_at(head, at) != 0x80) return has_parameters;
        if (byte_at(head, at + 4) == 0) continue;
        if (little32(head, at + 8) == 0 || little32(head, at + 12) == 0) return has_parameters;
        ++used;
    }
    return has_parameters || used != 0;
}

bool is_ext(std::string_view head, std::uint64_t) {  // little-endian superblock at 1024
    return is_at(head, 1080, "\x53\xef") && little32(head, 1024) != 0 && little32(head, 1048) <= 6 && little16(head, 1082) <= 7 &&
           little32(head, 1100) <= 1;
}
bool is_hfs(std::string_view head, std::uint64_t) {
    const auto mark = window(head, 1024, 2);
    const auto version = big(head, 1026, 2);
    return ((mark == "H+" && version == 4) || (mark == "HX" && version == 5)) && std::has_single_bit(big(head, 1064, 4)) &&
           big(head, 1064, 4) >= 512;
}
bool is_old_hfs(std::string_view head, std::uint64_t size) {
    return size >= 256 * 1024 && is_at(head, 1024, "BD") && big(head, 1024 + 20, 4) % 512 == 0 && big(head, 1024 + 20, 4) != 0;
}
bool is_squashfs(std::string_view head, std::uint64_t) {
    const auto major = is_at(head, 0, "hsqs") ? little16(head, 28) : static_cast<std::uint16_t>(big(head, 28, 2));
    return (is_at(head, 0, "hsqs") || is_at(head, 0, "sqsh")) && major >= 1 && major <= 4;
}
bool is_cramfs(std::string_view head, std::uint64_t) { return is_at(head, 16, "Compressed ROMFS"); }
bool is_lzfse(std::string_view head, std::uint64_t size) {
    const auto mark = window(head, 0, 4);
    if (mark != "bvx2" && mark != "bvx1" && mark != "bvxn" && mark != "bvx-") return false;
    return head.size() < size ? byte_at(head, 7) == 0 || little32(head, 4) < (1U << 30U) : head.ends_with("bvx$");
}
bool is_raw_cd(std::string_view head, std::uint64_t size) {
    return size >= 2352 && (size % 2352 == 0 || !is_all(head, size)) && byte_at(head, 15) >= 1 && byte_at(head, 15) <= 2;
}
bool is_pack(std::string_view head, std::uint64_t size) {  // Huffman; leaves for each level, all of them at most 256
    const auto levels = byte_at(head, 6);
    unsigned leaves = 0;
    for (unsigned i = 0; i < levels; ++i) leaves += byte_at(head, 7 + i) + (i + 1 == levels ? 2U : 0U);
    return levels >= 1 && levels <= 24 && leaves >= 2 && leaves <= 257 && size > 7U + levels + leaves && big(head, 2, 4) != 0 &&
           (big(head, 2, 4) < size * 24 || !is_all(head, size));
}
bool is_skippable(std::string_view head,
                  std::uint64_t size) {  // a frame of zstd or lz4 that says nothing, and a real one behind it
    std::uint64_t at = 0;
    for (int i = 0; i < 8; ++i) {
        const auto mark = little32(head, at);
        if (mark == 0xfd2fb528 || mark == 0x184d2204) return i != 0;
        if ((mark & 0xfffffff0U) != 0x184d2a50) return false;
        at += 8ULL + little32(head, at + 4);
        if (at >= head.size()) return at < size;
    }
    return true;
}
bool is_arj_head(std::string_view head, std::uint64_t) { return is_arj(head); }
bool is_lha_head(std::string_view head, std::uint64_t) { return is_lha(head); }
bool is_zoo_head(std::string_view head, std::uint64_t) { return is_zoo(head); }
bool is_lzfu(std::string_view head, std::uint64_t) {
    const auto packed = little32(head, 0), plain = little32(head, 4);
    return packed >= 12 && packed < (1U << 30U) && (is_at(head, 8, "LZFu") || (is_at(head, 8, "MELA") && packed == plain + 12));
}
bool is_apple(std::string_view head, std::uint64_t size) {
    return little16(head, 6) == 0 && big(head, 24, 2) >= 1 && big(head, 24, 2) <= 64 && size >= 26 + 12 * big(head, 24, 2);
}
bool is_macbinary(std::string_view head, std::uint64_t size) {  // II or III: with a checksum; zeros where zeros must be
    const auto name = byte_at(head, 1);
    if (head.size() < 128 || name == 0 || name > 63 || byte_at(head, 74) != 0 || byte_at(head, 82) != 0 ||
        (byte_at(head, 122) & 0xfeU) != 0x80)
        return false;
    unsigned crc = 0;  // CCITT, of all before it
    for (const char c : head.substr(0, 124)) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
        for (int bit = 0; bit < 8; ++bit) crc = (crc << 1U ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U)) & 0xffffU;
    }
    return crc == big(head, 124, 2) && (!is_all(head, size) || 128 + big(head, 83, 4) <= size);
}
bool is_apple_archive(std::string_view head, std::uint64_t) { return is_at(head, 6, "TYP1") || is_at(head, 6, "PAT"); }
bool is_apple_stream(std::string_view head, std::uint64_t) {
    return "e4xzb-"sv.contains(static_cast<char>(byte_at(head, 3))) && little32(head, 4) == 0 && byte_at(head, 8) < 0x10;
}
bool has_udf(std::string_view head, std::uint64_t) {  // among the volume structure descriptors, beside those of ISO 9660
    for (std::size_t at = 32769; at + 4 < head.size() && at < 32769 + 32 * 2048; at += 2048)
        if (is_at(head, at, "BEA01") || is_at(head, at, "NSR0")) return true;
    return false;
}
bool is_reasonable_ghost(std::string_view head, std::uint64_t) {
    return byte_at(head, 2) == 1 && byte_at(head, 3) <= 10 && is_at(head, 4, std::string_view("\0\0", 2));
}

struct Signature {
    std::size_t at;
    std::string_view bytes;
    std::string_view kind, description;
    bool (*is_so)(std::string_view head, std::uint64_t size) = nullptr;  // more evidence, where the bytes are few
};
constexpr Signature signatures[] = {
    // opened
    {0, "\x60\xea"sv, "arj", "ARJ archive data", is_arj_head},
    {2, "-lh"sv, "lha", "LHA archive data", is_lha_head},
    {2, "-lz"sv, "lha", "LHA archive data", is_lha_head},
    {2, "-pm"sv, "lha", "LHA archive data", is_lha_head},
    {0, "\x1a"sv, "arc", "ARC archive data", is_arc},
    {0, "ZOO "sv, "zoo", "Zoo archive data", is_zoo_head},
    {0, "MSWIM\0\0\0"sv, "wim", "Windows imaging (WIM) image"},
    {0, "WLPWM\0\0\0"sv, "wim", "Windows imaging (WIM) image, pipable"},
    {0, "ITSF\x03\0\0\0"sv, "chm", "MS Windows HtmlHelp Data"},
    {0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"sv, "one", "Microsoft OneNote"},
    {0, "ActiveMime\0\0\x01\xf0"sv, "mso", "ActiveMime data"},
    {0, "\0\x05\x16\0"sv, "applefile", "AppleSingle encoded Macintosh file", is_apple},
    {0, "\0\x05\x16\x07"sv, "applefile", "AppleDouble encoded Macintosh file", is_apple},
    {0, "\0"sv, "macbinary", "MacBinary file", is_macbinary},
    {0, "SZDD\x88\xf0\x27\x33"sv, "szdd", "MS Compress archive data, SZDD"},
    {0, "SZ \x88\xf0\x27\x33\xd1"sv, "szdd", "MS Compress archive data, QBasic"},
    {8, ""sv, "lzfu", "compressed RTF", is_lzfu},
    {0, ""sv, "zst", "Zstandard or LZ4 data behind a skippable frame", is_skippable},
    // known, and not read: archives
    {7, "**ACE**"sv, "ace", "ACE archive data"},
    {10, "rLau"sv, "sit", "StuffIt archive data"},
    {0, "StuffIt (c)1997-"sv, "sit", "StuffIt archive data"},
    {0, "StuffIt!"sv, "sit", "StuffIt X archive data"},
    {0, "StuffIt?"sv, "sit", "StuffIt X archive data"},
    {0, "7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3"sv, "zpaq", "ZPAQ archive data"},
    {0, "zPQ\x01"sv, "zpaq", "ZPAQ stream"},
    {0, "zPQ\x02"sv, "zpaq", "ZPAQ stream"},
    {0, "ArC\x01"sv, "freearc", "FreeArc archive data"},
    {0, "ALZ\x01\n\0\0\0"sv, "alz", "ALZip archive data"},
    {0, "EGGA\0\x01"sv, "egg", "EGG archive data"},
    {0, "AA01"sv, "aar", "Apple archive data", is_apple_archive},
    {0, "YAA1"sv, "aar", "Apple archive data", is_apple_archive},
    {0, "pbz"sv, "aar", "Apple archive data, compressed", is_apple_stream},
    {0, "\x91\x33HF"sv, "hap", "HAP archive data"},
    {0, "HLSQZ"sv, "sqz", "Squeeze It archive data"},
    {0, "UHA\x01"sv, "uha", "UHarc archive data"},
    {0, "DMS!"sv, "dms", "Amiga DMS disk archive data"},
    {0, "LZX\0\0\0\0\0\0\0"sv, "amigalzx", "Amiga LZX archive data"},
    {0, "drpm\0"sv, "rpm", "Delta RPM"},
    {0, "ISc("sv, "installshield", "InstallShield Cabinet archive data"},
    {0, "\x13\x5d\x65\x8c\x3a\x01\x02\0"sv, "installshield", "InstallShield Z archive data"},
    {0, "KWAJ\x88\xf0\x27\xd1"sv, "kwaj", "MS Compress archive data, KWAJ"},
    {0, "!BDN"sv, "pst", "Microsoft Outlook email folder"},
    {0, "\xcf\xad\x12\xfe"sv, "dbx", "MS Outlook Express DBX file"},
    // compressed data
    {0, "LRZI\0"sv, "lrz", "LRZIP compressed data"},
    {0, "RZIP\x02"sv, "rzip", "rzip compressed data"},
    {0, "bvx"sv, "lzfse", "LZFSE compressed data", is_lzfse},
    {0, "BZ3v1"sv, "bz3", "bzip3 compressed data"},
    {0, "\xff\x06\0\0sNaPpY"sv, "snappy", "snappy framed data"},
    {0, "\x8f\xaf\xac\x84"sv, "ppmd", "PPMd archive data"},
    {0, "\x1f\x1e"sv, "pack", "packed data", is_pack},
    // disks
    {32768, ""sv, "udf", "UDF filesystem data", has_udf},
    {32769, "CD001"sv, "iso", "ISO 9660 CD-ROM filesystem data"},
    {0, "conectix"sv, "vhd", "Microsoft Disk Image"},
    {0, "vhdxfile"sv, "vhd", "Microsoft Disk Image eXtended"},
    {0, "KDMV\x01\0\0\0"sv, "vmdk", "VMware4 disk image"},
    {0, "KDMV\x02\0\0\0"sv, "vmdk", "VMware4 disk image"},
    {0, "KDMV\x03\0\0\0"sv, "vmdk", "VMware4 disk image"},
    {0, "COWD\x01\0\0\0"sv, "vmdk", "VMware3 disk image"},
    {0, "QFI\xfb\0\0\0"sv, "qcow", "QEMU QCOW disk image"},
    {0, "QED\0"sv, "qcow", "QEMU QED disk image"},
    {64, "\x7f\x10\xda\xbe"sv, "vdi", "VirtualBox disk image"},
    {0, "WithoutFreeSpace"sv, "img", "Parallels disk image"},
    {0, "WithouFreSpacExt"sv, "img", "Parallels disk image"},
    {0, "Bochs Virtual HD Image"sv, "img", "Bochs disk image"},
    {0, "encrcdsa\0\0\0"sv, "dmg", "Apple disk image, encrypted"},
    {0, "CISO\0"sv, "iso", "Compressed ISO CD image"},
    {0, "DAA\0\0\0"sv, "img", "PowerISO disc image"},
    {0, "IsZ!"sv, "img", "ISO Zipped disc image"},
    {0, "MEDIA DESCRIPTOR\x01"sv, "img", "Media descriptor file"},
    {0, "MEDIA DESCRIPTOR\x02"sv, "img", "Media descriptor file"},
    {0, "ECM\0"sv, "img", "ECM disc image"},
    {0, "\xfe\xef\x01"sv, "img", "Norton Ghost image", is_reasonable_ghost},
    {0, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"sv, "img", "raw CD image", is_raw_cd},
    {0, "LUKS\xba\xbe"sv, "luks", "LUKS encrypted file"},
    {3, "-FVE-FS-"sv, "bitlocker", "BitLocker encrypted volume"},
    {512, "EFI PART\0\0\x01\0"sv, "img", "GPT partition table"},
    {510, "\x55\xaa"sv, "img", "DOS/MBR boot sector", is_boot_sector},
    {3, "NTFS    "sv, "img", "NTFS filesystem", is_boot_sector},
    {3, "EXFAT   "sv, "img", "exFAT filesystem"},
    {0, "ER\x02\0"sv, "img", "Apple Driver Map"},
    // file systems
    {0, "hsqs"sv, "squashfs", "Squashfs filesystem", is_squashfs},
    {0, "sqsh"sv, "squashfs", "Squashfs filesystem", is_squashfs},
    {0, "\x45\x3d\xcd\x28"sv, "cramfs", "Linux Compressed ROM File System data", is_cramfs},
    {0, "\x28\xcd\x3d\x45"sv, "cramfs", "Linux Compressed ROM File System data", is_cramfs},
    {0, "-rom1fs-"sv, "img", "romfs filesystem"},
    {0, "UBI#\x01"sv, "img", "UBI image"},
    {0, "\x31\x18\x10\x06"sv, "img", "UBIFS image"},
    {0, "XFSB\0\0"sv, "img", "SGI XFS filesystem data"},
    {32, "NXSB"sv, "img", "Apple File System (APFS)"},
    {1024, "\xe2\xe1\xf5\xe0"sv, "img", "EROFS filesystem"},
    {1024, "\x10\x20\xf5\xf2"sv, "img", "F2FS filesystem"},
    {1080, "\x53\xef"sv, "img", "Linux ext filesystem data", is_ext},
    {1024, "H"sv, "img", "Macintosh HFS+ filesystem data", is_hfs},
    {1024, "BD"sv, "img", "Macintosh HFS data", is_old_hfs},
    {32768, "JFS1"sv, "img", "JFS filesystem"},
    {65588, "ReIsEr"sv, "img", "ReiserFS"},
    {65600, "_BHRfS_M"sv, "img", "BTRFS filesystem"},
};

// Unread - kinds that no decoder of ours opens, whoever named them
constexpr KnownFormat unread[] = {
    {"ace", "an ACE archive"},
    {"sit", "a StuffIt archive"},
    {"zpaq", "a ZPAQ archive"},
    {"freearc", "a FreeArc archive"},
    {"alz", "an ALZip archive"},
    {"egg", "an EGG archive"},
    {"aar", "an Apple archive"},
    {"dms", "an Amiga DMS archive"},
    {"hap", "a HAP archive"},
    {"sqz", "a Squeeze It archive"},
    {"uha", "a UHarc archive"},
    {"amigalzx", "an Amiga LZX archive"},
    {"installshield", "an InstallShield archive"},
    {"kwaj", "a KWAJ file"},
    {"pst", "an Outlook folder"},
    {"dbx", "an Outlook Express folder"},
    {"lrz", "lrzip data"},
    {"rzip", "rzip data"},
    {"lzfse", "LZFSE data"},
    {"bz3", "bzip3 data"},
    {"bz", "bzip (1) data"},
    {"snappy", "snappy data"},
    {"ppmd", "PPMd data"},
    {"pack", "packed data (Huffman)"},
    {"F", "frozen data"},
    {"vhd", "a virtual disk (VHD)"},
    {"vmdk", "a virtual disk (VMDK)"},
    {"qcow", "a virtual disk (QCOW)"},
    {"vdi", "a virtual disk (VDI)"},
    {"dmg", "an Apple disk image"},
    {"img", "a disk image or file system"},
    {"squashfs", "a Squashfs file system"},
    {"cramfs", "a compressed ROM file system"},
    {"udf", "a UDF disc image"},
    {"luks", "an encrypted disk (LUKS)"},
    {"bitlocker", "an encrypted disk (BitLocker)"},
};
constexpr std::string_view encrypted_disks[] = {"luks", "bitlocker"};

const KnownFormat* find_unread(const mail::Part& part) {
    const auto* found = std::ranges::find_if(unread, [&](const KnownFormat& each) { return has_kind(part, each.kind); });
    return found == std::end(unread) ? nullptr : found;
}

// by_trailer - those that say what they are at their end
std::optional<KnownFormat> by_trailer(std::string_view bytes) {
    constexpr std::size_t block = 512;
    const auto end = bytes.substr(bytes.size() - std::min(bytes.size(), block));
    if (end.size() == block && end.starts_with("koly\0\0\0\x04\0\0\x02\0"sv)) return KnownFormat{"dmg", "an Apple disk image"};
    if (end.size() == block && end.starts_with("conectix")) return KnownFormat{"vhd", "a virtual disk (VHD)"};
    if (end.size() >= 12 &&
        (end.substr(end.size() - 12).starts_with("NER5\0\0"sv) || end.substr(end.size() - 8).starts_with("NERO"sv)))
        return KnownFormat{"img", "a Nero disc image"};
    if (bytes.ends_with("cdsaencr")) return KnownFormat{"dmg", "an encrypted Apple disk image"};
    return std::nullopt;
}

}  // namespace

std::optional<KnownFormat> known_format(std::string_view head, std::uint64_t size) {
    for (const auto& each : signatures)
        if (is_at(head, each.at, each.bytes) && head.size() > each.at + each.bytes.size() &&
            (each.is_so == nullptr || each.is_so(head, size)))
            return KnownFormat{each.kind, each.description};
    return std::nullopt;
}

bool is_false_alarm(std::string_view kind, std::string_view head, std::uint64_t size) {
    if (kind == "arc") return !is_arc(head, size);
    if (kind == "arj") return !is_arj(head);
    if (kind == "img") return !known_format(head, size);
    return false;
}

bool wants_unread(const mail::Part& part) {
    constexpr std::string_view texts[] = {"asc", "txt", "html", "xml",
                                          "empty"};  // any other may be a disk that says so at its end
    if (part.kinds.empty()) return false;
    return find_unread(part) != nullptr ||
           std::ranges::none_of(texts, [&](std::string_view kind) { return has_kind(part, kind); });
}

void open_unread(Opener& opener, std::uint32_t part, const Blob& blob) {
    auto& about = opener.part(part);
    if (has_kind(about, "iso") && !opener.limits().iso_images)
        return mark_unread(opener, part, "an ISO 9660 disc image, and open.iso_images is off");
    if (const auto* row = find_unread(about)) {
        const bool is_encrypted = std::ranges::any_of(encrypted_disks, [&](std::string_view kind) { return kind == row->kind; });
        if (is_encrypted) mark_encrypted(opener, part);
        return mark_unread(opener, part, fmt::format("{} is not read here", row->description));
    }
    const auto trailer = by_trailer(blob.bytes());
    if (!trailer) return;
    if (has_kind(about, "dat")) about.kinds.clear();
    add_kind(about, trailer->kind);
    mark_unread(opener, part, fmt::format("{} is not read here", trailer->description));
}

}  // namespace tamis::worker
