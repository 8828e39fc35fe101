#include "scanners/worker/open/openpgp.h"

#include <algorithm>
#include <string>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/cms.h"
#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/openpgp_packets.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {
namespace {

constexpr auto who = "pgp";
constexpr unsigned most_blocks = 64;  // of armor in one part

void add_literal(Opener& opener, std::uint32_t part, std::string_view body) {
    const std::size_t name_size = byte_at(body, 1);
    const auto name = window(body, 2, name_size);
    constexpr std::size_t date = 4;
    NewPart about{.parent = part, .container = who};
    if (!name.empty() && name != "_CONSOLE") about.names = member_names(name, false);
    if (about.names.empty()) about.names = unpacked_names(opener.part(part));
    opener.new_part_of(std::move(about), Blob::of(std::string(window(body, 2 + name_size + date))), who, true);
}

// add_compressed - what is inside are packets again
void add_compressed(Opener& opener, std::uint32_t part, std::string_view body) {
    constexpr unsigned zip = 1, zlib = 2;
    const auto method = byte_at(body, 0);
    auto data = body.substr(std::min<std::size_t>(1, body.size()));
    NewPart about{.parent = part, .container = who};
    if (method != zip && method != zlib) {  // as it is, or bzip2: then it is a bzip2 file to its own decoder
        opener.new_part_of(std::move(about), Blob::of(std::string(data)), who, true);
        return;
    }
    if (method == zlib) data.remove_prefix(std::min<std::size_t>(2, data.size()));
    auto writer = opener.new_part(std::move(about), who);
    if (!writer) return;
    const auto number = writer.number();
    Inflater inflater;
    const auto result = inflater.run(data, writer);
    if (result == Inflated::stopped) return;
    if (result == Inflated::whole) return writer.finish();
    mark_unreadable(opener, number);
    mark_damaged(opener, part, "compressed OpenPGP data that cannot be decompressed");
}

// open_packets - false: these bytes are no message
bool open_packets(Opener& opener, std::uint32_t part, std::string_view bytes, bool is_whole_part) {
    const auto found = read_pgp(bytes);
    if (found.meaning == PgpMeaning::none) return false;
    if (is_whole_part) {
        add_kind(opener.part(part), "pgp");
        opener.own(part, 0, found.size, Owned::read);
    }
    if (found.is_too_many) mark_damaged(opener, part, "more OpenPGP packets than are looked at");
    for (const auto& content : found.contents) {
        if (content.packet.is_cut) mark_damaged(opener, part, "the OpenPGP message is cut");
        if (content.meaning == PgpMeaning::encrypted) {
            mark_encrypted(opener, part);
            continue;
        }
        if (!opener.check_level(part) || !opener.budget().check_time()) break;
        const auto packet = bytes.substr(content.at, content.packet.size);
        const auto joined = content.packet.is_partial ? whole_body(packet) : std::string();
        const auto body = content.packet.is_partial ? std::string_view(joined) : content.packet.body;
        if (content.meaning == PgpMeaning::literal) add_literal(opener, part, body);
        else add_compressed(opener, part, body);
    }
    return true;
}

std::string decode_armor(std::string_view base64) {
    StringOutput out;
    decode_base64(base64, Base64Reading::skip_padding, out);
    return std::move(out.bytes);
}

void open_armor(Opener& opener, std::uint32_t part, std::string_view text) {
    unsigned left = most_blocks;
    for (const std::string_view label : {"PGP MESSAGE", "PGP ARMORED FILE"}) {
        for (auto block = find_armor(text, 0, label); block; block = find_armor(text, block->end, label)) {
            if (left-- == 0) return mark_damaged(opener, part, "more armored messages in one text than are looked at");
            if (!opener.budget().take_bytes(block->base64.size(), who) || !opener.budget().check_time()) return;
            open_packets(opener, part, decode_armor(block->base64), false);
        }
    }
    for (const std::string_view label : {"PKCS7", "PKCS #7", "CMS"}) {
        for (auto block = find_armor(text, 0, label); block; block = find_armor(text, block->end, label)) {
            if (left-- == 0) return mark_damaged(opener, part, "more armored messages in one text than are looked at");
            if (!opener.budget().take_bytes(block->base64.size(), who) || !opener.budget().check_time()) return;
            auto message = decode_armor(block->base64);
            if (!is_cms(message)) continue;
            if (!opener.check_level(part)) return;
            opener.new_part_of({.parent = part, .container = "pem", .names = opener.part(part).names},
                               Blob::of(std::move(message)), "pem", false);
        }
    }
}

}  // namespace

bool may_be_openpgp(const mail::Part& part) {
    constexpr std::string_view kinds[] = {"asc", "txt", "html", "xml", "pgp", "dat", "mail", "mbox", "sgml", "script", "rtf"};
    return part.kinds.empty() || std::ranges::any_of(kinds, [&](std::string_view kind) { return has_kind(part, kind); });
}

void open_openpgp(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto all = bytes.bytes();
    if (all.empty()) return;
    if ((byte_at(all, 0) & 0x80U) != 0 && open_packets(opener, part, all, true)) return;
    if (all.contains("-----BEGIN ")) open_armor(opener, part, all);
}

}  // namespace tamis::worker
