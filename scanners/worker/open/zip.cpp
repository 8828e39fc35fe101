#include "scanners/worker/open/zip.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/packed_member.h"
#include "scanners/worker/open/zip_methods.h"
#include "scanners/worker/open/zip_structure.h"

namespace tamis::worker {

using mail::PartFlag;

namespace {

constexpr auto who = "zip";
constexpr std::uint16_t stored = 0, deflated = 8;

std::uint8_t flag(PartFlag which) { return static_cast<std::uint8_t>(which); }

// type_flags - directory, link or device, by its name or its unix mode
std::uint8_t type_flags(const ZipMember& member) {
    constexpr std::uint8_t unix_system = 3;
    if (member.name.ends_with('/') || (member.name.ends_with('\\') && member.size == 0)) return flag(PartFlag::directory);
    const auto mode = member.made_by == unix_system ? (member.attributes >> 16U) & S_IFMT : 0U;
    if (mode == S_IFDIR && member.size == 0) return flag(PartFlag::directory);
    if (mode == S_IFLNK) return flag(PartFlag::link);
    if (mode == S_IFCHR || mode == S_IFBLK || mode == S_IFIFO || mode == S_IFSOCK) return flag(PartFlag::special);
    return 0;
}

std::vector<std::string> names_of(const ZipMember& member) {
    auto out = member_names(member.name, member.is_utf8());
    if (!member.unicode_name.empty()) out.insert(out.begin(), utf8_or_replaced(member.unicode_name, mail::part_name_limit));
    const auto nul = member.name.find('\0');  // some programs stop there
    if (nul != std::string_view::npos && nul != 0) out.emplace_back(member.name.substr(0, nul));
    return out;
}

// package_name - as Office compares the names of parts: either slash, none in front (ECMA-376 part 2; case is the caller's)
std::string package_name(std::string_view name) {
    std::string out(name);
    std::ranges::replace(out, '\\', '/');
    out.erase(0, std::min(out.find_first_not_of('/'), out.size()));
    return out;
}

// stored_until_descriptor - the size of a stored member that only its data descriptor tells
std::uint64_t stored_until_descriptor(std::string_view data) {
    constexpr std::string_view mark("PK\x07\x08", 4);
    for (auto at = data.find(mark); at != std::string_view::npos; at = data.find(mark, at + 1))
        if (little32(data, at + 8) == at) return at;
    return UINT64_MAX;
}

class Zip {
public:
    Zip(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part), blob_(bytes) {}

    void open() {
        const auto bytes = blob_.bytes();
        const auto reading = read_zip(bytes, opener_.limits().members);
        if (reading.is_hidden) mark_encrypted(opener_, part_);
        note_begin(reading.begin);
        for (const auto& oddity : reading.oddities) opener_.add_anomaly(mail::AnomalyKind::mismatched_archive, part_, oddity);
        if (!reading.has_directory)  // clamd and others find no member here, programs that repair do
            opener_.add_anomaly(mail::AnomalyKind::mismatched_archive, part_, "no central directory");
        if (!reading.damage.empty()) mark_damaged(opener_, part_, reading.damage);
        name_family(reading);
        own(reading);
        for (const auto& member : reading.members)
            if (!add(member, 0)) return;
        for (const auto& member : reading.others)
            if (!add(member, flag(PartFlag::alternate))) return;
        if (reading.is_too_many) (void)opener_.budget().take_member();
        else if (reading.is_tight && !has_rest_ && !is_document()) opener_.accounts_for_all(part_);
    }

private:
    // is_document - more than its members: engines know documents and programs as a whole
    bool is_document() const {
        constexpr std::string_view documents[] = {"ooxml", "odf", "jar", "apk", "kmz", "epub", "exe"};
        return std::ranges::any_of(documents, [&](std::string_view kind) { return has_kind(opener_.part(part_), kind); });
    }

    // note_begin - what stands before the archive is another file to other programs; only before a program it is usual
    void note_begin(std::uint64_t begin) {
        if (begin == 0 || has_kind(opener_.part(part_), "exe")) return;
        const auto before = blob_.bytes().substr(0, begin);
        if (before == "PK00" || before == std::string_view("PK\x07\x08", 4)) return;  // once one volume of several
        opener_.add_anomaly(mail::AnomalyKind::mismatched_archive, part_, "bytes before the archive");
    }

