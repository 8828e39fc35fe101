#include "scanners/worker/open/zip_structure.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto local_mark = "PK\x03\x04"sv, central_mark = "PK\x01\x02"sv, end_mark = "PK\x05\x06"sv;
constexpr auto zip64_end_mark = "PK\x06\x06"sv, zip64_locator_mark = "PK\x06\x07"sv;
constexpr std::size_t local_size = 30, central_size = 46, end_size = 22, locator_size = 20, zip64_end_size = 56;
constexpr std::size_t most_comment = 65535;
constexpr std::uint32_t full32 = 0xffffffff;

struct End {
    std::uint64_t at = 0, directory_at = 0, directory_size = 0, entries = 0, directory_end = 0, stop = 0;
};

// wide_sizes - of the zip64 extra field, for those that are all ones in the header
void wide_sizes(std::string_view extra, ZipMember& member, bool wants_offset) {
    for (std::size_t at = 0; at + 4 <= extra.size();) {
        const auto id = little16(extra, at), size = little16(extra, at + 2);
        auto field = window(extra, at + 4, size);
        at += 4U + size;
        if (id == 0x7075 && field.size() > 5) member.unicode_name = field.substr(5);
        if (id != 1) continue;
        const auto take = [&](std::uint64_t& value) {
            if (value != full32 || field.size() < 8) return;
            value = little64(field, 0);
            field.remove_prefix(8);
        };
        take(member.size);
        take(member.compressed);
        if (wants_offset) take(member.header_at);
    }
}

bool is_directory_at(std::string_view bytes, std::uint64_t at) { return window(bytes, at, 4) == central_mark; }

// end_at - the end record there, when it holds together
bool end_at(std::string_view bytes, std::size_t at, End& end) {
    if (window(bytes, at, 4) != end_mark || bytes.size() - at < end_size) return false;
    end.at = at;
    end.entries = little16(bytes, at + 10);
    end.directory_size = little32(bytes, at + 12);
    end.directory_at = little32(bytes, at + 16);
    end.directory_end = at;
    end.stop = at + end_size + little16(bytes, at + 20);
    if (end.stop > bytes.size()) return false;
    if (at >= locator_size && window(bytes, at - locator_size, 4) == zip64_locator_mark) {
        auto wide = little64(bytes, at - locator_size + 8);
        if (window(bytes, wide, 4) != zip64_end_mark && at >= locator_size + zip64_end_size)
            wide = at - locator_size - zip64_end_size;
        if (window(bytes, wide, 4) == zip64_end_mark) {
            end.entries = little64(bytes, wide + 32);
            end.directory_size = little64(bytes, wide + 40);
            end.directory_at = little64(bytes, wide + 48);
            end.directory_end = wide;
        }
    }
    if (end.directory_size == 0) return end.entries == 0;
    return is_directory_at(bytes, end.directory_at) ||
           (end.directory_size <= end.directory_end && is_directory_at(bytes, end.directory_end - end.directory_size));
}

ZipMember central_member(std::string_view bytes, std::uint64_t at, std::uint64_t& next) {
    ZipMember out;
    out.made_by = byte_at(bytes, at + 5);
    out.flags = little16(bytes, at + 8);
    out.method = little16(bytes, at + 10);
    out.crc = little32(bytes, at + 16);
    out.compressed = little32(bytes, at + 20);
    out.size = little32(bytes, at + 24);
    const std::uint64_t name = little16(bytes, at + 28), extra = little16(bytes, at + 30), comment = little16(bytes, at + 32);
    out.attributes = little32(bytes, at + 38);
    out.header_at = little32(bytes, at + 42);
    out.name = window(bytes, at + central_size, name);
    wide_sizes(window(bytes, at + central_size + name, extra), out, true);
    next = at + central_size + name + extra + comment;
    return out;
}

class Reader {
public:
    Reader(std::string_view bytes, std::uint32_t most) : bytes_(bytes), most_(most) {}

    ZipReading read() {
        const auto at = find_zip_end(bytes_);
        if (at == std::string_view::npos) {
            walk_local_headers();
            return std::move(out_);
        }
        end_at(bytes_, at, end_);
        out_.has_directory = true;
        read_directory();
        compare();
        look_behind();
        out_.is_tight = !has_room_ && out_.oddities.empty() && out_.others.empty() && out_.damage.empty() && out_.begin == 0 &&
                        end_.stop == bytes_.size() && end_.stop == end_.at + end_size;
        return std::move(out_);
    }

private:
    void odd(std::string_view what) {
        constexpr std::size_t most = 8;
        if (out_.oddities.size() < most && std::ranges::find(out_.oddities, what) == out_.oddities.end())
            out_.oddities.emplace_back(what);
    }

