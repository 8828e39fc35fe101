#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "base/endpoint.h"
#include "base/slots.h"
#include "base/text.h"

using namespace tamis;

TEST_CASE("endpoints in every spelling") {
    struct Row {
        std::string_view in, out;
    };
    const auto row = GENERATE(Row{"127.0.0.1:25", "127.0.0.1:25"}, Row{"[::1]:25", "[::1]:25"}, Row{"host:1", "host:1"},
                              Row{"unix:/run/x", "/run/x"}, Row{"/run/x", "/run/x"}, Row{"inet:h:5", "h:5"},
                              Row{"[127.0.0.1]:10025", "127.0.0.1:10025"});
    const auto endpoint = parse_endpoint(row.in);
    REQUIRE(endpoint.has_value());
    CHECK(endpoint->text() == row.out);
    for (const auto* bad : {"", "host", "host:", "host:0", "host:65536", "::1:25", ":25", "host:2x"})
        CHECK_FALSE(parse_endpoint(bad).has_value());
}

TEST_CASE("address lists decide by the first match") {
    const auto list = AddressList::parse({"!10.1.1.1", "10.0.0.0/8", "192.168.7", "[::1]", "[2001:db8::]/32", "1.2.3.4"});
    REQUIRE(list.has_value());
    CHECK_FALSE(list->contains("10.1.1.1"));
    CHECK(list->contains("10.1.1.2"));
    CHECK(list->contains("192.168.7.200"));
    CHECK_FALSE(list->contains("192.168.8.1"));
    CHECK(list->contains("::1"));
    CHECK(list->contains("IPv6:2001:db8:1::2"));
    CHECK(list->contains("::ffff:1.2.3.4"));
    CHECK_FALSE(list->contains("garbage"));
    CHECK_FALSE(list->contains(""));
    CHECK_FALSE(AddressList::parse({"10.0.0.0/33"}).has_value());
    CHECK_FALSE(AddressList::parse({"example.com"}).has_value());
}

TEST_CASE("xtext and base64 are their own inverse for any bytes") {
    std::mt19937 random(5);
    for (int round = 0; round < 300; ++round) {
        std::string bytes;
        for (unsigned i = 0; i < random() % 50; ++i) bytes += static_cast<char>(random());
        CHECK(xtext_decode(xtext_encode(bytes)) == bytes);
        CHECK(base64_decode(base64_encode(bytes)) == bytes);
    }
    CHECK_FALSE(xtext_decode("+4").has_value());
    CHECK_FALSE(base64_decode("A===").has_value());
    CHECK_FALSE(base64_decode("AA=A").has_value());
}

TEST_CASE("UTF-8 is checked strictly and made storable") {
    for (const auto* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "\x80"}) {
        CHECK_FALSE(is_utf8(bad));
        CHECK(is_utf8(utf8_or_replaced(bad, 100)));
    }
    CHECK(utf8_or_replaced(std::string_view("a\0b", 3), 10) ==
          "a\xef\xbf\xbd"
          "b");
    CHECK(utf8_or_replaced("\xf0\x9f\x98\x80xyz", 2) == "\xf0\x9f\x98\x80x");
}

TEST_CASE("numbers: finite, whole text, nothing else") {
    CHECK(parse_number("+6.31") == 6.31);
    CHECK(parse_number("-1e3") == -1000);
    for (const auto* bad : {"", "nan", "inf", "1e999", "1x", "+-1", " 1"}) CHECK_FALSE(parse_number(bad).has_value());
}