    // own - members with their headers and descriptors, and the directory; a member that nobody decodes is only carried
    void own(const ZipReading& reading) {
        constexpr std::uint64_t descriptor = 24;
        for (const auto* list : {&reading.members, &reading.others}) {
            for (const auto& member : *list) {
                if (member.data_at == 0) continue;
                const bool has_descriptor = (member.flags & 8U) != 0;
                const auto size = member.is_size_known ? member.compressed : blob_.bytes().size();
                opener_.own(part_, member.header_at, member.data_at - member.header_at, Owned::content);
                opener_.own(part_, member.data_at, size, member.is_encrypted() ? Owned::carried : Owned::content);
                if (has_descriptor && member.is_size_known) {
                    const auto behind = window(blob_.bytes(), member.data_at + size, descriptor);
                    const auto next = std::min(behind.find("PK\x03\x04"), behind.find("PK\x01\x02"));
                    opener_.own(part_, member.data_at + size, std::min<std::uint64_t>(next, descriptor), Owned::content);
                }
            }
        }
        if (reading.has_directory) opener_.own(part_, reading.directory, reading.stop - reading.directory, Owned::content);
    }

    // name_family - what the archive is by its members, where libmagic looked only at the first ones
    void name_family(const ZipReading& reading) {
        struct Sign {
            std::string_view name, kind;
        };
        constexpr Sign signs[] = {{"[Content_Types].xml", "ooxml"}, {"word/document.xml", "docx"},
                                  {"xl/workbook.xml", "xlsx"},      {"xl/workbook.bin", "xlsb"},
                                  {"ppt/presentation.xml", "pptx"}, {"META-INF/MANIFEST.MF", "jar"},
                                  {"AndroidManifest.xml", "apk"},   {"doc.kml", "kmz"}};
        auto& document = opener_.part(part_);
        for (const auto& member : reading.members) {
            const auto name = package_name(member.name);
            for (const auto& sign : signs)
                if (equal_fold(name, sign.name)) add_kind(document, sign.kind);
        }
        constexpr std::string_view families[] = {"docx", "xlsx", "xlsb", "pptx"};
        if (has_kind(document, "ooxml") && std::ranges::any_of(families, [&](auto family) { return has_kind(document, family); }))
            std::erase(document.kinds, "zip");  // as libmagic calls those whose first members it knows
        const bool is_odf = has_kind(document, "odf");
        for (const auto& member : reading.members) {
            // Excel 4 macros; an OpenDocument file keeps StarBasic and other languages in folders of their own
            const auto name = package_name(member.name);
            const bool is_macro = starts_with_fold(name, "xl/macrosheets/") ||
                                  (is_odf && (starts_with_fold(name, "Basic/") || starts_with_fold(name, "Scripts/")));
            if (!is_macro || name.ends_with('/')) continue;
            document.macros.present = true;
            document.macros.stream = member.name.substr(0, mail::part_name_limit);
        }
    }

    // note_manifest - of an OpenDocument file: it says which of its members are encrypted
    void note_manifest(const ZipMember& member, std::string_view packed) {
        constexpr std::size_t most = 1024UL * 1024;
        if (member.name != "META-INF/manifest.xml") return;
        bool is_whole = false;
        const auto text = member.method == deflated ? inflate_raw(packed, most, is_whole) : std::string(packed.substr(0, most));
        if (!opener_.budget().take_bytes(text.size(), who)) return;
        if (text.contains("encryption-data") || text.contains("encrypted-key")) mark_encrypted(opener_, part_);
    }

