#include "scanners/icap/icap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include "scanners/idle_connections.h"

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.icap";
constexpr std::uint64_t longer_body = 1024 * 1024;  // an answer's body may be that much longer than the message: a page

std::vector<Endpoint> endpoints_of(const std::vector<IcapUrl>& urls) {
    std::vector<Endpoint> endpoints;
    for (const auto& url : urls) endpoints.push_back(url.endpoint);
    return endpoints;
}

// SameBytes - whether what comes back is what was sent
class SameBytes {
public:
    explicit SameBytes(const mail::SealedSpool& spool) : spool_(spool) {}
    void take(std::string_view bytes) {
        if (buffer_.empty() && !spool_.is_all_in_head()) buffer_.resize(chunk_size);
        while (is_same_ && !bytes.empty()) {
            const auto ours = spool_.view(at_, buffer_);
            const auto count = ours ? std::min(bytes.size(), ours->size()) : 0;
            is_same_ = count != 0 && ours->substr(0, count) == bytes.substr(0, count);
            at_ += count;
            bytes.remove_prefix(count);
        }
    }
    bool is_whole() const { return is_same_ && at_ == spool_.size(); }
    void restart() {
        at_ = 0;
        is_same_ = true;
    }

private:
    const mail::SealedSpool& spool_;
    std::vector<char> buffer_;
    std::uint64_t at_ = 0;
    bool is_same_ = true;
};

// Exchange - one request and its answer on one connection; lives in talk()'s frame
struct Exchange {
    Exchange(Stream& over, const mail::SealedSpool& of)
        : stream(over),
          spool(of),
          same(of),
          reply(of.size() + longer_body, [this](std::string_view bytes) { same.take(bytes); }) {}
    Stream& stream;
    const mail::SealedSpool& spool;
    SameBytes same;
    IcapReply reply;
    std::uint64_t sent = 0;    // bytes of the message
    bool is_all_sent = false;  // with the end of the body
    bool is_answered = false;
    bool is_ours = false;  // the failure is of our own spool
    Done sending{}, reading{};
};

// send_body - the message from x.sent to `end`, in chunks, and `last` behind them. `opening` goes before the first. Stops when
// the answer is there.
Task<void> send_body(Exchange& x, std::string_view opening, std::uint64_t end, std::string_view last, Deadline deadline) {
    std::vector<char> buffer;
    if (!x.spool.is_all_in_head()) buffer.resize(chunk_size);
    bool is_first = true;
    do {
        std::vector<asio::const_buffer> pieces;
        std::string size;
        if (is_first) pieces.emplace_back(opening.data(), opening.size());
        is_first = false;
        if (x.sent < end) {
            auto part = x.spool.view(x.sent, buffer);
            if (part && part->empty()) part = fail(Errc::broken, "the spool is too short");
            if (!part) {
                x.is_ours = true;
                x.sending = std::unexpected(std::move(part.error()));
                x.stream.close();
                co_return;
            }
            const auto chunk = part->substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, end - x.sent)));
            size = icap_chunk(chunk.size());
            pieces.emplace_back(size.data(), size.size());
            pieces.emplace_back(chunk.data(), chunk.size());
            pieces.emplace_back(icap_chunk_end.data(), icap_chunk_end.size());
            x.sent += chunk.size();
        }
        if (x.sent == end) pieces.emplace_back(last.data(), last.size());
        x.sending = co_await x.stream.write(std::move(pieces), deadline);
        if (!x.sending || x.is_answered) co_return;
    } while (x.sent < end);
    x.is_all_sent = true;
}

// receive - the answer; when it comes before the service has everything, a sender that waits is released
Task<void> receive(Exchange& x, Deadline deadline) {
    std::array<char, 16384> buffer{};
    for (;;) {
        auto got =
            deadline.passed() ? Result<std::size_t>(fail(Errc::timeout, "read")) : co_await x.stream.read_some(buffer, deadline);
        if (!got) {
            x.reading = std::unexpected(got.error().is(Errc::closed) ? x.reply.end() : std::move(got.error()));
            break;
        }
        auto complete = x.reply.feed({buffer.data(), *got});
        if (!complete) x.reading = std::unexpected(std::move(complete.error()));
        if (!complete || *complete) break;
    }
    x.is_answered = true;
    if (!x.is_all_sent) x.stream.close();
}

