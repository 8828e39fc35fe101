// storage/retention/expire.h: what goes by its age and what stays, whatever the backend
#include "test/contract/storage/expiry.h"

using namespace tamis;
using namespace tamis::test;

TEST_CASE(
    "expire: records and copies go by the ages of their category; what is exactly as old as its age stays; a dry run says the same before") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    const auto old = put(*store, 'S', 91 * day, 1000, "gone@one.example.org", "nobody@example.com");
    const auto aged = put(*store, 'S', 30 * day + 1, 1000);
    const auto exact = put(*store, 'S', 30 * day, 1000);
    const auto fresh = put(*store, 'V', 2 * day, 1000);
    put(*store, 'C', 14 * day + 1, {});
    put(*store, 'C', 14 * day, {});
    put(*store, 'S', 90 * day, {});
    put(*store, 'C', 0, {}, "gone@two.example.org", "bob@example.com");  // an address above the old ones
    auto how = expire_options();
    how.dry_run = true;
    const auto would = expire(*place, how);
    CHECK(counts(*place) == "8|8|4");
    const auto did = expire(*place);
    for (const auto* report : {&would, &did}) {
        CHECK((report->records == 2 && report->copies == 1 && report->incomplete == 0));
        CHECK((report->recipients == 2 && report->chunks == 2));
        CHECK((report->by_category.at('S').records == 1 && report->by_category.at('S').copies == 1));
        CHECK(report->by_category.at('C').records == 1);
        CHECK((report->is_complete && !report->is_elsewhere));
        CHECK((report->oldest_record == expiry_now - 90 * day && report->oldest_copy == expiry_now - 30 * day));
    }
    CHECK((would.transactions == 0 && did.transactions > 0));
    CHECK(counts(*place) == "6|6|2");
    const auto quarantine = open_quarantine(*place);
    CHECK(find(*quarantine, old.mail_id).empty());
    const auto without = find(*quarantine, aged.mail_id).at(0);
    CHECK((without.type.empty() || without.type == " "));
    CHECK((without.location == "expired" && without.subject == "subject"));
    CHECK(read_copy(*quarantine, aged).empty());
    for (const auto* kept : {&exact, &fresh}) {
        CHECK(find(*quarantine, kept->mail_id).at(0).type == "Q");
        CHECK((read_copy(*quarantine, *kept) == "X-Quarantine-ID: <x>\n" + std::string(1000, 'x')));
    }
    CHECK(did.addresses == 2);  // nobody refers to them
    CHECK(lines(*place, "maddr", {"email"}) ==
          std::vector<std::string>{"a@one.example.org", "bob@example.com", "gone@two.example.org"});
    CHECK(expire(*place).is_empty());
}

TEST_CASE("expire: rules that name no age keep for ever") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    put(*store, 'S', 5000 * day, 1000);
    put(*store, 'V', 5000 * day, 1000);
    auto how = expire_options();
    how.rules.general = {};
    how.rules.of_category.clear();
    how.rules.incomplete = how.rules.deleted = {};
    CHECK(expire(*place, how).is_empty());
    how.rules.of_category['V'] = {{}, 24h};  // whole: nothing of `general` shines through
    const auto report = expire(*place, how);
    CHECK((report.records == 0 && report.copies == 1));
    CHECK(counts(*place) == "2|2|1");
}

TEST_CASE("expire: a copy that a user wants, or that is being released, stays as long as its record") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    const auto quarantine = open_quarantine(*place);
    const auto state = [&](const mail::MessageRecord& record, const std::string& letter) {
        const auto item = find(*quarantine, record.mail_id).at(0);
        CHECK(must(change_state(*quarantine, {item.key, item.recipients.at(0), letter, "said"})).changed);
    };
    const auto wanted = put(*store, 'S', 31 * day, 100), leaving = put(*store, 'V', 31 * day, 100);
    const auto released = put(*store, 'S', 31 * day, 100), deleted = put(*store, 'S', 2 * day, 100);
    const auto young = put(*store, 'S', day / 2, 100), past = put(*store, 'S', 91 * day, 100);
    state(wanted, "p");
    state(leaving, "t");
    state(released, "R");
    state(deleted, "D");  // by every recipient, a day ago
    state(young, "D");
    state(past, "p");
    const auto report = expire(*place);
    CHECK((report.records == 1 && report.copies == 2));
    CHECK(find(*quarantine, past.mail_id).empty());
    for (const auto* kept : {&wanted, &leaving, &young}) CHECK_FALSE(read_copy(*quarantine, *kept).empty());
    for (const auto* gone : {&released, &deleted}) CHECK(read_copy(*quarantine, *gone).empty());
    CHECK(counts(*place) == "5|5|3");
}

