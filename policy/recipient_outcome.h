// recipient_outcome - how it ended for one recipient. Pure data.
#pragma once

#include <string>

namespace tamis::policy {

// Response - what is said about one recipient
struct Response {
    int code = 250;
    std::string enhanced = "2.0.0";
    std::string text;
    std::string line() const { return std::to_string(code) + " " + enhanced + " " + text; }
};

struct RecipientOutcome {
    Response response;               // what our client was told about this recipient, before one-response-for-all
    bool relayed = false;            // the next hop took it
    std::string queued_as;           // the next hop's queue id or its whole reply, empty when not relayed
    std::string remote_mta = {};     // name or address of the next hop that answered; empty: it was never asked
    std::string remote_reply = {};   // its reply about this recipient, as it came; for Diagnostic-Code
    std::string final_address = {};  // what it was told in RCPT, when that is not the envelope's address
    bool takes_dsn = false;          // the next hop offered DSN: what NOTIFY asked for is its business now
    bool tempfailed() const { return response.code / 100 == 4; }
};

}  // namespace tamis::policy
