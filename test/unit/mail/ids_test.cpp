// ids_test - log ids as amavisd's log readers know them: process, connection, and which message of it
#include "mail/ids.h"

#include <unistd.h>
#include <catch2/catch.hpp>

namespace tamis::mail {
namespace {

TEST_CASE("a log id names process and connection, and from the second message on its number") {
    const auto of = [](std::uint64_t connection, std::uint64_t transaction = 1) {
        const auto id = log_id_of(connection, transaction).get();
        const auto dash = id.find('-');
        CHECK(std::stol(id.substr(0, dash)) == ::getpid());
        CHECK(dash >= 5);
        return id.substr(dash);
    };
    CHECK(of(1) == "-01");
    CHECK(of(7, 2) == "-07-2");
    CHECK(of(123, 12) == "-123-12");
    CHECK(of(1'000'003) == "-03");
}

}  // namespace
}  // namespace tamis::mail
