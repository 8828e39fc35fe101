// delivered_file - what was handed over and not yet answered for, in a file that outlives the process
//
// One file per process, in a folder of state_dir: slots of fixed size in shared mappings. A note is a copy into memory,
// without a system call; the kernel still has it when the process is killed. Nothing is synced: after a loss of power
// what was not written back is missing, and such a message may come twice. Each slot has a checksum, written last, so
// one that a kill tore apart does not exist. The file is locked (flock) by its process; a file that nobody holds is
// read by the next process and removed. What is in the file is ours, but read with care: it may be damaged.
// Not thread-safe; DeliveredJournal locks.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/recipient_outcome.h"

namespace tamis::proxy {

// DeliveredKey - SHA-256 over queue id, sender, recipient, size and digest
using DeliveredKey = std::array<unsigned char, 32>;

// DeliveredNote - one recipient who has the message
struct DeliveredNote {
    DeliveredKey key{};
    std::int64_t at = 0;  // seconds since 1970
    policy::RecipientOutcome outcome;
};

constexpr std::size_t delivered_slot_size = 1024;      // octets; a note that needs more is cut (encode_note)
constexpr std::size_t delivered_segment_slots = 1024;  // the file grows by so many
constexpr std::size_t delivered_segments_limit = 98;   // 100,352 notes, 98 MiB

// encode_note - into one slot; overlong texts are cut, the reply's words first
std::array<char, delivered_slot_size> encode_note(const DeliveredNote& note);
// decode_note - nothing: an empty slot, or one that is not whole
std::optional<DeliveredNote> decode_note(std::string_view slot);

class DeliveredFile {
public:
    using Slot = std::uint32_t;

    // create - a new file of this process in `folder` (made when missing, 0700)
    static Result<std::unique_ptr<DeliveredFile>> create(const std::string& folder);
    // Removes the file when no note is left in it.
    ~DeliveredFile();
    DeliveredFile(const DeliveredFile&) = delete;
    DeliveredFile& operator=(const DeliveredFile&) = delete;

    // write - the slot's number; Errc::over_limit when all are used, the system's error when the file cannot grow
    Result<Slot> write(const DeliveredNote& note);
    void erase(Slot slot);
    const std::string& path() const noexcept { return path_; }

private:
    DeliveredFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    Done grow();
    char* at(Slot slot) {
        return segments_[slot / delivered_segment_slots] + slot % delivered_segment_slots * delivered_slot_size;
    }

    std::string path_;
    int descriptor_;
    std::vector<char*> segments_;  // mappings
    std::vector<Slot> free_;       // the last given back is the first used: few pages are ever touched
    std::size_t used_ = 0;
};

// OtherDeliveredFile - the file of another process, which runs still (a restart that overlaps) or has ended
class OtherDeliveredFile {
public:
    // open - nothing when it is gone or is no such file
    static std::unique_ptr<OtherDeliveredFile> open(const std::string& path);
    ~OtherDeliveredFile();
    OtherDeliveredFile(const OtherDeliveredFile&) = delete;
    OtherDeliveredFile& operator=(const OtherDeliveredFile&) = delete;

    // is_abandoned - its process is gone; from now on it is ours
    bool is_abandoned();
    // notes - all that are whole
    std::vector<DeliveredNote> notes() const;
    std::optional<DeliveredNote> find(const DeliveredKey& key) const;
    void remove();

private:
    OtherDeliveredFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
    template <class Visit>
    void each_slot(Visit visit) const;

    std::string path_;
    int descriptor_;
};

// other_delivered_files - those in `folder` but `own`
std::vector<std::unique_ptr<OtherDeliveredFile>> other_delivered_files(const std::string& folder, const std::string& own);

}  // namespace tamis::proxy
