#include "proxy/delivered_journal.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::proxy;

namespace {

mail::Envelope envelope(std::optional<std::string> ident) {
    mail::Envelope out;
    out.sender = "a@example.net";
    out.client.ident = std::move(ident);
    return out;
}

struct Content {
    explicit Content(std::string digest) {
        message.digest = std::move(digest);
        message.size = 100;
    }
    mail::Message message;
};

const policy::RecipientOutcome relayed{{250, "2.0.0", "from MTA(x): 250 Ok: queued as Q1"}, true, "Q1"};

}  // namespace

TEST_CASE("what was handed over is known again by queue id, sender, content and recipient, and by nothing less") {
    DeliveredJournal journal;
    const Content content("d1");
    journal.remember(envelope("ABC"), content.message, "u@example.com", relayed);
    const auto found = journal.find(envelope("ABC"), content.message, "u@example.com");
    REQUIRE(found.has_value());
    CHECK(found->relayed);
    CHECK(found->response.line() == relayed.response.line());
    CHECK_FALSE(journal.find(envelope("ABC"), content.message, "v@example.com").has_value());
    CHECK_FALSE(journal.find(envelope("ABD"), content.message, "u@example.com").has_value());
    CHECK_FALSE(journal.find(envelope("ABC"), Content("d2").message, "u@example.com").has_value());
    auto other = envelope("ABC");
    other.sender = "b@example.net";
    CHECK_FALSE(journal.find(other, content.message, "u@example.com").has_value());
}

TEST_CASE("a message whose MTA gave no queue id is never remembered: the same text sent twice is two messages") {
    DeliveredJournal journal;
    const Content content("d1");
    for (const auto& ident : {std::optional<std::string>(), std::optional<std::string>("")}) {
        journal.remember(envelope(ident), content.message, "u@example.com", relayed);
        CHECK_FALSE(journal.find(envelope(ident), content.message, "u@example.com").has_value());
    }
    CHECK(journal.empty());
}

TEST_CASE("the journal is bounded: the oldest goes first") {
    DeliveredJournal journal;
    const Content content("d1");
    const auto name = [](std::size_t i) { return "r" + std::to_string(i) + "@example.com"; };
    for (std::size_t i = 0; i < DeliveredJournal::limit + 10; ++i)
        journal.remember(envelope("ABC"), content.message, name(i), relayed);
    CHECK(journal.size() <= DeliveredJournal::limit);
    CHECK_FALSE(journal.find(envelope("ABC"), content.message, name(0)).has_value());
    CHECK(journal.find(envelope("ABC"), content.message, name(DeliveredJournal::limit + 9)).has_value());
}
