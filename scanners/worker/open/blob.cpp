#include "scanners/worker/open/blob.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tamis::worker {

namespace {

MemoryGate*& gate() noexcept {
    static MemoryGate* present = nullptr;
    return present;
}
void give_back(std::uint64_t bytes) noexcept {
    if (bytes != 0 && gate() != nullptr) gate()->shrink(bytes);
}

}  // namespace

void set_memory_gate(MemoryGate* present) noexcept { gate() = present; }

struct Blob::Held {
    std::string owned;
    void* mapping = nullptr;
    std::size_t mapped = 0;
    std::uint64_t charged = 0;

    Held() = default;
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        if (mapping != nullptr) ::munmap(mapping, mapped);
        give_back(charged);
    }
};

namespace {

std::unexpected<Fault> system_fault(const char* what) { return fail(std::error_code(errno, std::system_category()), what); }

Done write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return system_fault("write to a memfd");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<int> new_memfd() {
    const int descriptor = ::memfd_create("tamis-part", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return system_fault("memfd_create");
    return descriptor;
}

}  // namespace

Blob Blob::of(std::string bytes) {
    auto held = std::make_shared<Held>();
    held->owned = std::move(bytes);
    Blob out;
    out.bytes_ = held->owned;
    out.held_ = std::move(held);
    return out;
}

Blob Blob::borrow(std::string_view bytes) {
    Blob out;
    out.bytes_ = bytes;
    return out;
}

Result<Blob> Blob::map(int descriptor, std::uint64_t size, bool is_ours) {
    Blob out;
    if (size != 0) {
        auto held = std::make_shared<Held>();
        void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
        if (at == MAP_FAILED) {
            auto fault = system_fault("mmap of a part");
            ::close(descriptor);
            if (is_ours) give_back(size);
            return fault;
        }
        held->charged = is_ours ? size : 0;
        held->mapping = at;
        held->mapped = size;
        out.bytes_ = {static_cast<const char*>(at), size};
        out.held_ = std::move(held);
    }
    ::close(descriptor);
    return out;
}

std::string_view Blob::bytes() const noexcept { return bytes_; }

Blob Blob::slice(std::uint64_t offset, std::uint64_t size) const {
    Blob out;
    out.held_ = held_;
    if (offset < bytes_.size()) out.bytes_ = bytes_.substr(offset, size);
    return out;
}

Result<int> Blob::to_descriptor() const {
    auto descriptor = new_memfd();
    if (!descriptor) return descriptor;
    if (auto done = write_all(*descriptor, bytes_); !done) {
        ::close(*descriptor);
        return std::unexpected(std::move(done.error()));
    }
    if (::fcntl(*descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        auto fault = system_fault("sealing a memfd");
        ::close(*descriptor);
        return fault;
    }
    return descriptor;
}

BlobWriter::~BlobWriter() {
    if (descriptor_ >= 0) ::close(descriptor_);
    give_back(charged_);
}

// admit - asks for more room than is wanted now, so that a part that grows in small steps asks seldom
Done BlobWriter::admit(std::uint64_t size) {
    constexpr std::uint64_t step = 1 << 20;
    if (gate() == nullptr || size <= charged_) return {};
    const auto wanted = size - charged_ + std::min(size, step);
    if (!gate()->grow(wanted)) return fail(Errc::over_limit, "no memory");
    charged_ += wanted;
    return {};
}

// append - what was appended before stays whole when this fails
Done BlobWriter::append(std::string_view bytes) {
    const auto size = size_ + bytes.size();
    if (descriptor_ < 0 && size <= blob_in_memory) {
        memory_.append(bytes);
        size_ = size;
        return {};
    }
    if (auto admitted = admit(size); !admitted) return admitted;
    if (descriptor_ < 0) {
        auto made = new_memfd();
        if (!made) return std::unexpected(std::move(made.error()));
        if (auto done = write_all(*made, memory_); !done) {
            ::close(*made);
            return done;
        }
        descriptor_ = *made;
        std::string().swap(memory_);
    }
    auto done = write_all(descriptor_, bytes);
    if (done) size_ = size;
    return done;
}

Result<Blob> BlobWriter::finish() {
    const auto charged = std::exchange(charged_, 0);
    if (descriptor_ < 0) {
        give_back(charged);
        return Blob::of(std::exchange(memory_, {}));
    }
    if (charged > size_) give_back(charged - size_);
    return Blob::map(std::exchange(descriptor_, -1), size_, charged != 0);
}

}  // namespace tamis::worker
