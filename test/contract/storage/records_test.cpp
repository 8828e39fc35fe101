// storage/records/store.h: keep and finish
#include "storage/retention/week_tag.h"
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

using Lines = std::vector<std::string>;

mail::MessageRecord with_recipients(std::vector<std::string> addresses) {
    auto record = make_record();
    record.recipients.resize(addresses.size(), record.recipients.front());
    for (std::size_t i = 0; i < addresses.size(); ++i) record.recipients[i].address = addresses[i];
    return record;
}

}  // namespace

TEST_CASE("keep: writes everything of a message that is final now, as amavisd writes it") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    auto record = with_recipients({"user@example.com", "Other@Example.com."});
    record.recipients[1].is_local = false;
    record.recipients[1].content = 'C';
    record.recipients[1].disposition = 'P';
    record.recipients[1].whitelisted = true;
    record.recipients[1].score = -1.5;
    record.recipients[1].response = "250 2.0.0 Ok";
    must(keep(*store, record));
    CHECK(store->ready());
    CHECK(lines(*place, "maddr", {"email", "domain"}) ==
          Lines{"other@example.com|com.example", "sender@example.org|org.example", "user@example.com|com.example"});
    CHECK(lines(*place, "msgs",
                {"partition_tag", "mail_id", "secret_id", "am_id", "time_num", "policy", "client_addr", "size", "originating",
                 "content", "quar_type", "quar_loc", "dsn_sent", "spam_level", "message_id", "from_addr", "subject", "host"}) ==
          Lines{fmt::format("0|{0}|{1}|12345-01|1673000100|MYNETS|192.0.2.1|1234|Y|S|Q|{0}|N|7.25|<a@b>|A <a@b>|subject|"
                            "filter.example.com",
                            record.mail_id.get(), record.secret_id.get())});
    CHECK(lines(*place, "msgrcpt",
                {"rseqnum", "mail_id", "is_local", "content", "ds", "rs", "bl", "wl", "bspam_level", "smtp_resp"}) ==
          Lines{fmt::format("1|{}|Y|S|D||N|N|7.25|250 2.7.0 Ok, discarded, id=12345-01 - spam", record.mail_id.get()),
                fmt::format("2|{}|N|C|P||N|Y|-1.5|250 2.0.0 Ok", record.mail_id.get())});
    CHECK(count(*place, "quarantine") == 0);
}

TEST_CASE("keep: returns after the commit") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    const auto other = open_quarantine(*place);
    for (int i = 0; i < 10; ++i) {
        const auto record = make_record();
        must(keep(*store, record, copy_of("text")));
        CHECK(find(*other, record.mail_id).size() == 1);
        CHECK(read_copy(*other, record) == "X-Quarantine-ID: <x>\ntext");
    }
}

TEST_CASE("keep: a second keep of the same mail_id is Errc::conflict, and one transaction: nothing of it is stored") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    const auto first = make_record();
    must(keep(*store, first, copy_of("first")));
    auto second = with_recipients({"somebody@example.com", "else@example.com"});
    second.mail_id = first.mail_id;
    second.subject = "second";
    const auto refused = keep(*store, second, copy_of(std::string(40'000, 'x')));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::conflict));
    CHECK(counts(*place) == "1|1|1");
    CHECK(lines(*place, "msgs", {"subject"}) == Lines{"subject"});
    CHECK(read_copy(*open_quarantine(*place), first) == "X-Quarantine-ID: <x>\nfirst");
    second.partition_tag = 7;  // another partition: another message
    must(keep(*store, second));
    CHECK(counts(*place) == "2|3|1");
}

TEST_CASE("keep: many messages share one commit, and only the guilty fails") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 60; ++i) records.push_back(make_record(fmt::format("s{}@x.org", i % 9)));
    records[20].mail_id = records[3].mail_id;
    records[21].mail_id = records[3].mail_id;
    const auto answers = keep_all(*store, records, copy_of("x"));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        INFO(i << (answers[i] ? "" : answers[i].error().detail));
        CHECK(answers[i].has_value() == (i != 20 && i != 21));
    }
    CHECK((!answers[20] && answers[20].error().is(Errc::conflict)));
    CHECK((!answers[21] && answers[21].error().is(Errc::conflict)));
    CHECK(counts(*place) == "58|58|58");
    CHECK(place->rows("maddr", {"email"}).size() == 10);
}

