#include "scanners/worker/open/chm.h"

#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

TEST_CASE("compiled help gives its files") {
    const auto out = open_bytes(of_corpus("archives/tool.chm"), "tool.chm");
    CHECK_FALSE(out.contents.is_undecipherable());
    for (const auto& [name, size] :
         {std::pair("/hello.txt", std::uint64_t{27 * 40}), std::pair("/long.txt", std::uint64_t{35'092})}) {
        const auto* part = part_named(out.contents, name);
        REQUIRE(part != nullptr);
        CHECK(part->size == size);
        CHECK(part->container == "chm");
    }
}

TEST_CASE("compiled help that is cut or spoilt is never clean") {
    const auto whole = of_corpus("archives/tool.chm");
    for (const std::size_t size : {100UL, 1000UL, 5000UL, 12'000UL, whole.size() - 500})
        CHECK(open_bytes(whole.substr(0, size)).contents.is_undecipherable());
    auto spoilt = whole;
    for (std::size_t at = spoilt.size() - 4000; at < spoilt.size() - 3000; ++at)
        spoilt[at] = static_cast<char>(spoilt[at] ^ 0x77);
    CHECK(open_bytes(spoilt).contents.is_undecipherable());
}
