// stream - bytes to and from one peer over TCP, a unix socket or TLS, every operation with a deadline
//
// One coroutine at a time reads and one writes. A Stream that met a Fault is only good for close(): after a timeout
// nobody can know which bytes passed. All calls belong to the executor the Stream was made on. Never blocks.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace tamis {

class TlsContext;  // base/tls.h

class Stream {
public:
    using Socket = asio::generic::stream_protocol::socket;

    explicit Stream(Socket socket);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // read_some - at least one byte; Errc::closed at the end of the stream, Errc::timeout after the deadline
    Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline);
    // write - all of it or a Fault
    Task<Done> write(std::string_view bytes, Deadline deadline);
    // write - all of the pieces, in order, with as few system calls as the socket allows
    Task<Done> write(std::vector<asio::const_buffer> pieces, Deadline deadline);
    // send_descriptor - SCM_RIGHTS over a unix socket, together with one byte
    Done send_descriptor(int descriptor);

    Task<Done> start_tls_server(const TlsContext& context, Deadline deadline);
    Task<Done> start_tls_client(const TlsContext& context, std::string host, Deadline deadline);
    bool is_tls() const noexcept;
    std::string tls_description() const;  // "TLSv1.3 with cipher X (256/256 bits)", empty without TLS

    // is_stale - the peer has closed or has sent something that nobody asked for; for connections kept idle
    bool is_stale() noexcept;
    // is_closed_by_peer - the peer has ended its side and everything it sent was read; unread bytes mean no
    bool is_closed_by_peer() noexcept;
    void close() noexcept;
    asio::any_io_executor executor();
    Socket& socket() noexcept { return socket_; }

private:
    struct Alarm;
    struct Tls;
    struct Watch;

    Socket socket_;
    std::shared_ptr<Alarm> reading_;
    std::shared_ptr<Alarm> writing_;
    std::unique_ptr<Tls> tls_;
};

// connect - opens a connection; names are resolved without blocking. The Fault names the endpoint.
Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline deadline);

// InputBuffer - bytes read and not yet used, with a fixed capacity; for protocols that read lines
class InputBuffer {
public:
    explicit InputBuffer(std::size_t capacity) : capacity_(capacity) {}

    std::string_view unread() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    void consume(std::size_t bytes) noexcept;
    void clear() noexcept { begin_ = end_ = 0; }
    bool full() const noexcept { return end_ - begin_ == capacity_; }
    // set_capacity - for the next fill(); does nothing while bytes are unread
    void set_capacity(std::size_t capacity);
    // fill - reads once more; Errc::over_limit when there is no room
    Task<Result<std::size_t>> fill(Stream& from, Deadline deadline);
    // read_line - up to and without CRLF or LF; Errc::over_limit when a line does not fit. The view is good until the
    // next call.
    Task<Result<std::string_view>> read_line(Stream& from, Deadline deadline);
    // read_exactly - `size` bytes appended to `out`, the buffered ones first
    Task<Done> read_exactly(Stream& from, std::string& out, std::size_t size, Deadline deadline);

private:
    std::size_t capacity_;
    std::unique_ptr<char[]> data_;  // allocated on first use
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace tamis
