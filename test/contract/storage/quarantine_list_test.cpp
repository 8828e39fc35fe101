// storage/kept/quarantine_store.h: list
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

using Names = std::vector<std::string>;
constexpr std::int64_t begin = 1'700'000'000;

Result<QuarantinePage> try_list(QuarantineStore& store, const QuarantineFilter& filter, std::optional<PageKey> after = {},
                                std::size_t limit = 50) {
    return run<Result<QuarantinePage>>([&] { return store.list(filter, after, limit, Deadline::in(30s)); });
}
QuarantinePage list(QuarantineStore& store, const QuarantineFilter& filter, std::optional<PageKey> after = {},
                    std::size_t limit = 50) {
    return must(try_list(store, filter, std::move(after), limit));
}

Names subjects(const QuarantinePage& page) {
    Names out;
    for (const auto& item : page.items) out.push_back(item.subject);
    return out;
}
Names subjects(QuarantineStore& store, const QuarantineFilter& filter) { return subjects(list(store, filter)); }

// make - a message that came so many seconds after the beginning
mail::MessageRecord make(int number, std::string subject, char content, std::string sender, const Names& recipients) {
    auto out = make_record(std::move(sender), recipients.front());
    out.received_at = std::chrono::sys_seconds(std::chrono::seconds(begin + number));
    out.subject = std::move(subject);
    out.content = content;
    out.spam_level = number;
    out.host = number % 2 == 0 ? "even.example.com" : "odd.example.com";
    out.recipients.resize(recipients.size(), out.recipients.front());
    for (std::size_t i = 0; i < recipients.size(); ++i) out.recipients[i].address = recipients[i];
    return out;
}

// five messages, of which four have a copy
void fill(const Place& place) {
    const auto records = open_records(place);
    must(keep(*records, make(1, "one 100% a_b", 'S', "a@one.example.org", {"bob@example.com"})));
    must(keep(*records,
              make(2, "two", 'V', "B@Two.example.org", {"bob@example.com", "Bob@example.com", "carol@other.example.com"})));
    must(keep(*records, make(3, "three", 'S', "", {"carol@other.example.com"})));
    must(keep(*records, make(4, "four \xe2\x82\xac", 'B', "a@one.example.org",
                             {"dave@example.com",
                              "fred@B\xc3\xbc"
                              "cher.example"})));
    auto clean = make(5, "clean", 'C', "a@one.example.org", {"bob@example.com"});
    clean.quarantine_type = ' ';
    must(keep(*records, clean));
}
const Names all_of_them{"four \xe2\x82\xac", "three", "two", "one 100% a_b"};

// number_of - the last number in a subject
int number_of(const QuarantineItem& item) { return std::stoi(item.subject.substr(item.subject.rfind(' ') + 1)); }

}  // namespace

TEST_CASE("list: newest first, what has a copy") {
    const Tried place(each_backend());
    fill(*place);
    const auto page = list(*open_quarantine(*place), {});
    CHECK(subjects(page) == all_of_them);
    CHECK_FALSE(page.next);
    const auto& two = page.items.at(2);
    CHECK((two.sender == "b@two.example.org" && two.from == "A <a@b>" && two.host == "even.example.com"));
    CHECK((two.message_id == "<a@b>" && two.client_address == "192.0.2.1" && two.log_id == "12345-01" && two.policy == "MYNETS"));
    CHECK((two.time == begin + 2 && two.content == 'V' && two.score == 2 && two.size == 1234));
    CHECK((two.type == "Q" && two.location == two.key.mail_id && two.key.partition_tag == 0));
    REQUIRE(two.recipients.size() == 3);
    CHECK((two.recipients[0].address == "bob@example.com" && two.recipients[2].address == "carol@other.example.com"));
    CHECK((two.recipients[1].sequence == 2 && two.recipients[1].address == "bob@example.com"));
    CHECK((two.recipients[0].address_id == two.recipients[1].address_id && two.recipients[2].address_id != 0));
    CHECK((two.recipients[2].state == " " && two.recipients[2].disposition == 'D' && two.recipients[2].content == 'S'));
    CHECK((two.recipients[2].score == 7.25 && two.recipients[2].response == "250 2.7.0 Ok, discarded, id=12345-01 - spam"));
    CHECK_FALSE(two.has_more_recipients);
}

