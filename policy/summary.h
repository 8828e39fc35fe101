// summary - the one line per message that log parsers read, in amavisd's exact short format (docs/amavis/operations.md 2)
//
// Up to two lines: "Passed ..." for the recipients that got the mail, "Blocked ..." for the others. Attacker text is
// escaped. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/judge.h"

namespace tamis::policy {

// RecipientOutcome - how it ended for one recipient
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

struct SummaryInput {
    const mail::Envelope* envelope = nullptr;
    const mail::Message* message = nullptr;
    const Findings* findings = nullptr;
    const std::vector<RecipientVerdict>* verdicts = nullptr;
    const std::vector<RecipientPolicy>* policies = nullptr;
    const std::vector<RecipientOutcome>* outcomes = nullptr;
    std::string policy_path;  // "MYNETS/..."
    bool originating = false;
    std::vector<std::string> quarantine_locations;
    bool archived = false;
    bool dsn_sent = false;         // else: suppressed
    std::optional<int> one_reply;  // SMTP: the code of the reply that stands for all recipients
    std::chrono::milliseconds elapsed{};
};

// summary_lines - each of at most log::line_limit octets with its log id: where a value is too long for that, it is cut inside
// ("..."), and recipients that are left out are counted ("...[998 more]"). No field is ever missing, whatever strangers write.
std::vector<std::string> summary_lines(const SummaryInput& input);
// summary_json - the same as one JSON object (docs/amavis/operations.md 3, the keys we know). Always a whole object: when it
// would be longer than `limit` octets (0: none), texts are cut and recipients left out, which "rcpt_omitted" counts.
std::string summary_json(const SummaryInput& input, std::size_t limit = 0);

// queue_id_of - "3BD2F41C0A" of "250 2.0.0 Ok: queued as 3BD2F41C0A", otherwise the whole reply
std::string queue_id_of(std::string_view reply);

// oldest_public_address - the first public IP address in the Received fields, from the oldest; empty when none
std::string oldest_public_address(const mail::Message& message);

}  // namespace tamis::policy
