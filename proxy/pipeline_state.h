// pipeline_state - what is known of one message on its way through the pipeline; each field is written by one step
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "policy/judge.h"
#include "policy/notices.h"
#include "proxy/pipeline.h"
#include "quarantine/keep.h"
#include "scanners/message_scan.h"

namespace tamis::proxy {

struct Pipeline::State {
    Job& job;
    mail::Envelope& envelope;
    const mail::Message& message;
    const config::Snapshot& shared;
    const std::string& log_id;
    bool originating = false;
    std::string policy_path;
    std::vector<policy::RecipientPolicy> policies;
    std::string scan_user;                      // whose preferences SpamAssassin applies
    std::optional<scanners::MessageScan> scan;  // begun when the message is opened
    mail::Evidence evidence;
    policy::Findings findings;
    std::vector<policy::RecipientVerdict> verdicts;
    std::vector<policy::RecipientOutcome> outcomes;
    std::vector<bool> settled;  // the outcome of that recipient is final
    std::vector<policy::DsnKind> dsn;
    bool quarantined = false;         // a copy because of what was found, not an archive
    quarantine::QuarantinePlan plan;  // which copies are kept
    bool kept = false;                // the record is committed, finish() updates it

    explicit State(Job& from)
        : job(from),
          envelope(from.envelope),
          message(from.message),
          shared(*from.snapshot),
          log_id(from.message.log_id.get()),
          outcomes(from.envelope.recipients.size()),
          settled(from.envelope.recipients.size(), false),
          dsn(from.envelope.recipients.size(), policy::DsnKind::none) {}

    mail::MessageRecord make_record() const;
    bool is_all_settled() const { return std::ranges::all_of(settled, std::identity()); }
};

}  // namespace tamis::proxy
