// mail_server - what an SMTP or LMTP server says until a message would begin; nothing is sent
//
// Greeting, EHLO or LHLO, and when asked for MAIL FROM:<> and RCPT TO:<postmaster>, then RSET and QUIT.
#pragma once

#include <optional>
#include <string>

#include "base/async.h"
#include "base/deadline.h"
#include "base/endpoint.h"
#include "deliver/client_command.h"
#include "deliver/next_hop.h"
#include "deliver/remote_reply.h"
#include "tools/doctor/finding.h"

namespace tamis::doctor {

struct MailServer {
    std::string trouble;        // no connection, no greeting, no SMTP; "": it spoke
    bool is_forbidden = false;  // the trouble is that we have no right to connect
    deliver::RemoteReply greeting, hello;
    deliver::Extensions offered;
    std::optional<deliver::RemoteReply> mail, recipient;
};

enum class Probe : bool { hello_only, recipient };

Task<MailServer> meet(Endpoint where, deliver::NextHop::Protocol protocol, std::string own_name, Probe probe, Deadline deadline);

// HopWishes - how we use a next hop
struct HopWishes {
    std::string shown;  // "server.forward smtp:[127.0.0.1]:10025"
    std::string forward_tls = "none";
    bool wants_xforward = true;
    bool is_local = true;
};
// judge_hop - what it lacks; `front` (null: not known) is what the same Postfix offers to those who hand mail in. Pure.
void judge_hop(const MailServer& server, const HopWishes& wishes, const deliver::Extensions* front, Report& report);

}  // namespace tamis::doctor
