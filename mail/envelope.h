// envelope - what the SMTP or LMTP dialogue said about one message: from whom, to whom, with which promises
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tamis::mail {

enum class BodyType { unspecified, seven_bit, eight_bit };

// Client - the original client as the MTA told us by XFORWARD; absent attributes are [UNAVAILABLE]
struct Client {
    std::optional<std::string> name, address, port, protocol, helo, source, ident;
    bool empty() const { return !name && !address && !port && !protocol && !helo && !source && !ident; }
};

struct Recipient {
    std::string address;             // forward-path without angle brackets, as given
    std::string notify;              // RFC 3461: "", "NEVER" or "SUCCESS,FAILURE,DELAY" in any subset
    std::string original_recipient;  // ORCPT as given ("rfc822;..." in xtext), empty when none
};

struct Envelope {
    std::string sender;  // reverse-path without angle brackets; empty is the null sender
    std::vector<Recipient> recipients;
    BodyType body = BodyType::unspecified;
    bool smtputf8 = false;
    std::optional<std::uint64_t> declared_size;
    std::string ret;          // "", "FULL", "HDRS"
    std::string envelope_id;  // ENVID in xtext, as given
    std::string auth;         // AUTH= in xtext, as given
    Client client;            // the original client (XFORWARD)

    // our own connection
    std::string peer_address;               // of the MTA that speaks to us; empty on a unix socket
    std::string peer_helo;                  // what it said in EHLO/LHLO
    std::string socket_address;             // ours, "127.0.0.1"; empty on a unix socket
    std::string listener;                   // "10024" or the socket path
    std::string protocol;                   // "SMTP", "ESMTP", "ESMTPS", "LMTP", "LMTPS", "UTF8SMTP", ... (RFC 3848, RFC 6531)
    std::vector<std::string> policy_banks;  // asked for by a trusted client (AM.PDP), loaded after those of rules
    std::string tls;                        // Stream::tls_description(), empty without TLS
};

}  // namespace tamis::mail