TEST_CASE("keep: of two stores that keep the same mail_id at once exactly one does") {
    const Tried place(each_backend());
    const auto one = open_records(*place), two = open_records(*place);
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 100; ++i) records.push_back(make_record());
    std::vector<Done> here, there;
    std::thread other([&] { there = keep_all(*two, records, copy_of("x")); });
    here = keep_all(*one, records, copy_of("x"));
    other.join();
    int wrong = 0, faults = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        wrong += here[i].has_value() == there[i].has_value() ? 1 : 0;
        for (const auto* answer : {&here[i], &there[i]}) faults += *answer || answer->error().is(Errc::conflict) ? 0 : 1;
    }
    CHECK(wrong == 0);
    CHECK(faults == 0);
    CHECK(counts(*place) == "100|100|100");
}

TEST_CASE("keep: a record whose content is '\\0' is stored with NULL there") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    auto record = make_record();
    record.content = '\0';
    must(keep(*store, record));
    CHECK(place->rows("msgs", {"content"}) == std::vector<Cells>{{std::nullopt}});
}

TEST_CASE("keep: the text of a copy byte for byte, with LF line ends, in chunks of at most 16384 from number 1") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    const auto quarantine = open_quarantine(*place);
    std::string bytes;
    for (int i = 0; i < 70'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
    for (std::size_t at = 0; (at = bytes.find("\r\n", at)) != std::string::npos;) bytes[at] = 'x';
    for (const std::size_t size : {0UL, 1UL, 256UL, 16383UL, 16384UL, 16385UL, 32768UL, 70'000UL}) {
        INFO(size);
        const auto text = bytes.substr(0, size);
        const auto record = make_record();
        must(keep(*store, record, copy_of(text, "")));
        CHECK((read_copy(*quarantine, record) == text));  // without printing both
        const auto chunks = read_chunks(*quarantine, {0, record.mail_id.get()});
        REQUIRE(chunks.size() == (size + 16383) / 16384);
        for (std::size_t i = 0; i < chunks.size(); ++i) {
            CHECK(chunks[i].number == static_cast<std::int64_t>(i) + 1);
            CHECK(chunks[i].text.size() == std::min<std::size_t>(16384, size - i * 16384));
        }
    }
    const auto record = make_record();  // a line end that a chunk's end divides
    must(keep(*store, record, copy_of(std::string(16383, 'x') + "\r\nrest\r\n.\r\n\r", "")));
    CHECK((read_copy(*quarantine, record) == std::string(16383, 'x') + "\nrest\n.\n\r"));
}

TEST_CASE("keep: recipients stay in their order, also several of one address; one without an address only counts") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    std::vector<std::string> addresses;
    for (int i = 0; i < 40; ++i) addresses.push_back(fmt::format("u{}@example.com", (i * 7) % 11));
    addresses[5].clear();
    auto record = with_recipients(addresses);
    for (std::size_t i = 0; i < addresses.size(); ++i) record.recipients[i].response = fmt::format("250 {}", i + 1);
    must(keep(*store, record));
    const auto found = find(*open_quarantine(*place), record.mail_id);
    REQUIRE(found.size() == 1);
    REQUIRE(found[0].recipients.size() == addresses.size() - 1);
    std::size_t i = 0;
    for (const auto& to : found[0].recipients) {
        if (i == 5) ++i;
        CHECK(to.address == addresses[i]);
        CHECK(to.sequence == static_cast<std::int64_t>(i) + 1);
        CHECK(to.response == fmt::format("250 {}", i + 1));
        ++i;
    }
    CHECK(place->rows("maddr", {"email"}).size() == 12);
}

