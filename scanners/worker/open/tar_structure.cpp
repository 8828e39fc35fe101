#include "scanners/worker/open/tar_structure.h"

#include <algorithm>
#include <optional>

#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {
namespace {

constexpr std::size_t block_size = 512;
constexpr std::uint64_t largest = UINT64_MAX / 4;

bool is_empty(std::string_view block) { return block.find_first_not_of('\0') == std::string_view::npos; }

std::optional<std::uint64_t> octal(std::string_view field) {
    field.remove_prefix(std::min(field.find_first_not_of(std::string_view(" \0", 2)), field.size()));
    std::uint64_t out = 0;
    bool has_digit = false;
    for (const char c : field) {
        if (c < '0' || c > '7') return c == ' ' || c == '\0' ? std::optional(out) : std::nullopt;
        if (out > largest / 8) return std::nullopt;
        out = out * 8 + static_cast<std::uint64_t>(c - '0');
        has_digit = true;
    }
    return has_digit || field.empty() ? std::optional(out) : std::nullopt;
}

// number - octal, or base 256 with the highest bit set
std::optional<std::uint64_t> number(std::string_view field) {
    const auto first = byte_at(field, 0);
    if ((first & 0x80U) == 0) return octal(field);
    if (first != 0x80 || big(field, 1, 3) != 0) return std::nullopt;  // negative, or beyond any file
    return big(field, 4, 8);
}

bool is_header(std::string_view block) {
    constexpr std::size_t sum_at = 148, sum_size = 8;
    if (block.size() < block_size) return false;
    const auto stored = octal(block.substr(sum_at, sum_size));
    std::int64_t plain = 0, with_signs = 0;  // some programs added signed characters
    for (std::size_t i = 0; i < block_size; ++i) {
        const char c = i >= sum_at && i < sum_at + sum_size ? ' ' : block[i];
        plain += static_cast<unsigned char>(c);
        with_signs += static_cast<signed char>(c);
    }
    return stored && (static_cast<std::int64_t>(*stored) == plain || static_cast<std::int64_t>(*stored) == with_signs);
}

// pax_size - of the records "LENGTH KEY=VALUE\n"; nothing when they do not tell it
std::optional<std::uint64_t> pax_size(std::string_view records) {
    std::optional<std::uint64_t> out;
    while (!records.empty()) {
        std::size_t length = 0, at = 0;
        for (; at < records.size() && records[at] >= '0' && records[at] <= '9' && length < records.size(); ++at)
            length = length * 10 + static_cast<std::size_t>(records[at] - '0');
        if (length <= at || length > records.size()) return out;
        auto record = records.substr(at, length - at);
        records.remove_prefix(length);
        if (!record.starts_with(" size=")) continue;
        std::uint64_t value = 0;
        for (const char c : record.substr(6)) {
            if (c < '0' || c > '9' || value > largest / 10) break;
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        }
        out = value;
    }
    return out;
}

class Walk {
public:
    Walk(std::string_view bytes, std::uint32_t most) : bytes_(bytes), most_(most) {}

    TarReading run() {
        std::optional<std::uint64_t> told;  // by a pax record, for the next member
        for (std::uint64_t i = 0; i < 4ULL * most_ && bytes_.size() - at_ >= block_size;
             ++i) {  // a member may have several headers
            const auto block = bytes_.substr(at_, block_size);
            if (is_empty(block)) return std::move(out_);
            if (!is_header(block)) {
                out_.damage = "a tar header with a wrong checksum";
                return std::move(out_);
            }
            const auto size = number(block.substr(124, 12));
            const char type = block[156];
            if (!size) {
                out_.damage = "a tar header whose size is no number";
                return std::move(out_);
            }
            at_ += block_size;
            if (type == 'x' || type == 'X') told = pax_size(window(bytes_, at_, *size));
            const bool is_member = !std::string_view("xXgLK").contains(type);
            if (is_member && told && *size != 0 && *told != *size && type != 'S') odd("a member with two sizes");
            if (type == 'S' && !skip_sparse_map(block)) return std::move(out_);
            const auto real = is_member && told ? *told : *size;
            if (type >= '1' && type <= '6' && real != 0 && !look_at_link(block, real)) continue_at(0);
            else continue_at(real);
            if (is_member) told.reset();
            if (at_ > bytes_.size()) {
                out_.damage = "a member that is cut";
                return std::move(out_);
            }
        }
        return std::move(out_);
    }

private:
    void odd(std::string_view what) {
        if (std::ranges::find(out_.oddities, what) == out_.oddities.end()) out_.oddities.emplace_back(what);
    }
    void continue_at(std::uint64_t size) {
        if (size > bytes_.size()) at_ = bytes_.size() + 1;
        else at_ += (static_cast<std::size_t>(size) + block_size - 1) / block_size * block_size;
        if (size != 0 && at_ > bytes_.size() && at_ - bytes_.size() < block_size)
            at_ = bytes_.size();  // the padding of the last one may be missing
    }
    // skip_sparse_map - GNU's old form: more of the map in blocks behind the header
    bool skip_sparse_map(std::string_view block) {
        bool goes_on = block[482] == 1;
        while (goes_on && bytes_.size() - at_ >= block_size) {
            goes_on = bytes_[at_ + 504] == 1;
            at_ += block_size;
        }
        return !goes_on;
    }
    // look_at_link - a link that says a size: most writers mean that of its target, and no bytes follow. True when they do.
    bool look_at_link(std::string_view block, std::uint64_t size) {
        const auto next = window(bytes_, at_, block_size);
        if (next.size() < block_size || is_empty(next) || is_header(next)) return false;
        odd("a link, directory or device with bytes of its own");
        const auto name = block.substr(0, 100);
        if (out_.links.size() < most_)
            out_.links.push_back({name.substr(0, name.find('\0')), at_, std::min<std::uint64_t>(size, bytes_.size() - at_)});
        return true;
    }

    std::string_view bytes_;
    std::uint32_t most_;
    std::size_t at_ = 0;
    TarReading out_;
};

}  // namespace

TarReading read_tar(std::string_view bytes, std::uint32_t most_members) { return Walk(bytes, most_members).run(); }

}  // namespace tamis::worker
