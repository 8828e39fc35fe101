// delivered_journal - what was already handed over when the MTA did not get to know it
//
// Two cases: our 250 could not be sent (the connection was gone), and an SMTP client had to be given a 4xx for all
// because one recipient failed. Postfix then tries the whole message again; the journal knows by queue id, sender and
// content which recipients already have it, and gives their old answer instead of a second copy (fault-matrix.md I3,
// user-asks.md 82). Only messages whose MTA told us a queue id (XFORWARD IDENT) are remembered. In memory, bounded,
// shared by all threads.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/summary.h"

namespace tamis::proxy {

class DeliveredJournal {
public:
    static constexpr std::size_t limit = 100'000;                        // recipients
    static constexpr std::chrono::hours lifetime{6 * 24};                // Postfix keeps trying for 5 days

    void remember(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient,
                  const policy::RecipientOutcome& outcome);
    // find - the outcome of an earlier try, and forgets nothing: the MTA may try yet again
    std::optional<policy::RecipientOutcome> find(const mail::Envelope& envelope, const mail::Message& message,
                                                 const std::string& recipient) const;
    bool        empty() const;
    std::size_t size() const;

private:
    struct Entry {
        policy::RecipientOutcome              outcome;
        std::chrono::steady_clock::time_point at;
    };
    static std::string key(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient);

    mutable std::mutex                     mutex_;
    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::string>                order_;
};

}  // namespace tamis::proxy