TEST_CASE("list: each filter by itself") {
    const Tried place(each_backend());
    fill(*place);
    const auto store = open_quarantine(*place);
    struct Row {
        QuarantineFilter filter;
        Names want;
    };
    const std::string four = all_of_them[0], one = all_of_them[3];
    const Row rows[] = {
        {{.since = begin + 3}, {four, "three"}},
        {{.until = begin + 3}, {"two", one}},  // excluded
        {{.since = begin + 2, .until = begin + 4}, {"three", "two"}},
        {{.recipient = "BOB@example.com"}, {"two", one}},
        {{.recipient = "nobody@example.com"}, {}},
        {{.recipient = "@other.example.com"}, {"three", "two"}},
        {{.recipient = "@nowhere.example"}, {}},
        {{.recipient = "@b\xc3\xbc"
                       "cher.example"},
         {four}},
        {{.recipient = "@xn--bcher-kva.example"}, {four}},
        {{.recipient = "fred@b\xc3\xbc"
                       "cher.example"},
         {four}},
        {{.recipient = "Fred@xn--bcher-kva.example"}, {four}},
        {{.sender = "b@two.example.org"}, {"two"}},
        {{.sender = "<>"}, {"three"}},
        {{.sender = "@one.example.org"}, {four, one}},
        {{.sender = "@example.org"}, {}},  // a domain, without those below it
        {{.subject = "100% a_"}, {one}},
        {{.subject = "TW"}, {"two"}},
        {{.subject = "_b%"}, {}},
        {{.subject = "\xe2\x82\xac"}, {four}},
        {{.subject = "'; DROP TABLE msgs; --"}, {}},
        {{.subject = "\\"}, {}},
        {{.categories = "VB"}, {four, "two"}},
        {{.categories = "S"}, {"three", one}},
        {{.categories = "CM"}, {}},
        {{.min_score = 3}, {four, "three"}},
        {{.max_score = 2}, {"two", one}},
        {{.min_score = 2, .max_score = 3}, {"three", "two"}},
        {{.host = "odd.example.com"}, {"three", one}},
        {{.host = "odd"}, {}},
        {{.state = 'R'}, {}},
        {{.state = ' '}, all_of_them},
    };
    int number = 0;
    for (const auto& row : rows) {
        INFO("row " << ++number);
        CHECK(subjects(*store, row.filter) == row.want);
    }
}

TEST_CASE("list: everything that is set must hold") {
    const Tried place(each_backend());
    fill(*place);
    const auto store = open_quarantine(*place);
    const std::string four = all_of_them[0], one = all_of_them[3];
    CHECK(subjects(*store, {.recipient = "bob@example.com", .sender = "a@one.example.org"}) == Names{one});
    CHECK(subjects(*store, {.recipient = "bob@example.com", .categories = "V"}) == Names{"two"});
    CHECK(subjects(*store, {.recipient = "@example.com", .sender = "@one.example.org", .subject = "FOUR"}) == Names{four});
    CHECK(subjects(*store, {.since = begin + 1,
                            .until = begin + 9,
                            .recipient = "bob@example.com",
                            .sender = "b@two.example.org",
                            .subject = "w",
                            .categories = "VS",
                            .min_score = 1,
                            .max_score = 2,
                            .host = "even.example.com",
                            .state = ' '}) == Names{"two"});
    CHECK(subjects(*store, {.recipient = "bob@example.com", .min_score = 3}).empty());
    CHECK(subjects(*store, {.sender = "a@one.example.org", .host = "odd.example.com"}) == Names{one});
    CHECK(subjects(*store, {.sender = "<>", .categories = "S"}) == Names{"three"});
}

TEST_CASE("list: a state is the recipient's own, else that of at least one") {
    const Tried place(each_backend());
    fill(*place);
    const auto store = open_quarantine(*place);
    const auto two = list(*store, {.subject = "two"}).items.at(0);
    const auto& carol = two.recipients.at(2);
    CHECK(must(change_state(*store, {two.key, carol, "R", "released"})).changed);
    CHECK(subjects(*store, {.state = 'R'}) == Names{"two"});
    CHECK(subjects(*store, {.recipient = "carol@other.example.com", .state = 'R'}) == Names{"two"});
    CHECK(subjects(*store, {.recipient = "bob@example.com", .state = 'R'}).empty());
    CHECK(subjects(*store, {.recipient = "carol@other.example.com", .state = ' '}) == Names{"three"});
    CHECK(subjects(*store, {.recipient = "bob@example.com", .state = ' '}) == Names{"two", all_of_them[3]});
    CHECK(subjects(*store, {.recipient = "@other.example.com", .state = 'R'}) == Names{"two"});
    CHECK(subjects(*store, {.state = ' '}) == all_of_them);  // two of three recipients
}

