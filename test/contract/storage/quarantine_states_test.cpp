// storage/kept/quarantine_store.h: find, read_chunks, change_state, remove, stats
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

mail::MessageRecord two_recipients() {
    auto record = make_record("a@example.org", "bob@example.com");
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "carol@example.com";
    return record;
}

}  // namespace

TEST_CASE("find: the message, once for each partition that has it; also without a copy") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    auto record = two_recipients();
    must(keep(*records, record, copy_of("text")));
    record.partition_tag = 7;
    record.quarantine_type = ' ';
    must(keep(*records, record));
    const auto store = open_quarantine(*place);
    const auto both = find(*store, record.mail_id);
    REQUIRE(both.size() == 2);
    CHECK((both[0].key.partition_tag == 0 && both[1].key.partition_tag == 7));
    CHECK((both[0].type == "Q" && both[1].type != "Q" && both[1].recipients.size() == 2));
    CHECK(find(*store, record.mail_id, 7).size() == 1);
    CHECK(find(*store, record.mail_id, 8).empty());
    CHECK(find(*store, mail::MailId("unknown-id")).empty());
    CHECK(find(*store, mail::MailId("")).empty());
    record = make_record();
    record.content = '\0';  // is being processed
    must(keep(*records, record));
    CHECK(find(*store, record.mail_id).size() == 1);
}

TEST_CASE("read_chunks: about a megabyte at a time, in order, to the end") {
    const Tried place(each_backend());
    std::string text;
    for (int i = 0; i < 3'000'000; ++i) text += static_cast<char>(i % 251);
    for (std::size_t at = 0; (at = text.find("\r\n", at)) != std::string::npos;) text[at] = 'x';
    const auto record = make_record();
    must(keep(*open_records(*place), record, copy_of(text, "")));
    const auto store = open_quarantine(*place);
    const MessageKey key{0, record.mail_id.get()};
    std::string all;
    std::int64_t last = -1;
    int calls = 0;
    for (;; ++calls) {
        const auto chunks = read_chunks(*store, key, last);
        if (chunks.empty()) break;
        std::size_t size = 0;
        for (const auto& chunk : chunks) {
            CHECK(chunk.number > last);
            last = chunk.number;
            size += chunk.text.size();
            all += chunk.text;
        }
        CHECK((size > 0 && size <= 1'200'000));
    }
    CHECK((calls >= 3 && calls <= 6));
    CHECK((all == text));
    CHECK(read_chunks(*store, key, last).empty());
    CHECK(read_chunks(*store, key, 5).front().number == 6);
    CHECK(read_chunks(*store, {7, record.mail_id.get()}).empty());
    CHECK(read_chunks(*store, {0, "unknown"}).empty());
}

