#include "scanners/worker/open/ber.h"

#include <algorithm>

namespace tamis::worker {
namespace {

struct Head {
    std::uint8_t tag = 0;
    std::size_t size = 0;  // of tag and length
    std::uint64_t length = 0;
    bool is_indefinite = false;
};

std::optional<Head> read_head(std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
    if (bytes.size() < 2) return std::nullopt;
    Head out;
    out.tag = byte(0);
    std::size_t at = 1;
    if ((out.tag & 0x1fU) == 0x1f) {  // a number in further bytes; nothing that is read here has one
        while (at < bytes.size() && at < 6 && (byte(at) & 0x80U) != 0) ++at;
        ++at;
    }
    if (at >= bytes.size()) return std::nullopt;
    const auto first = byte(at++);
    if (first == 0x80) {
        out.is_indefinite = (out.tag & 0x20U) != 0;
        if (!out.is_indefinite) return std::nullopt;
    } else if (first < 0x80) {
        out.length = first;
    } else {
        const std::size_t count = first & 0x7fU;
        if (count > 8 || count > bytes.size() - at) return std::nullopt;
        for (std::size_t i = 0; i < count; ++i) out.length = out.length << 8U | byte(at++);
    }
    out.size = at;
    return out;
}

}  // namespace

std::optional<BerElement> read_ber(std::string_view bytes) {
    const auto head = read_head(bytes);
    if (!head) return std::nullopt;
    BerElement out;
    out.tag = head->tag;
    const auto rest = bytes.substr(head->size);
    if (!head->is_indefinite) {
        out.content = rest.substr(0, head->length);
        out.is_cut = head->length > rest.size();
        out.size = head->size + out.content.size();
        return out;
    }
    // up to the end-of-contents octets of this element: those of the ones within it are counted on the way
    std::size_t open = 1, at = 0;
    while (open != 0) {
        const auto inner = read_head(rest.substr(std::min(at, rest.size())));
        if (!inner) {
            out.content = rest;
            out.is_cut = true;
            out.size = bytes.size();
            return out;
        }
        at += inner->size;
        if (inner->tag == 0 && inner->length == 0) {
            --open;
            continue;
        }
        if (inner->is_indefinite) ++open;
        else if (inner->length > rest.size() - at) at = rest.size();
        else at += static_cast<std::size_t>(inner->length);
    }
    out.content = rest.substr(0, at - 2);
    out.size = head->size + at;
    return out;
}

}  // namespace tamis::worker
