#include "proxy/delivered_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>

namespace tamis::proxy {
namespace {

constexpr std::string_view suffix = ".v1.delivered";  // another layout of the slots gets another number
constexpr std::size_t segment_size = delivered_slot_size * delivered_segment_slots;

// A slot: checksum over everything behind it (8 octets; 0: empty), key (32), time (8), code (2), flags (1), then six texts,
// each with its length (2). Numbers are in the order of this host: the file never leaves it.
constexpr std::size_t sum_size = 8, key_at = sum_size, time_at = key_at + 32, code_at = time_at + 8, flags_at = code_at + 2,
                      texts_at = flags_at + 1;

std::error_code last_error() { return {errno, std::system_category()}; }

template <class Number>
void put(char* to, Number value) {
    std::memcpy(to, &value, sizeof value);
}
template <class Number>
Number get(const char* from) {
    Number value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// checksum - FNV-1a: tells a torn or damaged slot from a whole one, nothing more; never 0
std::uint64_t checksum(std::string_view bytes) {
    std::uint64_t sum = 14695981039346656037ULL;
    for (const char c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return sum == 0 ? 1 : sum;
}

}  // namespace

std::array<char, delivered_slot_size> encode_note(const DeliveredNote& note) {
    std::array<char, delivered_slot_size> slot{};
    const auto& outcome = note.outcome;
    std::memcpy(slot.data() + key_at, note.key.data(), note.key.size());
    put(slot.data() + time_at, note.at);
    put(slot.data() + code_at, static_cast<std::int16_t>(outcome.response.code));
    slot[flags_at] = static_cast<char>((outcome.relayed ? 1 : 0) | (outcome.takes_dsn ? 2 : 0));
    std::size_t at = texts_at;
    const auto add = [&](std::string_view text, std::size_t most) {
        text = text.substr(0, most);
        put(slot.data() + at, static_cast<std::uint16_t>(text.size()));
        std::memcpy(slot.data() + at + 2, text.data(), text.size());
        at += 2 + text.size();
    };
    add(outcome.response.enhanced, 16);
    add(outcome.queued_as, 100);
    add(outcome.remote_mta, 100);
    add(outcome.final_address, 320);
    add(outcome.response.text, 200);
    add(outcome.remote_reply, 200);
    put(slot.data(), checksum({slot.data() + sum_size, slot.size() - sum_size}));
    return slot;
}

std::optional<DeliveredNote> decode_note(std::string_view slot) {
    if (slot.size() != delivered_slot_size || get<std::uint64_t>(slot.data()) != checksum(slot.substr(sum_size))) return {};
    DeliveredNote note;
    std::memcpy(note.key.data(), slot.data() + key_at, note.key.size());
    note.at = get<std::int64_t>(slot.data() + time_at);
    note.outcome.response.code = get<std::int16_t>(slot.data() + code_at);
    note.outcome.relayed = (slot[flags_at] & 1) != 0;
    note.outcome.takes_dsn = (slot[flags_at] & 2) != 0;
    std::size_t at = texts_at;
    for (auto* text : {&note.outcome.response.enhanced, &note.outcome.queued_as, &note.outcome.remote_mta,
                       &note.outcome.final_address, &note.outcome.response.text, &note.outcome.remote_reply}) {
        if (slot.size() - at < 2) return {};
        const auto size = get<std::uint16_t>(slot.data() + at);
        at += 2;
        if (slot.size() - at < size) return {};
        *text = slot.substr(at, size);
        at += size;
    }
    return note;
}

Result<std::unique_ptr<DeliveredFile>> DeliveredFile::create(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(last_error(), fmt::format("cannot make {}", folder));
    for (int attempt = 0;; ++attempt) {  // a process id may have been used before
        const auto path = fmt::format("{}/{}-{}{}", folder, ::getpid(), attempt, suffix);
        const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0 && errno == EEXIST && attempt < 1000) continue;
        if (file < 0) return fail(last_error(), fmt::format("cannot make {}", path));
        // NOLINTNEXTLINE: the constructor is private
        std::unique_ptr<DeliveredFile> out(new DeliveredFile(path, file));
        if (::flock(file, LOCK_EX | LOCK_NB) != 0) return fail(last_error(), fmt::format("cannot lock {}", path));
        return out;
    }
}

DeliveredFile::~DeliveredFile() {
    for (auto* segment : segments_) ::munmap(segment, segment_size);
    if (used_ == 0) ::unlink(path_.c_str());
    ::close(descriptor_);
}

// grow - the space is taken on the disk first: a mapped page without space would be a SIGBUS
Done DeliveredFile::grow() {
    if (segments_.size() == delivered_segments_limit) return fail(Errc::over_limit, fmt::format("{} has no room left", path_));
    const auto offset = static_cast<off_t>(segments_.size() * segment_size);
    if (const int error = ::posix_fallocate(descriptor_, offset, segment_size); error != 0) {
        if (::ftruncate(descriptor_, offset) != 0) return fail(last_error(), fmt::format("cannot cut {}", path_));
        return fail({error, std::system_category()}, fmt::format("cannot enlarge {}", path_));
    }
    void* mapped = ::mmap(nullptr, segment_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, offset);
    if (mapped == MAP_FAILED) return fail(last_error(), fmt::format("cannot map {}", path_));
    const auto first = static_cast<Slot>(segments_.size() * delivered_segment_slots);
    segments_.push_back(static_cast<char*>(mapped));
    for (Slot i = delivered_segment_slots; i > 0; --i) free_.push_back(first + i - 1);
    return {};
}

// write - the checksum last: whenever the process is killed, the slot is whole or does not exist
Result<DeliveredFile::Slot> DeliveredFile::write(const DeliveredNote& note) {
    if (free_.empty())
        if (auto done = grow(); !done) return std::unexpected(std::move(done.error()));
    const Slot slot = free_.back();
    free_.pop_back();
    ++used_;
    const auto bytes = encode_note(note);
    std::memcpy(at(slot) + sum_size, bytes.data() + sum_size, bytes.size() - sum_size);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // only a kill may come between, and that is no other CPU
    std::memcpy(at(slot), bytes.data(), sum_size);
    return slot;
}

void DeliveredFile::erase(Slot slot) {
    put(at(slot), std::uint64_t{0});
    free_.push_back(slot);
    --used_;
}

std::unique_ptr<OtherDeliveredFile> OtherDeliveredFile::open(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return nullptr;
    struct stat about{};
    if (::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        ::close(file);
        return nullptr;
    }
    return std::unique_ptr<OtherDeliveredFile>(new OtherDeliveredFile(path, file));  // NOLINT: the constructor is private
}

OtherDeliveredFile::~OtherDeliveredFile() { ::close(descriptor_); }

bool OtherDeliveredFile::is_abandoned() { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

void OtherDeliveredFile::remove() { ::unlink(path_.c_str()); }

template <class Visit>
void OtherDeliveredFile::each_slot(Visit visit) const {
    std::vector<char> segment(segment_size);
    for (std::size_t number = 0; number < delivered_segments_limit; ++number) {
        const auto got = ::pread(descriptor_, segment.data(), segment.size(), static_cast<off_t>(number * segment_size));
        if (got != static_cast<ssize_t>(segment.size())) return;
        for (std::size_t i = 0; i < delivered_segment_slots; ++i)
            if (!visit(std::string_view(segment.data() + i * delivered_slot_size, delivered_slot_size))) return;
    }
}

std::vector<DeliveredNote> OtherDeliveredFile::notes() const {
    std::vector<DeliveredNote> out;
    each_slot([&](std::string_view slot) {
        if (get<std::uint64_t>(slot.data()) == 0) return true;
        if (auto note = decode_note(slot)) out.push_back(std::move(*note));
        return true;
    });
    std::ranges::sort(out, {}, &DeliveredNote::at);
    return out;
}

std::optional<DeliveredNote> OtherDeliveredFile::find(const DeliveredKey& key) const {
    std::optional<DeliveredNote> out;
    each_slot([&](std::string_view slot) {
        if (std::memcmp(slot.data() + key_at, key.data(), key.size()) == 0) out = decode_note(slot);
        return !out.has_value();
    });
    return out;
}

std::vector<std::unique_ptr<OtherDeliveredFile>> other_delivered_files(const std::string& folder, const std::string& own) {
    std::vector<std::unique_ptr<OtherDeliveredFile>> out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const auto path = entry.path().string();
        if (!path.ends_with(suffix) || path == own) continue;
        if (auto other = OtherDeliveredFile::open(path)) out.push_back(std::move(other));
    }
    return out;
}

}  // namespace tamis::proxy
