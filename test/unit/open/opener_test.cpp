#include "scanners/worker/open/opener.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <vector>

using namespace tamis;
using namespace tamis::worker;

namespace {

// a decoder for tests: a part "box" holds its members between brackets, "[a][[b]]"
void open_box(Opener& opener, std::uint32_t number, const Blob& bytes) {
    std::size_t depth = 0;
    std::size_t begin = 0;
    const auto text = bytes.bytes();
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
    opener.new_part_of({.parent = parent, .container = "", .types = {"text/plain"}, .is_mime = true}, message, "message", false);
}

OpenerSetup setup(Kinds& kinds, bool may_account = false) {
    OpenerSetup out;
    out.kinds = &kinds;
    out.decoders = {{"box", is_box, open_box, may_account}};
    out.open_message = open_all;
    return out;
}

}  // namespace

TEST_CASE("parts are numbered breadth first and know the way to the root") {
    Kinds kinds;
    const auto out = open_message(setup(kinds), Blob::borrow("[[1][2]][x]"));
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
}

// shown - the bytes that the engines get, in the order in which they get them
std::vector<std::string> shown(const Opened& out) {
    std::vector<std::string> bytes;
    for (const auto& each : out.shown) bytes.emplace_back(each.bytes.bytes());
    return bytes;
}
using Texts = std::vector<std::string>;

// open_pure_box - a box that says that its members hold all of it, unless there is something between the brackets
void open_pure_box(Opener& opener, std::uint32_t number, const Blob& bytes) {
    open_box(opener, number, bytes);
    std::size_t depth = 0;
    for (const char c : bytes.bytes()) {
        if (c == '[') ++depth;
        else if (depth == 0) return;
        if (c == ']') --depth;
    }
    opener.accounts_for_all(number);
}

TEST_CASE("every part with bytes of its own is shown, containers as well as leaves, each once") {
    Kinds kinds;
    const auto out = open_message(setup(kinds), Blob::borrow("[[1][2]][x][x]"));
    CHECK(shown(out) == Texts{"[[1][2]][x][x]", "[1][2]", "x", "1", "2"});
    CHECK(out.contents.parts[3].shown == mail::Shown::yes);  // the second x: the same bytes
    auto nobody = setup(kinds);
    nobody.extract = Extract::nothing;
    const auto unshown = open_message(nobody, Blob::borrow("[[1][2]][x]"));
    CHECK(unshown.shown.empty());
    CHECK(unshown.contents.parts.size() == 5);
    CHECK(unshown.contents.parts[1].shown == mail::Shown::no);
}

