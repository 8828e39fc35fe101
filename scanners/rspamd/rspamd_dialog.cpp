#include "scanners/rspamd/rspamd_dialog.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/memory_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <new>
#include <optional>

#include "base/text.h"
#include "scanners/answer_text.h"

namespace tamis::scanners {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;

// field - "Name: value" with everything that could end the line replaced; nothing for an empty value
void field(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += name;
    out += ": ";
    for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    out += "\r\n";
}

// authenticated_user - who sent it, of the AUTH parameter (RFC 4954: xtext, "<>" for nobody)
std::string authenticated_user(const mail::Envelope& envelope) {
    if (envelope.auth.empty() || envelope.auth == "<>") return {};
    return xtext_decode(envelope.auth).value_or(envelope.auth);
}

// BoundedMemory - memory for one JSON document: an answer of 4 MiB can be made to need twenty times that
class BoundedMemory final : public json::memory_resource {
public:
    static constexpr std::size_t limit = 32 * 1024 * 1024;

private:
    // Boost 1.81 gives back memory with another alignment than it took it with; none is above the default
    void* do_allocate(std::size_t bytes, std::size_t) override {
        if (bytes > limit - used_) throw std::bad_alloc();
        void* at = ::operator new(bytes);
        used_ += bytes;
        return at;
    }
    void do_deallocate(void* at, std::size_t bytes, std::size_t) override {
        used_ -= std::min(bytes, used_);
        ::operator delete(at);
    }
    bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
    std::size_t used_ = 0;
};

std::optional<double> number_of(const json::object& from, std::string_view name) {
    const auto* value = from.if_contains(name);
    if (value == nullptr || !value->is_number()) return {};
    const double number = value->to_number<double>();
    return is_score(number) ? std::optional(number) : std::nullopt;
}

Result<std::vector<mail::SpamTest>> symbols_of(const json::object& from, double factor) {
    const auto* found = from.if_contains("symbols");
    if (found == nullptr || !found->is_object()) return fail(Errc::bad_reply, "the answer has no symbols");
    const auto& symbols = found->get_object();
    if (symbols.size() > max_tests) return fail(Errc::bad_reply, "the answer has more than 1000 symbols");
    std::vector<mail::SpamTest> tests;
    tests.reserve(symbols.size());
    for (const auto& [name, value] : symbols) {
        const auto score = value.is_object() ? number_of(value.get_object(), "score") : std::nullopt;
        if (!score || name.empty()) return bad_reply("a symbol without a name or a usable score", name);
        tests.push_back({clean_test_name(name), *score * factor});
    }
    return tests;
}

Result<RspamdAnswer> answer_of(const json::value& document, double factor) {
    const auto* object = document.if_object();
    if (object == nullptr) return fail(Errc::bad_reply, "the answer is no JSON object");
    if (const auto* error = object->if_contains("error"); error != nullptr && error->is_string())
        return fail(Errc::unavailable, fmt::format("rspamd said \"{}\"", escaped(error->get_string())));
    const auto score = number_of(*object, "score"), required = number_of(*object, "required_score");
    const auto* action = object->if_contains("action");
    if (!score || !required) return fail(Errc::bad_reply, "the answer has no usable score or required_score");
    if (action == nullptr || !action->is_string()) return fail(Errc::bad_reply, "the answer has no action");
    auto tests = symbols_of(*object, factor);
    if (!tests) return std::unexpected(std::move(tests.error()));
    const auto* id = object->if_contains("message-id");
    return RspamdAnswer{{*score * factor,
                         std::move(*tests),
                         *required * factor,
                         printable_or(std::string_view(action->get_string()).substr(0, 64), '?'),
                         {}},
                        id != nullptr && id->is_string() ? std::string(std::string_view(id->get_string())) : ""};
}

}  // namespace

Result<RspamdUrl> parse_rspamd_url(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_input, fmt::format("\"{}\": {}; expected http://host:port or a socket path", escaped(text), why));
    };
    constexpr std::string_view default_path = "/checkv2";
    if (text.starts_with('/') || text.starts_with("unix:")) {
        auto endpoint = parse_endpoint(text);
        if (!endpoint) return std::unexpected(std::move(endpoint.error()));
        return RspamdUrl{std::move(*endpoint), "localhost", std::string(default_path)};
    }
    const auto url = boost::urls::parse_uri(text);
    if (!url) return wrong("not a URL");
    if (url->scheme() != "http") return wrong("only http is spoken with rspamd");
    if (url->has_userinfo()) return wrong("no user and password here; see the setting password");
    if (url->has_query() || url->has_fragment()) return wrong("no query and no fragment here");
    if (url->host_address().empty()) return wrong("no host");
    if (url->has_port() && (url->port_number() == 0 || url->port().empty())) return wrong("a bad port");
    const std::string path(std::string_view(url->encoded_path()));
    const std::uint16_t port = url->has_port() ? url->port_number() : std::uint16_t{11333};
    return RspamdUrl{Endpoint{std::string(url->host_address()), port, {}}, std::string(std::string_view(url->encoded_host())),
                     path.empty() || path == "/" ? std::string(default_path) : path};
}

