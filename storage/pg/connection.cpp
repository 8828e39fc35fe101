#include "storage/pg/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "storage/pg/connect_advice.h"
#include "storage/pg/name_lookup.h"

namespace tamis::storage::pg {
namespace {

using namespace asio::experimental::awaitable_operators;
using Words = std::map<std::string, std::string, std::less<>>;
using Descriptor = asio::posix::stream_descriptor;

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

void add_all(Words& words, const PQconninfoOption* option) {
    for (; option != nullptr && option->keyword != nullptr; ++option)
        if (option->val != nullptr && *option->val != '\0') words.try_emplace(option->keyword, option->val);
}

// words_of - what the DSN says, then libpq's defaults (environment, service) for the host, then ours
Words words_of(const Dsn& dsn) {
    Words words;
    add_all(words, Options(PQconninfoParse(dsn.place.c_str(), nullptr)).get());
    if (!dsn.password.empty()) words["password"] = dsn.password.reveal();
    if (!words.contains("host") && !words.contains("hostaddr") && !words.contains("service")) {
        Words defaults;
        add_all(defaults, Options(PQconndefaults()).get());
        for (const auto* name : {"host", "hostaddr"})
            if (const auto found = defaults.find(name); found != defaults.end()) words.insert(*found);
    }
    for (const auto& [keyword, value] : Words{{"client_encoding", "UTF8"},
                                              {"fallback_application_name", "tamis"},
                                              {"keepalives", "1"},
                                              {"keepalives_idle", "30"},
                                              {"keepalives_interval", "10"},
                                              {"keepalives_count", "3"},
                                              {"tcp_user_timeout", "40000"}})
        words.try_emplace(keyword, value);
    return words;
}

// each_address - the words once per host and, for names, once per address, so that libpq itself never asks the resolver
// and each gets its own time
Task<Result<std::vector<Words>>> each_address(Words words, Deadline deadline) {
    const auto host = words.find("host");
    std::vector<Words> all;
    if (host == words.end() || words.contains("hostaddr")) {
        all.push_back(std::move(words));
        co_return all;
    }
    const std::string port_text = words["port"];
    const auto port_list = split(port_text, ',');
    std::optional<Fault> trouble;
    std::size_t index = 0;
    for (const auto name : split(host->second, ',')) {
        Words one = words;
        one["host"] = std::string(name);
        one["port"] = std::string(port_list[std::min(index++, port_list.size() - 1)]);
        if (name.starts_with('/') || name.starts_with('@') || name.empty()) {
            all.push_back(std::move(one));
            continue;
        }
        auto found = co_await resolve(std::string(name), deadline);
        if (!found) trouble = found.error();
        if (!found) continue;
        for (auto& address : *found) {
            one["hostaddr"] = std::move(address);
            all.push_back(one);
        }
    }
    if (all.empty()) co_return std::unexpected(std::move(*trouble));
    co_return all;
}

}  // namespace

std::string one_line(std::string_view message) {
    std::string line(trim(message));
    std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
    return escaped(line, 300);
}

// Alarm - ends waiting when the limit has passed; outlives the Connection as long as its timer's handler is pending
struct Connection::Alarm : std::enable_shared_from_this<Connection::Alarm> {
    Alarm(asio::io_context& loop, Descriptor& socket) : timer(loop), watched(&socket) {}
    asio::steady_timer timer;
    Descriptor* watched;  // null when the Connection is gone
    Deadline limit = Deadline::never();
    bool running = false;
    bool late = false;

    void start() {
        running = true;
        timer.expires_at(limit.at);
        timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (error) return;  // set anew, or over
            self->running = false;
            if (self->watched == nullptr) return;
            if (!self->limit.passed()) return self->start();
            self->late = true;
            self->watched->cancel();
        });
    }
};

Connection::Connection(asio::io_context& loop, Dsn dsn)
    : dsn_(std::move(dsn)), socket_(loop), alarm_(std::make_shared<Alarm>(loop, socket_)) {}

Connection::~Connection() {
    alarm_->watched = nullptr;
    alarm_->timer.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void Connection::set_limit(Deadline limit) {
    alarm_->limit = limit;
    if (!alarm_->running || alarm_->timer.expiry() > limit.at) alarm_->start();
}

Task<Result<std::unique_ptr<Connection>>> Connection::open(asio::io_context& loop, Dsn dsn, Deadline deadline) {
    std::unique_ptr<Connection> connection(new Connection(loop, std::move(dsn)));
    auto connected = co_await connection->connect(deadline);
    if (!connected) co_return std::unexpected(std::move(connected.error()));
    co_return connection;
}

Task<Done> Connection::connect(Deadline deadline) {
    auto places = co_await each_address(words_of(dsn_), deadline);
    if (!places) co_return fail(places.error().code, fmt::format("{}: {}", dsn_.named(), places.error().detail));
    Fault trouble;
    for (std::size_t i = 0; i < places->size(); ++i) {
        Words words = (*places)[i];
        // libpq asks the server itself, and gives up on one that is a standby
        if (dsn_.needs_primary && places->size() > 1) words.try_emplace("target_session_attrs", "read-write");
        const auto share = deadline.left() / static_cast<int>(places->size() - i);
        auto connected = co_await connect_to(std::move(words), deadline.sooner(share));
        if (connected) {
            set_limit(deadline.sooner(pooler_patience));
            connected = co_await get_to_know();
        }
        if (connected) co_return connected;
        trouble = std::move(connected.error());
        alarm_->late = false;
    }
    co_return std::unexpected(std::move(trouble));
}

Task<Done> Connection::connect_to(Words words, Deadline deadline) {
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : words) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    boost::system::error_code ignored;
    socket_.close(ignored);
    handle_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!handle_) co_return fail(Errc::unavailable, fmt::format("{}: out of memory", dsn_.named()));
    PQsetNoticeReceiver(handle_.get(), [](void*, const PGresult*) {}, nullptr);
    set_limit(deadline);
    auto connected = co_await poll_until_connected();
    if (!connected) co_return connected;
    if (PQsetnonblocking(handle_.get(), 1) != 0 || PQenterPipelineMode(handle_.get()) != 1)
        co_return lost("entering pipeline mode");
    co_return follow_socket();
}

