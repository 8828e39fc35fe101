// message - the received bytes of one message, sealed, and what can be said about them without opening them
//
// The bytes are CRLF-terminated lines: what is here is exactly what may be delivered. Nobody can change them any more:
// a memfd is sealed, a spool file is unlinked and opened read-only. Reading is safe from any thread (pread).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/header.h"
#include "mail/ids.h"

namespace tamis::mail {

// SealedSpool - owns the descriptor. The first bytes (at least the header block up to its limit, for a small message
// everything) are also kept in memory as `head`. A message that is all in head gets its sealed memfd when somebody asks
// for the descriptor: most never need one.
class SealedSpool {
public:
    // descriptor - sealed or read-only, holding all `size` bytes; -1 when everything is in head
    SealedSpool(int descriptor, std::uint64_t size, std::string head) noexcept
        : descriptor_(descriptor), size_(size), head_(std::move(head)) {}
    virtual ~SealedSpool();
    SealedSpool(const SealedSpool&) = delete;
    SealedSpool& operator=(const SealedSpool&) = delete;

    // descriptor - to hand to an engine; -1 when the system gives us none
    int descriptor() const noexcept;
    std::uint64_t size() const noexcept { return size_; }
    std::string_view head() const noexcept { return head_; }
    bool is_all_in_head() const noexcept { return head_.size() == size_; }

    // read - bytes from `offset` into `into`; returns how many (0 at the end)
    Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const;
    // view - bytes from `offset`: a view into head when they are there, else read into `buffer`; at most buffer.size()
    // bytes when they must be read
    Result<std::string_view> view(std::uint64_t offset, std::span<char> buffer) const;

private:
    mutable std::mutex making_;
    mutable int descriptor_;  // guarded by making_ while everything is in head
    std::uint64_t size_;
    std::string head_;
};

// RemovedControl - a byte that cannot be delivered and was taken out on receipt: a bare CR or a NUL
struct RemovedControl {
    std::uint32_t offset = 0;  // it stood before this byte of the spool
    char what = '\0';
};

struct Message {
    MailId mail_id;
    SecretId secret_id;
    LogId log_id;
    std::shared_ptr<const SealedSpool> spool;
    HeaderBlock header;      // of the received bytes
    std::uint64_t size = 0;  // RFC 1870: octets, CRLF counted as two, stuffed dots not
    bool has_8bit = false;   // any octet above 127
    bool has_8bit_header = false;
    std::uint64_t normalised = 0;                 // bare CR, bare LF and NUL that were put right
    std::vector<RemovedControl> header_controls;  // those of them that stood in the header section, at most 100
    std::string digest;                           // SHA-256 of the body in lower-case hex
    std::chrono::system_clock::time_point received_at;
};

}  // namespace tamis::mail
