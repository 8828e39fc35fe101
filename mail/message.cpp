#include "mail/message.h"

#include <fmt/format.h>
#include <unistd.h>

namespace tamis::mail {

SealedSpool::~SealedSpool() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::size_t> SealedSpool::read(std::uint64_t offset, std::span<char> into) const {
    for (;;) {
        const ssize_t got = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR)
            return fail(std::error_code(errno, std::system_category()), fmt::format("reading the spool at {}", offset));
    }
}

Result<std::string_view> SealedSpool::view(std::uint64_t offset, std::span<char> buffer) const {
    if (offset < head_.size()) return std::string_view(head_).substr(offset);
    auto got = read(offset, buffer);
    if (!got) return std::unexpected(std::move(got.error()));
    return std::string_view(buffer.data(), *got);
}

}  // namespace tamis::mail
