#include "scanners/worker/open/opener.h"

#include <catch2/catch.hpp>

#include <new>

using namespace tamis;
using namespace tamis::open;

namespace {

// a decoder for tests: a part "box" holds its members between brackets, "[a][[b]]"
void open_box(Opener& opener, std::uint32_t number, const Blob& bytes) {
    std::size_t depth = 0;
    std::size_t begin = 0;
    const auto  text = bytes.bytes();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '[' && depth++ == 0) begin = i + 1;
        if (text[i] != ']' || --depth != 0) continue;
        auto writer = opener.new_part({.parent = number, .container = "box", .names = {"member"}}, "box");
        if (!writer || !writer.write(text.substr(begin, i - begin))) return;
        writer.finish();
    }
}
bool is_box(const mail::Part& part) { return !part.kinds.empty() && part.kinds.front() == "box"; }

class Kinds final : public KindFinder {
public:
    Kind find(std::string_view head, std::uint64_t) override {
        return head.starts_with("[") ? Kind{{"box"}, "a box"} : Kind{{"txt"}, "text"};
    }
};

void open_all(Opener& opener, std::uint32_t parent, const Blob& message) {
    opener.new_part_of({.parent = parent, .container = "", .types = {"text/plain"}, .is_mime = true, .engines_see_it = true}, message,
                       "message", false);
}

OpenerSetup setup(Kinds& kinds, bool engines_open_it) {
    OpenerSetup out;
    out.kinds = &kinds;
    out.decoders = {{"box", is_box, open_box, engines_open_it}};
    out.open_message = open_all;
    return out;
}

}  // namespace

TEST_CASE("parts are numbered breadth first and know the way to the root") {
    Kinds      kinds;
    const auto out = open_message(setup(kinds, true), Blob::borrow("[[1][2]][x]"));
    const auto& parts = out.contents.parts;
    REQUIRE(parts.size() == 5);
    CHECK(parts[0].path == "1");
    CHECK(parts[1].path == "1/1");
    CHECK(parts[2].path == "1/2");
    CHECK(parts[3].path == "1/1/1");
    CHECK(parts[4].path == "1/1/2");
    CHECK(parts[4].size == 1);
    CHECK(parts[4].sha256 == "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35");
    const auto way = out.contents.way_to(5);
    REQUIRE(way.size() == 3);
    CHECK(way[1]->number == 2);
    CHECK(out.contents.is_leaf(3));
    CHECK_FALSE(out.contents.is_leaf(2));
    CHECK(out.contents.limit.empty());
    CHECK(out.extracts.empty());
}

TEST_CASE("the engines get leaves out of what they do not open themselves") {
    Kinds      kinds;
    const auto out = open_message(setup(kinds, false), Blob::borrow("[[1][2]][x]"));
    REQUIRE(out.extracts.size() == 3);
    CHECK(out.extracts[0].bytes() == "x");
    CHECK(out.contents.parts[2].extract == 0);
    CHECK(out.extracts[2].bytes() == "2");
    CHECK(out.contents.parts[2].hidden);
    CHECK(out.contents.parts[0].extract == -1);
}

TEST_CASE("an engine that opens nothing gets every decoded leaf, others need not look at them") {
    Kinds kinds;
    auto  ask = setup(kinds, true);
    ask.extract = Extract::everything;
    const auto out = open_message(ask, Blob::borrow("[[1][2]][x]"));
    REQUIRE(out.extracts.size() == 3);
    CHECK_FALSE(out.contents.parts[2].hidden);
}

TEST_CASE("where readings differ every decoded leaf goes to the engines") {
    Kinds kinds;
    auto  ask = setup(kinds, true);
    ask.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        open_all(opener, parent, message);
        opener.add_anomaly(mail::AnomalyKind::duplicate_boundary, 1, "twice");
    };
    const auto out = open_message(ask, Blob::borrow("[a][b]"));
    CHECK(out.contents.is_ambiguous());
    CHECK(out.contents.parts[0].has(mail::PartFlag::ambiguous));
    CHECK(out.extracts.size() == 2);
    CHECK(out.contents.parts[1].hidden);
}

TEST_CASE("a decoder without memory ends the opening; what was found before stays") {
    Kinds kinds;
    auto  ask = setup(kinds, true);
    ask.decoders.front().open = [](Opener& opener, std::uint32_t number, const Blob& bytes) {
        if (bytes.bytes().starts_with("[x")) throw std::bad_alloc();
        open_box(opener, number, bytes);
    };
    const auto out = open_message(ask, Blob::borrow("[1][[x]][[3]]"));
    CHECK(out.contents.parts.size() == 4);
    CHECK(out.contents.limit == "No memory for decoding");
    CHECK(out.contents.was_opened);
}

TEST_CASE("each limit ends the opening with its own words") {
    Kinds kinds;
    auto  ask = setup(kinds, true);
    SECTION("depth") {
        ask.limits.levels = 2;
        const auto out = open_message(ask, Blob::borrow("[[[[deep]]]][x]"));
        CHECK(out.contents.limit == "Maximum decoding depth (2) exceeded");
        CHECK(out.contents.parts.size() == 4);  // the sibling is there
    }
    SECTION("members") {
        ask.limits.members = 3;
        const auto out = open_message(ask, Blob::borrow("[1][2][3][4][5]"));
        CHECK(out.contents.limit == "Maximum number of files (3) exceeded");
        CHECK(out.contents.parts.size() == 4);
    }
    SECTION("bytes") {
        ask.limits.minimum_quota = 5;
        ask.limits.minimum_factor = 0;
        ask.limits.maximum_factor = 0;
        const auto out = open_message(ask, Blob::borrow("[1234][56789]"));
        CHECK(out.contents.limit == "Exceeded storage quota 5 bytes by box; last chunk 5 bytes");
    }
    SECTION("none at the very limit") {
        ask.limits.members = 3;
        CHECK(open_message(ask, Blob::borrow("[1][2][3]")).contents.limit.empty());
    }
}

TEST_CASE("large parts live in a memfd and read back the same") {
    std::string big(blob_in_memory + 12345, 'x');
    big[blob_in_memory] = 'y';
    BlobWriter writer;
    for (std::size_t i = 0; i < big.size(); i += 10000) REQUIRE(writer.append(std::string_view(big).substr(i, 10000)));
    const auto blob = writer.finish();
    REQUIRE(blob);
    CHECK(blob->bytes() == big);
    CHECK(blob->slice(blob_in_memory, 3).bytes() == "yxx");
}
