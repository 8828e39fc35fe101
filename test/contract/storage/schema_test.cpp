// storage/schema/schema.h, schema_check.h, schema_tool.h: install, and amavisd's tables of every era used as they are and upgraded
#include "test/contract/storage/expiry.h"
#include "test/contract/storage/lookups.h"

using namespace tamis;
using namespace tamis::test;

namespace {

SchemaReport check(const Place& place) {
    const auto dsn = place.dsn();
    return check_schema(must(read_catalogue(dsn)), *dsn.backend);
}
std::string joined(const std::vector<std::string>& texts) { return fmt::format("{}", fmt::join(texts, "\n")); }

std::string nasty_text() {
    std::string text = "\\x41 \\000 \\\\ gr\xc3\xbc\xc3\x9f '\n";
    for (int i = 0; i < 256; ++i) text += static_cast<char>(i == '\r' ? 'r' : i);
    while (text.size() < 40'000) text += "\xf0\x9f\x98\x80 plain \\101";
    return text;
}

// work - everything that is done with tables of any era, with stores that stay open over an upgrade
class Work {
public:
    explicit Work(Place& place)
        : place_(place),
          records_(open_records(place)),
          quarantine_(open_quarantine(place)),
          lookups_(open_lookups(place)),
          pals_(must(open_pen_pals({place.dsn()}, {}))) {}

    void once(int day_of_month) {
        auto record = make_record("us@example.com", "pal@friend.example.org");
        record.received_at = std::chrono::sys_days(std::chrono::year(2026) / 1 / day_of_month);
        record.subject = std::string("\xf0\x9f\x98\x80 \xd8\x64 \0 ", 9) + std::to_string(day_of_month);
        record.message_id = fmt::format("<{}@example.com>", day_of_month);
        record.recipients.push_back(record.recipients.front());
        record.recipients.back().address = "j\xc3\xb6rg\xff@example.com";
        record.content = '\0';
        must(keep(*records_, record, copy_of(nasty_text(), "")));
        CHECK(keep(*records_, record).error().is(Errc::conflict));
        record.content = 'S';
        record.recipients[0].disposition = 'P';
        must(finish(*records_, record));
        CHECK(lines(place_, "msgs", {"mail_id", "content", "quar_type", "host", "size"}).size() ==
              static_cast<std::size_t>(++stored_));
        const auto found = find(*quarantine_, record.mail_id);
        REQUIRE(found.size() == 1);
        CHECK((found[0].content == 'S' && found[0].sender == "us@example.com" && found[0].recipients.size() == 2));
        CHECK((read_copy(*quarantine_, found[0].key) == nasty_text()));
        const auto& to = found[0].recipients.at(1);
        CHECK(must(change_state(*quarantine_, {found[0].key, to, "v", "seen"})).changed);
        const auto page = must(run<Result<QuarantinePage>>(
            [&] { return quarantine_->list({.recipient = "pal@friend.example.org"}, {}, 50, Deadline::in(30s)); }));
        REQUIRE(page.items.size() == static_cast<std::size_t>(stored_));
        CHECK(page.items[0].key == found[0].key);
        CHECK(emails(look_up(*lookups_, {"u@x.org"}, {"s@y.org"})[0]) == "u@x.org");
        CHECK(hits(look_up(*lookups_, {"u@x.org"}, {"s@y.org"})[0].at(0)) == "[W s@y.org]");
        const PenPalQuestion question{"pal@friend.example.org", {"us@example.com", "other@example.com"}, {}, {}};
        const auto times = must(run<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>>(
            [&] { return pals_->last_written(question, Deadline::in(30s)); }));
        CHECK((times.at(0) == record.received_at && !times.at(1)));
        last_ = std::move(record);
    }
    const mail::MessageRecord& last() const { return last_; }
    QuarantineStore& quarantine() { return *quarantine_; }

private:
    Place& place_;
    std::shared_ptr<RecordStore> records_;
    std::shared_ptr<QuarantineStore> quarantine_;
    std::shared_ptr<LookupStore> lookups_;
    std::shared_ptr<PenPalStore> pals_;
    mail::MessageRecord last_;
    int stored_ = 0;
};

}  // namespace

TEST_CASE("schema: an empty database is empty; install runs every step, and again none; then there is nothing to upgrade") {
    const Tried place(each_backend({Can::sql}), Tables::none);
    if (!place) return;
    CHECK(check(*place).is_empty);
    CHECK(must(install_schema(place->dsn())) == static_cast<int>(schema_steps(*place->dsn().backend).size()));
    CHECK(must(install_schema(place->dsn())) == 0);
    const auto report = check(*place);
    CHECK_FALSE(report.is_empty);
    CHECK(joined(report.statements()).empty());
    CHECK(joined(report.problems).empty());
    CHECK_THAT(report.era, Catch::Contains("Tamis"));
    const Needed everything{true, true};
    CHECK(check_schema(must(read_catalogue(place->dsn())), *place->dsn().backend, everything).changes.empty());
    must(keep(*open_records(*place), make_record()));
}

TEST_CASE("schema: two that install at once do it once") {
    const Tried place(each_backend({Can::sql}), Tables::none);
    if (!place) return;
    std::vector<Result<int>> ran(3);
    std::vector<std::thread> hosts;
    for (auto& into : ran) hosts.emplace_back([&into, dsn = place->dsn()] { into = install_schema(dsn); });
    for (auto& host : hosts) host.join();
    int steps = 0;
    for (const auto& each : ran) {
        INFO((each ? "" : each.error().detail));
        CHECK(each);
        steps += each.value_or(0);
    }
    CHECK(steps == static_cast<int>(schema_steps(*place->dsn().backend).size()));
    CHECK(check(*place).changes.empty());
}

TEST_CASE("schema: statements run all or none; the Fault names the statement") {
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    const auto refused = run_statements(place->dsn(), {"CREATE TABLE more (n integer)", "INSERT INTO more VALUES (1)",
                                                       "ALTER TABLE nowhere ADD COLUMN n integer"});
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().detail, Catch::Contains("nowhere"));
    must(run_statements(place->dsn(), {"CREATE TABLE more (n integer)"}));  // it was not made
    must(run_statements(place->dsn(), {}));
}

