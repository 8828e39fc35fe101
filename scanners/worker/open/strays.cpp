#include "scanners/worker/open/strays.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/file_marks.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/zip.h"

namespace tamis::worker {
namespace {

using mail::AnomalyKind;
using mail::PartFlag;

constexpr auto who = "appended";
constexpr std::size_t step = 256 * 1024;  // bytes between two looks at the clock

// kinds that are one file to one program and another file to another when both are there
constexpr std::string_view families[] = {"pdf", "tar",    "rar", "7z",  "cab",   "image", "html",
                                         "exe", "cdf-ms", "gz",  "lha", "audio", "movie"};
// what holds other files by its nature: without an owner (damaged, encrypted, not opened here) all of it belongs to the format
constexpr std::string_view containers[] = {
    "zip", "ooxml", "odf",           "jar", "apk",       "kmz",       "epub", "7z",   "rar",    "tar", "bz2",  "xz",   "lzma",
    "lz",  "zst",   "lz4",           "lzo", "Z",         "cab",       "iso",  "udf",  "cpio",   "a",   "deb",  "rpm",  "lha",
    "xar", "tnef",  "arj",           "arc", "zoo",       "ace",       "sit",  "vhd",  "wim",    "img", "lrz",  "one",  "chm",
    "hlp", "mdb",   "installshield", "mso", "applefile", "macbinary", "szdd", "lzfu", "cdf-ms", "gz",  "mail", "mbox", "p7m"};

bool is_any(const mail::Part& part, std::span<const std::string_view> kinds) {
    return std::ranges::any_of(kinds, [&](std::string_view kind) { return has_kind(part, kind); });
}

// family_count - a docx is no polyglot: zip counts once
std::size_t family_count(const mail::Part& part) {
    const auto others = std::ranges::count_if(families, [&](std::string_view kind) { return has_kind(part, kind); });
    return static_cast<std::size_t>(others) + (is_zip(part) ? 1U : 0U);
}

class Search {
public:
    Search(Opener& opener, std::uint32_t part, const Blob& bytes)
        : opener_(opener), part_(part), blob_(bytes), bytes_(bytes.bytes()) {}

    void run() {
        const auto& part = opener_.part(part_);
        is_program_ = has_kind(part, "exe");
        is_data_ = has_kind(part, "dat");
        if (family_count(part) > 1) opener_.add_anomaly(AnomalyKind::polyglot, part_, "two kinds at once");
        const auto owned = opener_.owned(part_);
        const bool is_container = owned.empty() && is_any(part, containers);
        look_for_image(owned);
        std::uint64_t at = 0;
        for (const auto& range : owned) {
            if (!look(at, range.begin, false)) return;
            if (range.as == Owned::carried && !look(range.begin, range.end, true)) return;
            at = std::max(at, range.end);
        }
        look(at, bytes_.size(), is_container);
    }

private:
    // look - one range; false: no budget. `carried`: it belongs to the format of the part
    bool look(std::uint64_t begin, std::uint64_t end, bool carried) {
        end = std::min<std::uint64_t>(end, bytes_.size());
        auto at = static_cast<std::size_t>(begin);
        if (begin == 0) at = 1;  // what begins at the beginning is the part itself
        constexpr std::size_t longest_header = 64;
        const auto lowest = at;
        const auto tail = static_cast<std::size_t>(end - std::min<std::uint64_t>(end, longest_header));
        auto rest = lowest;  // behind what was found so far
        while (at < end) {
            if (!opener_.budget().check_time()) return false;
            const auto until = std::min<std::size_t>(at + step, static_cast<std::size_t>(end));
            auto found = find_file(bytes_.substr(0, static_cast<std::size_t>(end)), std::max(lowest, rest), at, until);
            if (carried && (!found || !is_sure(found)))
                found = reaching_out(found, std::max(lowest, rest), std::max(at, tail), until).value_or(found);
            if (!found) {
                at = until;
                continue;
            }
            if (is_same_again(found) || (carried && !is_sure(found))) {
                at = found.mark + 1;
                continue;
            }
            const bool reaches_out = carried && found.size != std::string_view::npos && found.size > end - found.begin;
            const auto size = reaches_out ? found.size : std::min(found.size, static_cast<std::size_t>(end) - found.begin);
            if (!add(found, size, carried && !reaches_out)) return false;
            at = rest = found.begin + size;
        }
        return look_for_end(rest, static_cast<std::size_t>(end), carried);
    }

