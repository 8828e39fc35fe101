// quarantine - where the copies of one message go, and their writing (step 8 of docs/life-of-a-message.md)
//
// Guarantees: keep_copies() succeeds only when every copy outside the record store is durable: a file synced, a mailbox
// copy taken by its mail server with a 2xx. A target that several recipients name gets one copy. The copy for "sql:" is
// the record store's business (storage/records/store.h) and comes last, with the record that says where the others are.
#pragma once

#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "deliver/submitter.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/judge.h"
#include "policy/quarantine_target.h"
#include "quarantine/file_keeper.h"

namespace tamis::quarantine {

// QuarantineOptions - part of the settings
struct QuarantineOptions {
    std::string directory;  // policy.quarantine_dir
    int subdir_levels = 0;
    std::string sender;  // reverse-path of mailed copies; "original": the message's own
    std::int64_t partition_tag = 0;
    deliver::NextHop notify;  // for mailed copies whose method names no server
};

// PlannedCopy - a target with the name it gets in the records
struct PlannedCopy {
    policy::QuarantineTarget target;
    std::string location;  // quar_loc: file name, mailbox address, mail_id
    char type = ' ';       // quar_type
    bool is_archive = false;
};

struct QuarantinePlan {
    std::vector<PlannedCopy> copies;  // in the order of the recipients, archives last

    bool wants_sql() const;
    bool is_archived() const;
    // type / location - for the record: of the first copy, and of all
    char type() const { return copies.empty() ? ' ' : copies.front().type; }
    std::string location() const;
};

// plan_quarantine - a Fault when a method or address that a recipient has cannot be used
Result<QuarantinePlan> plan_quarantine(const mail::Envelope& envelope, const mail::Message& message,
                                       const std::vector<policy::RecipientVerdict>& verdicts,
                                       const std::vector<policy::RecipientPolicy>& policies, const QuarantineOptions& options);

// keep_copies - all copies but the one for "sql:". After a Fault no file of this message is left; what was mailed or
// appended stays. The arguments must outlive it.
Task<Done> keep_copies(const QuarantinePlan& plan, const mail::Envelope& envelope, const mail::Message& message,
                       const std::string& prefix, const QuarantineOptions& options, FileKeeper& files,
                       deliver::Submitter& submitter, Deadline deadline);

// withdraw_copies - the files of a plan whose message is not answered 250 after all
void withdraw_copies(const QuarantinePlan& plan, const QuarantineOptions& options, FileKeeper& files);

}  // namespace tamis::quarantine
