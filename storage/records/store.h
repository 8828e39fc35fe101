// store - where records, quarantined mail and policies live
//
// One object per configured DSN list, shared by all threads: every call may come from any io_context and resumes on the
// caller's executor. Nothing here blocks the caller's loop. A store that cannot be reached answers Errc::unavailable
// with a Fault that names the DSN (without its password) and the reason, and keeps trying to reconnect on its own with
// back-off and jitter.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "base/slots.h"
#include "mail/record.h"

namespace tamis::storage {

class RecordStore {
public:
    virtual ~RecordStore() = default;

    // ready - whether records can be written now; the Fault says since when not and why. Never waits.
    virtual Done ready() const = 0;

    // keep - writes everything of a message that is final now: maddr, msgs, msgrcpt and, when given, the quarantine
    // chunks, as one transaction; many messages share one commit. Returns after the commit. A second keep() of the
    // same mail_id is Errc::conflict. When the connection dies before the commit was acknowledged, the store finds out
    // whether it happened (the mail_id is unique) before it tries again, until the deadline. A record whose content is
    // '\0' is stored with NULL there: the message is still being processed. Errc::timeout leaves it open whether the
    // message was stored.
    virtual Task<Done> keep(mail::MessageRecord record, std::optional<mail::QuarantineCopy> quarantine, Deadline deadline) = 0;

    // finish - brings a kept message to its final state: content, quar_type, quar_loc, dsn_sent, spam_level of msgs;
    // content, ds and smtp_resp of every recipient. Errc::not_found: it was never kept.
    virtual Task<Done> finish(mail::MessageRecord record, Deadline deadline) = 0;

    // remember - for mail that was already delivered: like keep() without a quarantine copy, but the caller cannot take
    // the answer back any more. Accepted at once into a bounded queue that survives an outage of the database; a record
    // that does not fit is logged in full and counted. Never fails the message.
    virtual void remember(mail::MessageRecord record) = 0;

    // remembered - how many such records wait to be written
    virtual std::size_t remembered() const = 0;

    // drain - writes what is still waiting, until the deadline; returns how many were left
    virtual Task<std::size_t> drain(Deadline deadline) = 0;
};

struct Dsn;  // storage/dsn.h

struct StoreOptions {
    std::size_t connections = 4;  // PostgreSQL sessions, at most 8
    std::size_t remembered_limit = 100'000;
    Slots* memory = nullptr;  // remembered records are charged to it; it outlives the store
    // for how long after the database went away callers still wait for it (a restart goes unnoticed); later they get
    // Errc::unavailable at once
    std::chrono::milliseconds patience{10'000};
};

// open_record_store - starts the store's own thread(s); succeeds also when the database is away (it will be tried
// again). Faults are only for what can never work: an unknown scheme, a DSN that does not parse.
Result<std::shared_ptr<RecordStore>> open_record_store(std::vector<Dsn> dsns, StoreOptions options);

}  // namespace tamis::storage
