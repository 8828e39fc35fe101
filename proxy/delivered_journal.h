// delivered_journal - what was handed over while the MTA does not know it yet
//
// Between the next hop's 250 and our own answer a message is delivered and the MTA would try it again: when the
// connection is lost, when an SMTP client had to be given a 4xx for all because one recipient failed, and when the process
// is killed. The journal knows by queue id, sender and content which recipients already have it, and gives their old answer
// instead of a second copy (docs/life-of-a-message.md, "Once, not twice"). Only messages whose MTA told us a queue id (XFORWARD
// IDENT) are remembered. With open() the notes live in a file (delivered_file.h) that a SIGKILL does not touch.
// Bounded; shared by all threads.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/recipient_outcome.h"
#include "proxy/delivered_file.h"

namespace tamis::proxy {

class DeliveredJournal {
public:
    static constexpr std::size_t limit = 100'000;          // recipients
    static constexpr std::chrono::hours lifetime{6 * 24};  // Postfix keeps trying for 5 days

    // open - from now on notes are kept in files below `folder`, and those of processes that are gone are taken over. A
    // Fault: the journal lives in memory only. Call before anything is remembered.
    Done open(const std::string& folder);

    // remember - before anything else is done after the next hop's 2xx. Never fails: a note that the file has no room
    // for is kept in memory, and the log says so once.
    void remember(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient,
                  const policy::RecipientOutcome& outcome);
    // forget - the MTA has our answer about this recipient
    void forget(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient);
    // find - the outcome of an earlier try, and forgets nothing: the MTA may try yet again
    std::optional<policy::RecipientOutcome> find(const mail::Envelope& envelope, const mail::Message& message,
                                                 const std::string& recipient);
    bool empty() const;
    std::size_t size() const;

private:
    struct KeyHash {
        std::size_t operator()(const DeliveredKey& key) const noexcept;
    };
    struct Entry {
        policy::RecipientOutcome outcome;
        std::int64_t at = 0;
        std::optional<DeliveredFile::Slot> slot;
        std::list<DeliveredKey>::iterator place;  // in order_
    };
    using Entries = std::unordered_map<DeliveredKey, Entry, KeyHash>;

    void add(DeliveredNote note);
    void drop(Entries::iterator entry);
    void take_over();

    mutable std::mutex mutex_;
    Entries entries_;
    std::list<DeliveredKey> order_;                            // oldest first
    std::unique_ptr<DeliveredFile> file_;                      // null: in memory only
    std::vector<std::unique_ptr<OtherDeliveredFile>> others_;  // of processes that run still
    bool has_warned_ = false;
};

}  // namespace tamis::proxy
