#include "scanners/worker/open/gzip.h"

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

constexpr auto who = "gzip";
constexpr std::size_t fixed_header = 10, trailer = 8;
constexpr std::size_t most_header = 512;  // a longer one has room for something else

struct Header {
    std::size_t size = 0;  // 0: this is no gzip header
    std::string_view name;
};

Header read_header(std::string_view bytes) {
    Header out;
    if (bytes.size() < fixed_header || !bytes.starts_with("\x1f\x8b\x08")) return out;
    const auto flags = byte_at(bytes, 3);
    std::size_t at = fixed_header;
    if ((flags & 0xe0) != 0) return out;
    if ((flags & 4) != 0) at += 2U + little16(bytes, at);
    for (const unsigned bit : {8U, 16U}) {  // name, comment
        if ((flags & bit) == 0) continue;
        const auto rest = window(bytes, at);
        const auto nul = rest.find('\0');
        if (nul == std::string_view::npos) return out;
        if (bit == 8U) out.name = rest.substr(0, nul);
        at += nul + 1;
    }
    if ((flags & 2) != 0) at += 2;
    if (at < bytes.size()) out.size = at;
    return out;
}

// names_of - amavisd's order: the stored name, then the outer name without its ending
std::vector<std::string> names_of(const Header& header, const mail::Part& packed) {
    auto out = unpacked_names(packed);
    if (!header.name.empty()) {
        const auto stored = member_names(header.name, false);
        out.insert(out.begin(), stored.begin(), stored.end());
    }
    return out;
}

void note_rest(Opener& opener, std::uint32_t part, const Blob& bytes, std::uint64_t at) {
    const auto rest = bytes.bytes().substr(at);
    if (rest.find_first_not_of('\0') == std::string_view::npos || rest.find_first_not_of("\r\n") == std::string_view::npos)
        return;
    opener.add_anomaly(mail::AnomalyKind::mismatched_archive, part, "bytes after the gzip data");
    opener.new_part_of({.parent = part, .container = who, .flags = static_cast<std::uint8_t>(mail::PartFlag::alternate)},
                       bytes.slice(at, rest.size()), who, true);
    opener.own(part, at, rest.size(), Owned::content);
}

}  // namespace

bool is_gzip(const mail::Part& part) { return has_kind(part, "gz"); }

void open_gzip(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto all = bytes.bytes();
    auto header = read_header(all);
    if (header.size == 0) return mark_damaged(opener, part, "the gzip header cannot be read");
    auto writer = opener.new_part({.parent = part, .container = who, .names = names_of(header, opener.part(part))}, who);
    if (!writer) return;
    const auto number = writer.number();
    Inflater inflater;
    std::size_t at = 0, members = 0;
    const bool is_usual_header = header.size <= most_header;
    while (header.size != 0) {
        ++members;
        const auto result = inflater.run(all.substr(at + header.size), writer);
        if (result == Inflated::stopped) return;
        at += header.size + static_cast<std::size_t>(inflater.consumed());
        if (result != Inflated::whole || all.size() - at < trailer) {
            mark_unreadable(opener, number);
            return mark_damaged(opener, part,
                                result == Inflated::damaged ? "the gzip data are damaged" : "the gzip data are cut");
        }
        if (little32(all, at) != inflater.crc() || little32(all, at + 4) != (inflater.produced() & 0xffffffff))
            mark_damaged(opener, part, "the gzip checksum is wrong");
        at += trailer;
        if (!opener.budget().check_time()) return;
        header = read_header(all.substr(at));
    }
    writer.finish();
    opener.own(part, 0, at, Owned::content);
    if (at < all.size()) note_rest(opener, part, bytes, at);
    else if (members == 1 && is_usual_header) opener.accounts_for_all(part);
}

}  // namespace tamis::worker
