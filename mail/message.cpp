#include "mail/message.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tamis::mail {

SealedSpool::~SealedSpool() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

namespace {

// sealed_memfd - a memory file with these bytes that nobody can change; -1 when the system gives us none
int sealed_memfd(std::string_view bytes) noexcept {
    const int file = ::memfd_create("tamis-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    while (!bytes.empty()) {
        const ssize_t done = ::write(file, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) break;
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    if (bytes.empty() && ::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0) {
        ::lseek(file, 0, SEEK_SET);
        return file;
    }
    ::close(file);
    return -1;
}

}  // namespace

int SealedSpool::descriptor() const noexcept {
    if (!is_all_in_head()) return descriptor_;
    const std::lock_guard lock(making_);
    if (descriptor_ < 0) descriptor_ = sealed_memfd(head_);
    return descriptor_;
}

Result<std::size_t> SealedSpool::read(std::uint64_t offset, std::span<char> into) const {
    if (is_all_in_head()) {
        const auto part = std::string_view(head_).substr(std::min<std::uint64_t>(offset, size_), into.size());
        std::ranges::copy(part, into.begin());
        return part.size();
    }
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