TEST_CASE("a pure container is shown by its parts, in doubt it is shown itself") {
    Kinds kinds;
    auto ask = setup(kinds, true);
    ask.decoders.front().open = open_pure_box;
    struct Row {
        std::string text;
        Texts want;
    };
    const auto row = GENERATE(Row{"[[1][2]][x]", {"x", "1", "2"}},
                              Row{"[[1]gap[2]][x]", {"x", "[1]gap[2]", "1", "2"}},  // bytes that no member holds
                              Row{"[]", {}});                                       // one member, without bytes
    INFO(row.text);
    auto want = row.want;
    auto got = shown(open_message(ask, Blob::borrow(row.text)));
    std::ranges::sort(want);
    std::ranges::sort(got);
    CHECK(got == want);
    SECTION("an anomaly") {
        ask.decoders.front().open = [](Opener& opener, std::uint32_t number, const Blob& bytes) {
            open_pure_box(opener, number, bytes);
            opener.add_anomaly(mail::AnomalyKind::bad_archive, number, "odd");
        };
        CHECK(shown(open_message(ask, Blob::borrow("[a]"))) == Texts{"a", "[a]"});
    }
    SECTION("a flag of its own") {
        ask.decoders.front().open = [](Opener& opener, std::uint32_t number, const Blob& bytes) {
            open_pure_box(opener, number, bytes);
            opener.part(number).set(mail::PartFlag::encrypted);
        };
        CHECK(shown(open_message(ask, Blob::borrow("[a]"))) == Texts{"a", "[a]"});
    }
    SECTION("a member that cannot be read") {
        ask.decoders.front().open = [](Opener& opener, std::uint32_t number, const Blob& bytes) {
            open_pure_box(opener, number, bytes);
            opener.part(number + 1).set(mail::PartFlag::undecipherable);
        };
        CHECK(shown(open_message(ask, Blob::borrow("[a]"))) == Texts{"a", "[a]"});
    }
    SECTION("a member that breaks off") {
        ask.decoders.front().open = [](Opener& opener, std::uint32_t number, const Blob& bytes) {
            auto writer = opener.new_part({.parent = number, .container = "box"}, "box");
            writer.write("half");
            opener.accounts_for_all(number);
            (void)bytes;
        };
        CHECK(shown(open_message(ask, Blob::borrow("[a]"))) == Texts{"half", "[a]"});
    }
    SECTION("a limit: it is not opened") {
        ask.limits.levels = 1;
        const auto out = open_message(ask, Blob::borrow("[[1][2]]"));
        CHECK(shown(out) == Texts{"[1][2]"});
        CHECK_FALSE(out.contents.limit.empty());
    }
    SECTION("another decoder that does not account for it") {
        ask.decoders.push_back({"other", is_box, open_box, false});
        ask.decoders.front().open = [](Opener&, std::uint32_t, const Blob&) {};
        CHECK(shown(open_message(ask, Blob::borrow("[a]"))) == Texts{"a", "[a]"});
    }
}

TEST_CASE("what the settings do not allow to be shown is a limit that names part and setting") {
    Kinds kinds;
    auto ask = setup(kinds);
    SECTION("parts") {
        ask.limits.extracts = 3;
        const auto out = open_message(ask, Blob::borrow("[1][22][333][1]"));
        CHECK(shown(out) == Texts{"[1][22][333][1]", "1", "22"});
        CHECK(out.contents.limit == "Not shown to the virus scanners: open.extracts allows 3 parts");
        CHECK(out.contents.limit_part == 4);
        CHECK(out.contents.parts[3].shown == mail::Shown::kept_back);
        CHECK(out.contents.parts[4].shown == mail::Shown::yes);
    }
    SECTION("bytes: a smaller part still goes") {
        ask.limits.extract_bytes = 14 + 3;
        const auto out = open_message(ask, Blob::borrow("[1][22222][33]"));
        CHECK(shown(out) == Texts{"[1][22222][33]", "1", "33"});
        CHECK(out.contents.limit.starts_with("Not shown to the virus scanners: open.extract_bytes allows 17 bytes"));
    }
    SECTION("none at the very limit") {
        ask.limits.extracts = 3;
        ask.limits.extract_bytes = 6 + 2;
        CHECK(open_message(ask, Blob::borrow("[1][2]")).contents.limit.empty());
    }
}

// Sink - takes batches, and answers as the test wants
class Sink final : public PartSink {
public:
    Took take(const mail::Contents& so_far, std::vector<ShownBlob> parts) override {
        batches.push_back(parts.size());
        for (const auto& each : parts) {
            bytes += each.bytes.bytes().size();
            CHECK(so_far.parts.at(each.part - 1).number == each.part);
        }
        return answer;
    }
    std::string why() const override { return "the test says so"; }
    std::vector<std::size_t> batches;
    std::uint64_t bytes = 0;
    Took answer = Took::yes;
};

