#include "scanners/clamd/clamd.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/stream.h"
#include "base/text.h"
#include "scanners/clamd/clamd_dialog.h"

namespace tamis::scanners {
namespace {

using namespace std::string_view_literals;

// Sent - how much of the message went over before the peer answered or went away
struct Sent {
    bool is_all = false;
    bool is_ours = false;  // the failure is of our own spool, not of the peer
    Done done{};
};

// send_stream - zINSTREAM: chunks with their length before them, an empty one at the end. Stops as soon as clamd says
// something before it has everything: that is its size limit.
Task<Sent> send_stream(Stream& stream, const mail::SealedSpool& spool, Deadline deadline) {
    constexpr std::string_view command = "zINSTREAM\0"sv;
    constexpr std::array<char, 4> no_more{};
    std::vector<char> buffer;
    if (!spool.is_all_in_head()) buffer.resize(chunk_size);
    std::uint64_t at = 0;
    do {
        std::vector<asio::const_buffer> pieces;
        if (at == 0) pieces.emplace_back(command.data(), command.size());
        std::array<char, 4> length{};
        if (spool.size() != 0) {
            auto part = spool.view(at, buffer);
            if (!part) co_return Sent{.is_ours = true, .done = std::unexpected(part.error())};
            const auto chunk = part->substr(0, chunk_size);
            if (chunk.empty()) co_return Sent{.is_ours = true, .done = fail(Errc::broken, "the spool is too short")};
            length = chunk_length(static_cast<std::uint32_t>(chunk.size()));
            pieces.emplace_back(length.data(), length.size());
            pieces.emplace_back(chunk.data(), chunk.size());
            at += chunk.size();
        }
        if (at == spool.size()) pieces.emplace_back(no_more.data(), no_more.size());
        auto done = co_await stream.write(std::move(pieces), deadline);
        if (!done) co_return Sent{.done = std::move(done)};
        if (at < spool.size() && stream.is_stale()) co_return Sent{};
    } while (at < spool.size());
    co_return Sent{.is_all = true};
}

Task<Sent> send_descriptor(Stream& stream, const mail::SealedSpool& spool, Deadline deadline) {
    auto done = co_await stream.write("zFILDES\0"sv, deadline);
    if (done) done = stream.send_descriptor(spool.descriptor());
    co_return Sent{.is_all = done.has_value(), .done = std::move(done)};
}

Task<Result<ClamdReply>> read_reply(Stream& stream, Deadline deadline) {
    ClamdReply reply;
    std::array<char, 512> buffer{};
    for (;;) {
        auto got = co_await stream.read_some(buffer, deadline);
        if (!got && got.error().is(Errc::closed)) co_return std::unexpected(reply.end());
        if (!got) co_return std::unexpected(std::move(got.error()));
        auto complete = reply.feed({buffer.data(), *got});
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return reply;
    }
}

// version_of - clamd's own words; "" when it does not answer
Task<std::string> version_of(Endpoint address, Deadline deadline) {
    auto stream = co_await connect(std::move(address), deadline);
    if (!stream || !co_await (*stream)->write("zVERSION\0"sv, deadline)) co_return std::string();
    auto reply = co_await read_reply(**stream, deadline);
    co_return reply ? std::string(reply->text()) : std::string();
}

// interpret - the outcome of a reply; "OK" to a part of the message is no answer
Attempt interpret(std::string_view line, ClamdMethod method, bool is_all_sent) {
    auto answer = parse_clamd_reply(line, method);
    if (!answer) {
        const auto trouble = answer.error().is(Errc::over_limit) ? Trouble::none : Trouble::broken;
        return failed_attempt(trouble, std::move(answer.error()));
    }
    if (auto* infected = std::get_if<mail::Infected>(&*answer)) return {std::move(*infected), Trouble::none};
    if (auto* error = std::get_if<ClamdError>(&*answer))
        return failed_attempt(Trouble::cannot, {make_error_code(Errc::unavailable), std::move(error->text)});
    if (!is_all_sent) return failed_attempt(Trouble::broken, {make_error_code(Errc::bad_reply), "OK before the end"});
    return {mail::Clean{}, Trouble::none};
}

}  // namespace

const std::vector<Setting<ClamdSettings>>& clamd_settings() {
    static const auto rows = joined<ClamdSettings>(
        {{"socket", &ClamdSettings::socket,
          "where clamd listens: a socket path or host:port; of a list, the first that works is used"},
         {"method",
          &ClamdSettings::method,
          "how clamd gets the message: its descriptor (unix sockets only), its bytes, or auto: descriptor where possible",
          0,
          0,
          true,
          {"auto", "fildes", "instream"}},
         backup_row<ClamdSettings>(),
         retry_row<ClamdSettings>()},
        common_rows<ClamdSettings>());
    return rows;
}

Clamd::Clamd(std::vector<Endpoint> addresses, const ClamdSettings& settings, ClamdUse use)
    : NetworkScanner("clamd", true, std::move(addresses), settings), method_(settings.method), use_(std::move(use)) {}

bool Clamd::passes_descriptor(const Endpoint& to) const { return to.is_unix() && method_ != "instream"; }

Task<Attempt> Clamd::attempt(std::size_t index, const ScanRequest& request, Deadline deadline) {
    const bool passing = passes_descriptor(address(index));
    auto stream = co_await connect(address(index), deadline.sooner(connect_limit));
    if (!stream) co_return failed_attempt(Trouble::unreachable, {stream.error().code, "connect"});
    const auto& spool = *request.message->spool;
    Sent sent;
    if (passing) sent = co_await send_descriptor(**stream, spool, deadline);
    else sent = co_await send_stream(**stream, spool, deadline);
    if (sent.is_ours) co_return failed_attempt(Trouble::none, std::move(sent.done.error()));
    // a peer that closed may have said why
    if (!sent.done && !sent.done.error().is(Errc::closed)) co_return transport_attempt(std::move(sent.done.error()));
    auto reply = co_await read_reply(**stream, deadline);
    const bool was_cut_off = !passing && !sent.is_all && !reply && reply.error().is(Errc::closed);
    // its word about a limit may be lost when it closes with bytes of ours unread
    if (was_cut_off && co_await refuses_stream_of(address(index), spool.size(), deadline))
        co_return failed_attempt(Trouble::none, {make_error_code(Errc::over_limit), std::string(stream_limit_text)});
    if (was_cut_off) reply.error().detail = "closed before it had everything";
    if (!reply) co_return transport_attempt(std::move(reply.error()));
    co_return interpret(reply->text(), passing ? ClamdMethod::descriptor : ClamdMethod::stream, sent.is_all);
}

Task<bool> refuses_stream_of(Endpoint address, std::uint64_t size, Deadline deadline) {
    if (size == 0 || size > std::numeric_limits<std::uint32_t>::max()) co_return false;
    auto stream = co_await connect(std::move(address), deadline.sooner(connect_limit));
    if (!stream) co_return false;
    constexpr std::string_view command = "zINSTREAM\0"sv;
    const auto length = chunk_length(static_cast<std::uint32_t>(size));
    std::string request(command);
    request.append(length.data(), length.size());
    if (!co_await (*stream)->write(request, deadline)) co_return false;
    auto reply = co_await read_reply(**stream, deadline.sooner(std::chrono::seconds(1)));
    if (!reply) co_return false;
    const auto answer = parse_clamd_reply(reply->text(), ClamdMethod::stream);
    co_return !answer && answer.error().is(Errc::over_limit);
}

Task<void> Clamd::introduce(Deadline deadline) {
    for (std::size_t index = 0; index < addresses(); ++index) {
        const auto& where = address(index);
        auto use = use_;
        use.by_stream = !passes_descriptor(where);
        if (const auto found = find_clamd_conf(where)) {
            const auto limits = clamd_limits(found->conf, co_await version_of(where, deadline));
            log::notice({}, "clamd {}: {} ({}); scanners.clamd.max_size {}", where.text(), limits_text(limits), found->file,
                        use.max_size);
            for (const auto& remark : judge_clamd_limits(limits, found->file, use))
                log::warning({}, "clamd {}: {}; {}", where.text(), remark.what, remark.fix);
        } else if (use.by_stream && use.max_size != 0 && co_await refuses_stream_of(where, use.max_size, deadline)) {
            log::warning(
                {},
                "clamd {}: its StreamMaxLength is below scanners.clamd.max_size ({}): a larger part makes its message unchecked; set both alike",
                where.text(), use.max_size);
        } else {
            log::notice(
                {},
                "clamd {}: its limits cannot be known from here (no clamd.conf on this host that can be read belongs to it, and clamd does not "
                "tell); it says OK to what is above its MaxFileSize without looking at it: scanners.clamd.max_size ({}) must not be larger",
                where.text(), use.max_size);
        }
    }
}

std::shared_ptr<Scanner> open_clamd(const ConfigTable& table, Problems& problems, const Surroundings& around) {
    constexpr auto section = "scanners.clamd";
    const auto before = problems.lines().size();
    ClamdSettings settings;
    load_settings(table, section, clamd_settings(), settings, problems);
    auto addresses = load_addresses<Endpoint>(table, section, "socket", settings.socket, parse_endpoint, max_addresses, problems);
    const bool all_unix = std::ranges::all_of(addresses, &Endpoint::is_unix);
    if (settings.method == "fildes" && !all_unix)
        problems.add(table.find("method")->position,
                     "scanners.clamd.method: \"fildes\" passes a descriptor, which works over a unix socket only");
    if (problems.lines().size() != before) return {};
    ClamdUse use{settings.max_size.count, around.message_size, settings.max_scans, false, around.is_opened, "tamis.toml"};
    return std::make_shared<Clamd>(std::move(addresses), settings, std::move(use));
}

std::vector<SettingLine> clamd_setting_lines(const ConfigTable* table) {
    ClamdSettings current;
    Problems ignored("");
    if (table != nullptr) load_settings(*table, "scanners.clamd", clamd_settings(), current, ignored);
    return describe_settings("scanners.clamd", clamd_settings(), current, table);
}

}  // namespace tamis::scanners
