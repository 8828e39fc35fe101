#include "scanners/worker/open/appended.h"

#include <algorithm>
#include <string_view>

#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/zip.h"
#include "scanners/worker/open/zip_structure.h"

namespace tamis::open {
namespace {

using namespace std::string_view_literals;

// families - kinds that are one file to one program and another file to another when both are there
constexpr std::string_view families[] = {"pdf", "zip", "ooxml", "odf", "tar", "iso", "udf", "rar", "7z", "cab", "image", "html", "exe", "cdf-ms"};
constexpr std::string_view archives[] = {"zip", "ooxml", "odf", "jar", "apk", "kmz", "epub", "7z", "rar", "tar", "gz", "bz2", "xz", "lzma",
                                         "lz", "zst", "lz4", "lzo", "Z", "cab", "iso", "cpio", "a", "deb", "rpm", "lha", "xar", "tnef", "arj",
                                         "arc", "zoo", "wim", "chm", "one", "mso", "applefile", "macbinary", "szdd", "lzfu"};
constexpr std::string_view texts[] = {"asc", "txt", "html", "xml", "empty"};

bool is_any(const mail::Part& part, std::span<const std::string_view> kinds) {
    return std::ranges::any_of(kinds, [&](std::string_view kind) { return has_kind(part, kind); });
}

// zip_family counts once: a docx is no polyglot
std::size_t family_count(const mail::Part& part) {
    const auto zips = is_zip(part) ? 1 : 0;
    const auto others = std::ranges::count_if(families, [&](std::string_view kind) {
        return kind != "zip" && kind != "ooxml" && kind != "odf" && has_kind(part, kind);
    });
    return static_cast<std::size_t>(zips + others);
}

struct Embedded {
    std::string_view mark, kind;
    void (*open)(Opener&, std::uint32_t, const Blob&);
};
constexpr Embedded embedded[] = {
    {"Rar!\x1a\x07\0"sv, "rar", open_rar},
    {"Rar!\x1a\x07\x01\0"sv, "rar", open_rar},
    {"7z\xbc\xaf\x27\x1c\0"sv, "7z", open_7z},
    {"MSCF\0\0\0\0"sv, "cab", open_cab},
};

void note(Opener& opener, std::uint32_t part, std::string_view kind) {
    add_kind(opener.part(part), kind);
    if (!has_kind(opener.part(part), "exe"))
        opener.add_anomaly(mail::AnomalyKind::polyglot, part, "an archive behind other content");
}

// is_sane - the few bytes behind a mark that tell an archive from the mark of one in a program that handles them
bool is_sane(const Embedded& what, std::string_view at) {
    if (what.kind == "cab") return little32(at, 8) >= 36 && little32(at, 8) <= at.size() && little16(at, 26) != 0;
    if (what.kind == "7z") return little64(at, 12) <= at.size() && little64(at, 20) <= at.size() && little64(at, 20) != 0;
    return at.size() > 20;
}

void open_zip_behind(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (find_zip_end(bytes.bytes()) == std::string_view::npos) return;
    note(opener, part, "zip");
    open_zip(opener, part, bytes);
}

}  // namespace

bool may_carry_more(const mail::Part& part) {
    if (part.kinds.empty() || is_any(part, texts)) return false;
    return !is_any(part, archives) || family_count(part) > 1;
}

void open_appended(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (family_count(opener.part(part)) > 1) opener.add_anomaly(mail::AnomalyKind::polyglot, part, "two kinds at once");
    if (!is_zip(opener.part(part))) open_zip_behind(opener, part, bytes);
    const auto all = bytes.bytes();
    if (!has_kind(opener.part(part), "exe") && !has_kind(opener.part(part), "image") && !has_kind(opener.part(part), "pdf")) return;
    for (const auto& each : embedded) {
        for (auto at = all.find(each.mark, 1); at != std::string_view::npos; at = all.find(each.mark, at + 1)) {
            if (!is_sane(each, all.substr(at))) continue;
            note(opener, part, each.kind);
            each.open(opener, part, bytes.slice(at, all.size() - at));
            break;
        }
    }
}

}  // namespace tamis::open