    // reaching_out - a file that begins in a range and is known to end behind it: what `found` is then, or one whose header lies across
    // the end of the range
    std::optional<FoundFile> reaching_out(const FoundFile& found, std::size_t lowest, std::size_t tail, std::size_t until) const {
        const auto out = found ? find_file(bytes_, lowest, found.mark, found.mark + 1) : find_file(bytes_, lowest, tail, until);
        const bool is_known = out && out.size != std::string_view::npos && out.kind != "zip";  // those are seen by their end
        return is_known ? std::optional(out) : std::nullopt;
    }

    // look_for_image - ISO 9660 says what it is at one place only, far from the beginning, and its files lie behind it
    void look_for_image(const std::vector<OwnedRange>& owned) {
        constexpr std::uint64_t place = 32769;
        if (window(bytes_, place, 5) != "CD001" || family_count(opener_.part(part_)) == 0) return;
        if (std::ranges::any_of(owned, [](const OwnedRange& range) { return range.begin <= place && place < range.end; })) return;
        add_kind(opener_.part(part_), "iso");
        opener_.part(part_).set(PartFlag::undecipherable);
        opener_.add_anomaly(AnomalyKind::polyglot, part_, "an ISO 9660 image and something else");
    }

    // look_for_end - a zip archive whose beginning lies in something else, such as the pieces of a picture
    bool look_for_end(std::size_t begin, std::size_t end, bool carried) {
        if (begin >= end || is_zip(opener_.part(part_))) return true;
        const auto found = find_zip_by_end(bytes_, begin, end, tries_);
        return !found || add(found, found.size, carried);
    }

    // is_same_again - a PDF within a PDF was read with it, and programs are made of programs
    bool is_same_again(const FoundFile& found) const {
        const auto& part = opener_.part(part_);
        return found.is_weak && (has_kind(part, found.kind) || has_kind(part, "so") || has_kind(part, "o"));
    }

    // is_sure - within a range that belongs to the format, only a file whose end is known, or one that does not mind what is behind it
    // and whose header has a sum; an archive's own members begin with such headers
    bool is_sure(const FoundFile& found) const {
        constexpr std::string_view summed[] = {"lha", "arj"};
        const bool is_summed =
            std::ranges::find(summed, found.kind) != std::end(summed) && !has_kind(opener_.part(part_), found.kind);
        return found.size != std::string_view::npos || found.kind == "rar" || found.kind == "cdf-ms" || found.is_weak ||
               is_summed;
    }

    bool add(const FoundFile& found, std::size_t size, bool carried) {
        if (++count_ > most_strays) {
            mark_damaged(opener_, part_, "more files in one than are looked at");
            return false;
        }
        // programs are found in data of many kinds, and PDF files are only opened when they begin at the beginning
        if (!opener_.check_level(part_)) return false;
        constexpr std::size_t pdf_window = 1024;
        const bool is_second =
            !carried && !is_program_ && !(found.is_weak && is_data_ && (found.kind != "pdf" || found.begin > pdf_window));
        if (is_second)
            opener_.add_anomaly(AnomalyKind::polyglot, part_,
                                std::string(found.kind) + " data that belong to nothing else in this file");
        if (is_second || is_program_) add_kind(opener_.part(part_), found.kind);
        NewPart about{.parent = part_, .container = who};
        if (is_second) about.flags = static_cast<std::uint8_t>(PartFlag::alternate);
        return opener_.new_part_of(std::move(about), blob_.slice(found.begin, size), who, true) != 0;
    }

    Opener& opener_;
    std::uint32_t part_;
    const Blob& blob_;
    std::string_view bytes_;
    bool is_program_ = false, is_data_ = false;
    std::size_t count_ = 0;
    unsigned tries_ = 16;
};

}  // namespace

bool may_have_strays(const mail::Part& part) { return !part.kinds.empty() && !has_kind(part, "empty"); }

void open_strays(Opener& opener, std::uint32_t part, const Blob& bytes) { Search(opener, part, bytes).run(); }

}  // namespace tamis::worker