TEST_CASE("keep: an address is stored once, however many messages have it, and letters of local parts only when they matter") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    for (const auto* sender : {"a@x.org", "A@X.org", "a@x.org."}) must(keep(*store, make_record(sender, "A@x.ORG")));
    CHECK(lines(*place, "maddr", {"email"}) == Lines{"a@x.org"});
    auto record = make_record("A@x.org", "");
    record.local_case_matters = true;
    must(keep(*store, record));
    CHECK(lines(*place, "maddr", {"email"}) == Lines{"A@x.org", "a@x.org"});
    must(keep(*store, make_record("", "a@x.org")));  // the null sender
    CHECK(lines(*place, "maddr", {"email", "domain"}) == Lines{"A@x.org|org.x", "a@x.org|org.x", "|"});
}

TEST_CASE("keep: hundreds at once from several threads, with the same addresses in every order, each stored once") {
    const Tried place(each_backend());
    const auto one = open_records(*place), two = open_records(*place);
    constexpr int threads = 4, each = 150;
    std::vector<std::vector<mail::MessageRecord>> records(threads);
    std::vector<std::vector<Done>> answers(threads);
    for (int t = 0; t < threads; ++t)
        for (int i = 0; i < each; ++i) {
            const int number = t % 2 == 0 ? i : each - 1 - i;
            records[t].push_back(make_record(fmt::format("s{}@x.org", number), fmt::format("r{}@x.org", number % 20)));
        }
    std::vector<std::thread> working;
    for (int t = 0; t < threads; ++t)
        working.emplace_back([&, t] { answers[t] = keep_all(t < 2 ? *one : *two, records[t], copy_of("x")); });
    for (auto& thread : working) thread.join();
    std::set<std::string> wanted;
    for (int t = 0; t < threads; ++t)
        for (int i = 0; i < each; ++i) {
            INFO((answers[t][i] ? "" : answers[t][i].error().detail));
            CHECK(answers[t][i]);
            wanted.insert(records[t][i].mail_id.get());
        }
    const auto stored = lines(*place, "msgs", {"mail_id"});
    CHECK(stored.size() == wanted.size());
    CHECK(std::set<std::string>(stored.begin(), stored.end()) == wanted);
    CHECK(counts(*place) == "600|600|600");
    CHECK(place->rows("maddr", {"email"}).size() == 170);
}

TEST_CASE("keep: a deadline that is past is a Fault, and the message is stored once at most") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    must(keep(*store, make_record()));
    const auto record = make_record();
    const auto late = keep(*store, record, {}, Deadline::in(0ms));
    if (!late) {
        CHECK(late.error().is(Errc::timeout));
        const auto again = keep(*store, record);
        CHECK((again || again.error().is(Errc::conflict)));
    }
    CHECK(count(*place, "msgs") == 2);
}

TEST_CASE("finish: brings a kept message to its final state, its recipients each to their own") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    auto record = with_recipients({"one@example.com", "two@example.com", "one@example.com"});
    record.content = '\0';
    record.quarantine_type = ' ';
    record.quarantine_location.clear();
    for (auto& to : record.recipients) to.disposition = '?';
    must(keep(*store, record));
    const auto untouched = make_record();
    must(keep(*store, untouched));
    record.content = 'V';
    record.quarantine_type = 'F';
    record.quarantine_location = "virus-x.gz";
    record.dsn_sent = 'q';
    record.spam_level = 12.5;
    record.subject = "not written again";
    for (std::size_t i = 0; i < record.recipients.size(); ++i) {
        record.recipients[i].disposition = "PDB"[i];
        record.recipients[i].content = "CVS"[i];
        record.recipients[i].response = fmt::format("250 {}", i);
    }
    must(finish(*store, record));
    const auto id = record.mail_id.get();
    auto stored = lines(*place, "msgs", {"mail_id", "content", "quar_type", "quar_loc", "dsn_sent", "spam_level", "subject"});
    CHECK(std::ranges::count(stored, id + "|V|F|virus-x.gz|q|12.5|subject") == 1);
    CHECK(std::ranges::count(stored, fmt::format("{0}|S|Q|{0}|N|7.25|subject", untouched.mail_id.get())) == 1);
    stored = lines(*place, "msgrcpt", {"mail_id", "rseqnum", "content", "ds", "smtp_resp"});
    for (const auto* want : {"1|C|P|250 0", "2|V|D|250 1", "3|S|B|250 2"})
        CHECK(std::ranges::count(stored, id + "|" + want) == 1);
    must(finish(*store, record));  // once more changes nothing
    CHECK(lines(*place, "msgrcpt", {"mail_id", "rseqnum", "content", "ds", "smtp_resp"}) == stored);
    const auto unknown = finish(*store, make_record());
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().is(Errc::not_found));
}

