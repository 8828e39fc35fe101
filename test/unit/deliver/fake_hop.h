// fake_hop - a scripted SMTP or LMTP server on a free loopback port, for tests; one thread, no timing of its own
#pragma once

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stream.h"
#include "base/text.h"
#include "base/tls.h"
#include "deliver/next_hop.h"

namespace tamis::deliver {

class FakeHop {
public:
    // Answer - what to say to a command ("EHLO x", "MAIL ...", "greeting", "." for the end of the text) on the n-th
    // connection; nothing for the usual answer. Instead of a reply: "!close", "!reset" (RST), "!hang" (never answers,
    // never reads again, stays open). A reply that ends in "!close" is said before closing.
    using Answer = std::function<std::optional<std::string>(int connection, const std::string& command)>;

    struct Traits {
        bool lmtp = false;
        std::string offers = "PIPELINING|8BITMIME|SIZE|ENHANCEDSTATUSCODES";
        bool reads_text = true;  // false: hangs after 354
        std::shared_ptr<const TlsContext> tls = nullptr;
    };

    FakeHop(asio::io_context& on, Traits given, Answer scripted = nullptr)
        : context(on),
          traits(std::move(given)),
          answer(std::move(scripted)),
          acceptor(on, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        asio::co_spawn(context, accept(*this), asio::detached);
    }

    NextHop hop() const {
        return parse_next_hop((traits.lmtp ? "lmtp:[127.0.0.1]:" : "smtp:[127.0.0.1]:") +
                              std::to_string(acceptor.local_endpoint().port()))
            .value();
    }

    asio::io_context& context;
    Traits traits;
    Answer answer;
    asio::ip::tcp::acceptor acceptor;
    int connections = 0;
    std::vector<std::string> commands;  // of all connections
    std::vector<std::string> texts;     // as they came, stuffed, with the final dot
    std::vector<std::size_t> reads;     // octets of each read
    std::vector<std::shared_ptr<Stream>> hanging;

private:
    static Task<void> accept(FakeHop& self) {
        for (;;) {
            auto [error, socket] = co_await self.acceptor.async_accept(as_result);
            if (error) co_return;
            auto stream = std::make_shared<Stream>(Stream::Socket(std::move(socket)));
            asio::co_spawn(self.context, serve(self, std::move(stream), ++self.connections), asio::detached);
        }
    }

    // speak - says it; false when the connection has ended for us
    static Task<bool> speak(FakeHop& self, std::shared_ptr<Stream> stream, std::string text) {
        if (text == "!hang") {
            self.hanging.push_back(stream);
            co_return false;
        }
        if (text == "!reset") stream->socket().set_option(asio::socket_base::linger(true, 0));
        const bool ends = text.ends_with("!close") || text == "!reset";
        if (!ends) text += "\r\n";
        if (ends) text = text.size() > 6 ? text.substr(0, text.size() - 6) + "\r\n" : "";
        if (!(co_await stream->write(text, Deadline::never()))) co_return false;
        if (ends) stream->close();
        co_return !ends;
    }

    std::string decide(int connection, const std::string& command, std::string usual) const {
        return answer ? answer(connection, command).value_or(std::move(usual)) : std::move(usual);
    }

    std::string usual(const std::string& command, std::size_t accepted) const {
        if (starts_with_fold(command, "EHLO") || starts_with_fold(command, "LHLO")) {
            std::string out = "250-fake";
            for (const auto word : split(traits.offers, '|')) out += "\r\n250-" + std::string(word);
            out[out.rfind("250-") + 3] = ' ';
            return out;
        }
        if (starts_with_fold(command, "MAIL")) return "250 2.1.0 Ok";
        if (starts_with_fold(command, "RCPT")) return "250 2.1.5 Ok";
        if (command == "STARTTLS") return "220 2.0.0 Ready";
        if (command == "DATA") return accepted != 0 ? "354 End data with <CR><LF>.<CR><LF>" : "554 5.5.1 no valid recipients";
        if (command == "QUIT") return "221 2.0.0 Bye!close";
        return "250 2.0.0 Ok";
    }

    static Task<void> serve(FakeHop& self, std::shared_ptr<Stream> stream, int number) {
        if (!co_await speak(self, stream, self.decide(number, "greeting", "220 fake ESMTP"))) co_return;
        std::string buffer;
        std::size_t accepted = 0;
        bool in_text = false;
        for (;;) {
            const bool lone = in_text && buffer.starts_with(".\r\n");
            const std::size_t end = lone ? 0 : buffer.find(in_text ? "\r\n.\r\n" : "\r\n");
            if (end == std::string::npos) {
                auto chunk = std::make_unique<std::array<char, 65536>>();
                const auto got = co_await stream->read_some(*chunk, Deadline::never());
                if (!got) co_return;
                self.reads.push_back(*got);
                buffer.append(chunk->data(), *got);
                continue;
            }
            if (in_text) {
                const std::size_t size = lone ? 3 : end + 5;
                self.texts.push_back(buffer.substr(0, size));
                buffer.erase(0, size);
                in_text = false;
                std::size_t replies = self.traits.lmtp ? std::exchange(accepted, 0) : 1;
                for (accepted = 0; replies != 0; --replies)
                    if (!co_await speak(self, stream,
                                        self.decide(number, ".", "250 2.0.0 Ok: queued as " + std::to_string(self.texts.size()))))
                        co_return;
                continue;
            }
            const std::string command = buffer.substr(0, end);
            buffer.erase(0, end + 2);
            self.commands.push_back(command);
            const std::string text = self.decide(number, command, self.usual(command, accepted));
            if (starts_with_fold(command, "RCPT") && text.starts_with("2")) ++accepted;
            if (command == "RSET") accepted = 0;
            if (!co_await speak(self, stream, text)) co_return;
            if (command == "STARTTLS" && text.starts_with("220")) {
                buffer.clear();
                if (!co_await stream->start_tls_server(*self.traits.tls, Deadline::never())) co_return;
            }
            in_text = text.starts_with("354");
            if (in_text && !self.traits.reads_text) {
                self.hanging.push_back(stream);
                co_return;
            }
        }
    }
};

}  // namespace tamis::deliver
