// ber - elements of ASN.1's basic encoding (X.690), definite and indefinite lengths
//
// Pure, total; trusts nothing. An element that reaches beyond its input is cut there and says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tamis::worker {

struct BerElement {
    std::uint8_t tag = 0;      // class, constructed bit and number; numbers above 30 are not used by what is read here
    std::string_view content;  // without the end-of-contents octets
    std::size_t size = 0;      // of the whole element
    bool is_cut = false;
    bool is_constructed() const noexcept { return (tag & 0x20U) != 0; }
};

namespace ber {
constexpr std::uint8_t integer = 0x02, octet_string = 0x04, object_id = 0x06, sequence = 0x30, set = 0x31, octet_pieces = 0x24,
                       context0 = 0xa0;
}

// read_ber - the element at the beginning of `bytes`; nothing: there is none
std::optional<BerElement> read_ber(std::string_view bytes);

// BerReader - the elements of a content, one behind the other
class BerReader {
public:
    explicit BerReader(std::string_view content) : rest_(content) {}
    std::optional<BerElement> next() {
        auto out = read_ber(rest_);
        if (out) rest_.remove_prefix(out->size);
        return out;
    }

private:
    std::string_view rest_;
};

}  // namespace tamis::worker