TEST_CASE("expire: a message whose end was never recorded and that has no copy goes early") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    put(*store, '\0', 2 * day, {});
    put(*store, '\0', day / 2, {});
    put(*store, '\0', 2 * day, 100);
    const auto report = expire(*place);
    CHECK((report.incomplete == 1 && report.records == 0));
    CHECK(counts(*place) == "2|2|1");
}

TEST_CASE("expire: rows without their message go, whatever wrote them") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    put(*store, 'S', 2 * day, 100);
    for (int i = 0; i < 30; ++i) {
        const auto record = put(*store, 'S', 3 * day, 100);
        place->erase("msgs", {{"mail_id", record.mail_id.get()}});
    }
    CHECK(counts(*place) == "1|31|31");
    const auto report = expire(*place);
    CHECK((report.orphan_recipients == 30 && report.orphan_chunks == 30));
    CHECK(counts(*place) == "1|1|1");
    CHECK(expire(*place).is_empty());
}

TEST_CASE("expire: a large copy goes in pieces, and what a broken run left of one is found") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    put(*store, 'S', 31 * day, 8'000'000);
    const auto report = expire(*place);
    CHECK((report.copies == 1 && report.records == 0 && report.chunks > 450));
    CHECK(report.transactions > 4);
    CHECK(counts(*place) == "1|1|0");
    const auto left = put(*store, 'S', 2 * day, 100);
    place->update("msgs", {{"mail_id", left.mail_id.get()}}, {{"quar_type", " "}, {"quar_loc", "expired"}});
    CHECK(expire(*place).orphan_chunks == 1);
    CHECK(counts(*place) == "2|2|0");
}

TEST_CASE("expire: a copy in two places keeps the other one") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    const auto two = put(*store, 'S', 31 * day, 100), one = put(*store, 'S', 31 * day, 100);
    place->update("msgs", {{"mail_id", two.mail_id.get()}}, {{"quar_type", "Z"}, {"quar_loc", "spam-x.gz," + two.mail_id.get()}});
    CHECK(expire(*place).copies == 2);
    auto want = std::vector<std::string>{two.mail_id.get() + "|Z|spam-x.gz", one.mail_id.get() + "||expired"};
    std::ranges::sort(want);
    CHECK(lines(*place, "msgs", {"mail_id", "quar_type", "quar_loc"}) == want);
    CHECK(counts(*place) == "2|2|0");
}

TEST_CASE("expire: runs after the first look at what became due since") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    Expiry expiry;
    put(*store, 'S', 91 * day, {});
    CHECK(must(try_expire(expiry, place->dsn())).records == 1);
    auto how = expire_options();
    how.is_full = false;
    put(*store, 'S', 91 * day, {});   // written late: still looked at
    put(*store, 'S', 100 * day, {});  // only by a full run
    put(*store, 'S', 90 * day - 100, {});
    CHECK(must(try_expire(expiry, place->dsn(), how)).records == 1);
    how.now += 200;
    CHECK(must(try_expire(expiry, place->dsn(), how)).records == 1);
    how.is_full = true;
    CHECK(must(try_expire(expiry, place->dsn(), how)).records == 1);
    CHECK(counts(*place) == "0|0|0");
}

TEST_CASE("expire: one that is told to stop leaves the rest to the next; so does one that may not remove") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    for (int i = 0; i < 5; ++i) put(*store, 'S', 91 * day, 100);
    Expiry expiry;
    const auto stopped = must(try_expire(expiry, place->dsn(), expire_options(), true));
    CHECK((!stopped.is_complete && stopped.records == 0));
    auto how = expire_options();
    how.removes = false;
    CHECK(expire(*place, how).records == 0);
    CHECK(counts(*place) == "5|5|5");
    how = expire_options();
    how.batch = 2;
    CHECK(expire(*place, how).records == 5);
}

