// icap_dialog - ICAP (RFC 3507) without sockets: requests, answers piece by piece, and what an answer means
//
// Guarantees: a message is clean only when the service said 204 about it, or sent every byte of it back unchanged. Everything
// that is not exactly an answer is a Fault. Nothing of the message or its envelope gets into a request but the message's own
// bytes as body. Limits: 16 KiB of ICAP header, 16 KiB of encapsulated header, a body not longer than the caller allows.
// Trusts nothing: the peer may be anybody who got hold of the port. No I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "mail/evidence.h"

namespace tamis::scanners {

// IcapUrl - "icap://host[:port]/service" (default port 1344)
struct IcapUrl {
    Endpoint endpoint;
    std::string host;  // for the Host field, with the port
    std::string uri;   // for the request line
};
Result<IcapUrl> parse_icap_url(std::string_view text);

enum class IcapMethod { respmod, reqmod };
std::string_view icap_method_name(IcapMethod method) noexcept;

// IcapPreview - how much of a message goes before the service says whether it wants the rest
struct IcapPreview {
    enum class Kind { none, automatic, fixed };
    Kind kind = Kind::none;
    std::uint32_t bytes = 0;  // of fixed
};
constexpr std::uint32_t max_preview = 1024 * 1024;
Result<IcapPreview> parse_icap_preview(std::string_view text);  // "none", "auto", or a number of bytes

std::string icap_options_request(const IcapUrl& url);
// icap_request - up to where the encapsulated body begins. `preview` - bytes that will be sent before its answer.
std::string icap_request(const IcapUrl& url, IcapMethod method, std::uint64_t size, std::optional<std::uint64_t> preview);
// icap_chunk - the line before a chunk of that many bytes (at least 1); behind the chunk comes icap_chunk_end
std::string icap_chunk(std::size_t size);
constexpr std::string_view icap_chunk_end = "\r\n";
constexpr std::string_view icap_body_end = "0\r\n\r\n";
constexpr std::string_view icap_body_end_in_preview = "0; ieof\r\n\r\n";  // the preview was all there is

// IcapReply - one answer: ICAP header, encapsulated HTTP header, body
class IcapReply {
public:
    static constexpr std::size_t header_limit = 16 * 1024;
    static constexpr std::size_t line_limit = 1024;  // of a chunk's size line and of all trailer lines together

    // `on_body` gets the decoded bytes of the body, at most `body_limit` of them
    IcapReply(std::uint64_t body_limit, std::function<void(std::string_view)> on_body)
        : body_limit_(body_limit), on_body_(std::move(on_body)) {}

    // feed - the bytes as they come; true when the answer is complete. Errc::bad_reply for what is no ICAP, goes beyond a
    // limit, or comes behind the answer.
    Result<bool> feed(std::string_view bytes);
    // end - the peer closed before the answer was complete: Errc::closed when it had said nothing, else Errc::bad_reply
    Fault end() const;
    // restart - after a 100 Continue: the next answer of the same request
    void restart();

    unsigned status() const noexcept { return status_; }
    const std::string& reason() const noexcept { return reason_; }
    // field - of the ICAP header, lines folded into it separated by "\n"; nothing when it is not there
    std::optional<std::string> field(std::string_view name) const;
    // http_status - of an encapsulated HTTP answer; 0 when there is none
    unsigned http_status() const noexcept { return http_status_; }
    bool has_http_response() const noexcept { return has_response_; }
    bool has_body() const noexcept { return has_body_; }
    bool may_reuse() const;

private:
    enum class State { header, encapsulated, chunk_size, chunk, chunk_end, trailer, complete };
    Result<bool> step(std::string_view& rest);
    Done take_header();
    Done take_encapsulated();
    Done take_sections(std::string_view list);
    Done take_chunk_size();
    // take_until - moves bytes into pending_ up to and including `mark`; false when it has not come yet
    Result<bool> take_until(std::string_view& rest, std::string_view mark, std::size_t limit);

    std::uint64_t body_limit_;
    std::function<void(std::string_view)> on_body_;
    State state_ = State::header;
    std::string pending_;
    unsigned status_ = 0, http_status_ = 0;
    std::string reason_;
    std::vector<std::pair<std::string, std::string>> fields_;  // names in lower case
    std::size_t encapsulated_ = 0;                             // bytes of encapsulated header still to come
    std::size_t response_at_ = 0, response_end_ = 0;
    bool has_response_ = false, has_body_ = false, said_anything_ = false;
    std::uint64_t chunk_left_ = 0, body_size_ = 0;
};

// IcapOptions - what a service says about itself
struct IcapOptions {
    std::optional<std::uint32_t> preview;  // nothing: it wants none
    std::chrono::seconds valid_for{3600};
};
// parse_icap_options - Errc::unavailable: no such service, or it does not do this method
Result<IcapOptions> parse_icap_options(const IcapReply& reply, IcapMethod method);

// IcapSent - what the service had seen when it answered, and what it sent back
struct IcapSent {
    bool is_all = false;          // the whole message, or the whole preview and it wanted no more
    bool is_nothing = false;      // not one byte of a message that has some
    bool came_back_same = false;  // the body of the answer is the message, byte by byte
};
// judge_icap - Clean or Infected; Errc::over_limit: the engine behind it reached a limit of its own; Errc::unavailable: it
// says that it cannot; Errc::bad_reply: anything that proves nothing
Result<mail::ScanOutcome> judge_icap(const IcapReply& reply, IcapMethod method, const IcapSent& sent);

}  // namespace tamis::scanners