TEST_CASE("every era: recognised, used as it is, upgraded under open stores, and a second check finds nothing more") {
    const Captured captured;
    struct Row {
        const char *era, *name;
    };
    const auto row =
        GENERATE(Row{"amavisd-2.3", "2.3"}, Row{"amavisd-2.4", "2.4"}, Row{"amavisd-2.6", "2.6"}, Row{"amavisd-2.13", "2.13"});
    const Tried place(each_backend({Can::eras}), row.era);
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    add_sender(*place, 1, 5, "s@y.org");
    add_to_list(*place, 1, 1, "W");
    Work work(*place);
    work.once(1);
    const auto before = check(*place);
    CHECK_THAT(before.era, Catch::Contains("amavisd-new") && Catch::Contains(row.name));
    CHECK(joined(before.problems).empty());
    CHECK_FALSE(before.is_empty);
    CHECK_FALSE(before.changes.empty());
    for (const auto& change : before.changes) CHECK_FALSE(change.gain.empty());
    const auto first = work.last();
    const std::vector<std::string> columns{"am_id", "time_num", "size", "host", "content", "subject"};
    const auto rows = lines(*place, "msgs", columns);
    must(run_statements(place->dsn(), before.statements()));
    CHECK(lines(*place, "msgs", columns) == rows);
    CHECK((read_copy(work.quarantine(), first) == nasty_text()));
    const auto after = check(*place);
    CHECK(joined(after.statements()).empty());
    CHECK(joined(after.problems).empty());
    CHECK_THAT(after.era, Catch::Contains("Tamis"));
    CHECK(must(install_schema(place->dsn())) == 0);
    work.once(2);
}

TEST_CASE("every era: what is past its age goes") {
    const auto* era = GENERATE(from_range(std::begin(all_eras), std::end(all_eras)));
    const Tried place(each_backend({Can::eras}), era);
    if (!place) return;
    const auto store = open_records(*place);
    for (int i = 0; i < 5; ++i) put(*store, 'S', 91 * day, 100, fmt::format("s{}@x.org", i));
    put(*store, 'S', 31 * day, 100);
    put(*store, 'S', day, 100);
    put(*store, '\0', 2 * day, {});
    const auto report = expire(*place);
    CHECK((report.records == 5 && report.copies == 1 && report.incomplete == 1 && report.is_complete));
    CHECK(counts(*place) == "2|2|1");
    CHECK(report.addresses == 5);
    CHECK(expire(*place).is_empty());
}
