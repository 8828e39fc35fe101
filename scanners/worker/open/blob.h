// blob - the bytes of one part, for random access: in memory while small, in a memfd that is mapped when large
//
// A Blob never changes once made. BlobWriter collects bytes that arrive as a stream. Only in tamis-worker and its tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::worker {

constexpr std::size_t blob_in_memory = 256 * 1024;  // larger ones live in a memfd

// MemoryGate - who is asked before memory files grow, and told when they are gone
class MemoryGate {
public:
    virtual ~MemoryGate() = default;
    virtual bool grow(std::uint64_t bytes) = 0;  // false: there is no memory for them
    virtual void shrink(std::uint64_t bytes) noexcept = 0;
};
// set_memory_gate - for every memory file from now on; null: nobody is asked. `gate` outlives all blobs made meanwhile.
void set_memory_gate(MemoryGate* gate) noexcept;

class Blob {
public:
    Blob() = default;
    static Blob of(std::string bytes);           // owns them
    static Blob borrow(std::string_view bytes);  // the caller keeps them alive
    // map - the whole of a descriptor, read-only; takes the descriptor over. `is_ours`: the gate was asked for it.
    static Result<Blob> map(int descriptor, std::uint64_t size, bool is_ours = false);

    std::string_view bytes() const noexcept;
    // slice - a part of it that keeps the whole alive
    Blob slice(std::uint64_t offset, std::uint64_t size) const;
    // to_descriptor - a sealed memfd with these bytes; the caller closes it, and has asked the gate
    Result<int> to_descriptor() const;

private:
    struct Held;
    std::shared_ptr<const Held> held_;
    std::string_view bytes_;
};

// BlobWriter - append, then finish once
class BlobWriter {
public:
    BlobWriter() = default;
    ~BlobWriter();
    BlobWriter(const BlobWriter&) = delete;
    BlobWriter& operator=(const BlobWriter&) = delete;

    Done append(std::string_view bytes);
    std::uint64_t size() const noexcept { return size_; }
    // head - the bytes while they are in memory (all of them up to blob_in_memory, then nothing)
    std::string_view head() const noexcept { return memory_; }
    Result<Blob> finish();

private:
    Done admit(std::uint64_t size);

    std::string memory_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0, charged_ = 0;
};

}  // namespace tamis::worker