Task<void> send_and_receive(Exchange& x, std::string_view opening, Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::experimental::make_parallel_group(
        asio::co_spawn(executor, send_body(x, opening, x.spool.size(), icap_body_end, deadline), asio::deferred),
        asio::co_spawn(executor, receive(x, deadline), asio::deferred))
        .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
}

// ask_with_preview - the preview, and the rest when the service wants it
Task<void> ask_with_preview(Exchange& x, std::string_view opening, std::uint64_t preview, Deadline deadline) {
    const bool is_whole = preview == x.spool.size();
    co_await send_body(x, opening, preview, is_whole ? icap_body_end_in_preview : icap_body_end, deadline);
    if (!x.sending && !x.sending.error().is(Errc::closed)) co_return;
    co_await receive(x, deadline);
    if (!x.reading || x.reply.status() != 100) co_return;
    if (is_whole) {
        x.reading = fail(Errc::bad_reply, "100 Continue after the whole message");
        co_return;
    }
    x.reply.restart();
    x.same.restart();
    x.is_answered = x.is_all_sent = false;
    co_await send_and_receive(x, {}, deadline);
}

Attempt outcome_of(const Exchange& x, IcapMethod method) {
    if (x.is_ours) return failed_attempt(Trouble::none, x.sending.error());
    if (!x.reading) {
        Fault fault = x.reading.error();
        if (!x.sending && !x.sending.error().is(Errc::closed)) fault = x.sending.error();
        if (fault.is(Errc::closed) && !x.is_all_sent) fault.detail = "closed before it had the whole message";
        return transport_attempt(std::move(fault));
    }
    auto outcome = judge_icap(x.reply, method,
                              {.is_all = x.is_all_sent,
                               .is_nothing = x.sent == 0 && x.spool.size() != 0,
                               .came_back_same = x.reply.has_body() && x.same.is_whole()});
    if (outcome) return {std::move(*outcome), Trouble::none};
    const auto trouble = outcome.error().is(Errc::over_limit)    ? Trouble::none
                         : outcome.error().is(Errc::unavailable) ? Trouble::cannot
                                                                 : Trouble::broken;
    return failed_attempt(trouble, std::move(outcome.error()));
}

}  // namespace

const std::vector<Setting<IcapSettings>>& icap_settings() {
    static const auto rows = joined<IcapSettings>(
        {{"url", &IcapSettings::url,
          "the antivirus service, as icap://host:port/service; of a list, the first that works is used"},
         {"mode",
          &IcapSettings::mode,
          "whether the message is shown as an HTTP answer (respmod) or as an upload (reqmod)",
          0,
          0,
          true,
          {"respmod", "reqmod"}},
         {"preview", &IcapSettings::preview,
          "how many bytes the service sees before it says whether it wants the rest: none (it always gets everything), auto "
          "(what it asks for in its OPTIONS), or a number"},
         {"opens_containers", &IcapSettings::opens_containers,
          "the service looks into mail by itself: the text of plain text mail is not shown to it again, every other part is"},
         backup_row<IcapSettings>(),
         retry_row<IcapSettings>()},
        common_rows<IcapSettings>());
    return rows;
}

Icap::Icap(std::vector<IcapUrl> urls, IcapPreview preview, const IcapSettings& settings)
    : NetworkScanner("icap", true, endpoints_of(urls), settings),
      urls_(std::move(urls)),
      method_(settings.mode == "reqmod" ? IcapMethod::reqmod : IcapMethod::respmod),
      preview_(preview),
      opens_containers_(settings.opens_containers),
      known_(urls_.size()) {}

Task<Result<IcapOptions>> Icap::options_of(Stream& stream, std::size_t index, Deadline deadline) {
    {
        const std::lock_guard lock(mutex_);
        if (known_[index] && known_[index]->until > Deadline::Clock::now()) co_return known_[index]->options;
    }
    const auto request = icap_options_request(urls_[index]);
    auto sent = co_await stream.write(request, deadline);
    if (!sent) co_return std::unexpected(std::move(sent.error()));
    IcapReply reply(longer_body, {});
    std::array<char, 4096> buffer{};
    for (;;) {
        auto got = co_await stream.read_some(buffer, deadline);
        if (!got) co_return std::unexpected(got.error().is(Errc::closed) ? reply.end() : std::move(got.error()));
        auto complete = reply.feed({buffer.data(), *got});
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) break;
    }
    auto options = parse_icap_options(reply, method_);
    if (!options) co_return options;
    {
        const std::lock_guard lock(mutex_);
        known_[index] = Known{*options, Deadline::Clock::now() + options->valid_for};
    }
    if (!reply.may_reuse()) co_return fail(Errc::closed, "closes the connection after OPTIONS");
    co_return options;
}

