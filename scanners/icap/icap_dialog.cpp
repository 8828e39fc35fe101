#include "scanners/icap/icap_dialog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/text.h"
#include "scanners/answer_text.h"

namespace tamis::scanners {
namespace {

constexpr std::size_t max_names = 100;  // virus names taken from one answer

// parse_status - the number of "ICAP/1.0 204 No modifications needed"; nothing when it is no such line
std::optional<unsigned> parse_status(std::string_view line, std::string_view protocol) {
    if (!line.starts_with(protocol)) return {};
    line.remove_prefix(protocol.size());
    if (line.size() > 3 && line[3] != ' ') return {};
    const auto code = parse_unsigned(line.substr(0, 3), 999);
    return code && line.size() >= 3 && *code >= 100 ? std::optional(static_cast<unsigned>(*code)) : std::nullopt;
}

bool is_token(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return c > ' ' && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
    });
}

// parse_hex - the number of a chunk's size; nothing when it is none or absurd
std::optional<std::uint64_t> parse_hex(std::string_view text) {
    if (text.empty() || text.size() > 15) return {};
    std::uint64_t value = 0;
    for (const char c : text) {
        const char small = lower(c);
        if (!is_digit(small) && (small < 'a' || small > 'f')) return {};
        value = value * 16 + static_cast<std::uint64_t>(is_digit(small) ? small - '0' : small - 'a' + 10);
    }
    return value;
}

void add_name(std::vector<std::string>& names, std::string_view name) {
    std::string clean = clean_virus_name(trim(name));
    if (names.size() < max_names && std::ranges::find(names, clean) == names.end()) names.push_back(std::move(clean));
}

// names_of_infection - "Type=0; Resolution=2; Threat=Eicar-Test-Signature;"
void names_of_infection(std::string_view value, std::vector<std::string>& names) {
    for (auto part : split(value, ';')) {
        part = trim(part);
        if (starts_with_fold(part, "threat=") && part.size() > 7) add_name(names, part.substr(7));
    }
    if (names.empty()) add_name(names, "unknown");
}

// names_of_violations - a number, then four lines each: file, threat, two numbers. "0" is none.
void names_of_violations(std::string_view value, std::vector<std::string>& names) {
    const auto lines = split(value, '\n');
    if (trim(lines[0]) == "0") return;
    for (std::size_t at = 2; at < lines.size(); at += 4)
        if (!trim(lines[at]).empty()) add_name(names, lines[at]);
    if (names.empty()) add_name(names, "unknown");
}

// names_of_list - X-Virus-ID and X-Virus-Name: names with commas between them; some products say "none" in them
void names_of_list(std::string_view value, std::vector<std::string>& names) {
    for (auto part : split(value, ',')) {
        part = trim(part);
        constexpr std::array<std::string_view, 6> nothing = {"none", "no threats", "no", "clean", "-", "0"};
        const bool is_nothing = std::ranges::any_of(nothing, [&](auto word) { return equal_fold(part, word); });
        if (!part.empty() && !is_nothing) add_name(names, part);
    }
}

std::vector<std::string> infection_names(const IcapReply& reply) {
    std::vector<std::string> names;
    if (const auto value = reply.field("x-infection-found")) names_of_infection(*value, names);
    if (const auto value = reply.field("x-violations-found")) names_of_violations(*value, names);
    if (const auto value = reply.field("x-virus-id")) names_of_list(*value, names);
    if (const auto value = reply.field("x-virus-name")) names_of_list(*value, names);
    if (names.empty()) {
        const auto info = reply.field("x-response-info");
        if (info && (starts_with_fold(trim(*info), "blocked") || starts_with_fold(trim(*info), "infected")))
            names.emplace_back("ICAP: blocked");
    }
    return names;
}

}  // namespace

Result<IcapUrl> parse_icap_url(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_input, fmt::format("\"{}\": {}; expected icap://host:port/service", escaped(text), why));
    };
    const auto url = boost::urls::parse_uri(text);
    if (!url) return wrong("not a URL");
    if (url->scheme() != "icap") return wrong("only icap is spoken");
    if (url->has_userinfo()) return wrong("no user and password here");
    if (url->has_fragment()) return wrong("no fragment here");
    if (url->host_address().empty()) return wrong("no host");
    if (url->has_port() && (url->port_number() == 0 || url->port().empty())) return wrong("a bad port");
    if (url->encoded_path().size() < 2) return wrong("no service");
    const std::uint16_t port = url->has_port() ? url->port_number() : std::uint16_t{1344};
    const std::string host = fmt::format("{}:{}", std::string_view(url->encoded_host()), port);
    return IcapUrl{Endpoint{std::string(url->host_address()), port, {}}, host,
                   fmt::format("icap://{}{}", host, std::string_view(url->encoded_target()))};
}

