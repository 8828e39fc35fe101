// every header below storage: connections that break at every packet, outages under open stores, locks of others, full disks
#include "storage/no_room.h"
#include "test/contract/storage/expiry.h"
#include "test/contract/storage/lookups.h"
#include "test/lib/cutting_proxy.h"

using namespace tamis;
using namespace tamis::test;

namespace {

// at_every_packet - act(n) with a connection that is lost at the n-th packet, for every n until it is through before it breaks
void at_every_packet(CuttingProxy& proxy, const std::function<void(int)>& act) {
    constexpr int far_too_many = 500;
    for (int n = 0; n < far_too_many; ++n) {
        const int before = proxy.cuts();
        proxy.cut_behind(n);
        INFO("cut at packet " << n);
        act(n);
        if (proxy.cuts() != before) continue;
        proxy.spare();
        CHECK(n > 0);
        return;
    }
    FAIL("it never gets through");
}

}  // namespace

TEST_CASE("keep: a connection that is lost at any packet: the message is stored exactly once, known or not") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    CuttingProxy proxy(place->port());
    const auto store = open_records(place->through(proxy.port()), {.connections = 1});
    must(keep(*store, make_record()));
    std::size_t kept = 1;
    at_every_packet(proxy, [&](int n) {
        must(keep(*store, make_record(fmt::format("new{}@example.org", n)), copy_of("x")));
        ++kept;
    });
    CHECK(counts(*place) == fmt::format("{0}|{0}|{1}", kept, kept - 1));
}

TEST_CASE("keep: a connection that is lost at any packet while it is made") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    CuttingProxy proxy(place->port());
    std::size_t kept = 0;
    at_every_packet(proxy, [&](int) {
        must(keep(*open_records(place->through(proxy.port()), {.connections = 1}), make_record(), copy_of("x")));
        ++kept;
    });
    CHECK(counts(*place) == fmt::format("{0}|{0}|{0}", kept));
}

TEST_CASE("keep: many in one commit whose connection is lost at any packet: each is stored exactly once") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    CuttingProxy proxy(place->port());
    const auto store = open_records(place->through(proxy.port()), {.connections = 1});
    must(keep(*store, make_record()));
    std::size_t kept = 1;
    at_every_packet(proxy, [&](int) {
        std::vector<mail::MessageRecord> records;
        for (int i = 0; i < 10; ++i) records.push_back(make_record(fmt::format("s{}@x.org", i)));
        for (const auto& answer : keep_all(*store, records)) must(answer);
        store->remember(make_record());
        kept += 11;
    });
    CHECK(drain(*store) == 0);
    CHECK(counts(*place) == fmt::format("{0}|{0}|0", kept));
}

TEST_CASE("finish: a connection that is lost at any packet: the final state is there") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    CuttingProxy proxy(place->port());
    const auto store = open_records(place->through(proxy.port()), {.connections = 1});
    auto record = make_record();
    record.content = '\0';
    must(keep(*store, record));
    at_every_packet(proxy, [&](int n) {
        record.content = "SV"[n % 2];
        record.recipients[0].response = fmt::format("250 {}", n);
        must(finish(*store, record));
        CHECK(lines(*place, "msgs", {"content"}) == std::vector<std::string>{std::string(1, record.content)});
        CHECK(lines(*place, "msgrcpt", {"smtp_resp"}) == std::vector<std::string>{record.recipients[0].response});
    });
}

TEST_CASE("look_up, last_written, list: a connection that is lost at any packet: the answer comes all the same") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    auto record = make_record("ours@x.org", "pal@y.org");
    record.recipients[0].disposition = 'P';
    must(keep(*open_records(*place), record));
    CuttingProxy proxy(place->port());
    const auto lookups = open_lookups(place->through(proxy.port()), {.connections = 1});
    CHECK(emails(look_up(*lookups, {"u@x.org"})[0]) == "u@x.org");
    at_every_packet(proxy, [&](int) { CHECK(emails(look_up(*lookups, {"u@x.org"})[0]) == "u@x.org"); });
    const auto pals = must(open_pen_pals({place->through(proxy.port())}, {.connections = 1}));
    at_every_packet(proxy, [&](int) {
        const auto times = must(run<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>>(
            [&] { return pals->last_written({"pal@y.org", {"ours@x.org"}, {}, {}}, Deadline::in(30s)); }));
        CHECK(times.at(0));
    });
    const auto quarantine = open_quarantine(place->through(proxy.port()));
    at_every_packet(proxy, [&](int) {
        CHECK(must(run<Result<QuarantinePage>>([&] { return quarantine->list({}, {}, 50, Deadline::in(30s)); })).items.size() ==
              1);
    });
}