TEST_CASE("parts go to the sink in batches while the opening goes on; the last ones come with what was opened") {
    Kinds kinds;
    Sink sink;
    auto ask = setup(kinds);
    ask.sink = &sink;
    ask.limits.minimum_quota = 100 << 20;
    std::string text;
    SECTION("by their number") {
        for (std::size_t i = 1; i < 2 * batch_parts + 7; ++i) text += "[" + std::to_string(i) + "]";
        const auto out = open_message(ask, Blob::borrow(text));
        CHECK(sink.batches == std::vector<std::size_t>{batch_parts, batch_parts});
        CHECK(out.shown.size() == 7);
        CHECK(out.contents.limit.empty());
    }
    SECTION("by their bytes") {
        for (int i = 0; i < 5; ++i) text += "[" + std::to_string(i) + std::string(batch_bytes / 2, 'x') + "]";
        const auto out = open_message(ask, Blob::borrow(text));
        CHECK(sink.batches == std::vector<std::size_t>{1, 2, 2});
        CHECK(out.shown.size() == 1);
    }
    SECTION("not when they are few and small") {
        const auto out = open_message(ask, Blob::borrow("[1][2]"));
        CHECK(sink.batches.empty());
        CHECK(out.shown.size() == 3);
    }
    SECTION("something was found: the rest is opened, and nothing more is shown") {
        for (std::size_t i = 1; i < 3 * batch_parts; ++i) text += "[" + std::to_string(i) + "]";
        sink.answer = PartSink::Took::enough;
        const auto out = open_message(ask, Blob::borrow(text));
        CHECK(sink.batches.size() == 1);
        CHECK(out.shown.empty());
        CHECK(out.contents.parts.size() == 3 * batch_parts);
        CHECK(out.contents.limit.empty());
    }
    SECTION("what could not be handed over is a limit with its reason") {
        for (std::size_t i = 1; i < batch_parts + 5; ++i) text += "[" + std::to_string(i) + "]";
        sink.answer = PartSink::Took::no;
        const auto out = open_message(ask, Blob::borrow(text));
        CHECK(out.contents.limit == "Not shown to the virus scanners: the test says so");
        CHECK(out.contents.parts[5].shown == mail::Shown::kept_back);
        CHECK(out.shown.size() == 5);
    }
}

// Gate - allows so many bytes of memory files
class Gate final : public MemoryGate {
public:
    explicit Gate(std::uint64_t most) : left(most), all(most) { set_memory_gate(this); }
    ~Gate() override { set_memory_gate(nullptr); }
    bool grow(std::uint64_t bytes) override {
        if (bytes > left) return false;
        left -= bytes;
        return true;
    }
    void shrink(std::uint64_t bytes) noexcept override { left += bytes; }
    std::uint64_t left, all;
};

TEST_CASE("memory files are asked for and given back; without room a part is cut, which is a limit") {
    const std::string large(3 << 20, 'x');
    Gate gate(4 << 20);
    {
        BlobWriter writer;
        for (std::size_t i = 0; i < large.size(); i += 65536) REQUIRE(writer.append(std::string_view(large).substr(i, 65536)));
        auto blob = writer.finish();
        REQUIRE(blob);
        CHECK(gate.all - gate.left == large.size());
        const auto half = blob->slice(0, 5);
        blob = Blob();
        CHECK(gate.left != gate.all);  // the slice holds it
        BlobWriter refused;
        CHECK_FALSE(refused.append(large));
        REQUIRE(refused.append("small"));
        CHECK_FALSE(refused.append(large));
        const auto rest = refused.finish();
        REQUIRE(rest);
        CHECK(rest->bytes() == "small");
    }
    CHECK(gate.left == gate.all);
    Kinds kinds;
    auto ask = setup(kinds);
    ask.limits.minimum_quota = 100 << 20;
    const auto text = "[" + large + "y" + large + "]";
    const auto out = open_message(ask, Blob::borrow(text));
    CHECK(out.contents.limit.starts_with("No memory for a decoded part"));
    CHECK(out.shown.size() == 1);  // the message; of the part, written at once, nothing is there
    CHECK(out.contents.parts[1].shown == mail::Shown::kept_back);
}

TEST_CASE("a decoder without memory ends the opening; what was found before stays") {
    Kinds kinds;
    auto ask = setup(kinds);
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
    auto ask = setup(kinds);
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
