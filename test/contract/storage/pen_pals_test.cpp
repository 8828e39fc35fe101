// storage/lookups/lookup_store.h: PenPalStore
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

using Times = std::vector<std::optional<std::chrono::system_clock::time_point>>;

Result<Times> try_last_written(PenPalStore& store, PenPalQuestion question) {
    return run<Result<Times>>([&] { return store.last_written(question, Deadline::in(30s)); });
}

std::chrono::sys_days january(int day) { return std::chrono::year(2024) / 1 / day; }

// days - of January 2024, per recipient: "5 - "
std::string days(PenPalStore& store, PenPalQuestion question) {
    if (question.since == std::chrono::system_clock::time_point()) question.since = january(1);
    std::string out;
    for (const auto& time : must(try_last_written(store, question)))
        out += time ? fmt::format("{} ", static_cast<unsigned>(
                                             std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*time)).day()))
                    : "- ";
    return out;
}

std::shared_ptr<PenPalStore> open(const Place& place, LookupOptions options = {}) {
    return must(open_pen_pals({place.dsn()}, std::move(options)));
}

struct Sent {
    std::string from, to;
    int day = 1;
    std::string message_id = "<x@x>";
    char disposition = 'P', content = 'C';
    bool originating = false;
};

void send(RecordStore& store, Sent sent) {
    auto record = make_record(sent.from, sent.to);
    record.received_at = january(sent.day);
    record.content = sent.content;
    record.message_id = sent.message_id;
    record.originating = sent.originating;
    record.recipients[0].disposition = sent.disposition;
    must(keep(store, record));
}

}  // namespace

TEST_CASE("last_written: when a recipient last sent mail, passed and not infected, to the sender") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    send(*records, {"ours@x.org", "pal@y.org", 3});
    send(*records, {"Ours@X.org", "Pal@Y.org", 5});
    send(*records, {.from = "ours@x.org", .to = "pal@y.org", .day = 9, .disposition = 'D'});
    send(*records, {.from = "ours@x.org", .to = "pal@y.org", .day = 10, .content = 'V'});
    send(*records, {"pal@y.org", "ours@x.org", 11});  // the other direction
    send(*records, {"third@x.org", "pal@y.org", 4});
    const auto store = open(*place);
    CHECK(days(*store, {"pal@Y.ORG", {"OURS@x.org", "second@x.org", "third@x.org", "nobody@x.org"}, {}, {}}) == "5 - 4 - ");
    CHECK(days(*store, {"stranger@y.org", {"ours@x.org"}, {}, {}}) == "- ");
    CHECK(days(*store, {"pal@y.org", {}, {}, {}}).empty());
}

TEST_CASE("last_written: mail that is older than `since` does not count") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    send(*records, {"ours@x.org", "pal@y.org", 5});
    const auto store = open(*place);
    CHECK(days(*store, {"pal@y.org", {"ours@x.org"}, {}, january(5)}) == "5 ");
    CHECK(days(*store, {"pal@y.org", {"ours@x.org"}, {}, january(6)}) == "- ");
}

TEST_CASE("last_written: or mail with one of the referenced Message-IDs, to anybody but themselves") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    send(*records, {"second@x.org", "list@z.org", 7, "<ref@x>"});
    send(*records, {"second@x.org", "second@x.org", 8, "<self@x>"});
    send(*records, {.from = "second@x.org", .to = "list@z.org", .day = 9, .message_id = "<lost@x>", .disposition = 'D'});
    const auto store = open(*place);
    CHECK(days(*store, {"stranger@z.org", {"second@x.org"}, {"<none@x>", "<ref@x>"}, {}}) == "7 ");
    CHECK(days(*store, {"stranger@z.org", {"second@x.org"}, {"<self@x>"}, {}}) == "- ");
    CHECK(days(*store, {"stranger@z.org", {"second@x.org"}, {"<lost@x>"}, {}}) == "- ");
    CHECK(days(*store, {"stranger@z.org", {"ours@x.org", "second@x.org"}, {"<ref@x>"}, {}}) == "- 7 ");
    const std::string length(300, 'a');  // longer than its column
    send(*records, {"second@x.org", "list@z.org", 10, "<" + length + "@x>"});
    CHECK(days(*store, {"stranger@z.org", {"second@x.org"}, {"<" + length + "@x>"}, {}}) == "10 ");
    std::vector<std::string> thirty;
    for (int i = 0; i < 29; ++i) thirty.push_back(fmt::format("<{}@none>", i));
    thirty.emplace_back("<ref@x>");
    CHECK(days(*store, {"stranger@z.org", {"second@x.org"}, thirty, {}}) == "7 ");
}

