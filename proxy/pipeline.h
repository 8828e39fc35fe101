// pipeline - one message from the end of its data to our answer: the steps 4 to 10 of docs/life-of-a-message.md
//
// Guarantees: 250 means handed over with a 2xx, or durably quarantined, or discarded by policy with a committed record.
// Any trouble of ours is a 4xx. Never throws; ends by the deadline. One Pipeline per thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "deliver/groups.h"
#include "deliver/submitter.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/judge.h"
#include "policy/recipient_outcome.h"
#include "proxy/services.h"
#include "proxy/smtp/reply.h"
#include "scanners/message_scan.h"
#include "scanners/worker/message_opener.h"

namespace tamis::proxy {

// HandOver - stands in for the next hop when somebody else delivers (a milter): one result for each recipient of the group,
// in order. The verdicts are those of all recipients; DeliveryGroup::members are indices into them.
using HandOver = std::function<std::vector<deliver::SubmissionResult>(const deliver::DeliveryGroup&,
                                                                      const std::vector<policy::RecipientVerdict>&)>;

// ReceivedMail - a received message and what is needed to answer it
struct ReceivedMail {
    mail::Envelope envelope;
    mail::Message message;
    std::shared_ptr<const config::Snapshot> snapshot;
    bool per_recipient_replies = false;                  // LMTP
    std::function<bool()> client_is_gone;                // asked once before anything is handed over
    HandOver hand_over;                                  // when set: asked instead of the next hop
    std::chrono::steady_clock::time_point received_end;  // when the end of data was seen
};

struct Answer {
    std::vector<Reply> replies;                      // one for SMTP, one per recipient for LMTP
    std::vector<policy::RecipientOutcome> outcomes;  // for reply_arrived
};

class Pipeline {
public:
    // `opener` null: mail is not opened
    Pipeline(Services& services, deliver::Submitter& submitter, worker::MessageOpener* opener)
        : services_(services), submitter_(submitter), opener_(opener) {}

    // process - the job must stay alive until it returns
    Task<Answer> process(ReceivedMail& job, Deadline deadline);

    // reply_arrived - the client has our answer; until then what was handed over is remembered for its next try
    void reply_arrived(const ReceivedMail& job, const Answer& answer);

private:
    struct State;
    std::optional<Answer> loop_refusal(State& state);
    Task<Done> look_up(State& state, Deadline deadline);
    Task<Done> ask_wishes(State& state, Deadline deadline);
    Task<void> open(State& state, Deadline deadline);
    scanners::MessageScan& begin_scan(State& state);
    Task<Done> scan(State& state, Deadline deadline);
    Task<Done> ask_pen_pals(State& state, Deadline deadline);
    Task<Done> ask_about_bounce(State& state, Deadline deadline);
    void judge(State& state);
    Task<Done> keep(State& state, Deadline deadline);
    Task<void> deliver(State& state, Deadline deadline);
    std::vector<deliver::DeliveryGroup> delivery_groups(State& state);
    Task<bool> deliver_group(State& state, const deliver::DeliveryGroup& group, Deadline deadline);
    Task<Done> notify_people(State& state, Deadline deadline);
    Task<Done> notify(State& state, Deadline deadline);
    Task<void> record(State& state, Deadline deadline);
    Answer answer(State& state);
    Answer nothing_sent(State& state, std::string_view section, const Fault& fault);
    Answer sent_in_part(State& state, std::string_view section, const Fault& fault);

    Services& services_;
    deliver::Submitter& submitter_;
    worker::MessageOpener* opener_;
};

}  // namespace tamis::proxy
