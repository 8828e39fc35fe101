#include "proxy/content_checks.h"

#include <algorithm>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"

namespace tamis::proxy {
namespace {

metric::Counter& messages_banned() {
    static metric::Counter counter("tamis_messages_banned_total", "messages with contents that are banned for a recipient");
    return counter;
}

void log_hit(const std::string& log_id, const std::string& recipient, const policy::BannedHit& hit) {
    constexpr std::size_t most = 10;
    for (std::size_t i = 0; i < std::min(hit.parts.size(), most); ++i)
        log::info(log_id, "banned for {}: \"{}\", {}", mail::smtp_form(recipient), escaped(hit.parts[i], 600),
                  i == 0 ? hit.rule : "and more");
}

void check_banned(const config::Settings& settings, const mail::Envelope& envelope, const std::string& log_id,
                  const mail::Contents& contents, const std::vector<policy::RecipientPolicy>& policies,
                  std::vector<policy::RecipientFindings>& found) {
    policy::BannedCheck check(settings.banned, contents);
    const policy::BannedHit* told = nullptr;
    for (std::size_t i = 0; i < policies.size(); ++i) {
        if (policies[i].bypass_banned_checks) continue;
        found[i].banned = check.hit(policies[i].banned_rule_names);
        const auto* hit = found[i].banned.get();
        if (hit == nullptr || hit == told) continue;
        if (told == nullptr) messages_banned().add();
        log_hit(log_id, envelope.recipients[i].address, *hit);
        told = hit;
    }
    for (const auto& name : check.unknown_names())
        log::warning(log_id, "banned_rulenames: there is no list \"{}\", passed over; lists are [[banned.rules.NAME]]",
                     escaped(name));
}

}  // namespace

void check_contents(const config::Settings& settings, const mail::Envelope& envelope, const mail::Message& message,
                    const mail::Contents& contents, const std::vector<policy::RecipientPolicy>& policies,
                    std::vector<policy::RecipientFindings>& found, policy::MessageFindings& findings) {
    const auto& log_id = message.log_id.get();
    check_banned(settings, envelope, log_id, contents, policies, found);
    if (std::ranges::all_of(policies, &policy::RecipientPolicy::bypass_header_checks)) return;
    findings.header_problems = policy::check_header(message, envelope, settings.header_checks);
    if (settings.header_checks.mime && !contents.mime_error.empty())
        findings.header_problems.push_back(policy::mime_problem(contents.mime_error));
    for (const auto& [minor, text] : findings.header_problems) log::debug(log_id, "bad header {}: {}", minor, text);
}

}  // namespace tamis::proxy
