#include "scanners/spamd/spamd.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/stream.h"
#include "base/text.h"
#include "scanners/answer_text.h"
#include "scanners/spamd/spamd_dialog.h"

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.spamd";

// send_message - request, prefix and the part of the message; false when spamd answered or closed before it had all
Task<Result<bool>> send_message(Stream& stream, std::string opening, const mail::SealedSpool& spool, std::uint64_t size,
                                Deadline deadline) {
    std::vector<char> buffer;
    if (spool.head().size() < size) buffer.resize(chunk_size);
    std::uint64_t at = 0;
    do {
        std::vector<asio::const_buffer> pieces;
        if (at == 0) pieces.emplace_back(opening.data(), opening.size());
        if (at < size) {
            auto part = spool.view(at, buffer);
            if (!part) co_return std::unexpected(part.error());
            const auto chunk = part->substr(0, std::min<std::uint64_t>(chunk_size, size - at));
            if (chunk.empty()) co_return fail(Errc::broken, "the spool is too short");
            pieces.emplace_back(chunk.data(), chunk.size());
            at += chunk.size();
        }
        auto done = co_await stream.write(std::move(pieces), deadline);
        if (!done && done.error().is(Errc::closed)) co_return false;
        if (!done) co_return std::unexpected(std::move(done.error()));
        if (at < size && stream.is_stale()) co_return false;
    } while (at < size);
    // spamd reads by lines: without this it waits for the end of a line that was cut off in the middle
    boost::system::error_code ignored;
    stream.socket().shutdown(Stream::Socket::shutdown_send, ignored);
    co_return true;
}

Task<Result<SpamdReply>> read_reply(Stream& stream, Deadline deadline) {
    SpamdReply reply;
    std::array<char, 4096> buffer{};
    for (;;) {
        if (deadline.passed()) co_return fail(Errc::timeout, "read");
        auto got = co_await stream.read_some(buffer, deadline);
        if (!got && got.error().is(Errc::closed)) co_return std::unexpected(reply.end());
        if (!got) co_return std::unexpected(std::move(got.error()));
        auto complete = reply.feed({buffer.data(), *got});
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return reply;
    }
}

Attempt interpret_symbols(const SpamdReply& reply) {
    auto tests = parse_symbols(reply.content());
    if (!tests) return failed_attempt(Trouble::broken, std::move(tests.error()));
    return {mail::Scored{reply.score(), std::move(*tests), reply.required(), {}, {}}, Trouble::none};
}

}  // namespace

const std::vector<Setting<SpamdSettings>>& spamd_settings() {
    static const auto rows = joined<SpamdSettings>(
        {{"socket", &SpamdSettings::socket,
          "where spamd listens: host:port or a socket path; of a list, the first that works is used"},
         {"user", &SpamdSettings::user,
          "the user whose preferences spamd applies, unless all recipients of a message have the same sa_username; empty is spamd's own"},
         {"body_limit", &SpamdSettings::body_limit,
          "how much of a message's body spamd gets, as amavisd's $sa_mail_body_size_limit: the rest is cut off; 0 is "
          "all of it"},
         retry_row<SpamdSettings>()},
        common_rows<SpamdSettings>());
    return rows;
}

Spamd::Spamd(std::vector<Endpoint> addresses, const SpamdSettings& settings)
    : NetworkScanner("spamd", false, std::move(addresses), settings),
      user_(settings.user),
      body_limit_(settings.body_limit.count) {}

Task<Attempt> Spamd::attempt(std::size_t index, const ScanRequest& request, Deadline deadline) {
    if (has_no_table_) co_return co_await ask(SpamdQuestion::symbols, index, request, deadline);
    auto reported = co_await ask(SpamdQuestion::report, index, request, deadline);
    auto* scored = std::get_if<mail::Scored>(&reported.outcome);
    if (scored == nullptr || !has_no_table_) co_return reported;
    // the first report without a table: this message gets its test names by a second question
    auto named = co_await ask(SpamdQuestion::symbols, index, request, deadline);
    if (const auto* names = std::get_if<mail::Scored>(&named.outcome)) scored->tests = names->tests;
    co_return reported;
}

Task<Attempt> Spamd::ask(SpamdQuestion question, std::size_t index, const ScanRequest& request, Deadline deadline) {
    auto stream = co_await connect(address(index), deadline.sooner(connect_limit));
    if (!stream) co_return failed_attempt(Trouble::unreachable, {stream.error().code, "connect"});
    const auto& message = *request.message;
    const auto part = spamd_part(message.spool->size(), message.header.size, body_limit_);
    const auto prefix = spamd_prefix(*request.envelope, message.spool->size(), part);
    const std::string_view user = !request.user.empty() && is_spamd_user(request.user) ? request.user : user_;
    auto opening = spamd_request(question, prefix.size() + part.bytes, user) + prefix;
    auto sent = co_await send_message(**stream, std::move(opening), *message.spool, part.bytes, deadline);
    if (!sent) co_return transport_attempt(std::move(sent.error()));
    auto reply = co_await read_reply(**stream, deadline);
    if (!reply && reply.error().is(Errc::unavailable)) co_return failed_attempt(Trouble::cannot, reply.error());
    if (!reply) co_return transport_attempt(std::move(reply.error()));
    if (!*sent) co_return failed_attempt(Trouble::broken, {make_error_code(Errc::bad_reply), "a score before the whole message"});
    if (question == SpamdQuestion::symbols) co_return interpret_symbols(*reply);
    auto tests = parse_report_table(reply->content());
    if (!tests) co_return failed_attempt(Trouble::broken, std::move(tests.error()));
    if (!*tests && !has_no_table_.exchange(true))
        log::notice("", "spamd {}: its report template has no table of tests; asking with SYMBOLS from now on: {}",
                    address(index).text(), "test names come without scores, and there is no report");
    std::vector<mail::SpamTest> found;
    if (*tests) found = std::move(**tests);
    co_return Attempt{mail::Scored{reply->score(), std::move(found), reply->required(), {}, clean_report(reply->content())},
                      Trouble::none};
}

std::shared_ptr<Scanner> open_spamd(const ConfigTable& table, Problems& problems) {
    const auto before = problems.lines().size();
    SpamdSettings settings;
    load_settings(table, section, spamd_settings(), settings, problems);
    auto addresses = load_addresses<Endpoint>(table, section, "socket", settings.socket, parse_endpoint, max_addresses, problems);
    if (!is_spamd_user(settings.user))
        problems.add(table.find("user")->position,
                     "scanners.spamd.user must be printable ASCII without blanks and colons, at most 255 characters");
    if (problems.lines().size() != before) return {};
    return std::make_shared<Spamd>(std::move(addresses), settings);
}

std::vector<SettingLine> spamd_setting_lines(const ConfigTable* table) {
    SpamdSettings current;
    Problems ignored("");
    if (table != nullptr) load_settings(*table, section, spamd_settings(), current, ignored);
    return describe_settings(section, spamd_settings(), current, table);
}

}  // namespace tamis::scanners
