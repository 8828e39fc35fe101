// rspamd_dialog - rspamd's HTTP API /checkv2 without sockets: the request header, and what a JSON answer means
//
// Guarantees: a score is given only for a complete 200 answer whose JSON has score, required_score, action and symbols
// of the right types, exactly as rspamd gave them (times score_factor). Limits: an answer of 4 MiB, 1000 symbols,
// nesting of 32, 32 MiB of memory while it is read. Nothing of the envelope can end a header line. No I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "mail/envelope.h"
#include "mail/evidence.h"

namespace tamis::scanners {

// RspamdUrl - "http://host[:port][/path]" (default port 11333, path /checkv2), or a socket path
struct RspamdUrl {
    Endpoint endpoint;
    std::string host;  // for the Host field
    std::string path;
};
Result<RspamdUrl> parse_rspamd_url(std::string_view text);

// RspamdQuery - what the request header is made of
struct RspamdQuery {
    const mail::Envelope* envelope = nullptr;
    std::string_view hostname;        // ours
    std::string_view client_address;  // may be empty
    std::string_view queue_id;
    std::string_view password;  // may be empty
    std::uint64_t size = 0;     // of the message
};
// rspamd_request - the request up to and including its empty line. One Rcpt field per recipient; null sender as "<>".
std::string rspamd_request(const RspamdUrl& url, const RspamdQuery& query);

// RspamdReply - collects one HTTP answer (Content-Length, chunked, or until the peer closes)
class RspamdReply {
public:
    static constexpr std::size_t header_limit = 16 * 1024;
    static constexpr std::size_t body_limit = 4 * 1024 * 1024;

    RspamdReply();
    ~RspamdReply();
    RspamdReply(RspamdReply&&) noexcept;
    RspamdReply& operator=(RspamdReply&&) noexcept;

    // feed - the bytes as they come; true when the answer is complete. Errc::bad_reply for what is not HTTP, goes
    // beyond a limit, or does not end where it should.
    Result<bool> feed(std::string_view bytes);
    // end - the peer closed: true when that completes the answer; Errc::closed when it had said nothing at all, else
    // Errc::bad_reply
    Result<bool> end();

    unsigned status() const;
    const std::string& body() const;
    // may_reuse - the connection may carry another request
    bool may_reuse() const;
    // check - Errc::unavailable for a status other than 200, Errc::over_limit for 413, Errc::bad_reply for a content
    // encoding nobody asked for
    Done check() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// RspamdAnswer - what rspamd says, and of which message
struct RspamdAnswer {
    mail::Scored scored;
    std::string message_id;  // as rspamd read it: without angle brackets, "undef" for none; empty when not told
};
// parse_rspamd_json - the body of a 200 answer; score, required score and the symbols' scores times `score_factor`
Result<RspamdAnswer> parse_rspamd_json(std::string_view body, double score_factor);
// is_about - whether an answer names this Message-ID (the field's value, empty for none). HTTP has no ids: on a
// connection used before, this tells the answer from a late one to the message before.
bool is_about(const RspamdAnswer& answer, std::string_view message_id);

}  // namespace tamis::scanners
