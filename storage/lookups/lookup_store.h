// lookup_store - what the tables users, policy, mailaddr and wblist say, and who wrote to whom before
//
// One object per configured DSN list, shared by all threads: every call may come from any io_context and resumes on the
// caller's executor. Nothing here blocks the caller's loop, nothing is ever written. A database that is away answers
// Errc::unavailable with a Fault that names the DSN (without its password) and the reason: the message then gets a 451.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "policy/lookup_keys.h"
#include "policy/user_rows.h"
#include "storage/address_key.h"
#include "storage/dsn.h"

namespace tamis::storage {

// LookupAddress - an address with the keys under which the tables may know it
struct LookupAddress {
    policy::AddressPieces pieces;
    std::vector<std::string> keys;  // policy::sql_keys
    bool is_local = false;
};

// LookupRequest - all that one message asks: its recipients, and its senders for wblist
struct LookupRequest {
    std::vector<LookupAddress> recipients, senders;
};

// LookupAnswer - per recipient its users rows in the order that decides, each with a sender_hit per sender
struct LookupAnswer {
    std::vector<std::vector<policy::UserRow>> rows;
};

class LookupStore {
public:
    virtual ~LookupStore() = default;

    // ready - whether lookups can be made now; the Fault says since when not and why. Never waits.
    virtual Done ready() const = 0;
    // look_up - one query for the whole message. Waits for a database that is away as long as LookupOptions says.
    virtual Task<Result<LookupAnswer>> look_up(LookupRequest request, Deadline deadline) = 0;
    // forget - drops whatever is kept across messages (SIGHUP)
    virtual void forget() = 0;
};

struct LookupOptions {
    std::size_t connections = 2;                          // PostgreSQL sessions, at most 8
    std::chrono::milliseconds patience{10'000};           // how long callers wait for a database that went away
    std::chrono::milliseconds cache{0};                   // 0: nothing is kept beyond one message
    std::string select_policy = {};                       // a statement of the site's own; empty: ours
    std::optional<std::string> select_wblist = {};        // nothing: ours; empty: wblist is not asked
    std::optional<std::chrono::milliseconds> round = {};  // PostgreSQL: the time to try every DSN once; nothing: 5 s for each
};

// open_lookup_store - starts the store's thread; succeeds also when the database is away. Faults are only for what can
// never work: an unknown scheme, a custom statement without a placeholder.
Result<std::shared_ptr<LookupStore>> open_lookup_store(std::vector<Dsn> dsns, LookupOptions options);

// PenPalQuestion - whether a recipient of ours wrote to the sender of this message before
struct PenPalQuestion {
    std::string sender;  // envelope sender
    std::vector<std::string> recipients;
    std::vector<std::string> references;          // Message-IDs this message answers, at most 30
    std::chrono::system_clock::time_point since;  // older mail does not count
    LocalCase local_case = LocalCase::lower;      // as the records were written
};

// OriginalQuestion - whether we sent the mail that a bounce claims to be about
struct OriginalQuestion {
    std::string message_id;               // of the original, with angle brackets
    std::vector<std::string> recipients;  // of the bounce: the original's sender should be one of them
    LocalCase local_case = LocalCase::lower;
};

// PenPalStore - over the tables maddr, msgs and msgrcpt
class PenPalStore {
public:
    virtual ~PenPalStore() = default;
    // last_written - per recipient, when that recipient last sent mail (passed, not infected) to the sender, or mail with
    // one of the referenced Message-IDs to anybody; nothing when never. Uses indexes, reads a bounded number of rows.
    virtual Task<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>> last_written(PenPalQuestion question,
                                                                                                         Deadline deadline) = 0;
    // knows_original - whether mail with that Message-ID, of one of these recipients or originating, was handed over.
    // Nothing when these tables cannot tell, because they have no column msgs.message_id. Uses msgs_idx_mess_id.
    virtual Task<Result<std::optional<bool>>> knows_original(OriginalQuestion question, Deadline deadline) = 0;
};
Result<std::shared_ptr<PenPalStore>> open_pen_pals(std::vector<Dsn> dsns, LookupOptions options);

}  // namespace tamis::storage