// get_to_know - whether the server is the one that greeted us (a pooler invents its process id), and a SQL_ASCII database is
// spoken to in bytes: with UTF-8 it refuses to give texts that are none. Poolers keep client_encoding per client.
Task<Done> Connection::get_to_know() {
    const bool is_bytes = parameter("server_encoding") == "SQL_ASCII";
    auto reply = co_await run(is_bytes ? "SELECT pg_backend_pid(), set_config('client_encoding', 'SQL_ASCII', false)"
                                       : "SELECT pg_backend_pid()");
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    is_pooled_ = std::string_view(PQgetvalue(reply->get(), 0, 0)) != fmt::format("{}", PQbackendPID(handle_.get()));
    co_return Done{};
}

Task<Done> Connection::poll_until_connected() {
    auto want = PGRES_POLLING_WRITING;
    while (PQstatus(handle_.get()) != CONNECTION_BAD && want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        if (auto followed = follow_socket(); !followed) co_return followed;
        if (auto ready = co_await wait(want == PGRES_POLLING_READING, want == PGRES_POLLING_WRITING); !ready)
            co_return fail(ready.error().code, fmt::format("{}: no answer while connecting", dsn_.named()));
        want = PQconnectPoll(handle_.get());
    }
    if (PQstatus(handle_.get()) == CONNECTION_OK) co_return Done{};
    co_return fail(Errc::unavailable, fmt::format("{}: {}", dsn_.named(), connect_advice(handle_.get())));
}

