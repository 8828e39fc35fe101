// release - lets a quarantined message go: to exactly the recipients asked for, once; or sends it as a report
//
// The order is: find the record, read the copy and check that it is that message's, claim each recipient's row, hand the
// message to the next hop (never to the filter's own port), settle each row. What the next hop refuses is put back as it
// was. Used by `tamis quarantine release` and by AM.PDP alike. See release_state.h for what makes it happen once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "deliver/submitter.h"
#include "quarantine/copy_reader.h"
#include "quarantine/released_message.h"
#include "quarantine/stored_copy.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::quarantine {

struct ReleaseRequest {
    enum class Kind { release, requeue, report };
    Kind kind = Kind::release;
    std::string mail_id;
    std::optional<std::int64_t> partition_tag;
    std::vector<std::string> recipients;  // empty: those from whom it was kept
    std::optional<std::string> sender;    // nothing: the message's own
    std::string requested_by;             // address, for Resent-From; may be empty
    std::string by;                       // who asks, for the records: "root@filter1.example.com"
    bool again = false;                   // also when it was released before
    std::string mail_file;                // a file of the quarantine directory, for a copy without a record
};

struct ReleaseResult {
    enum class End {
        delivered,
        already,    // released before, not delivered again
        releasing,  // somebody releases it right now, or began to and never ended
        refused,    // by the next hop; as it was before
        unknown,    // the connection died after the message was sent
        left_out,   // not even tried: `text` says why. Those come last
    };
    std::string address;
    End end = End::refused;
    int code = 451;
    std::string enhanced = "4.5.0";
    std::string text;
    std::string queue_id;
    std::string trouble;  // the delivery is done, but could not be recorded
};

// ReleaseOptions - what the site says about mail that leaves the quarantine
struct ReleaseOptions {
    std::string directory;                         // of copies in files
    std::string hostname;                          // ours: in fields and texts, and to know copies of other hosts by
    ReleaseFormat format = ReleaseFormat::resend;  // of a release; a report is always ARF
    std::string from, sender;                      // From and reverse-path of notes and reports
    deliver::NextHop to;
    std::optional<deliver::NextHop> requeue;  // where mail is handed in to be filtered again
};

// kind_word - "release", "requeue" or "report"
std::string_view kind_word(ReleaseRequest::Kind kind);

// Located - where the copy of a message is; pure
struct Located {
    enum class Kind { table, file };
    Kind kind = Kind::table;
    std::string name;
};
// locate - by quar_type and quar_loc; a Fault in an administrator's words when nothing can be read from there
Result<Located> locate(const storage::QuarantineItem& item);

class Releaser {
public:
    // `store` may be null: only files can be released then, and nothing is recorded
    Releaser(ReleaseOptions options, storage::QuarantineStore* store, CopyReader& copies, deliver::Submitter* submitter)
        : options_(std::move(options)), store_(store), copies_(copies), submitter_(submitter) {}

    // find - the one message of that id. Errc::conflict names the partitions when there are several.
    Task<Result<std::optional<storage::QuarantineItem>>> find(std::string mail_id, std::optional<std::int64_t> partition_tag,
                                                              Deadline deadline);
    // read - its copy
    Task<Result<StoredText>> read(std::optional<storage::QuarantineItem> item, std::string mail_id, std::string mail_file,
                                  Deadline deadline);
    // release - one result for each recipient; none: nobody to release it to
    Task<Result<std::vector<ReleaseResult>>> release(ReleaseRequest request, Deadline deadline);

private:
    struct Target;
    Task<Done> claim(ReleaseRequest& request, Target& target, Deadline deadline);
    Task<void> settle(ReleaseRequest& request, Target& target);
    std::vector<Target> targets(const ReleaseRequest& request, const StoredCopy& copy,
                                const std::optional<storage::QuarantineItem>& item) const;
    Task<Done> claim_all(ReleaseRequest& request, std::vector<Target>& targets, Deadline deadline);
    Task<void> submit(ReleaseRequest& request, const StoredCopy& copy, ReleaseFacts facts, std::vector<Target*> ours,
                      deliver::NextHop to, Deadline deadline);
    Task<void> deliver(ReleaseRequest& request, const StoredCopy& copy, const std::optional<storage::QuarantineItem>& item,
                       std::vector<Target>& targets, deliver::NextHop to, Deadline deadline);

    const ReleaseOptions options_;
    storage::QuarantineStore* store_;
    CopyReader& copies_;
    deliver::Submitter* submitter_;
};

}  // namespace tamis::quarantine
