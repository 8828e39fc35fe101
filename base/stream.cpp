#include "base/stream.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "base/tls.h"

namespace tamis {

// Alarm - cancels the socket when a deadline passes. The timer is armed lazily: most operations only store their
// deadline, and a timer that goes off early looks again.
struct Stream::Alarm : std::enable_shared_from_this<Stream::Alarm> {
    explicit Alarm(Socket& watched) : socket(&watched), timer(watched.get_executor()) {}

    void begin(Deadline deadline) {
        due = deadline.at;
        if (due < armed) arm();
    }
    void end() noexcept { due = Deadline::Clock::time_point::max(); }
    void arm() {
        armed = due;
        timer.expires_at(armed);
        timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (error || self->socket == nullptr) return;
            self->armed = Deadline::Clock::time_point::max();
            if (Deadline::Clock::now() >= self->due) {
                self->fired = true;
                boost::system::error_code ignored;
                self->socket->cancel(ignored);
            } else if (self->due != Deadline::Clock::time_point::max()) {
                self->arm();
            }
        });
    }

    Socket* socket;
    asio::steady_timer timer;
    Deadline::Clock::time_point due = Deadline::Clock::time_point::max();
    Deadline::Clock::time_point armed = Deadline::Clock::time_point::max();
    bool fired = false;
};

// Watch - an operation's deadline for as long as the object lives
struct Stream::Watch {
    Watch(Alarm& watching, Deadline deadline) : alarm(watching) { alarm.begin(deadline); }
    ~Watch() { alarm.end(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    Alarm& alarm;
};

struct Stream::Tls {
    Tls(Socket& socket, asio::ssl::context& context) : stream(socket, context) {}
    asio::ssl::stream<Socket&> stream;
};

struct TlsContext::Native {
    asio::ssl::context context{asio::ssl::context::tls};
};

namespace {

std::unexpected<Fault> network_fault(const boost::system::error_code& code, bool timed_out, const char* what) {
    if (timed_out) return fail(Errc::timeout, what);
    if (code == asio::error::eof || code == asio::error::connection_reset || code == asio::error::broken_pipe ||
        code == asio::ssl::error::stream_truncated)
        return fail(Errc::closed, what);
    if (code == asio::error::connection_refused) return fail(Errc::refused, what);
    return fail(code, what);
}

}  // namespace

Stream::Stream(Socket socket)
    : socket_(std::move(socket)), reading_(std::make_shared<Alarm>(socket_)), writing_(std::make_shared<Alarm>(socket_)) {
    boost::system::error_code ignored;
    socket_.native_non_blocking(true, ignored);
    const int on = 1;
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // unix sockets say no, no matter
}

Stream::~Stream() { close(); }

asio::any_io_executor Stream::executor() { return socket_.get_executor(); }

void Stream::close() noexcept {
    for (const auto& alarm : {reading_, writing_}) {
        alarm->socket = nullptr;
        try {
            alarm->timer.cancel();
        } catch (const std::exception&) {  // cancelling cannot fail on Linux; the alarm is disarmed above in any case
            continue;
        }
    }
    boost::system::error_code ignored;
    socket_.close(ignored);
}

Task<Result<std::size_t>> Stream::read_some(std::span<char> into, Deadline deadline) {
    const auto buffer = asio::buffer(into.data(), into.size());
    const Watch watch(*reading_, deadline);
    // Asio tries the socket at once and only then waits; a completion always passes through the scheduler, so that a
    // peer who never pauses cannot starve the other connections of this thread
    auto [error, size] =
        tls_ ? co_await tls_->stream.async_read_some(buffer, as_result) : co_await socket_.async_read_some(buffer, as_result);
    if (error) co_return network_fault(error, reading_->fired, "read");
    co_return size;
}

Task<Done> Stream::write(std::string_view bytes, Deadline deadline) {
    if (!tls_) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(sent));
                continue;
            }
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                co_return network_fault({errno, boost::system::system_category()}, false, "write");
            const Watch watch(*writing_, deadline);
            auto [error] = co_await socket_.async_wait(Socket::wait_write, as_result);
            if (error) co_return network_fault(error, writing_->fired, "write");
        }
        co_return Done{};
    }
    const Watch watch(*writing_, deadline);
    auto [error, size] = co_await asio::async_write(tls_->stream, asio::buffer(bytes.data(), bytes.size()), as_result);
    if (error) co_return network_fault(error, writing_->fired, "write");
    co_return Done{};
}