TEST_CASE("list: odd octets in a filter find nothing, and are no trouble") {
    const Tried place(each_backend());
    fill(*place);
    const auto store = open_quarantine(*place);
    for (const std::string& odd : {std::string("\xff\xfe"), std::string("n\0l", 3), std::string("\xed\xa0\x80"),
                                   std::string("\xf0\x9f\x98\x80"), std::string("'\"\\{}%_?$1")}) {
        INFO(odd);
        for (const QuarantineFilter& filter :
             {QuarantineFilter{.recipient = odd + "@example.com"}, QuarantineFilter{.recipient = "@" + odd},
              QuarantineFilter{.sender = odd + "@example.com"}, QuarantineFilter{.sender = "@" + odd},
              QuarantineFilter{.subject = odd}, QuarantineFilter{.host = odd}, QuarantineFilter{.categories = odd.substr(0, 1)},
              QuarantineFilter{.state = odd[0]}, QuarantineFilter{.recipient = "bob@example.com", .state = odd[0]}}) {
            const auto page = try_list(*store, filter);
            INFO((page ? "" : page.error().detail));
            CHECK((page && page->items.empty()));
        }
        const auto found = try_find(*store, odd);
        INFO((found ? "" : found.error().detail));
        CHECK((found && found->empty()));
        const auto behind = try_list(*store, {}, PageKey{begin + 3, odd});
        CHECK((behind && subjects(*behind).back() == all_of_them.back()));
    }
    CHECK(subjects(*store, {}) == all_of_them);
}

TEST_CASE("list: a page has at most `limit` messages, 1 to 1000") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    std::vector<mail::MessageRecord> many;
    for (int i = 0; i < 1100; ++i) many.push_back(make(i, fmt::format("n {}", i), 'S', "a@x.org", {"b@x.org"}));
    for (const auto& done : keep_all(*records, many)) REQUIRE(done);
    const auto store = open_quarantine(*place);
    CHECK(list(*store, {}, {}, 1).items.size() == 1);
    CHECK(list(*store, {}, {}, 0).items.size() == 1);
    const auto full = list(*store, {}, {}, 1000);
    CHECK(full.items.size() == 1000);
    REQUIRE(full.next);
    CHECK(list(*store, {}, {}, 5000).items.size() == 1000);
    const auto rest = list(*store, {}, full.next, 1000);
    CHECK(rest.items.size() == 100);
    CHECK_FALSE(rest.next);
}

TEST_CASE("list: pages behind each other have no gap and nothing twice, also of one second, while new mail arrives") {
    const Tried place(each_backend());
    const auto records = open_records(*place);
    std::vector<mail::MessageRecord> many;
    for (int i = 0; i < 200; ++i)  // thirteen in a second
        many.push_back(make(i / 13, fmt::format("old {}", i), "SBV"[i % 3], fmt::format("s{}@x.org", i % 2),
                            i % 5 == 0 ? Names{"b@x.org", "c@x.org", "b@x.org"} : Names{"b@x.org"}));
    for (const auto& done : keep_all(*records, many)) REQUIRE(done);
    const auto store = open_quarantine(*place);
    const auto first = list(*store, {}, {}, 7);
    std::atomic<bool> over = false;
    int arrived = 0;
    std::thread mail([&] {
        for (; (!over || arrived == 0) && arrived < 400; ++arrived)
            if (!keep(*records, make(1000 + arrived, fmt::format("new {}", arrived), 'S', "s0@x.org", {"b@x.org"}))) break;
    });
    struct Row {
        QuarantineFilter filter;
        std::size_t want;
    };
    for (const auto& row :
         {Row{{.until = begin + 500}, 200}, Row{{.until = begin + 500, .recipient = "b@x.org"}, 200},
          Row{{.until = begin + 500, .recipient = "c@x.org"}, 40}, Row{{.until = begin + 500, .sender = "s1@x.org"}, 100},
          Row{{.until = begin + 500, .categories = "SV"}, 133}, Row{{}, 200}}) {
        std::set<int> seen;
        int twice = 0, disorder = 0;
        std::int64_t before = INT64_MAX;
        for (std::optional<PageKey> after;;) {
            const auto page = must(try_list(*store, row.filter, after, 7));
            for (const auto& item : page.items) {
                disorder += item.time > before ? 1 : 0;
                before = item.time;
                if (item.subject.starts_with("old")) twice += seen.insert(number_of(item)).second ? 0 : 1;
            }
            if (!page.next) break;
            after = page.next;
        }
        CHECK(seen.size() == row.want);
        CHECK(twice == 0);
        CHECK(disorder == 0);
    }
    over = true;
    mail.join();
    CHECK(arrived > 0);
    CHECK(first.items.size() == 7);
}