TEST_CASE("expire: two at once do no harm, and neither takes what the rules keep") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 200; ++i) {
        records.push_back(make_record(fmt::format("s{}@x.org", i % 9)));
        records.back().received_at = std::chrono::sys_seconds(std::chrono::seconds(expiry_now - (i % 2 == 0 ? 91 : 2) * day));
    }
    for (const auto& done : keep_all(*store, records, copy_of("x"))) REQUIRE(done);
    std::vector<std::thread> hosts;
    std::atomic<int> faults = 0;
    for (int i = 0; i < 2; ++i)
        hosts.emplace_back([&] {
            Expiry expiry;
            if (const auto report = try_expire(expiry, place->dsn()); !report) ++faults;
        });
    for (auto& host : hosts) host.join();
    CHECK(faults == 0);
    CHECK(expire(*place).is_complete);
    CHECK(counts(*place) == "100|100|100");
}

TEST_CASE("expire: mail flows meanwhile: nothing is refused, no record loses an address") {
    const Tried place(each_backend({Can::expire}));
    const auto store = open_records(*place);
    std::atomic<bool> end{false};
    std::atomic<int> runs{0};
    std::string trouble;
    std::thread host([&] {
        Expiry expiry;
        auto how = expire_options();
        how.rules.general = {std::chrono::seconds(100), std::chrono::seconds(10)};
        how.share = 0.5;
        while (!end || runs == 0) {
            const auto report = try_expire(expiry, place->dsn(), how);
            if (!report) trouble = report.error().detail;
            ++runs;
        }
    });
    int refused = 0;
    for (int round = 0; round < 15; ++round) {
        std::vector<mail::MessageRecord> records;
        for (int i = 0; i < 12; ++i) {  // the same few addresses, of records that are due at once and of such that stay
            records.push_back(
                make_record(fmt::format("s{}@example.org", (round + i) % 7), fmt::format("r{}@example.com", i % 5)));
            records.back().received_at = std::chrono::sys_seconds(std::chrono::seconds(expiry_now - (i % 3 == 0 ? 50 : 7200)));
        }
        for (const auto& answer : keep_all(*store, records)) {
            refused += answer ? 0 : 1;
            if (!answer) UNSCOPED_INFO(answer.error().detail);
        }
    }
    end = true;
    host.join();
    CHECK(trouble.empty());
    CHECK(refused == 0);
    const auto ids = lines(*place, "maddr", {"id"});
    int kept = 0, without = 0;
    for (const auto& row : place->rows("msgs", {"sid", "time_num"})) {
        without += std::ranges::count(ids, row[0].value()) == 1 ? 0 : 1;
        kept += row[1] == std::to_string(expiry_now - 50) ? 1 : 0;
    }
    for (const auto& row : place->rows("msgrcpt", {"rid"})) without += std::ranges::count(ids, row[0].value()) == 1 ? 0 : 1;
    CHECK(kept == 60);
    CHECK(without == 0);
}

TEST_CASE("expire: a database that cannot be reached is a Fault that names it") {
    const Captured captured;
    const Tried place(each_backend({Can::expire}));
    put(*open_records(*place), 'S', 91 * day, 100);
    place->take_away();
    auto how = expire_options();
    how.connect_limit = 1s;
    Expiry expiry;
    const auto away = try_expire(expiry, place->dsn(), how);
    REQUIRE_FALSE(away);
    const auto shown = place->dsn().shown;
    CHECK_THAT(away.error().detail, Catch::Contains(shown.substr(shown.find(':') + 1)));
    place->bring_back();
    CHECK(must(try_expire(expiry, place->dsn())).records == 1);
}

TEST_CASE("expire: where nothing can expire, and where nothing can be written, it is said") {
    for (const auto& kind : place_kinds()) {
        if (kind.abilities.contains(Can::expire)) continue;
        const auto place = kind.make(Tables::today);
        Expiry expiry;
        const auto refused = try_expire(expiry, place->dsn());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().is(Errc::bad_input));
        CHECK_THAT(refused.error().detail, Catch::Contains(place->dsn().shown));
    }
    const Tried place(each_backend({Can::expire, Can::stand_by}));
    if (!place) return;
    place->stand_by();
    Expiry expiry;
    const auto refused = try_expire(expiry, place->dsn());
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().detail, Catch::Contains("read-only"));
}
