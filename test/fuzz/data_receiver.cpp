#include "proxy/smtp/data_receiver.h"

#include <string>

#include "deliver/data_writer.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// what comes in, in pieces of a size that the first byte gives, and what would leave towards the next hop
void data_receiver(std::string_view bytes) {
    std::size_t piece = 1;
    if (!bytes.empty()) {
        piece = 1 + static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
    }
    std::string message;
    proxy::DataReceiver receiver(0, [&](std::string_view more) {
        message += more;
        return true;
    });
    while (!bytes.empty() && !receiver.finished()) {
        const auto now = bytes.substr(0, piece);
        const auto used = receiver.feed(now);
        must(used <= now.size() && (used == now.size() || receiver.finished()), "all is used until the end");
        bytes.remove_prefix(now.size());
    }
    for (std::size_t i = 0; i < message.size(); ++i) {
        must(message[i] != '\0', "no NUL comes through");
        if (message[i] == '\n') must(i > 0 && message[i - 1] == '\r', "no bare LF comes through");
        if (message[i] == '\r') must(i + 1 == message.size() || message[i + 1] == '\n', "no bare CR comes through");
    }
    if (!receiver.finished()) return;
    must(message.empty() || message.ends_with("\r\n"), "the last line has its end");
    deliver::LineGuard guard;
    deliver::LineGuard::Views views;
    std::string_view rest = message;
    std::string wire;
    const auto drain = [&] {
        for (const auto& view : views) wire.append(static_cast<const char*>(view.data()), view.size());
        views.clear();
    };
    while (!rest.empty()) {
        const auto used = guard.feed(rest, views, 64);
        must(used > 0, "the writer gets on");
        rest.remove_prefix(used);
        drain();
    }
    guard.finish(views);
    drain();
    const auto end = wire.find("\r\n.\r\n");
    const auto whole = std::string("\r\n") + wire;
    must(whole.find("\r\n.\r\n") == whole.size() - 5, "the data end once, at their end");
    (void)end;
}

}  // namespace tamis::fuzz
