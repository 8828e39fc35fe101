// fixture - one message with its envelope, verdicts and outcomes, for the tests of policy/
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/case.h"
#include "policy/judge.h"

namespace tamis::policy::test {

inline mail::Message message_of(std::string text) {
    mail::Message message;
    message.mail_id = mail::MailId("aB3dEf9hIjKl");
    message.log_id = mail::LogId("12345-01");
    message.size = text.size();
    message.header = mail::parse_header(text);
    const auto size = text.size();
    message.spool = std::make_shared<mail::SealedSpool>(-1, size, std::move(text));
    message.received_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'672'736'400));
    return message;
}

constexpr std::string_view plain_text =
    "Received: from a.example (a.example [203.0.113.9]) by mx.example.com; Tue, 3 Jan 2023 10:00:00 +0100\r\n"
    "From: Ann <ann@example.net>\r\nTo: bob@example.com\r\nSubject: lunch\r\nMessage-ID: <x@y>\r\n"
    "Date: Tue, 3 Jan 2023 10:00:00 +0100\r\n\r\nthe secret body\r\n";

// Story - a message and how it went, with `count` recipients that all passed
struct Story {
    explicit Story(std::size_t count = 1, std::string text = std::string(plain_text)) : message(message_of(std::move(text))) {
        envelope.sender = "ann@example.net";
        for (std::size_t i = 0; i < count; ++i) {
            envelope.recipients.push_back({"bob" + std::to_string(i) + "@example.com", "", ""});
            policies.emplace_back();
            policies.back().is_local = true;
            found.emplace_back();
            RecipientVerdict clean;
            clean.categories = {{mail::Major::clean, 0}};
            verdicts.push_back(clean);
            outcomes.push_back(
                {{250, "2.0.0", "from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 3BD2F"}, true, "3BD2F"});
        }
    }

    void block(std::size_t i, mail::ContentCategory category, Destiny destiny) {
        verdicts[i].categories = {category, {mail::Major::clean, 0}};
        verdicts[i].blocking = category;
        verdicts[i].destiny = destiny;
        outcomes[i] = {blocked_response(verdicts[i], message.log_id.get(), findings), false, ""};
    }

    // judge_again - the verdict of that recipient by what is found now
    void judge_again(std::size_t i = 0) { verdicts[i] = judge(findings, found[i], policies[i]); }

    Case as_case() const { return {envelope, message, findings, policies, found, verdicts, outcomes}; }

    mail::Envelope envelope;
    mail::Message message;
    MessageFindings findings;
    std::vector<RecipientVerdict> verdicts;
    std::vector<RecipientPolicy> policies;
    std::vector<RecipientFindings> found;
    std::vector<RecipientOutcome> outcomes;
};

}  // namespace tamis::policy::test
