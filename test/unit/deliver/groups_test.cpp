// groups_test - who shares a transaction: edits and next hop decide, addresses do not
#include "deliver/groups.h"

#include <catch2/catch.hpp>

namespace tamis::deliver {
namespace {

NextHop hop(const char* text) { return parse_next_hop(text).value(); }

mail::HeaderEdits edits(const char* tag) {
    mail::HeaderEdits out;
    out.prepend("X-Spam-Flag", tag);
    return out;
}

TEST_CASE("equal edits and the same next hop share, everything else parts") {
    const auto site = hop("smtp:[127.0.0.1]:10025");
    const auto other = hop("lmtp:/run/dovecot/lmtp");
    std::vector<DeliveryGroup> groups;
    join_group(groups, edits("YES"), site, 0, {"a@example.com", "", ""});
    join_group(groups, edits("NO"), site, 1, {"b@example.com", "", ""});
    join_group(groups, edits("YES"), other, 2, {"c@example.com", "", ""});
    join_group(groups, edits("YES"), site, 3, {"d+spam@example.com", "", "rfc822;d@example.com"});
    REQUIRE(groups.size() == 3);
    CHECK(groups[0].members == std::vector<std::size_t>{0, 3});
    CHECK(groups[0].recipients[1].address == "d+spam@example.com");
    CHECK(groups[1].members == std::vector<std::size_t>{1});
    CHECK(groups[2].to == other);
}

TEST_CASE("a recipient's own next hop, and one that cannot be understood") {
    const auto site = hop("smtp:[127.0.0.1]:10025");
    policy::RecipientPolicy policy;
    CHECK(next_hop_of(policy, site).value() == site);
    policy.forward_method = "lmtp:/run/x";
    CHECK(next_hop_of(policy, site).value() == hop("lmtp:/run/x"));
    policy.forward_method = "nonsense";
    CHECK_FALSE(next_hop_of(policy, site));
}

TEST_CASE("an extension brings an ORCPT with it, and leaves one that is there") {
    policy::RecipientPolicy policy;
    policy.is_local = true;
    policy.address_extension[1] = "spam";
    policy::RecipientVerdict spammy;
    spammy.categories = {{mail::Major::spammy, 0}, {mail::Major::clean, 0}};
    policy::RecipientVerdict clean;
    clean.categories = {{mail::Major::clean, 0}};
    const mail::Recipient bob{"bob+x@example.com", "NEVER", ""};
    auto out = addressed_as(bob, spammy, policy, {});
    CHECK(out.address == "bob+spam@example.com");
    CHECK(out.notify == "NEVER");
    CHECK(out.original_recipient == "rfc822;bob+2Bx@example.com");
    CHECK(addressed_as({"bob@example.com", "", "rfc822;first@example.org"}, spammy, policy, {}).original_recipient ==
          "rfc822;first@example.org");
    out = addressed_as(bob, clean, policy, {});
    CHECK(out.address == bob.address);
    CHECK(out.original_recipient.empty());
}

}  // namespace
}  // namespace tamis::deliver
