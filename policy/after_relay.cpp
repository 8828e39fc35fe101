#include "policy/after_relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "policy/summary.h"

namespace tamis::policy {

RecipientOutcome outcome_of(RecipientOutcome before, const RelayReply& reply) {
    before.response = {reply.code, reply.enhanced, reply.text};
    before.remote_reply = reply.remote_reply;
    if (!reply.remote_mta.empty()) before.remote_mta = reply.remote_mta;
    before.takes_dsn = reply.takes_dsn;
    before.relayed = reply.code / 100 == 2;
    if (before.relayed) before.queued_as = queue_id_of(reply.remote_reply);
    return before;
}

AfterRelay after_relay(RecipientVerdict verdict, RecipientOutcome outcome, const RelayReply& reply, const RecipientPolicy& policy,
                       std::string_view log_id, SoftBounce soft_bounce) {
    AfterRelay out{std::move(verdict), outcome_of(std::move(outcome), reply)};
    if (out.outcome.relayed) return out;
    out.is_temporary = reply.code / 100 == 4;
    const mail::ContentCategory refused{mail::Major::mta, out.is_temporary ? mail::mta_tempfailed : mail::mta_rejected};
    out.verdict.categories.push_back(refused);
    std::ranges::sort(out.verdict.categories, std::greater<>());
    out.verdict.blocking = refused;
    out.verdict.destiny = policy.destinies.of(refused);
    const bool discards = !out.is_temporary && out.verdict.destiny == Destiny::discard;
    auto& response = out.outcome.response;
    response.text =
        fmt::format("{}id={} - {}, {}", discards ? "Discarded " : "", log_id,
                    out.is_temporary ? "Temporary MTA failure on relaying" : "Rejected by next-hop MTA on relaying", reply.text);
    if (discards || (!out.is_temporary && soft_bounce == SoftBounce::yes)) {
        response.code = discards ? 250 : 450;
        if (!response.enhanced.empty()) response.enhanced[0] = discards ? '2' : '4';
    }
    return out;
}

}  // namespace tamis::policy