std::string_view icap_method_name(IcapMethod method) noexcept { return method == IcapMethod::respmod ? "RESPMOD" : "REQMOD"; }

Result<IcapPreview> parse_icap_preview(std::string_view text) {
    if (text == "none") return IcapPreview{};
    if (text == "auto") return IcapPreview{IcapPreview::Kind::automatic, 0};
    const auto bytes = parse_unsigned(text, max_preview);
    if (!bytes)
        return fail(Errc::bad_input,
                    fmt::format("\"{}\" is neither none, auto nor a number of at most {}", escaped(text), max_preview));
    return IcapPreview{IcapPreview::Kind::fixed, static_cast<std::uint32_t>(*bytes)};
}

std::string icap_options_request(const IcapUrl& url) {
    return fmt::format(
        "OPTIONS {} ICAP/1.0\r\nHost: {}\r\nUser-Agent: tamis\r\nConnection: keep-alive\r\n"
        "Encapsulated: null-body=0\r\n\r\n",
        url.uri, url.host);
}

std::string icap_request(const IcapUrl& url, IcapMethod method, std::uint64_t size, std::optional<std::uint64_t> preview) {
    std::string http, sections;
    if (method == IcapMethod::respmod) {
        http = "GET http://mail.invalid/message HTTP/1.1\r\nHost: mail.invalid\r\n\r\n";
        sections = fmt::format("req-hdr=0, res-hdr={}", http.size());
        http += fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n", size);
        sections += fmt::format(", res-body={}", http.size());
    } else {
        http = fmt::format(
            "POST http://mail.invalid/message HTTP/1.1\r\nHost: mail.invalid\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            size);
        sections = fmt::format("req-hdr=0, req-body={}", http.size());
    }
    std::string out = fmt::format("{} {} ICAP/1.0\r\nHost: {}\r\nUser-Agent: tamis\r\nConnection: keep-alive\r\nAllow: 204\r\n",
                                  icap_method_name(method), url.uri, url.host);
    if (preview) out += fmt::format("Preview: {}\r\n", *preview);
    return out + fmt::format("Encapsulated: {}\r\n\r\n", sections) + http;
}

std::string icap_chunk(std::size_t size) { return fmt::format("{:x}\r\n", size); }

std::optional<std::string> IcapReply::field(std::string_view name) const {
    const auto found = std::ranges::find(fields_, name, &std::pair<std::string, std::string>::first);
    return found == fields_.end() ? std::nullopt : std::optional(found->second);
}

bool IcapReply::may_reuse() const {
    const auto connection = field("connection");
    return state_ == State::complete && !(connection && to_lower(*connection).find("close") != std::string::npos);
}

void IcapReply::restart() {
    IcapReply fresh(body_limit_, std::move(on_body_));
    *this = std::move(fresh);
}

Result<bool> IcapReply::take_until(std::string_view& rest, std::string_view mark, std::size_t limit) {
    const auto from = pending_.size() < mark.size() ? 0 : pending_.size() - mark.size() + 1;
    const auto before = pending_.size();
    pending_ += rest.substr(0, limit + 1 - std::min(limit, pending_.size()));
    const auto found = pending_.find(mark, from);
    if (found == std::string::npos) {
        if (pending_.size() > limit) return bad_reply(fmt::format("a header of more than {} bytes", limit), pending_);
        rest = {};
        return false;
    }
    rest.remove_prefix(found + mark.size() - before);
    pending_.resize(found + mark.size());
    return true;
}

Done IcapReply::take_header() {
    auto lines = split(std::string_view(pending_).substr(0, pending_.size() - 4), '\n');
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
        if (!lines[i].ends_with('\r')) return bad_reply("a bare line feed in the header", lines[i]);
        lines[i].remove_suffix(1);
    }
    const auto status = parse_status(lines[0], "ICAP/1.0 ");
    if (!status) return bad_reply("not an answer of an ICAP server", lines[0]);
    status_ = *status;
    reason_ = escaped(trim(lines[0].substr(12)), 80);
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto line = lines[i];
        if (line.find_first_of(std::string_view("\0\r", 2)) != std::string_view::npos)
            return bad_reply("a control character in the header", line);
        if (is_blank(line.empty() ? 'x' : line[0])) {
            if (fields_.empty()) return bad_reply("a header that begins in the middle", line);
            fields_.back().second += "\n" + std::string(trim(line));
            continue;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad_reply("a bad header line", line);
        fields_.emplace_back(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }
    for (const std::string_view once : {"encapsulated", "connection"})
        if (std::ranges::count(fields_, once, &std::pair<std::string, std::string>::first) > 1)
            return bad_reply("a header field twice", once);
    pending_.clear();
    const auto sections = field("encapsulated");
    if (!sections || status_ == 100) {
        state_ = State::complete;
        return {};
    }
    return take_sections(*sections);
}

// take_sections - "req-hdr=0, res-hdr=137, res-body=296": what follows, and where each begins (RFC 3507 section 4.4.1)
Done IcapReply::take_sections(std::string_view list) {
    std::optional<std::size_t> last;
    bool is_ended = false;
    for (auto part : split(list, ',')) {
        part = trim(part);
        const auto equals = part.find('=');
        const auto at =
            equals == std::string_view::npos ? std::nullopt : parse_unsigned(trim(part.substr(equals + 1)), header_limit);
        if (!at || is_ended || (last ? *at <= *last : *at != 0)) return bad_reply("a bad Encapsulated field", list);
        const auto name = trim(part.substr(0, equals));
        if (has_response_ && response_end_ == 0) response_end_ = static_cast<std::size_t>(*at);
        if (name == "res-hdr" && !has_response_) {
            has_response_ = true;
            response_at_ = static_cast<std::size_t>(*at);
        } else if (name == "req-body" || name == "res-body" || name == "opt-body" || name == "null-body") {
            is_ended = true;
            has_body_ = name != "null-body";
            encapsulated_ = static_cast<std::size_t>(*at);
        } else if (name != "req-hdr") {
            return bad_reply("an unknown section in the Encapsulated field", list);
        }
        last = static_cast<std::size_t>(*at);
    }
    if (!is_ended) return bad_reply("an Encapsulated field without a body", list);
    state_ = encapsulated_ != 0 ? State::encapsulated : has_body_ ? State::chunk_size : State::complete;
    return {};
}

Done IcapReply::take_encapsulated() {
    if (has_response_) {
        const auto header = std::string_view(pending_).substr(response_at_, response_end_ - response_at_);
        const auto line = header.substr(0, header.find("\r\n"));
        const auto status = parse_status(line, line.starts_with("HTTP/1.0") ? "HTTP/1.0 " : "HTTP/1.1 ");
        if (!status) return bad_reply("an encapsulated answer without a status", line);
        http_status_ = *status;
    }
    pending_.clear();
    state_ = has_body_ ? State::chunk_size : State::complete;
    return {};
}

Done IcapReply::take_chunk_size() {
    const std::string_view line(pending_.data(), pending_.size() - 2);
    const auto size = parse_hex(trim(line.substr(0, line.find(';'))));
    if (!size) return bad_reply("a bad chunk", line);
    if (*size > body_limit_ - body_size_) return fail(Errc::bad_reply, fmt::format("a body of more than {} bytes", body_limit_));
    body_size_ += *size;
    chunk_left_ = *size;
    pending_.clear();
    state_ = *size != 0 ? State::chunk : State::trailer;
    return {};
}

Result<bool> IcapReply::step(std::string_view& rest) {
    const auto with_mark = [&](std::string_view mark, std::size_t limit, auto done) -> Result<bool> {
        auto complete = take_until(rest, mark, limit);
        if (!complete || !*complete) return complete;
        if (auto good = done(); !good) return std::unexpected(std::move(good.error()));
        return true;
    };
    switch (state_) {
        case State::header: return with_mark("\r\n\r\n", header_limit, [this] { return take_header(); });
        case State::encapsulated: {
            const auto part = rest.substr(0, encapsulated_ - pending_.size());
            pending_ += part;
            rest.remove_prefix(part.size());
            if (pending_.size() < encapsulated_) return false;
            if (auto good = take_encapsulated(); !good) return std::unexpected(std::move(good.error()));
            return true;
        }
        case State::chunk_size: return with_mark("\r\n", line_limit, [this] { return take_chunk_size(); });
        case State::chunk: {
            const auto part = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, rest.size())));
            if (on_body_) on_body_(part);
            chunk_left_ -= part.size();
            rest.remove_prefix(part.size());
            if (chunk_left_ == 0) state_ = State::chunk_end;
            return chunk_left_ == 0;
        }
        case State::chunk_end:
            return with_mark("\r\n", 2, [this]() -> Done {
                if (pending_.size() != 2) return bad_reply("a chunk longer than it said", pending_);
                pending_.clear();
                state_ = State::chunk_size;
                return {};
            });
        case State::trailer:
            return with_mark("\r\n", line_limit, [this]() -> Done {
                if (pending_ == "\r\n") {
                    pending_.clear();
                    state_ = State::complete;
                    return {};
                }
                return bad_reply("a trailer that nobody asked for", pending_);
            });
        case State::complete: return bad_reply("more than one answer", rest);
    }
    return fail(Errc::broken, "an unknown state");
}

