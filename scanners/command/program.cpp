#include "scanners/command/program.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <limits>
#include <memory>
#include <optional>

#include "scanners/worker/packet.h"
#include "scanners/worker/wire.h"

namespace tamis::scanners {
namespace {

using Channel = asio::posix::stream_descriptor;

// Told - what the runner has said so far
struct Told {
    std::vector<ProgramEnd> ends;
    ProgramEnd now;  // the run that goes on
    std::optional<Fault> trouble;
    bool is_over = false;
};

// take - one packet; a Fault when it makes no sense
Done take(std::string_view packet, std::uint64_t output_limit, Told& told) {
    if (worker::kind_of(packet) == worker::PacketKind::death) {  // of the spawner, when all is over
        auto death = worker::parse_death(packet);
        if (!death) return std::unexpected(std::move(death.error()));
        if (death->status != 0 && !told.trouble)
            told.trouble = Fault{make_error_code(Errc::broken),
                                 "the process that runs the program ended: " + worker::describe_death(*death)};
        return {};
    }
    auto news = parse_program_news(packet);
    if (!news) return std::unexpected(std::move(news.error()));
    switch (news->kind) {
        case ProgramPacket::output:
            if (told.now.output.size() + news->text.size() > output_limit)
                return fail(Errc::broken, "more output than was asked for");
            told.now.output += news->text;
            break;
        case ProgramPacket::ended:
            told.now.status = news->status;
            told.now.is_truncated = news->is_truncated;
            told.ends.push_back(std::exchange(told.now, {}));
            break;
        case ProgramPacket::trouble:
            told.trouble = Fault{make_error_code(news->is_late ? Errc::timeout : Errc::unavailable), std::string(news->text)};
            break;
    }
    return {};
}

// take_all - the packets that are there
Done take_all(int channel, std::vector<char>& buffer, std::uint64_t output_limit, Told& told) {
    for (;;) {
        auto packet = worker::receive_packet(channel, buffer, worker::Wait::no);
        if (!packet && packet.error().is(Errc::unavailable)) return {};
        if (!packet && packet.error().is(Errc::closed)) {
            told.is_over = true;
            return {};
        }
        if (!packet) return std::unexpected(std::move(packet.error()));
        if (auto good = take(packet->bytes, output_limit, told); !good) return good;
    }
}

}  // namespace

Task<Result<std::vector<ProgramEnd>>> run_program(worker::Spawner& spawner, ProgramJob job, std::vector<int> files,
                                                  Deadline deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left());
    const auto for_cleaning = std::min<std::chrono::milliseconds>(left / 10, std::chrono::milliseconds(500));
    job.wall_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>((left - for_cleaning).count(), 1, 86'400'000));
    auto ends = worker::socket_pair();
    if (!ends) co_return std::unexpected(std::move(ends.error()));
    auto sent = worker::send_packet(ends->first.get(), encode_program_job(job), {}, files, worker::Wait::no);
    if (!sent) co_return std::unexpected(std::move(sent.error()));
    auto started = spawner.start_program(ends->second.get());
    if (!started) co_return std::unexpected(std::move(started.error()));
    ends->second.reset();
    const auto executor = co_await asio::this_coro::executor;
    const auto channel = std::make_shared<Channel>(executor);
    boost::system::error_code error;
    channel->assign(ends->first.get(), error);
    if (error) co_return fail(error, "watching the program");
    ends->first.release();
    asio::steady_timer alarm(executor, deadline.at);
    alarm.async_wait([channel](const boost::system::error_code& stopped) {
        boost::system::error_code ignored;
        if (!stopped) channel->close(ignored);
    });
    std::vector<char> buffer(worker::packet_limit);
    Told told;
    while (!told.is_over) {
        auto [failed] = co_await channel->async_wait(Channel::wait_read, as_result);
        if (failed || !channel->is_open()) break;
        if (auto good = take_all(channel->native_handle(), buffer, job.output, told); !good)
            co_return std::unexpected(std::move(good.error()));
    }
    if (told.trouble) co_return std::unexpected(std::move(*told.trouble));
    if (told.ends.size() == job.runs.size()) co_return std::move(told.ends);
    if (!told.is_over) co_return fail(Errc::timeout, "the program did not end in time");
    co_return fail(Errc::broken, "the process that runs the program ended without a word");
}

}  // namespace tamis::scanners