    void read_directory() {
        auto at = end_.directory_at;
        const bool is_before_end = end_.directory_size <= end_.directory_end;
        const auto other = is_before_end ? end_.directory_end - end_.directory_size : 0;
        if (end_.directory_size != 0 && is_before_end && other != at && is_directory_at(bytes_, other)) {
            if (is_directory_at(bytes_, at)) {
                odd("two central directories");
            } else {  // offsets count from before the archive, or from where it stood in another file: added modulo 2^64
                base_ = other - at;
                at = other;
            }
        }
        directory_begin_ = std::min<std::uint64_t>(at, bytes_.size());
        out_.directory = directory_begin_;
        out_.stop = end_.stop;
        while (is_directory_at(bytes_, at) && at < end_.directory_end) {
            if (bytes_.size() - at < central_size) break;
            if (out_.members.size() + out_.others.size() == most_) {
                out_.is_too_many = true;
                return;
            }
            const auto entry = at;
            auto member = central_member(bytes_, at, at);
            note_room(at - entry - central_size, member.name);
            member.header_at += base_;
            if ((member.flags & 0x2000) != 0) out_.is_hidden = true;
            out_.members.push_back(member);
        }
        if (at > end_.directory_end) out_.damage = "the central directory is cut";
        if (at != end_.directory_end && window(bytes_, at, 4) != "PK\x05\x05"sv) {
            odd("bytes between the central directory and its end record");
            look_into(at, end_.directory_end);
        }
        if (out_.members.size() != end_.entries && (end_.entries & 0xffff) != (out_.members.size() & 0xffff))
            odd("the end record counts other members than there are");
    }

    // compare - each central entry with its local header, in the order of the file
    void compare() {
        std::vector<std::size_t> order(out_.members.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(out_.members[i].header_at, i); });
        std::uint64_t cursor = 0;
        bool is_first = true;
        for (const auto index : order) {
            auto& member = out_.members[index];
            const auto local = local_member(bytes_, member.header_at);
            if (local.data_at == 0) {
                odd("a member without its local header");
                continue;
            }
            member.data_at = local.data_at;
            note_room(local.data_at - local.header_at - local_size, local.name);
            if (member.header_at < cursor) {
                odd("members that overlap");
                member.is_overlapping = true;
                continue;
            }
            if (is_first) {
                out_.begin = member.header_at;
                look_into(0, out_.begin);
            }
            if (!is_first && cursor < member.header_at) look_between(cursor, member.header_at);
            is_first = false;
            if (member.compressed > bytes_.size() - member.data_at || member.data_at + member.compressed > directory_begin_) {
                if (member.compressed > bytes_.size() - member.data_at) out_.damage = "a member is longer than the archive";
                odd("a member that reaches into the central directory");
            }
            cursor = member.data_at + std::min<std::uint64_t>(member.compressed, bytes_.size() - member.data_at);
            if (differs(member, local) && out_.members.size() + out_.others.size() < 2ULL * most_) out_.others.push_back(local);
        }
        if (is_first) {
            out_.begin = directory_begin_;
            look_into(0, out_.begin);
        }
        if (!is_first && cursor < directory_begin_) look_between(cursor, directory_begin_);
    }

    // differs - whether a reader of local headers sees another member than a reader of the directory
    bool differs(const ZipMember& member, const ZipMember& local) {
        bool out = false;
        if (member.name != local.name && !member.is_encrypted()) {
            odd("a member with two names");
            out = true;
        }
        if (member.method != local.method || member.is_encrypted() != local.is_encrypted()) {
            odd("a member with two methods");
            out = true;
        }
        const bool is_streamed = (local.flags & 8) != 0 && (local.compressed == 0 || local.compressed == full32);
        if (!is_streamed && member.compressed != local.compressed) {
            odd("a member with two sizes");
            out = true;
        }
        if (!is_streamed && ((local.flags & 8) == 0 || local.crc != 0) && (member.crc != local.crc || member.size != local.size))
            odd("a member with two checksums or sizes");
        return out;
    }

    // note_room - of a header's variable fields: name, extra fields, comment. Times, owners and a name in Unicode fit.
    void note_room(std::uint64_t size, std::string_view name) {
        constexpr std::size_t longest_name = 512, usual_extras = 80;
        if (name.size() > longest_name || size > 2 * name.size() + usual_extras) has_room_ = true;
    }

    // look_between - there is room for a data descriptor
    void look_between(std::uint64_t from, std::uint64_t to) {
        constexpr std::uint64_t longest_descriptor = 24;
        if (to - from > longest_descriptor) has_room_ = true;
        look_into(from, to);
    }

    // look_into - bytes that no member covers: a data descriptor is in its place, a local header is a hidden member
    void look_into(std::uint64_t from, std::uint64_t to) {
        auto gap = window(bytes_, from, to - from);
        for (auto at = gap.find(local_mark); at != std::string_view::npos; at = gap.find(local_mark, at)) {
            const auto local = local_member(bytes_, from + at);
            if (local.data_at == 0 || local.data_at > bytes_.size()) {
                at += local_mark.size();
                continue;
            }
            odd("a member that the central directory does not name");
            if (out_.others.size() == most_) return;
            out_.others.push_back(local);
            const auto known = local.is_size_known ? local.compressed : 0;
            at = static_cast<std::size_t>(std::min<std::uint64_t>(local.data_at + known - from, gap.size()));
        }
    }

    void look_behind() {
        const auto comment = window(bytes_, end_.at + end_size, end_.stop - end_.at - end_size);
        if (comment.contains(end_mark) || comment.contains(local_mark)) {
            odd("an archive within the archive's comment");
            look_into(end_.at + end_size, end_.stop);
        }
        const auto rest = window(bytes_, end_.stop);
        if (rest.find_first_not_of('\0') == std::string_view::npos || rest.find_first_not_of("\r\n") == std::string_view::npos)
            return;
        odd("bytes after the archive");
        look_into(end_.stop, bytes_.size());
    }

    // walk_local_headers - the reading of a program that does not look for a directory: there is none
    void walk_local_headers() {
        out_.damage = "no central directory";
        for (auto at = bytes_.find(local_mark); at != std::string_view::npos; at = bytes_.find(local_mark, at)) {
            const auto local = local_member(bytes_, at);
            if (local.data_at == 0) {
                at += local_mark.size();
                continue;
            }
            if (out_.members.size() == most_) {
                out_.is_too_many = true;
                return;
            }
            if (out_.members.empty()) out_.begin = at;
            out_.members.push_back(local);
            const auto left = bytes_.size() - local.data_at;
            at = static_cast<std::size_t>(local.data_at +
                                          (local.is_size_known ? std::min<std::uint64_t>(local.compressed, left) : 0));
        }
    }

    std::string_view bytes_;
    std::uint32_t most_;
    ZipReading out_;
    End end_;
    std::uint64_t base_ = 0, directory_begin_ = 0;
    bool has_room_ = false;  // for bytes that are no member's
};

}  // namespace