Task<Done> Stream::write(std::vector<asio::const_buffer> pieces, Deadline deadline) {
    if (tls_) {
        for (const auto& piece : pieces) {
            auto done = co_await write({static_cast<const char*>(piece.data()), piece.size()}, deadline);
            if (!done) co_return done;
        }
        co_return Done{};
    }
    std::vector<iovec> vectors;
    vectors.reserve(pieces.size());
    for (const auto& piece : pieces)
        if (piece.size() != 0) vectors.push_back({const_cast<void*>(piece.data()), piece.size()});
    std::size_t first = 0;
    while (first < vectors.size()) {
        msghdr message{};
        message.msg_iov = &vectors[first];
        message.msg_iovlen = std::min<std::size_t>(vectors.size() - first, 1024);
        const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                co_return network_fault({errno, boost::system::system_category()}, false, "write");
            const Watch watch(*writing_, deadline);
            auto [error] = co_await socket_.async_wait(Socket::wait_write, as_result);
            if (error) co_return network_fault(error, writing_->fired, "write");
            continue;
        }
        auto rest = static_cast<std::size_t>(sent);
        while (first < vectors.size() && rest >= vectors[first].iov_len) rest -= vectors[first++].iov_len;
        if (rest != 0) {
            vectors[first].iov_base = static_cast<char*>(vectors[first].iov_base) + rest;
            vectors[first].iov_len -= rest;
        }
    }
    co_return Done{};
}

Done Stream::send_descriptor(int descriptor) {
    char byte = 0;
    iovec vector{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (sent == 1) return {};
    return network_fault({errno, boost::system::system_category()}, false, "send descriptor");
}

Task<Done> Stream::start_tls_server(const TlsContext& context, Deadline deadline) {
    tls_ = std::make_unique<Tls>(socket_, context.native().context);
    const Watch watch(*reading_, deadline);
    auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, as_result);
    if (error) co_return network_fault(error, reading_->fired, "TLS handshake");
    co_return Done{};
}

Task<Done> Stream::start_tls_client(const TlsContext& context, std::string host, Deadline deadline) {
    tls_ = std::make_unique<Tls>(socket_, context.native().context);
    SSL_set_tlsext_host_name(tls_->stream.native_handle(), host.c_str());
    if (SSL_get_verify_mode(tls_->stream.native_handle()) != SSL_VERIFY_NONE)
        tls_->stream.set_verify_callback(asio::ssl::host_name_verification(host));
    const Watch watch(*reading_, deadline);
    auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client, as_result);
    if (error) co_return network_fault(error, reading_->fired, "TLS handshake");
    co_return Done{};
}

bool Stream::is_tls() const noexcept { return tls_ != nullptr; }

std::string Stream::tls_description() const {
    if (!tls_) return {};
    SSL* ssl = tls_->stream.native_handle();
    int secret = 0;
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
    const int used = SSL_CIPHER_get_bits(cipher, &secret);
    return fmt::format("{} with cipher {} ({}/{} bits)", SSL_get_version(ssl), SSL_CIPHER_get_name(cipher), used, secret);
}

