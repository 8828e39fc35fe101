// expire - removes what is past its age from the records and the quarantine, slowly enough that mail does not notice
//
// Guarantees: every transaction is short (it aims at `target`; what would take longer than `limit` is rolled back by the
// server and done in smaller parts), touches only rows named by their keys, and passes over rows that others hold. Between
// two there is a pause in proportion to what the last one took, but not so long that it falls behind the mail. Broken off
// at any moment nothing is half gone, except that a large copy, already marked as expired, may still have chunks; the next
// run takes them. Two at once do no harm.
// Also: rows without their message, addresses that nobody refers to, partitions that are past, partitions to come, and
// SQLite's free pages. Trusts the tables as far as the store does. One io_context, one run at a time per object.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/result.h"
#include "storage/dsn.h"
#include "storage/retention/retention.h"

namespace tamis::storage {

struct ExpireOptions {
    RetentionRules rules;
    std::int64_t now = 0;  // Unix seconds
    bool removes = true;   // false: only partitions to come are made
    bool dry_run = false;
    bool is_full = true;  // false: only what became due since the last run of this object
    bool drops_partitions = true;
    int weeks_ahead = 8;                  // partitions to come
    std::size_t batch = 500;              // messages in a transaction, at most
    std::chrono::milliseconds pause{10};  // between transactions, at least
    double share = 0.05;                  // of the time in which the database works for us, at most
    double least_rate = 250;              // messages a second: it does not rest longer than they allow, whatever the share
    std::chrono::milliseconds longest_run{std::chrono::minutes(30)};
    std::chrono::milliseconds connect_limit{10'000};  // to reach one of the databases
    bool frees_pages = true;                          // SQLite with auto_vacuum = incremental
    bool vacuums = false;                             // SQLite: the whole file anew; nobody can write meanwhile
};

struct ExpireReport {
    struct Count {
        std::uint64_t records = 0, copies = 0;
    };
    std::map<char, Count> by_category;                      // by letter of msgs.content; '\0': incomplete
    std::uint64_t records = 0, copies = 0, incomplete = 0;  // messages; records: with their copies
    std::uint64_t recipients = 0, chunks = 0;               // rows that went with them
    std::uint64_t orphan_recipients = 0, orphan_chunks = 0, addresses = 0, restored_addresses = 0;
    std::uint64_t pages = 0;                    // SQLite: given back to the disk
    std::vector<std::string> dropped, created;  // partitions
    std::vector<std::string> remarks;
    std::optional<std::int64_t> oldest_record, oldest_copy;  // that are kept; time_num
    std::chrono::microseconds longest_transaction{0};
    std::chrono::milliseconds elapsed{0};
    std::uint64_t transactions = 0, too_long = 0;  // that changed something; that were rolled back
    bool is_complete = true;                       // false: stopped, or out of time
    bool is_elsewhere = false;                     // another host is at it: nothing was done here

    bool is_empty() const {
        return records + copies + incomplete + orphan_recipients + orphan_chunks + addresses + dropped.size() + created.size() ==
               0;
    }
};

// describe_report - on one line, for the log
std::string describe_report(const ExpireReport& report);

class Expiry {
public:
    // run - `stop` is looked at between two transactions. A Fault when the database cannot be reached, or lacks what is
    // needed; what was done until then stays done.
    Task<Result<ExpireReport>> run(asio::io_context& loop, std::vector<Dsn> dsns, ExpireOptions options,
                                   const std::atomic<bool>& stop);

private:
    // once - one session's worth of it, from the beginning: what is done is not there any more
    Task<Done> once(class ExpireRun& run, const std::vector<Walk>& walks, const ExpireOptions& options);
    struct Mark {
        Walk walk;  // but for `until`
        std::int64_t until = 0;
    };
    std::vector<Mark> marks_;  // how far each walk came in the last runs
};

}  // namespace tamis::storage
