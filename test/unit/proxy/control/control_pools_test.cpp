#include "proxy/control/control_pools.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "config/settings.h"

using tamis::proxy::ControlPools;

TEST_CASE("a full pool takes nothing from another one") {
    ControlPools pools;
    std::vector<std::shared_ptr<ControlPools::Place>> held;
    for (int i = 0; i < 3; ++i) held.push_back(pools.enter("uid 7", 3));
    for (const auto& place : held) place->set_busy(true);
    CHECK(pools.enter("uid 7", 3) == nullptr);
    CHECK(pools.enter("root", 3) != nullptr);
    CHECK(pools.enter(ControlPools::strangers, 3) != nullptr);
    held.pop_back();
    CHECK(pools.enter("uid 7", 3) != nullptr);
}

TEST_CASE("who has been silent longest makes room, who has a request in hand does not") {
    ControlPools pools;
    const auto first = pools.enter("root", 3), second = pools.enter("root", 3), third = pools.enter("root", 3);
    std::vector<int> ended;
    first->on_yield([&] { ended.push_back(1); });
    second->on_yield([&] { ended.push_back(2); });
    third->on_yield([&] { ended.push_back(3); });
    first->set_busy(true);
    const auto fourth = pools.enter("root", 3);
    REQUIRE(fourth != nullptr);
    CHECK(ended == std::vector<int>{2});
    first->set_busy(false);  // it has just been heard of: the third is silent for longer
    const auto fifth = pools.enter("root", 3);
    REQUIRE(fifth != nullptr);
    CHECK(ended == std::vector<int>{2, 3});
    const auto sixth = pools.enter("root", 3);  // the fourth: nobody has said yet how to end it
    REQUIRE(sixth != nullptr);
    fourth->on_yield([&] { ended.push_back(4); });
    CHECK(ended == std::vector<int>{2, 3, 4});
}

TEST_CASE("strangers do not push out one another") {
    ControlPools pools;
    const auto one = pools.enter(ControlPools::strangers, 1);
    bool ended = false;
    one->on_yield([&] { ended = true; });
    CHECK(pools.enter(ControlPools::strangers, 1) == nullptr);
    CHECK_FALSE(ended);
}

TEST_CASE("the kernel and the settings say which pool it is") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    tamis::config::Settings settings;
    const auto self = tamis::proxy::identify(ends[0], true, "", "/s", settings);
    CHECK(self.pool == "root");
    CHECK(self.user == ::geteuid());
    CHECK(self.refusal.empty());
    const auto peer = tamis::proxy::identify(ends[0], false, "192.0.2.1", "9998", settings);
    CHECK(peer.pool == ControlPools::strangers);
    CHECK(peer.refusal == "192.0.2.1 is not in control.allowed_peers");
    settings.control_peers = *tamis::AddressList::parse({"192.0.2.0/24"});
    CHECK(tamis::proxy::identify(ends[0], false, "192.0.2.1", "9998", settings).pool == "peers");
    for (const int end : ends) ::close(end);
}