std::optional<std::uint64_t> Icap::preview_for(const IcapOptions& options, std::uint64_t size) const {
    switch (preview_.kind) {
        case IcapPreview::Kind::none: return {};
        case IcapPreview::Kind::automatic:
            return options.preview ? std::optional(std::min<std::uint64_t>(*options.preview, size)) : std::nullopt;
        case IcapPreview::Kind::fixed: return std::min<std::uint64_t>(preview_.bytes, size);
    }
    return {};
}

Task<Icap::Talk> Icap::talk(Stream& stream, std::size_t index, const mail::SealedSpool& spool, Deadline deadline) {
    auto options = co_await options_of(stream, index, deadline);
    if (!options && options.error().is(Errc::unavailable))
        co_return Talk{failed_attempt(Trouble::cannot, std::move(options.error())), false};
    if (!options) co_return Talk{transport_attempt(std::move(options.error())), false};
    const auto preview = preview_for(*options, spool.size());
    const auto opening = icap_request(urls_[index], method_, spool.size(), preview);
    Exchange x(stream, spool);
    if (preview) co_await ask_with_preview(x, opening, *preview, deadline);
    else co_await send_and_receive(x, opening, deadline);
    const bool may_reuse = x.reading.has_value() && x.is_all_sent && x.reply.may_reuse();
    co_return Talk{outcome_of(x, method_), may_reuse};
}

Task<Attempt> Icap::attempt(std::size_t index, const ScanRequest& request, Deadline deadline) {
    const auto& spool = *request.message->spool;
    const std::string peer = "icap " + address(index).text();
    auto& idle = IdleConnections::of(co_await asio::this_coro::executor);
    if (auto kept = idle.take(peer)) {  // what goes wrong here is tried again on a fresh connection
        auto done = co_await talk(*kept, index, spool, deadline);
        const auto* failure = std::get_if<mail::Failed>(&done.attempt.outcome);
        if (done.may_reuse) idle.put(peer, std::move(kept));
        if (failure == nullptr || failure->fault.is(Errc::timeout) || done.attempt.trouble == Trouble::none)
            co_return std::move(done.attempt);
    }
    for (const bool is_second : {false, true}) {  // a server may close after OPTIONS without saying so
        auto stream = co_await connect(address(index), deadline.sooner(connect_limit));
        if (!stream) co_return failed_attempt(Trouble::unreachable, {stream.error().code, "connect"});
        const bool knew = [&] {
            const std::lock_guard lock(mutex_);
            return known_[index].has_value();
        }();
        auto done = co_await talk(**stream, index, spool, deadline);
        if (done.may_reuse) idle.put(peer, std::move(*stream));
        if (done.attempt.trouble != Trouble::dropped || knew || is_second) co_return std::move(done.attempt);
    }
    co_return failed_attempt(Trouble::broken, {make_error_code(Errc::broken), "no attempt"});
}

std::shared_ptr<Scanner> open_icap(const ConfigTable& table, Problems& problems) {
    const auto before = problems.lines().size();
    IcapSettings settings;
    load_settings(table, section, icap_settings(), settings, problems);
    auto urls = load_addresses<IcapUrl>(table, section, "url", settings.url, parse_icap_url, max_addresses, problems);
    const auto preview = parse_icap_preview(settings.preview);
    if (!preview) problems.add(table.find("preview")->position, fmt::format("scanners.icap.preview: {}", preview.error().detail));
    if (problems.lines().size() != before) return {};
    return std::make_shared<Icap>(std::move(urls), *preview, settings);
}

std::vector<SettingLine> icap_setting_lines(const ConfigTable* table) {
    IcapSettings current;
    Problems ignored("");
    if (table != nullptr) load_settings(*table, section, icap_settings(), current, ignored);
    return describe_settings(section, icap_settings(), current, table);
}

}  // namespace tamis::scanners
