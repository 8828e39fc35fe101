#include "scanners/rspamd/rspamd.h"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>

#include "base/stream.h"
#include "scanners/idle_connections.h"

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.rspamd";

std::vector<Endpoint> endpoints_of(const std::vector<RspamdUrl>& urls) {
    std::vector<Endpoint> endpoints;
    for (const auto& url : urls) endpoints.push_back(url.endpoint);
    return endpoints;
}

// send_message - request and message; false when rspamd answered or closed before it had all
Task<Result<bool>> send_message(Stream& stream, std::string_view opening, const mail::SealedSpool& spool, Deadline deadline) {
    std::vector<char> buffer;
    if (!spool.is_all_in_head()) buffer.resize(chunk_size);
    std::uint64_t at = 0;
    do {
        std::vector<asio::const_buffer> pieces;
        if (at == 0) pieces.emplace_back(opening.data(), opening.size());
        if (spool.size() != 0) {
            auto part = spool.view(at, buffer);
            if (!part) co_return std::unexpected(part.error());
            if (part->empty()) co_return fail(Errc::broken, "the spool is too short");
            const auto chunk = part->substr(0, chunk_size);
            pieces.emplace_back(chunk.data(), chunk.size());
            at += chunk.size();
        }
        auto done = co_await stream.write(std::move(pieces), deadline);
        if (!done && done.error().is(Errc::closed)) co_return false;
        if (!done) co_return std::unexpected(std::move(done.error()));
        if (at < spool.size() && stream.is_stale()) co_return false;
    } while (at < spool.size());
    co_return true;
}

Task<Result<RspamdReply>> read_reply(Stream& stream, Deadline deadline) {
    RspamdReply reply;
    std::array<char, 8192> buffer{};
    for (;;) {
        if (deadline.passed()) co_return fail(Errc::timeout, "read");
        auto got = co_await stream.read_some(buffer, deadline);
        if (!got && !got.error().is(Errc::closed)) co_return std::unexpected(std::move(got.error()));
        auto complete = got ? reply.feed({buffer.data(), *got}) : reply.end();
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return reply;
    }
}

// Exchange - a complete answer, and whether all of the message went over before it
struct Exchange {
    bool is_all_sent = false;
    RspamdReply reply;
};

Task<Result<Exchange>> exchange(Stream& stream, std::string_view opening, const mail::SealedSpool& spool, Deadline deadline) {
    auto sent = co_await send_message(stream, opening, spool, deadline);
    if (!sent) co_return std::unexpected(std::move(sent.error()));
    auto reply = co_await read_reply(stream, deadline);
    if (!reply && reply.error().is(Errc::closed) && !*sent)
        reply.error().detail = "closed before it had the whole message; its max_message may be smaller";
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    co_return Exchange{*sent, std::move(*reply)};
}

// interpret - the outcome of an answer; `trusting` takes it for the right message's without looking at its Message-ID
Attempt interpret(const Exchange& answered, double score_factor, const mail::Message& message, bool trusting) {
    if (auto good = answered.reply.check(); !good) {
        const auto trouble = good.error().is(Errc::over_limit)    ? Trouble::none
                             : answered.reply.status() / 100 == 4 ? Trouble::cannot
                                                                  : Trouble::broken;
        return failed_attempt(trouble, std::move(good.error()));
    }
    auto answer = parse_rspamd_json(answered.reply.body(), score_factor);
    if (!answer) {
        const auto trouble = answer.error().is(Errc::unavailable) ? Trouble::cannot : Trouble::broken;
        return failed_attempt(trouble, std::move(answer.error()));
    }
    if (!answered.is_all_sent)
        return failed_attempt(Trouble::broken, {make_error_code(Errc::bad_reply), "a score before the whole message"});
    const auto head = message.spool->head();
    const auto* field = head.size() < message.header.size ? nullptr : message.header.find("Message-ID", head);
    const auto id = field == nullptr ? std::string() : mail::unfolded(mail::HeaderBlock::value(*field, head));
    if (!trusting && !is_about(*answer, id))
        return failed_attempt(Trouble::broken, {make_error_code(Errc::bad_reply), "the answer to another message"});
    return {std::move(answer->scored), Trouble::none};
}

}  // namespace