std::size_t find_zip_end(std::string_view bytes) {
    if (bytes.size() < end_size) return std::string_view::npos;
    const auto lowest = bytes.size() - std::min(bytes.size(), end_size + most_comment);
    for (auto at = bytes.rfind(end_mark); at != std::string_view::npos && at >= lowest; at = bytes.rfind(end_mark, at - 1)) {
        End end;
        if (end_at(bytes, at, end)) return at;
        if (at == 0) break;
    }
    return std::string_view::npos;
}

std::size_t zip_size(std::string_view bytes, std::size_t begin) {
    constexpr std::uint16_t newest_version = 63, longest_name = 4096;
    const auto first = local_member(bytes, begin);
    const bool is_sane = first.data_at != 0 && (little16(bytes, begin + 4) & 0xff) <= newest_version && !first.name.empty() &&
                         first.name.size() <= longest_name &&
                         (first.method <= 20 || (first.method >= 93 && first.method <= 99)) &&
                         std::ranges::none_of(first.name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (!is_sane) return 0;
    auto at = bytes.find(end_mark, begin);
    for (; at != std::string_view::npos; at = bytes.find(end_mark, at + 1)) {
        End end;
        if (!end_at(bytes, at, end) || end.directory_size == 0 || end.directory_size > end.directory_end) continue;
        const auto directory = end.directory_end - end.directory_size;
        if (!is_directory_at(bytes, directory) || directory < begin) continue;
        // the end of an archive within this one has its directory nearer to its own beginning
        if (end.directory_at == directory - begin || end.directory_at == directory)
            return static_cast<std::size_t>(end.stop) - begin;
    }
    return std::string_view::npos;
}

ZipMember local_member(std::string_view bytes, std::uint64_t at) {
    ZipMember out;
    out.header_at = at;
    if (window(bytes, at, 4) != local_mark || bytes.size() - at < local_size) return out;
    out.flags = little16(bytes, at + 6);
    out.method = little16(bytes, at + 8);
    out.crc = little32(bytes, at + 14);
    out.compressed = little32(bytes, at + 18);
    out.size = little32(bytes, at + 22);
    const std::uint64_t name = little16(bytes, at + 26), extra = little16(bytes, at + 28);
    if (bytes.size() - at - local_size < name + extra) return out;
    out.name = window(bytes, at + local_size, name);
    wide_sizes(window(bytes, at + local_size + name, extra), out, false);
    out.is_size_known = (out.flags & 8) == 0 || out.compressed != 0;
    out.data_at = at + local_size + name + extra;
    return out;
}

ZipReading read_zip(std::string_view bytes, std::uint32_t most_members) { return Reader(bytes, most_members).read(); }

}  // namespace tamis::worker
