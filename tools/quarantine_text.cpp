#include "tools/quarantine_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/counted.h"
#include "base/safe_text.h"
#include "base/text.h"
#include "base/time_text.h"
#include "mail/address.h"
#include "quarantine/release_state.h"
#include "quarantine/words.h"
#include "storage/retention/retention.h"

namespace tamis::tools {
namespace {

std::string_view disposition_word(char letter) {
    switch (letter) {
        case 'P': return "passed";
        case 'R': return "rejected";
        case 'B': return "bounced";
        case 'D': return "discarded";
        case 'T': return "temporarily failed";
        default: return "unknown";
    }
}

std::string kept_in(const storage::QuarantineItem& item) {
    switch (item.type.empty() ? ' ' : item.type.front()) {
        case 'Q': return "in the database";
        case 'F': return "file " + safe_text(item.location, 300);
        case 'Z': return "compressed file " + safe_text(item.location, 300);
        case 'M':
        case 'L': return "mailed to " + safe_text(item.location, 300);
        case 'B': return "BSMTP " + safe_text(item.location, 300);
        case ' ': return item.location == storage::expired_location ? "nowhere: the copy has expired" : "nowhere";
        default: return fmt::format("type {}, {}", safe_text(item.type, 5), safe_text(item.location, 300));
    }
}

}  // namespace

std::string list_text(const storage::QuarantineItem& item) {
    std::string to, states;
    for (const auto& recipient : item.recipients) {
        to += (to.empty() ? "" : ", ") + safe_text(recipient.address, 100);
        const auto words = quarantine::state_words(recipient.state);
        if (states.find(words) == std::string::npos) states += (states.empty() ? "" : ", ") + words;
    }
    if (item.has_more_recipients) to += ", ...";
    const auto tag = item.key.partition_tag == 0 ? "" : fmt::format("[{}]", item.key.partition_tag);
    return fmt::format("{}  {}{}  {:<9} {:>7.1f}  {}\n    <{}> -> {}\n    {}\n", time_text(item.time),
                       safe_text(item.key.mail_id, 40), tag, quarantine::category_word(item.content), item.score, states,
                       safe_text(item.sender, 100), to, safe_text(item.subject, 200));
}

std::string show_text(const storage::QuarantineItem& item) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) out += fmt::format("{:<12} {}\n", name, value);
    };
    line("mail_id", safe_text(item.key.mail_id, 40));
    if (item.key.partition_tag != 0) line("partition", fmt::format("{}", item.key.partition_tag));
    line("received", fmt::format("{} by {} ({})", time_text(item.time), safe_text(item.host, 255), safe_text(item.log_id, 30)));
    line("category", quarantine::category_word(item.content));
    line("score", fmt::format("{:.3f}", item.score));
    line("sender", fmt::format("<{}>", safe_text(item.sender, 300)));
    line("client", safe_text(item.client_address, 60));
    line("policy", safe_text(item.policy, 255));
    line("size", fmt::format("{}", item.size));
    line("from", safe_text(item.from, 300));
    line("subject", safe_text(item.subject, 300));
    line("message-id", safe_text(item.message_id, 300));
    line("copy", kept_in(item));
    for (const auto& to : item.recipients) {
        out += fmt::format("recipient    <{}>: {}, {}, {}, score {:.3f}\n", safe_text(to.address, 300),
                           quarantine::state_words(to.state), quarantine::category_word(to.content),
                           disposition_word(to.disposition), to.score);
        line("", safe_text(quarantine::without_note(to.response), 300));
        const auto standing = quarantine::standing_of(to.state, to.response);
        if (standing.kind != quarantine::Standing::Kind::free) line("", safe_text(quarantine::describe_note(standing.note), 300));
    }
    return out;
}

std::string release_text(const std::string& mail_id, const std::vector<quarantine::ReleaseResult>& results) {
    std::string out;
    for (const auto& result : results) {
        const auto to = fmt::format("{} to <{}>: ", mail_id, safe_text(result.address, 300));
        if (result.end == quarantine::ReleaseResult::End::delivered)
            out += fmt::format("{}delivered, queue id {}\n", to, safe_text(result.queue_id, 100));
        else if (result.end == quarantine::ReleaseResult::End::already)
            out += fmt::format("{}{} (--again delivers it once more)\n", to, safe_text(result.text, 300));
        else if (result.end == quarantine::ReleaseResult::End::releasing)
            out += fmt::format("{}NOT delivered: {}; look into the log of the next hop, --again delivers it once more\n", to,
                               safe_text(result.text, 300));
        else if (result.end == quarantine::ReleaseResult::End::unknown)
            out +=
                fmt::format("{}UNKNOWN: the connection died after the message was sent: {}\n", to, safe_text(result.text, 300));
        else
            out += fmt::format("{}NOT delivered: {} {} {}\n", to, result.code, safe_text(result.enhanced, 20),
                               safe_text(result.text, 500));
        if (!result.trouble.empty()) out += fmt::format("{}this could not be recorded: {}\n", to, safe_text(result.trouble, 300));
    }
    return out;
}

std::string stats_text(const storage::QuarantineStats& stats) {
    struct Sum {
        std::uint64_t messages = 0, octets = 0;
    };
    std::map<std::string, Sum> hosts;
    std::map<char, Sum> kinds;
    Sum all;
    for (const auto& count : stats.counts)
        for (auto* sum : {&hosts[count.host], &kinds[count.content], &all}) {
            sum->messages += count.messages;
            sum->octets += count.octets;
        }
    std::string out;
    const auto line = [&](std::string_view what, const std::string& name, const Sum& sum) {
        out += fmt::format("{:<10} {:<30} {:>19} {:>22}\n", what, name, counted(sum.messages, "message"),
                           counted(sum.octets, "octet"));
    };
    for (const auto& [letter, sum] : kinds) line("category", quarantine::category_word(letter), sum);
    for (const auto& [host, sum] : hosts) line("host", safe_text(host, 255), sum);
    for (const auto& [state, count] : stats.states)
        out += fmt::format("{:<10} {:<30} {:>19}\n", "state", quarantine::state_words(state), counted(count, "recipient"));
    line("all", "", all);
    return out;
}

}  // namespace tamis::tools