TEST_CASE("read_chunks: of a copy that lost a chunk the others come, and their numbers tell") {
    const Tried place(each_backend());
    const auto record = make_record();
    must(keep(*open_records(*place), record, copy_of(std::string(60'000, 'x'), "")));
    place->erase("quarantine", {{"mail_id", record.mail_id.get()}, {"chunk_ind", "2"}});
    const auto chunks = read_chunks(*open_quarantine(*place), {0, record.mail_id.get()});
    std::vector<std::int64_t> numbers;
    for (const auto& chunk : chunks) numbers.push_back(chunk.number);
    CHECK(numbers == std::vector<std::int64_t>{1, 3, 4});
}

TEST_CASE("change_state: compare and set; the same change asked twice is done once") {
    const Tried place(each_backend());
    const auto record = two_recipients();
    must(keep(*open_records(*place), record));
    const auto store = open_quarantine(*place);
    const auto item = find(*store, record.mail_id).at(0);
    const auto& carol = item.recipients.at(1);
    const StateChange change{item.key, carol, "t", carol.response + " [releasing]"};
    for (int i = 0; i < 2; ++i) {
        const auto now = must(change_state(*store, change));
        CHECK(now.changed);
        CHECK((now.state == "t" && now.response == change.response));
    }
    auto other = change;
    other.response = "somebody else's";
    const auto refused = must(change_state(*store, other));
    CHECK_FALSE(refused.changed);
    CHECK((refused.state == "t" && refused.response == change.response));
    const auto after = find(*store, record.mail_id).at(0);
    CHECK((after.recipients[0].state == " " && after.recipients[0].response == carol.response));
    CHECK((after.recipients[1].state == "t" && after.recipients[1].response == change.response));
    // on from there
    CHECK(must(change_state(*store, {item.key, after.recipients[1], "R", "250 Ok \xf0\x9f\x98\x80"})).changed);
    CHECK(find(*store, record.mail_id).at(0).recipients[1].response == "250 Ok \xf0\x9f\x98\x80");
    // the response alone decides, too
    auto stale = find(*store, record.mail_id).at(0).recipients[1];
    stale.response = "another";
    CHECK_FALSE(must(change_state(*store, {item.key, stale, "D", ""})).changed);
    place->erase("msgrcpt", {{"mail_id", record.mail_id.get()}, {"rseqnum", "2"}});
    const auto gone = change_state(*store, change);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().is(Errc::not_found));
}

TEST_CASE("change_state: of concurrent changes exactly one wins") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    std::vector<mail::MessageRecord> many;
    for (int i = 0; i < 25; ++i) many.push_back(two_recipients());
    for (const auto& done : keep_all(*records, many)) REQUIRE(done);
    constexpr int rivals = 3;
    std::vector<std::shared_ptr<QuarantineStore>> stores;
    for (int r = 0; r < rivals; ++r) stores.push_back(open_quarantine(*place));
    std::vector<QuarantineItem> items;
    for (const auto& record : many) items.push_back(find(*stores[0], record.mail_id).at(0));
    std::vector<std::vector<bool>> won(rivals, std::vector<bool>(items.size()));
    std::atomic<int> faults = 0;
    std::vector<std::thread> working;
    for (int r = 0; r < rivals; ++r)
        working.emplace_back([&, r] {
            for (std::size_t i = 0; i < items.size(); ++i) {
                const auto now =
                    change_state(*stores[r], {items[i].key, items[i].recipients[0], "p", fmt::format("rival {}", r)});
                faults += now ? 0 : 1;
                won[r][i] = now && now->changed;
            }
        });
    for (auto& thread : working) thread.join();
    CHECK(faults == 0);
    for (std::size_t i = 0; i < items.size(); ++i) {
        int winners = 0, winner = -1;
        for (int r = 0; r < rivals; ++r)
            if (won[r][i]) ++winners, winner = r;
        CHECK(winners == 1);
        CHECK(find(*stores[0], many[i].mail_id).at(0).recipients[0].response == fmt::format("rival {}", winner));
    }
}

TEST_CASE("remove: the chunks go, all recipients get state D, the record stays without type and location") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    const auto record = two_recipients(), other = two_recipients();
    must(keep(*records, record, copy_of(std::string(40'000, 'x'))));
    must(keep(*records, other, copy_of("x")));
    const auto store = open_quarantine(*place);
    const MessageKey key{0, record.mail_id.get()};
    must(remove(*store, key));
    CHECK(read_chunks(*store, key).empty());
    const auto item = find(*store, record.mail_id).at(0);
    CHECK((item.recipients[0].state == "D" && item.recipients[1].state == "D"));
    CHECK((item.type.find_first_not_of(' ') == std::string::npos && item.location.find_first_not_of(' ') == std::string::npos));
    CHECK(item.subject == "subject");
    CHECK(counts(*place) == "2|4|1");
    must(remove(*store, key));  // again
    CHECK(read_copy(*store, other) == "X-Quarantine-ID: <x>\nx");
    CHECK(find(*store, other.mail_id).at(0).recipients[0].state == " ");
    const auto unknown = remove(*store, {0, "unknown"});
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().is(Errc::not_found));
    CHECK(remove(*store, {7, record.mail_id.get()}).error().is(Errc::not_found));
}

TEST_CASE("stats: messages with a copy by host and category, and recipients by state, of a span of time") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    const auto store = open_quarantine(*place);
    const auto stats = [&](std::int64_t since, std::int64_t until) {
        return must(run<Result<QuarantineStats>>([&] { return store->stats(since, until, Deadline::in(30s)); }));
    };
    CHECK((stats(0, 2'000'000'000).counts.empty() && stats(0, 2'000'000'000).states.empty()));
    for (int i = 0; i < 7; ++i) {
        auto record = two_recipients();
        record.received_at = std::chrono::sys_seconds(std::chrono::seconds(1000 + i));
        record.content = i < 4 ? 'S' : 'V';
        record.host = i == 0 ? "a" : "b";
        record.size = 100;
        if (i == 6) record.quarantine_type = ' ';
        if (i == 1) record.recipients[0].release_state = 'R';
        must(keep(*records, record));
    }
    const auto all = stats(1000, 2000);
    std::vector<std::string> text;
    for (const auto& each : all.counts)
        text.push_back(fmt::format("{} {} {} {}", each.host, each.content, each.messages, each.octets));
    std::ranges::sort(text);
    CHECK(text == std::vector<std::string>{"a S 1 100", "b S 3 300", "b V 2 200"});
    auto states = all.states;
    std::ranges::sort(states);
    CHECK(states == std::vector<std::pair<std::string, std::uint64_t>>{{" ", 11}, {"R", 1}});
    REQUIRE(stats(1004, 1005).counts.size() == 1);  // the end is excluded
    CHECK(stats(1004, 1005).counts[0].messages == 1);
}