Result<bool> IcapReply::feed(std::string_view bytes) {
    said_anything_ = said_anything_ || !bytes.empty();
    while (!bytes.empty()) {
        auto moved = step(bytes);
        if (!moved) return std::unexpected(std::move(moved.error()));
    }
    return state_ == State::complete;
}

Fault IcapReply::end() const {
    if (!said_anything_) return {make_error_code(Errc::closed), "no answer"};
    return {make_error_code(Errc::bad_reply), "cut off in the middle of an answer"};
}

Result<IcapOptions> parse_icap_options(const IcapReply& reply, IcapMethod method) {
    if (reply.status() == 404) return fail(Errc::unavailable, "no such service (ICAP 404); look at the path in the URL");
    if (reply.status() != 200)
        return fail(Errc::unavailable, fmt::format("OPTIONS was answered with ICAP {} \"{}\"", reply.status(), reply.reason()));
    const auto methods = reply.field("methods");
    if (!methods) return fail(Errc::bad_reply, "the answer to OPTIONS names no Methods");
    const auto names = words(*methods, " \t\n,");
    if (std::ranges::none_of(names, [&](auto name) { return equal_fold(name, icap_method_name(method)); }))
        return fail(Errc::unavailable,
                    fmt::format("the service does not do {}, but \"{}\"", icap_method_name(method), escaped(*methods)));
    IcapOptions options;
    if (const auto preview = reply.field("preview"))
        if (const auto bytes = parse_unsigned(trim(*preview), max_preview)) options.preview = static_cast<std::uint32_t>(*bytes);
    if (const auto ttl = reply.field("options-ttl"))
        if (const auto seconds = parse_unsigned(trim(*ttl)))
            options.valid_for = std::chrono::seconds(std::clamp<std::uint64_t>(*seconds, 1, 3600));
    return options;
}

