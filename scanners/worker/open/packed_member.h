// packed_member - one member of an archive, decompressed into a part by one of our own decoders and checked
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scanners/worker/open/history.h"
#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// CheckSum - what the archive says of the plain bytes
struct CheckSum {
    enum class Kind : std::uint8_t { none, crc16, crc32 } kind = Kind::none;
    std::uint32_t value = 0;
};

// CheckedOutput - into a part, counted and summed up
class CheckedOutput final : public Output {
public:
    CheckedOutput(PartWriter& writer, CheckSum::Kind kind) : writer_(writer), kind_(kind) {}
    bool put(std::string_view bytes) override;
    std::uint64_t size() const noexcept { return size_; }
    std::uint32_t sum() const noexcept { return sum_; }

private:
    PartWriter& writer_;
    CheckSum::Kind kind_;
    std::uint64_t size_ = 0;
    std::uint32_t sum_ = 0;
};

struct PackedMember {
    std::string_view container;  // a literal
    std::vector<std::string> names;
    std::uint8_t flags = 0;
    std::string_view data;              // packed
    std::optional<std::uint64_t> size;  // plain; a member of another size is damaged
    CheckSum sum;
};

// unpack_member - a part below `archive`; whatever is wrong is marked at the part or the archive. False: no budget is left.
bool unpack_member(Opener& opener, std::uint32_t archive, PackedMember member,
                   const std::function<Decoded(std::string_view packed, Output& out)>& decode);

// decode_stored - the bytes as they are
Decoded decode_stored(std::string_view packed, Output& out);

// crc16 - as LHA, ARC and zoo have it; goes on from `from`
std::uint16_t crc16(std::string_view bytes, std::uint16_t from = 0);

}  // namespace tamis::worker