TEST_CASE("last_written: addresses are asked for as the records were written") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    auto record = make_record("Ours@x.org", "Pal@y.org");
    record.received_at = january(5);
    record.content = 'C';
    record.recipients[0].disposition = 'P';
    record.local_case_matters = true;
    must(keep(*records, record));
    const auto store = open(*place);
    CHECK(days(*store, {"Pal@y.org", {"Ours@x.org", "ours@x.org"}, {}, {}, LocalCase::kept}) == "5 - ");
    CHECK(days(*store, {"pal@y.org", {"Ours@x.org"}, {}, {}, LocalCase::kept}) == "- ");
}

TEST_CASE("knows_original: mail with that Message-ID, of one of the recipients or originating, that was handed over") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    const auto store = open(*place);
    const auto knows = [&](std::string id, std::vector<std::string> recipients) {
        const OriginalQuestion question{std::move(id), std::move(recipients)};
        const auto known =
            must(run<Result<std::optional<bool>>>([&] { return store->knows_original(question, Deadline::in(30s)); }));
        REQUIRE(known);
        return *known;
    };
    CHECK_FALSE(knows("<1@x>", {"ours@x.org"}));
    const std::string length(300, 'a');
    const auto sent = [&](std::string from, std::string id, bool originating, char disposition = 'P') {
        send(*records, {std::move(from), "pal@y.org", 1, std::move(id), disposition, 'C', originating});
    };
    sent("ours@x.org", "<1@x>", false);
    sent("other@x.org", "<2@x>", true);
    sent("stranger@y.org", "<3@x>", false);
    sent("ours@x.org", "<4@x>", true, 'D');
    sent("ours@x.org", "<" + length + "@x>", false);
    CHECK(knows("<1@x>", {"nobody@x.org", "OURS@X.org"}));
    CHECK_FALSE(knows("<1@x>", {"nobody@x.org"}));
    CHECK_FALSE(knows("<1@x>", {}));
    CHECK(knows("<2@x>", {"nobody@x.org"}));  // originating: whoever sent it, addresses may have been rewritten
    CHECK_FALSE(knows("<3@x>", {"ours@x.org"}));
    CHECK_FALSE(knows("<4@x>", {"ours@x.org"}));  // never left
    CHECK(knows("<" + length + "@x>", {"ours@x.org"}));
    CHECK_FALSE(knows("<none@x>", {"ours@x.org"}));
    CHECK_FALSE(knows("<\xff'{\"\\>", {"\xff'{\"@x.org"}));
    CHECK_FALSE(knows(std::string("<\0\xf0\x9f\x98\x80>", 7), {std::string("\0@x.org", 7)}));
}

TEST_CASE("knows_original: nothing when the tables have no column msgs.message_id; last_written goes on") {
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    send(*open_records(*place), {"ours@x.org", "pal@y.org", 5, "<1@x>"});
    place->run("ALTER TABLE msgs RENAME COLUMN message_id TO message_id_away");
    const auto store = open(*place);
    const OriginalQuestion question{"<1@x>", {"ours@x.org"}};
    CHECK_FALSE(must(run<Result<std::optional<bool>>>([&] { return store->knows_original(question, Deadline::in(30s)); })));
    CHECK(days(*store, {"pal@y.org", {"ours@x.org"}, {"<1@x>"}, {}}) == "5 ");
}

TEST_CASE("pen pals: odd octets find nothing and are no trouble") {
    const Tried place(each_backend());
    const auto store = open(*place);
    for (const std::string odd : {"\xff'{\"", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\\", "%_"})
        CHECK(days(*store, {odd + "@z.org", {odd + "@x.org"}, {"<" + odd + ">"}, {}}) == "- ");
    const std::string nul("n\0l", 3);
    CHECK(days(*store, {nul + "@z.org", {nul + "@x.org"}, {"<" + nul + ">"}, {}}) == "- ");
}

TEST_CASE("pen pals: a database that is away is Errc::unavailable with its name, and comes back without a restart") {
    const Captured captured;
    const Tried place(each_backend());
    send(*open_records(*place), {"ours@x.org", "pal@y.org", 5});
    place->take_away();
    const auto store = open(*place, {.patience = 50ms});
    const PenPalQuestion question{"pal@y.org", {"ours@x.org"}, {}, january(1)};
    const auto away = try_last_written(*store, question);
    REQUIRE_FALSE(away);
    CHECK(away.error().is(Errc::unavailable));
    CHECK_THAT(away.error().detail, Catch::Contains(place->dsn().shown));
    place->bring_back();
    CHECK(wait_until([&] { return try_last_written(*store, question).has_value(); }));
    CHECK(days(*store, question) == "5 ");
}