Result<mail::ScanOutcome> judge_icap(const IcapReply& reply, IcapMethod method, const IcapSent& sent) {
    const auto status = reply.status();
    if (status != 200 && status != 204) {
        if (status == 404) return fail(Errc::unavailable, "no such service (ICAP 404); look at the path in the URL");
        return fail(status == 408 ? Errc::bad_reply : Errc::unavailable, fmt::format("ICAP {} \"{}\"", status, reply.reason()));
    }
    auto names = infection_names(reply);
    constexpr std::string_view limits = "Heuristics.Limits.Exceeded";
    if (!names.empty() && std::ranges::all_of(names, [&](const auto& name) { return name.starts_with(limits); }))
        return fail(Errc::over_limit, "the engine reached a limit of its own: " + names[0]);
    if (!names.empty()) return mail::ScanOutcome(mail::Infected{std::move(names)});
    if (status == 204) {
        if (reply.has_body()) return fail(Errc::bad_reply, "204 with a body");
        if (sent.is_nothing) return fail(Errc::bad_reply, "204 before it had seen a byte of the message");
        if (!sent.is_all) return fail(Errc::bad_reply, "204 before the end of the message");
        return mail::ScanOutcome(mail::Clean{});
    }
    const auto http = reply.http_status();
    const bool is_page = method == IcapMethod::reqmod && http >= 200;  // an answer in place of the request
    if ((http >= 300 && http < 500) || (is_page && http < 500)) return mail::ScanOutcome(mail::Infected{{"ICAP: blocked"}});
    if (http >= 500) return fail(Errc::unavailable, fmt::format("it put an error page in the message's place (HTTP {})", http));
    if (sent.came_back_same && sent.is_all) return mail::ScanOutcome(mail::Clean{});
    return fail(Errc::bad_reply, "it changed the message and does not say why");
}

}  // namespace tamis::scanners
