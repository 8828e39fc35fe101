// pipeline_state - what is known of one message on its way through the pipeline
//
// Who writes what: step 4 the settings of the recipients (final from then on) and what the sender lists say, steps 5 to 7 what is
// found, step 7 verdicts, steps 7 and 9 outcomes; step 9 changes a verdict only by policy::after_relay().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/case.h"
#include "policy/judge.h"
#include "policy/notices.h"
#include "proxy/pipeline.h"
#include "quarantine/keep.h"
#include "scanners/message_scan.h"

namespace tamis::proxy {

struct Pipeline::State {
    ReceivedMail& job;
    mail::Envelope& envelope;
    const mail::Message& message;
    const config::Snapshot& shared;
    const std::string& log_id;
    bool originating = false;
    std::string policy_path;
    const std::vector<policy::RecipientPolicy>& policies = merged_;  // of each recipient; written by looked_up()
    std::vector<policy::RecipientFindings> found;                    // for each recipient
    std::string scan_user;                                           // whose preferences SpamAssassin applies
    std::optional<scanners::MessageScan> scan;                       // begun when the message is opened
    mail::Evidence evidence;
    policy::MessageFindings findings;  // about the message
    std::vector<policy::RecipientVerdict> verdicts;
    std::vector<policy::RecipientOutcome> outcomes;
    std::vector<bool> settled;  // the outcome of that recipient is final
    std::vector<policy::NotificationKind> notifications;
    bool quarantined = false;         // a copy because of what was found, not an archive
    quarantine::QuarantinePlan plan;  // which copies are kept
    bool kept = false;                // the record is committed, finish() updates it

    explicit State(ReceivedMail& from)
        : job(from),
          envelope(from.envelope),
          message(from.message),
          shared(*from.snapshot),
          log_id(from.message.log_id.get()),
          outcomes(from.envelope.recipients.size()),
          settled(from.envelope.recipients.size(), false),
          notifications(from.envelope.recipients.size(), policy::NotificationKind::none) {}

    // looked_up - ends step 4: settings and first findings, one entry per recipient
    void looked_up(std::vector<policy::RecipientPolicy> policies_of_all, std::vector<policy::RecipientFindings> found_by_lists) {
        merged_ = std::move(policies_of_all);
        found = std::move(found_by_lists);
    }
    // as_case - for those who tell of the message; what it refers to is this state
    policy::Case as_case() const;
    mail::MessageRecord make_record() const;

private:
    std::vector<policy::RecipientPolicy> merged_;
};

}  // namespace tamis::proxy
