#include "deliver/next_hop.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis::deliver {

Result<NextHop> parse_next_hop(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_input,
                    fmt::format("delivery method \"{}\": {}; expected smtp:[HOST]:PORT, lmtp:[HOST]:PORT, smtp:/PATH or "
                                "lmtp:/PATH",
                                escaped(text), why));
    };
    const std::string_view whole = trim(text);
    const auto colon = whole.find(':');
    if (colon == std::string_view::npos) return wrong("no protocol");
    const auto name = whole.substr(0, colon);
    const bool lmtp = equal_fold(name, "lmtp");
    if (!lmtp && !equal_fold(name, "smtp")) return wrong("the protocol is neither smtp nor lmtp");

    std::string_view rest = whole.substr(colon + 1);
    if (starts_with_fold(rest, "inet:")) rest.remove_prefix(5);
    if (!rest.starts_with('/') && !rest.starts_with("unix:")) {  // cut amavisd's old ":options" after the port
        const auto host_end = rest.starts_with('[') ? rest.find(']') : rest.find(':');
        if (host_end == std::string_view::npos) return wrong("no port");
        const auto port_at = rest.find(':', host_end);
        if (port_at != std::string_view::npos) rest = rest.substr(0, rest.find(':', port_at + 1));
    }
    auto endpoint = parse_endpoint(rest);
    if (!endpoint) return wrong(endpoint.error().detail);
    const auto plain = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '<' && c != '>'; };
    for (const char c : endpoint->host)
        if (!plain(c) || c == '*') return wrong("the host holds a character that no host name has");

    NextHop hop;
    hop.protocol = lmtp ? NextHop::Protocol::lmtp : NextHop::Protocol::smtp;
    hop.shown = endpoint->is_unix() ? fmt::format("{}:{}", lmtp ? "lmtp" : "smtp", endpoint->path)
                                    : fmt::format("{}:[{}]:{}", lmtp ? "lmtp" : "smtp", endpoint->host, endpoint->port);
    hop.endpoint = std::move(*endpoint);
    return hop;
}

}  // namespace tamis::deliver
