// storage/records/store.h: remember, remembered and drain
#include "base/metric.h"
#include "base/slots.h"
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

// lost - how many records this program counted as lost
double lost() {
    const auto text = metric::exposition();
    const auto at = text.find("\ntamis_storage_lost_records_total ");
    return at == std::string::npos ? 0 : std::stod(text.substr(text.find(' ', at)));
}

}  // namespace

TEST_CASE("remember: accepted at once, written in the background; drain waits for it") {
    const Tried place(each_backend());
    const auto store = open_records(*place);
    std::set<std::string> ids;
    for (int i = 0; i < 300; ++i) {
        auto record = make_record(fmt::format("s{}@x.org", i % 20));
        ids.insert(record.mail_id.get());
        store->remember(std::move(record));
    }
    CHECK(drain(*store) == 0);
    CHECK(store->remembered() == 0);
    const auto stored = lines(*place, "msgs", {"mail_id"});
    CHECK(std::set<std::string>(stored.begin(), stored.end()) == ids);
    CHECK(counts(*place) == "300|300|0");
    store->remember(make_record());  // nobody drains: it is written all the same
    CHECK(wait_until([&] { return store->remembered() == 0; }));
    CHECK(count(*place, "msgs") == 301);
    CHECK(drain(*store) == 0);
}

TEST_CASE("remember: never fails the message: of a mail_id that is there already only one is stored, the other is logged") {
    const Captured captured;
    const Tried place(each_backend());
    const auto store = open_records(*place);
    const auto record = make_record();
    must(keep(*store, record));
    const auto before = lost();
    auto again = record;
    again.subject = "again";
    store->remember(again);
    store->remember(make_record());
    CHECK(drain(*store) == 0);
    CHECK(count(*place, "msgs") == 2);
    CHECK(lost() == before + 1);
}

TEST_CASE("remember: survives an outage of the database; drain returns how many were left") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    const auto store = open_records(*place, {.patience = 50ms});
    for (int i = 0; i < 20; ++i) store->remember(make_record());
    CHECK(store->remembered() == 20);
    CHECK(drain(*store, Deadline::in(100ms)) == 20);
    CHECK(store->remembered() == 20);
    place->bring_back();
    CHECK(drain(*store) == 0);
    CHECK(store->remembered() == 0);
    CHECK(counts(*place) == "20|20|0");
}

TEST_CASE("remember: the queue is bounded; a record that does not fit is logged in full and counted") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    const auto before = lost();
    const auto store = open_records(*place, {.remembered_limit = 3, .patience = 50ms});
    for (int i = 0; i < 3; ++i) store->remember(make_record());
    const auto beyond = make_record("beyond@example.org", "also@example.com");
    store->remember(beyond);
    CHECK(store->remembered() == 3);
    CHECK(lost() == before + 1);
    const auto said = fmt::format("{}", fmt::join(log::captured(), "\n"));
    CHECK_THAT(said, Catch::Contains("mail_id=" + beyond.mail_id.get()) && Catch::Contains("beyond@example.org") &&
                         Catch::Contains("also@example.com"));
    place->bring_back();
    CHECK(drain(*store) == 0);
    CHECK(counts(*place) == "3|3|0");
}

TEST_CASE("remember: what waits is charged to StoreOptions::memory, and given back when it is written") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    Slots memory(20'000'000);
    const auto store = open_records(*place, {.memory = &memory, .patience = 50ms});
    auto record = make_record();
    record.subject = std::string(10'000, 's');
    store->remember(record);
    CHECK(memory.used() > 10'000);
    place->bring_back();
    CHECK(drain(*store) == 0);
    CHECK(wait_until([&] { return memory.used() == 0; }));
    CHECK(count(*place, "msgs") == 1);
}

TEST_CASE("remember: a store that ends logs in full what it could not write") {
    const Captured captured;
    const Tried place(each_backend());
    place->take_away();
    auto store = open_records(*place, {.patience = 50ms});
    const auto record = make_record();
    store->remember(record);
    store.reset();
    CHECK_THAT(fmt::format("{}", fmt::join(log::captured(), "\n")), Catch::Contains("mail_id=" + record.mail_id.get()));
    place->bring_back();
    CHECK(count(*place, "msgs") == 0);
}
