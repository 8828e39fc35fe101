#include "scanners/worker/open/openpgp_packets.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/inflate.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

// Piece - one length of a new-format packet and how many bytes follow
struct Piece {
    std::size_t header = 0;  // 0: there is none
    std::size_t length = 0;
    bool is_partial = false;
};

Piece new_piece(std::string_view bytes, std::size_t at) {
    if (at >= bytes.size()) return {};
    const auto first = byte_at(bytes, at);
    if (first < 192) return {1, first};
    if (first < 224) return at + 1 < bytes.size() ? Piece{2, ((first - 192UL) << 8U) + byte_at(bytes, at + 1) + 192} : Piece{};
    if (first == 255) return bytes.size() - at >= 5 ? Piece{5, static_cast<std::size_t>(big(bytes, at + 1, 4))} : Piece{};
    return {1, std::size_t{1} << (first & 0x1fU), true};
}

bool is_cipher(unsigned algorithm) { return algorithm >= 1 && algorithm <= 13; }
bool is_public_key_algorithm(unsigned algorithm) {
    return (algorithm >= 1 && algorithm <= 3) || (algorithm >= 16 && algorithm <= 35);
}

// holds - whether a packet's body begins as the RFC says. `whole`: the size of its first piece
bool holds(const PgpPacket& packet) {
    const auto body = packet.body;
    const auto version = byte_at(body, 0);
    switch (packet.tag) {
        case pgp::session_key:
            if (version == 2 || version == 3)
                return body.size() >= 12 && body.size() < 20'000 && is_public_key_algorithm(byte_at(body, 9));
            return version == 6 && body.size() >= 24 && body.size() < 20'000 && byte_at(body, 1) <= 33;
        case pgp::passphrase_key: {
            const auto method = byte_at(body, 2);
            if (version == 4)
                return body.size() >= 4 && body.size() < 256 && is_cipher(byte_at(body, 1)) && (method <= 4 || method == 101);
            return (version == 5 || version == 6) && body.size() >= 8 && body.size() < 512;
        }
        case pgp::one_pass:
            if (version == 3) return body.size() == 13 && is_public_key_algorithm(byte_at(body, 3)) && byte_at(body, 12) <= 1;
            return version == 6 && body.size() >= 6 && body.size() < 128;
        case pgp::literal: {
            const auto format = byte_at(body, 0);
            const bool is_format = "btul1m"sv.contains(static_cast<char>(format));
            return is_format && body.size() >= 6 && byte_at(body, 1) + 6UL <= body.size();
        }
        case pgp::compressed: {
            if (body.size() < 3) return false;
            std::string head;
            if (version == 0) head = std::string(body.substr(1, 64));
            else if (version == 1) head = deflated_head(body.substr(1));
            else if (version == 2) head = inflated_head(body.substr(1));
            else return version == 3 && body.substr(1).starts_with("BZh");
            const auto inner = read_pgp_packet(head);
            constexpr std::array may_be = {pgp::one_pass,    pgp::literal,        pgp::signature, pgp::compressed, pgp::marker,
                                           pgp::session_key, pgp::passphrase_key, pgp::sealed,    pgp::aead};
            return inner && std::ranges::find(may_be, inner->tag) != may_be.end() &&
                   (inner->tag == pgp::compressed || holds(*inner));
        }
        case pgp::signature: return version >= 2 && version <= 6 && body.size() >= 10;
        case pgp::marker: return body == "PGP";
        case pgp::sealed:
            return (version == 1 && body.size() >= 20) || (version == 2 && body.size() >= 36 && is_cipher(byte_at(body, 1)));
        case pgp::aead:
            return version == 1 && body.size() >= 20 && is_cipher(byte_at(body, 1)) && byte_at(body, 2) >= 1 &&
                   byte_at(body, 2) <= 3;
        case pgp::encrypted: return body.size() >= 10;
        case pgp::public_key:
        case pgp::secret_key: return version >= 2 && version <= 6 && body.size() >= 10;
        default: return false;
    }
}

}  // namespace

std::optional<PgpPacket> read_pgp_packet(std::string_view bytes) {
    if (bytes.size() < 2 || (byte_at(bytes, 0) & 0x80U) == 0) return std::nullopt;
    const auto first = byte_at(bytes, 0);
    PgpPacket out;
    std::size_t at = 1;
    if ((first & 0x40U) == 0) {  // old: the length has 1, 2 or 4 bytes, or there is none
        out.tag = (first >> 2U) & 0xfU;
        const unsigned kind = first & 3U;
        const unsigned width = kind == 3 ? 0 : 1U << kind;
        if (bytes.size() - at < width) return std::nullopt;
        const auto length = kind == 3 ? bytes.size() : static_cast<std::size_t>(big(bytes, at, width));
        at += width;
        out.body = bytes.substr(at, length);
        out.is_cut = kind != 3 && out.body.size() < length;
        out.size = at + out.body.size();
        return out.tag == 0 ? std::nullopt : std::optional(out);
    }
    out.tag = first & 0x3fU;
    for (bool is_first = true;; is_first = false) {
        const auto piece = new_piece(bytes, at);
        if (piece.header == 0) {
            if (is_first) return std::nullopt;
            out.is_cut = true;
            break;
        }
        at += piece.header;
        const auto body = window(bytes, at, piece.length);
        if (is_first) {
            out.body = body;
            out.is_partial = piece.is_partial;
        }
        at += body.size();
        out.is_cut = body.size() < piece.length;
        if (out.is_cut || !piece.is_partial) break;
    }
    out.size = at;
    return out.tag == 0 ? std::nullopt : std::optional(out);
}

