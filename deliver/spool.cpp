#include "deliver/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "mail/header.h"

namespace tamis::deliver {
namespace {

constexpr std::size_t write_block = 64 * 1024;
constexpr std::uint64_t growth_step = 256 * 1024;

std::error_code last_error() { return {errno, std::system_category()}; }

// HeldSpool - a sealed spool together with the memory it is charged for
struct HeldSpool final : mail::SealedSpool {
    HeldSpool(int descriptor, std::uint64_t size, std::string head, Slots::Units held) noexcept
        : SealedSpool(descriptor, size, std::move(head)), units(std::move(held)) {}
    Slots::Units units;
};

}  // namespace

SpoolWriter::SpoolWriter(const SpoolOptions& options, Slots& memory, Slots::Units first)
    : options_(&options), memory_(&memory), units_(std::move(first)) {}

SpoolWriter::~SpoolWriter() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Task<Done> SpoolWriter::make_room(std::size_t bytes, Deadline deadline) {
    if (spilled_ != 0 || head_.size() >= spool_head_limit) co_return Done{};
    const auto head = std::min(spool_head_limit, head_.size() + bytes);
    const auto needed = cost(head, head);
    if (needed <= units_.amount()) co_return Done{};
    // in steps that double: a message grows in few of them
    const auto wanted = std::min<std::uint64_t>(cost(spool_head_limit, spool_head_limit), std::max(needed, 2 * units_.amount()));
    co_return co_await memory_->grow(units_, wanted - units_.amount(), deadline);
}

bool SpoolWriter::append(std::string_view bytes) {
    if (fault_.code) return false;
    if (head_.size() < spool_head_limit && spilled_ == 0) {
        const auto part = bytes.substr(0, spool_head_limit - head_.size());
        const auto size_then = head_.size() + part.size();
        if (!admitted(cost(size_then, size_then))) {
            fault_ = {make_error_code(Errc::over_limit), "no memory for the beginning of the message"};
            return false;
        }
        if (head_.capacity() < size_then)  // doubled, but not beyond what is ever used
            head_.reserve(std::min(spool_head_limit, std::max(size_then, 2 * head_.capacity())));
        head_ += part;
        bytes.remove_prefix(part.size());
    }
    if (bytes.empty()) return true;
    spilled_ += bytes.size();
    if (pending_.empty() && bytes.size() >= write_block / 2) return write_out(bytes);
    pending_ += bytes;
    if (pending_.size() < write_block) return true;
    return write_out(std::exchange(pending_, {}));
}

// admitted - whether that many bytes are admitted, now or by taking more at once
bool SpoolWriter::admitted(std::uint64_t bytes) {
    if (bytes <= units_.amount()) return true;
    const std::uint64_t wanted = (bytes - units_.amount() + growth_step - 1) / growth_step * growth_step;
    auto more = memory_->try_take(wanted);
    if (more.amount() != wanted) return false;
    units_.absorb(std::move(more));
    return true;
}

bool SpoolWriter::write_out(std::string_view bytes) {
    if (!is_file_ && (size() > options_->memory_limit || !admitted(cost(size(), head_.size()))) && !move_to_file()) return false;
    if (descriptor_ < 0) {
        descriptor_ = ::memfd_create("tamis-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (descriptor_ < 0) {
            fault_ = {last_error(), "cannot create a memory file for the message"};
            return false;
        }
    }
    const auto all = [&](std::string_view rest) {
        while (!rest.empty()) {
            const ssize_t done = ::write(descriptor_, rest.data(), rest.size());
            if (done < 0) {
                if (errno == EINTR) continue;
                fault_ = {last_error(), is_file_ ? fmt::format("cannot write the spool file in {}", options_->directory)
                                                 : std::string("cannot write the message to memory")};
                return false;
            }
            rest.remove_prefix(static_cast<std::size_t>(done));
        }
        return true;
    };
    if (!head_written_) {
        head_written_ = true;
        if (!all(head_)) return false;
    }
    return all(bytes);
}

bool SpoolWriter::move_to_file() {
    const int file = ::open(options_->directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) {
        fault_ = {last_error(), fmt::format("cannot create a spool file in {}", options_->directory)};
        return false;
    }
    if (descriptor_ >= 0) {
        off_t offset = 0;
        const off_t end = ::lseek(descriptor_, 0, SEEK_END);
        while (offset < end) {
            const ssize_t done = ::sendfile(file, descriptor_, &offset, static_cast<std::size_t>(end - offset));
            if (done <= 0) {
                fault_ = {last_error(), fmt::format("cannot write the spool file in {}", options_->directory)};
                ::close(file);
                return false;
            }
        }
        ::close(descriptor_);
    }
    descriptor_ = file;
    is_file_ = true;
    units_.give_back(units_.amount() > spool_head_limit ? units_.amount() - spool_head_limit : 0);
    return true;
}

Result<std::shared_ptr<const mail::SealedSpool>> SpoolWriter::seal() {
    const std::uint64_t total = size();
    if (!fault_.code && spilled_ != 0) write_out(std::exchange(pending_, {}));
    if (fault_.code) return std::unexpected(fault_);
    if (head_.capacity() > head_.size() + write_block) head_.shrink_to_fit();
    const auto held = is_file_ ? head_.size() : cost(total, head_.size());
    if (units_.amount() > held) units_.give_back(units_.amount() - held);
    if (is_file_) {
        // the file has no name and this is its only descriptor: re-opened read-only, nobody can write to it
        const int reader = ::open(fmt::format("/proc/self/fd/{}", descriptor_).c_str(), O_RDONLY | O_CLOEXEC);
        if (reader < 0) return fail(last_error(), "cannot reopen the spool file");
        ::close(std::exchange(descriptor_, reader));
    } else if (descriptor_ >= 0 &&
               ::fcntl(descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        return fail(last_error(), "cannot seal the message");
    }
    return std::make_shared<HeldSpool>(std::exchange(descriptor_, -1), total, std::move(head_), std::move(units_));
}

}  // namespace tamis::deliver