const std::vector<Setting<RspamdSettings>>& rspamd_settings() {
    static const auto rows = joined<RspamdSettings>(
        {{"url", &RspamdSettings::url,
          "where rspamd's normal or proxy worker listens, as http://host:port or a socket path; of a list, the first "
          "that works is used"},
         {"password", &RspamdSettings::password, "sent as the Password field, for a controller worker or a proxy"},
         {"score_factor", &RspamdSettings::score_factor,
          "rspamd's scores are multiplied by this, to fit the site's levels: rspamd rejects at 15 where SpamAssassin "
          "sites take about 6",
          0.001, 1000},
         retry_row<RspamdSettings>()},
        common_rows<RspamdSettings>());
    return rows;
}

Rspamd::Rspamd(std::vector<RspamdUrl> urls, const RspamdSettings& settings)
    : NetworkScanner("rspamd", false, endpoints_of(urls), settings),
      urls_(std::move(urls)),
      password_(settings.password),
      score_factor_(settings.score_factor) {}

Task<Attempt> Rspamd::attempt(std::size_t index, const ScanRequest& request, Deadline deadline) {
    const auto& spool = *request.message->spool;
    const auto& ident = request.envelope->client.ident;  // XFORWARD IDENT: the MTA's queue id
    const std::string queue_id = ident ? *ident : request.message->mail_id.get();
    const std::string opening = rspamd_request(urls_[index], {.envelope = request.envelope,
                                                              .hostname = request.hostname,
                                                              .client_address = request.client_address,
                                                              .queue_id = queue_id,
                                                              .password = password_.reveal(),
                                                              .size = spool.size()});
    const std::string peer = address(index).text();
    auto& idle = IdleConnections::of(co_await asio::this_coro::executor);
    if (auto kept = idle.take(peer)) {  // what goes wrong here is tried again on a fresh connection
        auto answered = co_await exchange(*kept, opening, spool, deadline);
        if (!answered && answered.error().is(Errc::timeout)) co_return transport_attempt(std::move(answered.error()));
        if (answered) {
            auto result = interpret(*answered, score_factor_, *request.message, false);
            if (result.trouble == Trouble::none && answered->is_all_sent) {
                if (answered->reply.may_reuse()) idle.put(peer, std::move(kept));
                co_return result;
            }
        }
    }
    auto stream = co_await connect(address(index), deadline.sooner(connect_limit));
    if (!stream) co_return failed_attempt(Trouble::unreachable, {stream.error().code, "connect"});
    auto answered = co_await exchange(**stream, opening, spool, deadline);
    if (!answered) co_return transport_attempt(std::move(answered.error()));
    auto result = interpret(*answered, score_factor_, *request.message, true);
    if (result.trouble == Trouble::none && answered->is_all_sent && answered->reply.may_reuse())
        idle.put(peer, std::move(*stream));
    co_return result;
}

std::shared_ptr<Scanner> open_rspamd(const ConfigTable& table, Problems& problems) {
    const auto before = problems.lines().size();
    RspamdSettings settings;
    load_settings(table, section, rspamd_settings(), settings, problems);
    auto urls = load_addresses<RspamdUrl>(table, section, "url", settings.url, parse_rspamd_url, max_addresses, problems);
    if (problems.lines().size() != before) return {};
    return std::make_shared<Rspamd>(std::move(urls), settings);
}

std::vector<SettingLine> rspamd_setting_lines(const ConfigTable* table) {
    RspamdSettings current;
    Problems ignored("");
    if (table != nullptr) load_settings(*table, section, rspamd_settings(), current, ignored);
    return describe_settings(section, rspamd_settings(), current, table);
}

}  // namespace tamis::scanners