std::string rspamd_request(const RspamdUrl& url, const RspamdQuery& query) {
    const auto& envelope = *query.envelope;
    std::string out = fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n", url.path, url.host);
    out += fmt::format("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", query.size);
    field(out, "Helo", envelope.client.helo.value_or(envelope.client.empty() ? envelope.peer_helo : ""));
    field(out, "Hostname", envelope.client.name.value_or(""));
    field(out, "IP", query.client_address);
    field(out, "MTA-Name", query.hostname);
    field(out, "From", envelope.sender.empty() ? "<>" : std::string_view(envelope.sender));
    field(out, "User", authenticated_user(envelope));
    field(out, "Queue-Id", query.queue_id);
    field(out, "Password", query.password);
    for (const auto& recipient : envelope.recipients) field(out, "Rcpt", recipient.address);
    return out + "\r\n";
}

struct RspamdReply::State {
    http::response_parser<http::string_body> parser;
    std::string pending;  // bytes of an unfinished header line
    bool has_bytes = false;
    bool has_more = false;  // something came behind the answer
};

RspamdReply::RspamdReply() : state_(std::make_unique<State>()) {
    state_->parser.header_limit(header_limit);
    state_->parser.body_limit(body_limit);
    state_->parser.eager(true);
}
RspamdReply::~RspamdReply() = default;
RspamdReply::RspamdReply(RspamdReply&&) noexcept = default;
RspamdReply& RspamdReply::operator=(RspamdReply&&) noexcept = default;

Result<bool> RspamdReply::feed(std::string_view bytes) {
    auto& parser = state_->parser;
    state_->has_bytes = state_->has_bytes || !bytes.empty();
    state_->pending += bytes;
    std::string_view rest = state_->pending;
    while (!rest.empty() && !parser.is_done()) {
        boost::system::error_code error;
        const auto used = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
        rest.remove_prefix(used);
        if (error == http::error::need_more) break;
        if (error) return bad_reply(error.message(), rest);
        if (used == 0) break;
    }
    if (!parser.is_done()) {
        state_->pending.erase(0, state_->pending.size() - rest.size());
        return false;
    }
    if (!rest.empty()) return bad_reply("more than one answer", rest);
    state_->pending.clear();
    return true;
}

Result<bool> RspamdReply::end() {
    if (!state_->has_bytes) return fail(Errc::closed, "no answer");
    boost::system::error_code error;
    if (state_->parser.is_header_done()) state_->parser.put_eof(error);
    if (error || !state_->parser.is_done()) return fail(Errc::bad_reply, "cut off in the middle of an answer");
    return true;
}

unsigned RspamdReply::status() const { return state_->parser.get().result_int(); }
const std::string& RspamdReply::body() const { return state_->parser.get().body(); }
bool RspamdReply::may_reuse() const { return state_->parser.keep_alive(); }

Done RspamdReply::check() const {
    const auto& answer = state_->parser.get();
    if (status() == 413) return fail(Errc::over_limit, "the message is larger than rspamd's max_message");
    if (status() != 200)
        return fail(Errc::unavailable, fmt::format("HTTP {} \"{}\"", status(), escaped(std::string_view(answer.reason()))));
    const auto encoding = answer[http::field::content_encoding];
    if (!encoding.empty() && !equal_fold(encoding, "identity"))
        return bad_reply("a content encoding that was not asked for", encoding);
    return {};
}

Result<RspamdAnswer> parse_rspamd_json(std::string_view body, double score_factor) {
    BoundedMemory memory;
    try {
        json::parse_options options;
        options.max_depth = 32;
        boost::system::error_code error;
        const json::value document = json::parse(body, error, &memory, options);
        if (error) return bad_reply("not JSON: " + error.message(), body);
        return answer_of(document, score_factor);
    } catch (const std::bad_alloc&) {
        return fail(Errc::bad_reply, "the answer needs more than 32 MiB of memory");
    }
}

bool is_about(const RspamdAnswer& answer, std::string_view message_id) {
    message_id = trim(message_id);
    if (message_id.starts_with('<')) message_id.remove_prefix(1);
    if (message_id.ends_with('>')) message_id.remove_suffix(1);
    return !answer.message_id.empty() && answer.message_id == (message_id.empty() ? "undef" : message_id);
}

}  // namespace tamis::scanners
