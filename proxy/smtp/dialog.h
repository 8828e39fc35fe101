// dialog - the SMTP and LMTP server's side of a conversation as a state machine without sockets
//
// Replies are amavisd's (docs/amavis/smtp.md 2.2 to 2.9). Guarantees: the transaction is one object, destroyed on
// RSET, HELO/EHLO/LHLO, STARTTLS and after every reply to the end of data; XFORWARD never changes anything for a peer
// that is not listed. Trusts nothing. No I/O; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mail/envelope.h"
#include "proxy/smtp/reply.h"

namespace tamis::proxy {

struct DialogOptions {
    std::string hostname = "localhost";
    std::string socket_address;  // "127.0.0.1", empty on a unix socket
    std::string peer_address;
    std::string listener = "10024";
    std::size_t recipient_limit = 1100;
    std::uint64_t size_limit = 0;  // RFC 1870 octets; 0: none
    unsigned error_limit = 20;     // 0: none
    bool may_xforward = true;      // the peer is listed
    bool offers_tls = false;
    bool requires_tls = false;
    bool starts_as_lmtp = false;
};

class Dialog {
public:
    enum class State { fresh, greeted, has_sender, has_recipient };
    enum class Next { command, data, start_tls, close };
    struct Step {
        Reply reply;
        Next next = Next::command;
    };

    explicit Dialog(DialogOptions options);

    Reply greeting() const;
    // on_line - one command line without its CRLF
    Step on_line(std::string_view line);
    // bad_line - a line that is no line: too long, bare LF or CR, NUL in it
    Step bad_line(std::string_view why);

    State state() const noexcept { return state_; }
    bool is_lmtp() const noexcept { return lmtp_; }
    const mail::Envelope& envelope() const noexcept { return envelope_; }
    // take_envelope - hands the finished envelope out and ends the transaction
    mail::Envelope take_envelope();
    // tls_started - the handshake is done: everything the client said before is forgotten (RFC 3207)
    void tls_started(std::string description);

private:
    struct Verb {
        std::string_view name;
        Step (Dialog::*handle)(std::string_view arguments);
        bool allowed_before_tls;
    };
    static const Verb* find_verb(std::string_view name);

    Step helo(std::string_view arguments);
    Step ehlo(std::string_view arguments);
    Step lhlo(std::string_view arguments);
    Step mail(std::string_view arguments);
    Step rcpt(std::string_view arguments);
    Step data(std::string_view arguments);
    Step rset(std::string_view arguments);
    Step noop(std::string_view arguments);
    Step vrfy(std::string_view arguments);
    Step help(std::string_view arguments);
    Step quit(std::string_view arguments);
    Step starttls(std::string_view arguments);
    Step xforward(std::string_view arguments);
    Step not_implemented(std::string_view arguments);

    Step greet(std::string_view helo, bool extended, bool lmtp);
    Step error(int code, std::string enhanced, std::string text);
    void reset();
    std::string own_name() const;  // "[127.0.0.1]" or "[localhost]"
    std::string protocol() const;
    std::string mail_parameter(const std::string& name, const std::optional<std::string>& value);  // "" or an error line
    std::string rcpt_parameter(const std::string& name, const std::optional<std::string>& value, mail::Recipient& recipient);

    DialogOptions options_;
    State state_ = State::fresh;
    mail::Envelope envelope_;
    mail::Client client_;  // XFORWARD waiting for the next MAIL
    std::string helo_;
    std::string tls_;
    std::string verb_;  // the verb in hand, for error texts
    bool extended_ = false;
    bool lmtp_ = false;
    bool seen_size_ = false, seen_body_ = false;
    std::size_t recipient_commands_ = 0;
    unsigned errors_ = 0;
};

}  // namespace tamis::proxy