TEST_CASE("list: a page shows the first recipients only, find() all of them") {
    const Tried place(each_backend());
    Names recipients;
    for (int i = 0; i < 150; ++i) recipients.push_back(fmt::format("r{}@example.com", i));
    const auto record = make(1, "many", 'S', "a@x.org", recipients);
    must(keep(*open_records(*place), record));
    const auto store = open_quarantine(*place);
    const auto page = list(*store, {});
    REQUIRE(page.items.size() == 1);
    const auto& shown = page.items[0].recipients;
    CHECK(page.items[0].has_more_recipients);
    CHECK((!shown.empty() && shown.size() < recipients.size()));
    for (std::size_t i = 0; i < shown.size(); ++i) CHECK(shown[i].address == recipients[i]);
    const auto found = find(*store, record.mail_id);
    REQUIRE(found.size() == 1);
    REQUIRE(found[0].recipients.size() == recipients.size());
    CHECK_FALSE(found[0].has_more_recipients);
    int wrong = 0;
    for (std::size_t i = 0; i < recipients.size(); ++i) wrong += found[0].recipients[i].address == recipients[i] ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("list: rows that amavisd or another front end wrote are as good as ours") {
    const Tried place(each_backend());
    place->insert("maddr",
                  {{"id", "901"}, {"partition_tag", "3"}, {"email", "a@one.example.org"}, {"domain", "org.example.one"}});
    place->insert("maddr", {{"id", "902"}, {"partition_tag", "3"}, {"email", "bob@example.com"}, {"domain", "com.example"}});
    place->insert("msgs", {{"partition_tag", "3"},
                           {"mail_id", "AmavisdMail1"},
                           {"am_id", "1-01"},
                           {"time_num", "1673000100"},
                           {"time_iso", "20230106T101500Z"},
                           {"sid", "901"},
                           {"size", "17"},
                           {"host", "theirs"},
                           {"content", "S"},
                           {"quar_type", "Q"},
                           {"spam_level", "9"},
                           {"subject", std::nullopt}});
    place->insert("msgrcpt", {{"partition_tag", "3"},
                              {"mail_id", "AmavisdMail1"},
                              {"rseqnum", "1"},
                              {"rid", "902"},
                              {"ds", "D"},
                              {"rs", "v"},
                              {"smtp_resp", std::nullopt}});
    place->insert("quarantine", {{"partition_tag", "3"}, {"mail_id", "AmavisdMail1"}, {"chunk_ind", "1"}, {"mail_text", "text"}});
    const auto store = open_quarantine(*place);
    for (const QuarantineFilter& filter : {QuarantineFilter{}, QuarantineFilter{.recipient = "bob@example.com"},
                                           QuarantineFilter{.sender = "@one.example.org"}, QuarantineFilter{.state = 'v'}}) {
        const auto page = list(*store, filter);
        REQUIRE(page.items.size() == 1);
        CHECK((page.items[0].key.partition_tag == 3 && page.items[0].subject.empty() && page.items[0].size == 17));
        CHECK((page.items[0].recipients.at(0).state == "v" && page.items[0].recipients.at(0).response.empty()));
    }
    const auto found = list(*store, {}).items[0];
    CHECK(read_copy(*store, found.key) == "text");
    CHECK(must(change_state(*store, {found.key, found.recipients[0], "R", "ok"})).changed);
}

TEST_CASE("quarantine: a database that is away is Errc::unavailable with its name, and comes back without a restart") {
    const Captured captured;
    const Tried place(each_backend());
    fill(*place);
    place->take_away();
    const auto store = open_quarantine(*place, {.patience = 50ms});
    const auto away = try_list(*store, {});
    REQUIRE_FALSE(away);
    CHECK(away.error().is(Errc::unavailable));
    CHECK_THAT(away.error().detail, Catch::Contains(place->dsn().shown));
    place->bring_back();
    CHECK(wait_until([&] { return try_list(*store, {}).has_value(); }));
    CHECK(subjects(*store, {}) == all_of_them);
}

TEST_CASE("quarantine: with must_write off a standby will do") {
    const Tried place(each_backend({Can::stand_by}));
    if (!place) return;
    fill(*place);
    place->stand_by();
    CHECK(subjects(*open_quarantine(*place, {.must_write = false}), {}) == all_of_them);
    const Captured captured;
    CHECK_FALSE(try_list(*open_quarantine(*place, {.patience = 50ms}), {}));
}