    // add - one member; false: the budget is spent
    bool add(const ZipMember& member, std::uint8_t flags) {
        if (!opener_.budget().check_time()) return false;
        flags |= type_flags(member);
        if (member.is_encrypted()) flags |= flag(PartFlag::encrypted) | flag(PartFlag::undecipherable);
        if (member.data_at == 0 || member.is_overlapping) flags |= flag(PartFlag::undecipherable);
        const bool has_no_bytes = (flags & (flag(PartFlag::encrypted) | flag(PartFlag::undecipherable))) != 0 ||
                                  ((flags & flag(PartFlag::directory)) != 0 && member.size == 0 && member.compressed == 0);
        if (has_no_bytes) return add_empty(opener_, part_, who, names_of(member), flags, who) != 0;
        NewPart about{.parent = part_, .container = who, .names = names_of(member), .flags = flags};
        const auto left = blob_.bytes().size() - std::min<std::uint64_t>(member.data_at, blob_.bytes().size());
        auto size = member.is_size_known ? std::min<std::uint64_t>(member.compressed, left) : left;
        if (member.method == stored && !member.is_size_known) {
            size = stored_until_descriptor(blob_.bytes().substr(member.data_at));
            if (size == UINT64_MAX) {
                mark_damaged(opener_, part_, "a stored member without an end");
                size = left;
            }
        }
        const auto data = blob_.slice(member.data_at, size);
        note_manifest(member, data.bytes());
        if (member.method == stored) return opener_.new_part_of(std::move(about), data, who, true) != 0;
        auto writer = opener_.new_part(std::move(about), who);
        if (!writer) return false;
        if (member.method == deflated) return inflate(member, data.bytes(), writer);
        return read_rare(member, data.bytes(), writer);
    }

    bool inflate(const ZipMember& member, std::string_view data, PartWriter& writer) {
        const auto number = writer.number();
        const auto result = inflater_.run(data, writer);
        if (result == Inflated::stopped) return false;
        if (result != Inflated::whole) {
            mark_unreadable(opener_, number);
            mark_damaged(opener_, part_, result == Inflated::cut ? "a member is cut" : "a member that is no deflate stream");
            return true;  // the writer ends it as a truncated part
        }
        writer.finish();
        has_rest_ = has_rest_ || inflater_.consumed() != data.size();
        if (member.is_size_known && (inflater_.produced() != member.size || inflater_.crc() != member.crc))
            mark_damaged(opener_, part_, "a member with a wrong checksum or size");
        return true;
    }

    bool read_rare(const ZipMember& member, std::string_view data, PartWriter& writer) {
        has_rest_ = true;  // nobody says how much of the data was used
        const auto number = writer.number();
        const auto result = is_our_method(member.method)
                                ? decode(member, data, writer)
                                : as_decoded(read_zip_member(member.method, member.size, member.crc, data, writer));
        if (result == Decoded::stopped) return false;
        if (result == Decoded::whole) {
            writer.finish();
            return true;
        }
        mark_unreadable(opener_, number);
        if (result == Decoded::damaged) mark_damaged(opener_, part_, "a member that cannot be decompressed");
        else mark_unread(opener_, part_, fmt::format("a member of zip method {}, which is not read here", member.method));
        return true;
    }

    static bool is_our_method(std::uint16_t method) { return (method >= 1 && method <= 6) || method == 9; }
    static Decoded as_decoded(ReadMember read) {
        switch (read) {
            case ReadMember::whole: return Decoded::whole;
            case ReadMember::damaged: return Decoded::damaged;
            case ReadMember::unknown_method: return Decoded::unknown_method;
            case ReadMember::stopped: break;
        }
        return Decoded::stopped;
    }

    // decode - by what libarchive does not know
    static Decoded decode(const ZipMember& member, std::string_view data, PartWriter& writer) {
        CheckedOutput out(writer, CheckSum::Kind::crc32);
        const auto how = member.method == 1   ? decode_shrink(data, member.size, out)
                         : member.method == 6 ? decode_implode(member.flags, data, member.size, out)
                         : member.method == 9 ? decode_deflate64(data, out)
                                              : decode_reduce(member.method, data, member.size, out);
        const bool is_right = !member.is_size_known || (out.size() == member.size && out.sum() == member.crc);
        return how == Decoded::whole && !is_right ? Decoded::damaged : how;
    }

    Opener& opener_;
    std::uint32_t part_;
    const Blob& blob_;
    Inflater inflater_;
    bool has_rest_ = false;  // bytes of a member that are not decoded
};

}  // namespace

bool is_zip(const mail::Part& part) {
    constexpr std::string_view kinds[] = {"zip", "ooxml", "odf", "jar", "apk", "kmz", "epub"};
    return std::ranges::any_of(kinds, [&](std::string_view kind) { return has_kind(part, kind); });
}

void open_zip(Opener& opener, std::uint32_t part, const Blob& bytes) { Zip(opener, part, bytes).open(); }

}  // namespace tamis::worker