std::string whole_body(std::string_view packet) {
    std::string out;
    std::size_t at = 1;
    while (true) {
        const auto piece = new_piece(packet, at);
        if (piece.header == 0) break;
        out += window(packet, at + piece.header, piece.length);
        at += piece.header + piece.length;
        if (!piece.is_partial || at >= packet.size()) break;
    }
    return out;
}

PgpFound read_pgp(std::string_view bytes) {
    constexpr unsigned most_packets = 4096;
    PgpFound out;
    bool has_key = false;
    std::size_t at = 0;
    for (unsigned count = 0; at < bytes.size() && count < most_packets; ++count) {
        const auto packet = read_pgp_packet(bytes.substr(at));
        const bool is_known =
            packet && (holds(*packet) || (out.meaning == PgpMeaning::other && packet->tag != 0 && packet->tag <= pgp::padding));
        if (!is_known) break;
        const auto meaning_here = [&] {
            switch (packet->tag) {
                case pgp::encrypted: return has_key ? PgpMeaning::encrypted : PgpMeaning::none;
                case pgp::sealed:  // without a key before it, at least its end must be where the bytes end
                case pgp::aead:
                    return has_key || (!packet->is_cut && at + packet->size == bytes.size()) ? PgpMeaning::encrypted
                                                                                             : PgpMeaning::none;
                case pgp::literal: return packet->is_cut && count == 0 ? PgpMeaning::none : PgpMeaning::literal;
                case pgp::compressed: return PgpMeaning::compressed;
                case pgp::public_key:
                case pgp::secret_key: return packet->is_cut ? PgpMeaning::none : PgpMeaning::other;
                default: return PgpMeaning::none;
            }
        }();
        has_key |= packet->tag == pgp::session_key || packet->tag == pgp::passphrase_key;
        if (meaning_here != PgpMeaning::none && (out.meaning == PgpMeaning::none || out.meaning == PgpMeaning::other))
            out.meaning = meaning_here;
        if (meaning_here != PgpMeaning::none && meaning_here != PgpMeaning::other) {
            out.is_too_many = out.contents.size() == most_pgp_contents;
            if (out.is_too_many) break;
            out.contents.push_back({meaning_here, *packet, at});
        }
        at += packet->size;
    }
    // what needs no key and no signature to begin with is believed when nothing is left over
    const bool is_bare = out.meaning == PgpMeaning::other || (out.meaning == PgpMeaning::literal && out.contents.front().at == 0);
    if (is_bare && at != bytes.size() && !out.is_too_many) return {};
    if (out.meaning != PgpMeaning::none) out.size = at;
    return out;
}

std::optional<PgpArmor> find_armor(std::string_view text, std::size_t from, std::string_view label) {
    constexpr auto begin_mark = "-----BEGIN "sv;
    constexpr auto blanks = " \t>\r"sv;
    for (auto at = text.find(begin_mark, from); at != std::string_view::npos; at = text.find(begin_mark, at + 1)) {
        constexpr std::size_t longest_line = 200;
        const auto rest = text.substr(at + begin_mark.size());
        if (!rest.starts_with(label)) continue;
        const auto line = rest.substr(0, longest_line);
        const auto dashes = line.find("-----", label.size());
        auto line_end = line.find('\n');
        if (line_end == std::string_view::npos || dashes == std::string_view::npos || dashes > line_end) continue;
        // the headers ("Version: ...") end at an empty line; some programs write none
        auto data = line_end + 1;
        while (data < rest.size()) {
            line_end = std::min(rest.find('\n', data), rest.size());
            const auto field = rest.substr(data, line_end - data);
            const bool is_empty = field.find_first_not_of(blanks) == std::string_view::npos;
            if (!is_empty && !field.contains(": ")) break;
            data = std::min(line_end + 1, rest.size());
            if (is_empty) break;
        }
        const auto stop = rest.find("-----", data);
        PgpArmor out;
        out.begin = at;
        out.end = at + begin_mark.size() + std::min(stop, rest.size());
        out.base64 = rest.substr(data, stop == std::string_view::npos ? stop : stop - data);
        const auto sum = out.base64.rfind("\n=");  // the checksum of OpenPGP
        if (sum != std::string_view::npos && out.base64.size() - sum < 12) out.base64 = out.base64.substr(0, sum);
        if (stop != std::string_view::npos) out.end = at + begin_mark.size() + std::min(rest.find('\n', stop), rest.size());
        return out;
    }
    return std::nullopt;
}

}  // namespace tamis::worker