bool Stream::is_stale() noexcept {
    char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool Stream::is_closed_by_peer() noexcept {
    char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

namespace {

Task<Done> connect_one(Stream& stream, asio::generic::stream_protocol::endpoint to, Deadline deadline) {
    auto& socket = stream.socket();
    asio::steady_timer timer(socket.get_executor(), deadline.at);
    bool fired = false;
    bool over = false;  // both live in this frame: the wait below ends before the frame does
    timer.async_wait([&socket, &fired, &over](const boost::system::error_code& error) {
        if (error || over) return;
        fired = true;
        boost::system::error_code ignored;
        socket.cancel(ignored);
    });
    auto [error] = co_await socket.async_connect(to, as_result);
    over = true;
    timer.cancel();
    co_await asio::post(socket.get_executor(), asio::use_awaitable);  // let the timer's handler run before we leave
    if (error) co_return network_fault(error, fired, "connect");
    co_return Done{};
}

}  // namespace

// connect - the timers are handlers of their own and not `op || timer`: a resolver that was cancelled still ends its look-up on a
// thread, and its answer must find everything alive. Hence the post() before leaving: the timer's handler runs first.
Task<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, Deadline deadline) {
    using asio::generic::stream_protocol;
    const auto executor = co_await asio::this_coro::executor;
    const std::string name = endpoint.text();
    std::vector<stream_protocol::endpoint> targets;
    if (endpoint.is_unix()) {
        targets.emplace_back(asio::local::stream_protocol::endpoint(endpoint.path));
    } else {
        boost::system::error_code error;
        const auto address = asio::ip::make_address(endpoint.host, error);
        if (!error) {
            targets.emplace_back(asio::ip::tcp::endpoint(address, endpoint.port));
        } else {
            asio::ip::tcp::resolver resolver(executor);
            asio::steady_timer timer(executor, deadline.at);
            timer.async_wait([&resolver](const boost::system::error_code& stopped) {
                if (!stopped) resolver.cancel();
            });
            auto [failed, found] = co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port), as_result);
            const bool late = deadline.passed();
            timer.cancel();
            co_await asio::post(executor, asio::use_awaitable);
            if (failed) {
                if (late) co_return fail(Errc::timeout, fmt::format("looking up {}", endpoint.host));
                co_return fail(failed, fmt::format("cannot look up {}", endpoint.host));
            }
            for (const auto& entry : found) targets.emplace_back(entry.endpoint());
        }
    }
    Fault last{make_error_code(Errc::refused), fmt::format("connect to {}: no address", name)};
    for (const auto& target : targets) {
        Stream::Socket socket(executor);
        boost::system::error_code error;
        socket.open(target.protocol(), error);
        if (error) {
            last = Fault{error, fmt::format("connect to {}", name)};
            continue;
        }
        auto stream = std::make_unique<Stream>(std::move(socket));
        auto done = co_await connect_one(*stream, target, deadline);
        if (done) co_return stream;
        last = Fault{done.error().code, fmt::format("connect to {}", name)};
        if (done.error().is(Errc::timeout)) break;
    }
    co_return std::unexpected(std::move(last));
}

void InputBuffer::consume(std::size_t bytes) noexcept {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
}

void InputBuffer::set_capacity(std::size_t capacity) {
    if (capacity == capacity_ || begin_ != end_) return;
    capacity_ = capacity;
    data_.reset();
    begin_ = end_ = 0;
}

Task<Result<std::size_t>> InputBuffer::fill(Stream& from, Deadline deadline) {
    if (!data_) data_ = std::make_unique_for_overwrite<char[]>(capacity_);
    if (end_ == capacity_) {
        if (begin_ == 0) co_return fail(Errc::over_limit, "line too long");
        std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    auto got = co_await from.read_some({data_.get() + end_, capacity_ - end_}, deadline);
    if (got) end_ += *got;
    co_return got;
}

Task<Result<std::string_view>> InputBuffer::read_line(Stream& from, Deadline deadline) {
    std::size_t looked = 0;
    for (;;) {
        const auto text = unread();
        const auto at = text.find('\n', looked);
        if (at != std::string_view::npos) {
            begin_ += at + 1;
            auto line = text.substr(0, at);
            if (line.ends_with('\r')) line.remove_suffix(1);
            co_return line;
        }
        looked = text.size();
        auto got = co_await fill(from, deadline);
        if (!got) co_return std::unexpected(std::move(got.error()));
    }
}

Task<Done> InputBuffer::read_exactly(Stream& from, std::string& out, std::size_t size, Deadline deadline) {
    while (size != 0) {
        if (unread().empty()) {
            auto got = co_await fill(from, deadline);
            if (!got) co_return std::unexpected(std::move(got.error()));
        }
        const auto part = unread().substr(0, size);
        out += part;
        size -= part.size();
        consume(part.size());
    }
    co_return Done{};
}

// ---- TLS contexts

TlsContext::TlsContext(std::unique_ptr<Native> native) : native_(std::move(native)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::server(const std::string& certificate_file, const std::string& key_file) {
    auto native = std::make_unique<Native>();
    boost::system::error_code error;
    native->context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                                asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression);
    native->context.use_certificate_chain_file(certificate_file, error);
    if (error) return fail(error, fmt::format("TLS certificate {}", certificate_file));
    native->context.use_private_key_file(key_file, asio::ssl::context::pem, error);
    if (error) return fail(error, fmt::format("TLS key {}", key_file));
    return std::make_shared<const TlsContext>(std::move(native));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(const std::string& ca_file, bool verify) {
    auto native = std::make_unique<Native>();
    boost::system::error_code error;
    native->context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                                asio::ssl::context::no_tlsv1_1);
    if (ca_file.empty()) native->context.set_default_verify_paths(error);
    else native->context.load_verify_file(ca_file, error);
    if (error) return fail(error, fmt::format("TLS CA certificates {}", ca_file));
    native->context.set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none, error);
    return std::make_shared<const TlsContext>(std::move(native));
}

}  // namespace tamis