TEST_CASE("keep: by week the partition is the one in which the message came; finish and a second keep find it there") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    auto record = make_record();
    record.partition_tag = tag_by_week;
    record.content = '\0';
    must(keep(*store, record, copy_of("x")));
    record.content = 'S';
    must(finish(*store, record));
    CHECK(keep(*store, record).error().is(Errc::conflict));
    for (const auto* table : {"maddr", "msgrcpt", "quarantine"})
        for (const auto& tag : lines(*place, table, {"partition_tag"})) CHECK(tag == "202301");
    CHECK(lines(*place, "msgs", {"partition_tag", "content"}) == Lines{"202301|S"});
}

TEST_CASE("keep: a store that ends tells whoever still waits") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    auto store = open_records(*place);
    asio::io_context loop(1);
    Done answer;
    asio::co_spawn(loop, store->keep(make_record(), {}, Deadline::in(30s)),
                   [&](const std::exception_ptr&, Done done) { answer = std::move(done); });
    loop.poll();
    store.reset();
    loop.run();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().is(Errc::stopping));
    place->bring_back();
    CHECK(count(*place, "msgs") == 0);
}

TEST_CASE("keep: a standby is no place for records: Errc::unavailable says why") {
    const Captured captured;
    const Tried place(each_backend({Can::stand_by}));
    if (!place) return;
    place->stand_by();
    const auto refused = keep(*open_records(*place, {.patience = 50ms}), make_record());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::unavailable));
    CHECK_THAT(refused.error().detail, Catch::Contains("read-only"));
}

TEST_CASE("ready: whether records can be written now; opening succeeds also when the database is away") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    const auto store = open_records(*place, {.patience = 100ms});
    const auto refused = keep(*store, make_record());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::unavailable));
    CHECK_THAT(refused.error().detail, Catch::Contains(place->dsn().shown) && Catch::Contains("since"));
    const auto ready = store->ready();
    REQUIRE_FALSE(ready);
    CHECK(ready.error().is(Errc::unavailable));
    CHECK_THAT(ready.error().detail, Catch::Contains(place->dsn().shown) && Catch::Contains("since"));
    place->bring_back();
    CHECK(wait_until([&] { return store->ready().has_value(); }));
    must(keep(*store, make_record()));
    CHECK(count(*place, "msgs") == 1);
}

TEST_CASE("opening: Faults are only for what can never work") {
    CHECK_FALSE(open_record_store({}, {}));
    CHECK_FALSE(open_lookup_store({}, {}));
    CHECK_FALSE(open_pen_pals({}, {}));
    CHECK_FALSE(open_quarantine_store({}, {}));
    const Tried place(each_backend());
    for (const auto& backend : place_kinds()) {
        const auto other = backend.make(Tables::none);
        const std::vector<Dsn> dsns{place->dsn(), other->dsn()};
        const bool is_same = dsns[0].backend == dsns[1].backend;
        CHECK(open_record_store(dsns, {}).has_value() == is_same);
        CHECK(open_lookup_store(dsns, {}).has_value() == is_same);
        CHECK(open_pen_pals(dsns, {}).has_value() == is_same);
        CHECK(open_quarantine_store(dsns, {}).has_value() == is_same);
    }
}
