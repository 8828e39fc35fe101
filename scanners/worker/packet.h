// packet - one packet over a SEQPACKET socket, with descriptors; what daemon, spawner and worker speak through
//
// A packet arrives whole or not at all. Descriptors that arrive are owned at once, whatever happens next. No other I/O.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tamis::worker {

// Descriptor - owns a file descriptor
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }
    int get() const noexcept { return number_; }
    int release() noexcept { return std::exchange(number_, -1); }
    void reset() noexcept;
    explicit operator bool() const noexcept { return number_ >= 0; }

private:
    int number_ = -1;
};

constexpr std::size_t packet_descriptors = 253;  // the kernel's SCM_MAX_FD
constexpr std::size_t packet_limit = 96 * 1024;  // bytes; a larger one is a fault on both sides

// socket_pair - two connected SEQPACKET sockets, both closed on exec
Result<std::pair<Descriptor, Descriptor>> socket_pair();

enum class Wait : bool { no, yes };

// send_packet - the pieces as one packet. Errc::closed: the peer is gone; Errc::unavailable: its queue is full (Wait::no).
Done send_packet(int socket, std::string_view head, std::string_view tail, std::span<const int> descriptors, Wait wait);

struct Packet {
    std::string_view bytes;  // in the buffer that was given
    std::vector<Descriptor> descriptors;
};

// receive_packet - the next one, into `buffer`. Errc::closed: the peer has closed; Errc::unavailable: none is there
// (Wait::no); Errc::bad_reply: it was larger than the buffer or carried more descriptors than a packet may.
Result<Packet> receive_packet(int socket, std::span<char> buffer, Wait wait);

}  // namespace tamis::worker