TEST_CASE("change_state, remove: a connection that is lost at any packet: the change is done once") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    const auto records = open_records(*place);
    CuttingProxy proxy(place->port());
    const auto store = open_quarantine(place->through(proxy.port()));
    auto record = make_record();
    must(keep(*records, record));
    at_every_packet(proxy, [&](int n) {
        const auto item = find(*store, record.mail_id).at(0);
        const auto now =
            must(change_state(*store, {item.key, item.recipients[0], n % 2 == 0 ? "t" : "R", fmt::format("250 {}", n)}));
        CHECK(now.changed);
        CHECK(now.response == fmt::format("250 {}", n));
    });
    at_every_packet(proxy, [&](int) {
        record = make_record();
        must(keep(*records, record, copy_of("x")));
        must(remove(*store, {0, record.mail_id.get()}));
        CHECK(find(*store, record.mail_id).at(0).recipients[0].state == "D");
        CHECK(count(*place, "quarantine") == 0);
    });
}

TEST_CASE("expire: broken off at any packet nothing is half gone, and the next run does the rest") {
    const Captured captured;
    const Tried place(each_backend({Can::be_cut}));
    if (!place) return;
    const auto records = open_records(*place);
    put(*records, 'S', day, 100);
    CuttingProxy proxy(place->port());
    at_every_packet(proxy, [&](int n) {
        put(*records, 'S', 91 * day, 40'000, fmt::format("s{}@x.org", n));
        put(*records, 'S', 31 * day, 40'000);
        auto how = expire_options();
        how.connect_limit = 5s;
        Expiry expiry;
        const auto report = try_expire(expiry, place->through(proxy.port()), how);
        if (!report) {
            const auto stored = counts(*place);
            INFO(stored << " " << report.error().detail);
            const auto mails = count(*place, "msgs"), left = count(*place, "quarantine");
            CHECK(count(*place, "msgrcpt") == mails);
            CHECK(left % 3 == 1);  // each copy has three chunks, the one that stays has one
            expire(*place);
        }
        CHECK(count(*place, "quarantine") == 1);
        for (const auto& item : place->rows("msgs", {"mail_id", "time_num", "quar_type"}))
            if (item[1] != std::to_string(expiry_now - day)) place->erase("msgrcpt", {{"mail_id", item[0]}});
        for (const auto& item : place->rows("msgs", {"mail_id", "time_num"}))
            if (item[1] != std::to_string(expiry_now - day)) place->erase("msgs", {{"mail_id", item[0]}});
    });
    CHECK(counts(*place) == "1|1|1");
}

TEST_CASE("an outage under open stores: Errc::unavailable in time, and everything works again without a restart") {
    const Captured captured;
    const Tried place(each_backend({Can::vanish}));
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    const auto records = open_records(*place, {.patience = 100ms});
    const auto lookups = open_lookups(*place, {.patience = 100ms});
    const auto quarantine = open_quarantine(*place, {.patience = 100ms});
    const auto record = make_record();
    must(keep(*records, record));
    CHECK(look_up(*lookups, {"u@x.org"})[0].size() == 1);
    CHECK(find(*quarantine, record.mail_id).size() == 1);
    place->take_away();
    const auto kept = keep(*records, make_record());
    const auto asked = try_look_up(*lookups, {"u@x.org"});
    const auto found = try_find(*quarantine, record.mail_id.get());
    REQUIRE_FALSE((kept || asked || found));
    for (const auto* fault : {&kept.error(), &asked.error(), &found.error()}) {
        CHECK(fault->is(Errc::unavailable));
        CHECK_THAT(fault->detail, Catch::Contains(place->dsn().shown));
    }
    CHECK_FALSE((records->ready() || lookups->ready()));
    records->remember(make_record());
    CHECK(records->remembered() == 1);
    place->bring_back();
    CHECK(wait_until([&] { return records->ready() && lookups->ready(); }));
    must(keep(*records, make_record()));
    CHECK(drain(*records) == 0);
    CHECK(wait_until([&] { return try_look_up(*lookups, {"u@x.org"}).has_value(); }));
    CHECK(wait_until([&] { return try_find(*quarantine, record.mail_id.get()).has_value(); }));
    CHECK(counts(*place) == "3|3|0");
}

TEST_CASE("patience: a short outage goes unnoticed by whoever waits") {
    const Captured captured;
    const Tried place(each_backend({Can::vanish}));
    if (!place) return;
    const auto records = open_records(*place);
    const auto lookups = open_lookups(*place);
    must(keep(*records, make_record()));
    CHECK(look_up(*lookups, {"u@x.org"})[0].empty());
    place->take_away();
    Done kept;
    Result<LookupAnswer> asked;
    std::thread keeping([&] { kept = keep(*records, make_record()); });
    std::thread asking([&] { asked = try_look_up(*lookups, {"u@x.org"}); });
    place->bring_back();
    keeping.join();
    asking.join();
    must(kept);
    must(asked);
    CHECK(count(*place, "msgs") == 2);
}

TEST_CASE("keep: somebody else holds the records: a Fault by the deadline, and everything goes on when it lets go") {
    const Captured captured;
    const Tried place(each_backend({Can::be_held}));
    if (!place) return;
    const auto store = open_records(*place);
    must(keep(*store, make_record()));
    place->hold();
    const auto record = make_record();
    const auto late = keep(*store, record, {}, Deadline::in(300ms));
    store->remember(make_record());
    place->let_go();
    REQUIRE_FALSE(late);
    CHECK((late.error().is(Errc::unavailable) || late.error().is(Errc::timeout)));
    must(keep(*store, make_record()));
    CHECK(drain(*store) == 0);
    CHECK(store->ready());
    const auto again = keep(*store, record);  // Errc::timeout leaves it open whether it was stored
    CHECK((again || (late.error().is(Errc::timeout) && again.error().is(Errc::conflict))));
    CHECK(counts(*place) == "4|4|0");
}

TEST_CASE("what only reads does not wait for somebody who holds the records, and answers what was committed") {
    const Captured captured;
    const Tried place(each_backend({Can::be_held}));
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    auto record = make_record("ours@x.org", "pal@y.org");
    record.recipients[0].disposition = 'P';
    must(keep(*open_records(*place), record, copy_of("x")));
    const auto quarantine = open_quarantine(*place);
    const auto lookups = open_lookups(*place);
    const auto pals = must(open_pen_pals({place->dsn()}, {}));
    place->hold();
    CHECK(must(run<Result<QuarantinePage>>([&] { return quarantine->list({}, {}, 50, Deadline::in(30s)); })).items.size() == 1);
    CHECK(find(*quarantine, record.mail_id).size() == 1);
    CHECK(read_copy(*quarantine, record).ends_with("x"));
    CHECK(must(run<Result<QuarantineStats>>([&] { return quarantine->stats(0, INT32_MAX, Deadline::in(30s)); })).counts.size() ==
          1);
    CHECK(look_up(*lookups, {"u@x.org"})[0].size() == 1);
    const PenPalQuestion question{"pal@y.org", {"ours@x.org"}, {}, {}};
    CHECK(must(run<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>>([&] {
              return pals->last_written(question, Deadline::in(30s));
          })).at(0));
    place->let_go();
    CHECK(log::captured().empty());
}

TEST_CASE("keep: what there is no room for is refused at once and alone; reading goes on, remembered records wait") {
    const Captured captured;
    const Tried place(each_backend({Can::be_full}));
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    const auto store = open_records(*place);
    const auto quarantine = open_quarantine(*place);
    const auto lookups = open_lookups(*place);
    const auto record = make_record();
    must(keep(*store, record, copy_of("text")));
    CHECK(look_up(*lookups, {"u@x.org"})[0].size() == 1);
    const auto large = copy_of(std::string(8'000'000, 'x'));
    place->fill();
    const auto refused = keep(*store, make_record(), large);
    for (int i = 0; i < 5; ++i) store->remember(make_record());
    const auto found = try_find(*quarantine, record.mail_id.get());
    const auto asked = try_look_up(*lookups, {"u@x.org"});
    const auto ready = store->ready();
    place->make_room();
    REQUIRE_FALSE(refused);
    INFO(refused.error().detail << "; " << (found ? "" : found.error().detail) << "; " << (asked ? "" : asked.error().detail));
    CHECK(is_no_room(refused.error()));
    CHECK((found && found->size() == 1));
    CHECK((asked && asked->rows.at(0).size() == 1));
    CHECK(ready);
    must(keep(*store, make_record(), large));
    CHECK(drain(*store) == 0);
    CHECK(count(*place, "msgs") == 7);
}