TEST_CASE("slots are given in order, across threads, and time out") {
    Slots slots(2);
    auto one = slots.try_take(1);
    auto two = slots.try_take(1);
    CHECK(slots.try_take(1).amount() == 0);
    asio::io_context context;
    std::vector<int> order;
    bool timed_out = false;
    const auto waiter = [&](int number) -> Task<void> {
        auto units = co_await slots.take(1, Deadline::in(std::chrono::seconds(10)));
        if (units) order.push_back(number);
    };
    asio::co_spawn(context, waiter(1), [](const std::exception_ptr&) {});
    asio::co_spawn(context, waiter(2), [](const std::exception_ptr&) {});
    asio::co_spawn(
        context,
        [](Slots& from, bool& late) -> Task<void> {
            auto units = co_await from.take(2, Deadline::in(std::chrono::milliseconds(20)));
            late = !units && units.error().is(Errc::timeout);
        }(slots, timed_out),
        [](const std::exception_ptr&) {});
    context.run_for(std::chrono::milliseconds(200));
    CHECK(timed_out);
    CHECK(order.empty());
    std::thread giver([&] { one.release(); });
    context.run();
    giver.join();
    CHECK(order == std::vector<int>{1, 2});
    two.release();
    CHECK(slots.used() == 0);
}

TEST_CASE("who holds some and needs more goes first, and of those that wait for each other one finishes") {
    Slots slots(10);
    asio::io_context context;
    std::vector<std::string> order;
    std::uint64_t most = 0;
    const auto holder = [&](std::string name, std::uint64_t first, std::uint64_t more, int steps) -> Task<void> {
        auto units = co_await slots.take(first, Deadline::in(std::chrono::seconds(10)));
        if (!units) co_return;
        for (int i = 0; i < steps; ++i) {
            co_await asio::post(context, asio::use_awaitable);
            if (auto grown = co_await slots.grow(*units, more, Deadline::in(std::chrono::seconds(10))); !grown) co_return;
            most = std::max(most, slots.used());
        }
        order.push_back(name);
    };
    // four that hold 2 each and want 8 more: without an elder all of them would wait for ever
    for (const char* name : {"a", "b", "c", "d"}) asio::co_spawn(context, holder(name, 2, 4, 2), asio::detached);
    const auto late = [&]() -> Task<void> {
        auto units = co_await slots.take(3, Deadline::in(std::chrono::seconds(10)));
        if (units) order.push_back("late");
    };
    asio::co_spawn(context, late(), asio::detached);
    context.run();
    REQUIRE(order.size() == 5);
    CHECK(order.back() == "late");
    CHECK(slots.used() == 0);
    CHECK(most <= 10 + 8);  // the elder's own, and nobody else's, above the limit
}

TEST_CASE("what is charged counts, also above the limit, and others wait for it") {
    Slots slots(4);
    auto charged = slots.charge(6);
    CHECK(slots.used() == 6);
    CHECK(slots.try_take(1).amount() == 0);
    charged.give_back(3);
    CHECK(slots.try_take(1).amount() == 1);
    Slots::Units sum = slots.try_take(1);
    CHECK(slots.used() == 4);
    sum.absorb(std::move(charged));
    CHECK(sum.amount() == 4);
    sum.release();
    CHECK(slots.used() == 0);
}

TEST_CASE("growing gives up at its deadline and leaves what was held") {
    Slots slots(2);
    asio::io_context context;
    auto elder = slots.try_take(1);
    auto other = slots.try_take(1);
    bool was_late = false;
    asio::co_spawn(
        context,
        [](Slots& from, Slots::Units& first, Slots::Units& second, bool& late) -> Task<void> {
            if (!co_await from.grow(first, 5, Deadline::in(std::chrono::seconds(5)))) co_return;  // it is the elder from now on
            auto done = co_await from.grow(second, 1, Deadline::in(std::chrono::milliseconds(20)));
            late = !done && done.error().is(Errc::timeout) && second.amount() == 1;
            first.release();
            done = co_await from.grow(second, 1, Deadline::in(std::chrono::seconds(5)));
            late = late && done && second.amount() == 2;
        }(slots, elder, other, was_late),
        asio::detached);
    context.run();
    CHECK(was_late);
}

TEST_CASE("the nearest word is a typing error, not another word") {
    CHECK(nearest("lisen", {"listen", "forward"}) == "listen");
    CHECK(nearest("jsno", {"dsn", "json"}) == "json");
    CHECK_FALSE(nearest("banana", {"listen", "forward"}).has_value());
}
