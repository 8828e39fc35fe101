#include "scanners/worker/open/members.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {

using mail::PartFlag;

namespace {

// the upper half of code page 437, which zip means when it does not say UTF-8
constexpr std::u16string_view code_page_437 =
    u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
static_assert(code_page_437.size() == 128);

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6);
        put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
}

struct Ending {
    std::string_view packed, unpacked;
};
constexpr Ending endings[] = {
    {".tgz", ".tar"}, {".taz", ".tar"},  {".tbz", ".tar"},  {".tbz2", ".tar"}, {".txz", ".tar"},
    {".tlz", ".tar"}, {".tzst", ".tar"}, {".svgz", ".svg"}, {".gz", ""},       {".z", ""},
    {".bz2", ""},     {".bz", ""},       {".xz", ""},       {".lzma", ""},     {".zst", ""},
    {".lz4", ""},     {".lzo", ""},      {".lz", ""},       {".br", ""},
};

bool ends_with_fold(std::string_view text, std::string_view ending) {
    return text.size() > ending.size() && equal_fold(text.substr(text.size() - ending.size()), ending);
}

}  // namespace

void mark_damaged(Opener& opener, std::uint32_t part, std::string_view detail) {
    opener.add_anomaly(mail::AnomalyKind::bad_archive, part, detail);
    opener.part(part).set(PartFlag::undecipherable);
}

void mark_unread(Opener& opener, std::uint32_t part, std::string_view detail) {
    opener.add_anomaly(mail::AnomalyKind::bad_archive, part, detail);
    opener.part(part).set(PartFlag::undecipherable);
}

void mark_encrypted(Opener& opener, std::uint32_t part) {
    opener.part(part).set(PartFlag::encrypted);
    opener.part(part).set(PartFlag::undecipherable);
}

void mark_unreadable(Opener& opener, std::uint32_t part) { opener.part(part).set(PartFlag::undecipherable); }

std::uint32_t add_empty(Opener& opener, std::uint32_t parent, std::string_view container, std::vector<std::string> names,
                        std::uint8_t flags, const char* who) {
    auto writer = opener.new_part({.parent = parent, .container = container, .names = std::move(names), .flags = flags}, who);
    if (!writer) return 0;
    const auto number = writer.number();
    writer.finish();
    return number;
}

std::vector<std::string> member_names(std::string_view raw, bool is_declared_utf8) {
    if (is_utf8(raw)) return {std::string(raw)};
    if (is_declared_utf8) return {utf8_or_replaced(raw, mail::part_name_limit), std::string(raw)};
    if (raw.size() > mail::part_name_limit) raw.remove_prefix(raw.size() - mail::part_name_limit);
    std::string out;
    for (const char c : raw) {
        const auto byte = static_cast<unsigned char>(c);
        append_utf8(out, byte < 0x80 ? byte : code_page_437[byte - 0x80U]);
    }
    return {std::move(out), std::string(raw)};
}

std::vector<std::string> unpacked_names(const mail::Part& packed) {
    std::vector<std::string> out;
    for (const auto& name : packed.names) {
        const auto* ending = std::ranges::find_if(endings, [&](const Ending& each) { return ends_with_fold(name, each.packed); });
        const bool has_ending = ending != std::ranges::end(endings);
        auto unpacked = has_ending ? name.substr(0, name.size() - ending->packed.size()) + std::string(ending->unpacked) : name;
        if (std::ranges::find(out, unpacked) == out.end()) out.push_back(std::move(unpacked));
    }
    return out;
}

std::string utf8_of_utf16(std::string_view bytes, std::size_t limit) {
    std::string out;
    for (std::size_t at = 0; at + 1 < bytes.size() && out.size() + 4 <= limit; at += 2) {
        const std::uint32_t unit = little16(bytes, at), next = little16(bytes, at + 2);
        if (unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
            append_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00));
            at += 2;
        } else {
            append_utf8(out, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
        }
    }
    return out;
}

bool has_kind(const mail::Part& part, std::string_view kind) { return std::ranges::find(part.kinds, kind) != part.kinds.end(); }

void add_kind(mail::Part& part, std::string_view kind) {
    if (!has_kind(part, kind)) part.kinds.emplace_back(kind);
}

}  // namespace tamis::worker