// follow_socket - watches a duplicate of the socket that libpq uses now
Done Connection::follow_socket() {
    boost::system::error_code error;
    socket_.close(error);
    const int copy = fcntl(PQsocket(handle_.get()), F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return fail(std::error_code(errno, std::system_category()), fmt::format("{}: duplicating the socket", dsn_.named()));
    socket_.assign(copy, error);
    if (error) {
        ::close(copy);
        return fail(error, fmt::format("{}: watching the socket", dsn_.named()));
    }
    return {};
}

Task<Done> Connection::wait(bool readable, bool writable) {
    boost::system::error_code error;
    if (readable && writable) {
        const auto first = co_await (socket_.async_wait(Descriptor::wait_read, as_result) ||
                                     socket_.async_wait(Descriptor::wait_write, as_result));
        error = first.index() == 0 ? std::get<0>(std::get<0>(first)) : std::get<0>(std::get<1>(first));
    } else {
        const auto [waited] = co_await socket_.async_wait(readable ? Descriptor::wait_read : Descriptor::wait_write, as_result);
        error = waited;
    }
    if (alarm_->late) co_return fail(Errc::timeout, fmt::format("{}: the server does not answer", dsn_.named()));
    if (error) co_return fail(Errc::unavailable, fmt::format("{}: {}", dsn_.named(), error.message()));
    co_return Done{};
}

std::unexpected<Fault> Connection::lost(std::string_view doing) const {
    return fail(Errc::unavailable, fmt::format("{}: connection lost while {}: {}", dsn_.named(), doing, complaint()));
}

std::string Connection::complaint() const { return one_line(PQerrorMessage(handle_.get())); }

std::string_view Connection::parameter(const char* name) const noexcept {
    const char* value = PQparameterStatus(handle_.get(), name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

Done Connection::prepare(const char* name, const std::string& sql) {
    if (is_pooled_) statements_.insert_or_assign(name, sql);
    if (PQsendPrepare(handle_.get(), is_pooled_ ? "" : name, sql.c_str(), 0, nullptr) != 1) return lost("preparing");
    return {};
}

Done Connection::describe(const char* name) {
    if (PQsendDescribePrepared(handle_.get(), is_pooled_ ? "" : name) != 1) return lost("preparing");
    return {};
}

std::size_t Connection::take_notifications() {
    struct Free {
        void operator()(PGnotify* notification) const noexcept { PQfreemem(notification); }
    };
    std::size_t count = 0;
    while (std::unique_ptr<PGnotify, Free>(PQnotifies(handle_.get()))) ++count;
    return count;
}

Done Connection::send(const char* name, std::span<const Value> values, bool binary_result) {
    constexpr std::size_t most = 128;
    std::array<const char*, most> data;
    std::array<int, most> sizes;
    std::array<int, most> formats;
    if (values.size() > most) return fail(Errc::broken, "a statement with too many values");
    for (std::size_t i = 0; i < values.size(); ++i) {
        data[i] = values[i].data;
        sizes[i] = values[i].size;
        formats[i] = values[i].binary ? 1 : 0;
    }
    const int count = static_cast<int>(values.size());
    const int result_format = binary_result ? 1 : 0;
    if (is_pooled_) {
        const auto statement = statements_.find(std::string_view(name));
        if (statement == statements_.end()) return fail(Errc::broken, fmt::format("no statement {}", name));
        if (PQsendQueryParams(handle_.get(), statement->second.c_str(), count, nullptr, data.data(), sizes.data(), formats.data(),
                              result_format) != 1)
            return lost("sending");
        return {};
    }
    if (PQsendQueryPrepared(handle_.get(), name, count, data.data(), sizes.data(), formats.data(), result_format) != 1)
        return lost("sending");
    return {};
}

Done Connection::query(const std::string& sql, std::span<const Value> values) {
    std::vector<const char*> data;
    std::vector<int> sizes, formats;
    for (const auto& value : values) {
        data.push_back(value.data);
        sizes.push_back(value.size);
        formats.push_back(value.binary ? 1 : 0);
    }
    if (PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, data.data(), sizes.data(),
                          formats.data(), 0) != 1)
        return lost("sending");
    return {};
}

Done Connection::sync() {
    if (PQpipelineSync(handle_.get()) != 1) return lost("sending");
    return {};
}

Task<Done> Connection::flush() {
    for (;;) {
        const int left = PQflush(handle_.get());
        if (left == 0) co_return Done{};
        if (left < 0) co_return lost("sending");
        if (auto ready = co_await wait(true, true); !ready) co_return ready;
        if (PQconsumeInput(handle_.get()) != 1) co_return lost("sending");
    }
}

Task<Result<Reply>> Connection::next() {
    for (;;) {
        while (PQisBusy(handle_.get()) == 1) {
            if (auto ready = co_await wait(true, false); !ready) co_return std::unexpected(std::move(ready.error()));
            if (PQconsumeInput(handle_.get()) != 1) co_return lost("waiting for the answer");
        }
        Reply reply(PQgetResult(handle_.get()));
        if (reply) {
            owed_null_ = PQresultStatus(reply.get()) != PGRES_PIPELINE_SYNC;
            co_return reply;
        }
        if (is_lost() || !owed_null_) co_return lost("waiting for the answer");
        owed_null_ = false;
    }
}

std::optional<Reply> Connection::next_now() {
    while (PQisBusy(handle_.get()) == 0) {
        Reply reply(PQgetResult(handle_.get()));
        if (reply) {
            owed_null_ = PQresultStatus(reply.get()) != PGRES_PIPELINE_SYNC;
            return reply;
        }
        if (!owed_null_) return {};
        owed_null_ = false;
    }
    return {};
}

// Idling - the server's word while nobody asks. A callback and no second coroutine: a session is idle between any two
// messages, and racing two waits costs more than the lookup's own bookkeeping.
struct Connection::Idling {
    asio::steady_timer* wake = nullptr;  // null when nobody waits any more
    bool heard = false;

    // End - of the waiting, also when the coroutine is destroyed
    struct End {
        std::shared_ptr<Idling> idling;
        Descriptor& socket;
        ~End() {
            idling->wake = nullptr;
            boost::system::error_code ignored;
            socket.cancel(ignored);
        }
    };
};

Task<bool> Connection::wait_idle(asio::steady_timer& wake) {
    set_limit(Deadline::never());
    const auto idling = std::make_shared<Idling>();
    idling->wake = &wake;
    socket_.async_wait(Descriptor::wait_read, [idling](const boost::system::error_code& error) {
        if (error || idling->wake == nullptr) return;
        idling->heard = true;
        idling->wake->cancel();
    });
    {
        const Idling::End end{idling, socket_};
        co_await wake.async_wait(as_result);
    }
    if (!idling->heard) co_return false;
    co_return PQconsumeInput(handle_.get()) != 1 || is_lost();
}

Task<Result<Reply>> Connection::run(const std::string& sql) {
    if (PQsendQueryParams(handle_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 1) co_return lost("sending");
    if (auto sent = sync(); !sent) co_return std::unexpected(std::move(sent.error()));
    if (auto sent = co_await flush(); !sent) co_return std::unexpected(std::move(sent.error()));
    auto reply = co_await next();
    if (!reply) co_return reply;
    auto end = co_await next();
    if (!end) co_return end;
    const auto status = PQresultStatus(reply->get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        co_return fail(Errc::unavailable, fmt::format("{}: {}", dsn_.named(), one_line(PQresultErrorMessage(reply->get()))));
    co_return reply;
}

}  // namespace tamis::storage::pg
