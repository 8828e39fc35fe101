// quarantine_store - what is in the quarantine: pages of it, one message of it, its stored copy, and its states
//
// Over amavisd's tables msgs, msgrcpt, maddr and quarantine (docs/amavis/sql.md 2, 5 and 7), of every era: columns a
// database lacks are left out. Rows that amavisd or another front end wrote are as good as ours. Nothing here scans a
// large table: a page is read along an index, newest first, from the place where the last one ended, and looks at a
// bounded number of rows; schema step 0002 adds the indexes that make every page quick.
// One object per DSN list, shared by all threads: every call may come from any io_context and resumes on the caller's
// executor. A database that is away answers Errc::unavailable with the DSN (without its password) and the reason.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"

namespace tamis::storage {

// QuarantineFilter - what is listed; everything that is set must hold
struct QuarantineFilter {
    std::optional<std::int64_t> since = {}, until = {};    // Unix seconds of msgs.time_num; until is excluded
    std::string recipient = {};                            // an address, or "@example.com" for a domain
    std::string sender = {};                               // envelope sender, the same forms; "<>" is the null sender
    std::string subject = {};                              // a part of the subject, in either case
    std::string categories = {};                           // letters of msgs.content, any of them: "VB"
    std::optional<double> min_score = {}, max_score = {};  // of msgs.spam_level, both included
    std::string host = {};
    std::optional<char> state = {};  // a letter of msgrcpt.rs: the recipient's own, else that of at least one
};

// PageKey - the place in the list behind which a page begins
struct PageKey {
    std::int64_t time = 0;
    std::string mail_id;
    bool operator==(const PageKey&) const = default;
};

struct MessageKey {
    std::int64_t partition_tag = 0;
    std::string mail_id;
    bool operator==(const MessageKey&) const = default;
};

struct RecipientState {
    std::int64_t sequence = 0;    // rseqnum; 0 when the table has none
    std::int64_t address_id = 0;  // rid
    std::string address;          // maddr.email: lower case
    std::string state;            // rs as it is stored, one letter
    std::string response;         // smtp_resp as it is stored
    char disposition = '?';       // ds
    char content = ' ';
    double score = 0;
};

struct QuarantineItem {
    MessageKey key;
    std::int64_t time = 0;
    std::string sender, from, subject, host, message_id, client_address, log_id, policy;
    std::string type, location;  // quar_type, quar_loc
    char content = ' ';
    double score = 0;
    std::uint64_t size = 0;
    std::vector<RecipientState> recipients;
    bool has_more_recipients = false;  // a page shows the first ones only
};

struct QuarantinePage {
    std::vector<QuarantineItem> items;
    // next - more may follow behind it; when the page is not full, this is how far the search came in its bounded time
    std::optional<PageKey> next;
};

struct Chunk {
    std::int64_t number = 0;
    std::string text;
};

// StateChange - of one recipient's row, done only when the row still is as it was read
struct StateChange {
    MessageKey message;
    RecipientState from;          // as read
    std::string state, response;  // as it shall be
};
struct StateNow {
    bool changed = false;  // it is now as it shall be
    std::string state, response;
};

struct QuarantineCount {
    std::string host;
    char content = ' ';
    std::uint64_t messages = 0, octets = 0;
};
struct QuarantineStats {
    std::vector<QuarantineCount> counts;
    std::vector<std::pair<std::string, std::uint64_t>> states;  // recipients by rs
};

class QuarantineStore {
public:
    virtual ~QuarantineStore() = default;

    // list - at most `limit` messages (1 to 1000) behind `after`, newest first
    virtual Task<Result<QuarantinePage>> list(QuarantineFilter filter, std::optional<PageKey> after, std::size_t limit,
                                              Deadline deadline) = 0;
    // find - the message, with all recipients; more than one when the mail_id exists in several partitions. Also
    // messages without a copy.
    virtual Task<Result<std::vector<QuarantineItem>>> find(std::string mail_id, std::optional<std::int64_t> partition_tag,
                                                           Deadline deadline) = 0;
    // read_chunks - the next chunks of the stored copy behind number `after` (begin with -1), about a megabyte of them;
    // none: that was the end
    virtual Task<Result<std::vector<Chunk>>> read_chunks(MessageKey message, std::int64_t after, Deadline deadline) = 0;
    // change_state - compare and set; the same change asked twice is done once. Errc::not_found: the row is gone.
    virtual Task<Result<StateNow>> change_state(StateChange change, Deadline deadline) = 0;
    // remove - the chunks go, all recipients get state D, quar_type and quar_loc become blank; the record stays until it
    // expires. Errc::not_found: there is no such message.
    virtual Task<Done> remove(MessageKey message, Deadline deadline) = 0;
    virtual Task<Result<QuarantineStats>> stats(std::int64_t since, std::int64_t until, Deadline deadline) = 0;
};

struct QuarantineStoreOptions {
    std::size_t connections = 1;  // PostgreSQL sessions, at most 8
    std::chrono::milliseconds patience{10'000};
    bool must_write = true;                               // false: a standby will do
    std::optional<std::chrono::milliseconds> round = {};  // PostgreSQL: the time to try every DSN once; nothing: 5 s for each
};

// open_quarantine_store - starts the store's thread; succeeds also when the database is away
Result<std::shared_ptr<QuarantineStore>> open_quarantine_store(std::vector<Dsn> dsns, QuarantineStoreOptions options);

}  // namespace tamis::storage
