// client_command - what a server offers, and the commands for it: XFORWARD, MAIL, RCPT with their parameters
//
// Nothing that came from a stranger reaches a command line unchecked: an address that is no mail::is_path(), an ENVID,
// ORCPT or AUTH value with a control character, a space, "<" or ">" makes a refusal instead of a command
// (docs/security.md); XFORWARD values are replaced by [UNAVAILABLE] or "?" and xtext-encoded. Pure functions; trust nothing.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/reinject.h"
#include "deliver/remote_reply.h"
#include "mail/envelope.h"

namespace tamis::deliver {

// Extensions - what the reply to EHLO or LHLO announced
struct Extensions {
    bool pipelining = false;
    bool eight_bit = false;  // 8BITMIME
    bool smtputf8 = false;
    bool dsn = false;
    bool size = false;
    bool auth = false;
    bool starttls = false;
    std::bitset<7> xforward;  // NAME ADDR PORT PROTO HELO IDENT SOURCE, in this order
};
Extensions parse_extensions(const RemoteReply& reply);

// refused - a result of our own making: nothing was sent to the next hop
SubmissionResult refused(int code, std::string_view enhanced, std::string text);

// Smtputf8 - whether the client asked for it. Octets above 127 that came without it leave without it, as they came: only
// servers that take them so give them so.
enum class Smtputf8 { not_asked, asked };
Smtputf8 smtputf8_wish(const Submission& what);

// transaction_refusal - why this message cannot be sent to such a server at all: 8-bit data or a UTF-8 header without
// the extension for it, a sender or parameter that must not be written (docs/amavis/smtp.md 3.1; RFC 6152, RFC 6531)
std::optional<SubmissionResult> transaction_refusal(const Submission& what, const Extensions& offered);
// recipient_refusal - the same for one recipient
std::optional<SubmissionResult> recipient_refusal(const mail::Recipient& recipient, const Extensions& offered,
                                                  Smtputf8 wish = Smtputf8::asked);

// mail_command, rcpt_command - with CRLF; only for what was not refused above
std::string mail_command(const Submission& what, const Extensions& offered);
std::string rcpt_command(const mail::Recipient& recipient, const Extensions& offered);
// xforward_commands - lines of at most 512 octets with every announced attribute; none when nothing was announced
std::vector<std::string> xforward_commands(const mail::Client& client, const Extensions& offered);

// to_ascii_domain - the A-label form of an internationalised domain (IDNA 2008); nothing when it has none
std::optional<std::string> to_ascii_domain(const std::string& domain);

}  // namespace tamis::deliver
