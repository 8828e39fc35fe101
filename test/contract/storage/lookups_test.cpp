// storage/lookups/lookup_store.h: LookupStore, over tables and by statements of the site's own
#include "test/contract/storage/lookups.h"

using namespace tamis;
using namespace tamis::test;

TEST_CASE("look_up: per recipient its rows in the order that decides: by priority, among equals the more specific key first") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    add_user(*place, 2, 5, 1, "@x.org");
    add_user(*place, 3, 0, 1, "@.");
    add_user(*place, 4, 9, 1, "boss");
    add_user(*place, 5, 7, 1, "@.de");
    add_user(*place, 6, 7, 1, "u+ext@x.org");
    add_user(*place, 7, 7, 1, "@sub.some.de");
    const auto store = open_lookups(*place);
    const auto all = look_up(*store, {"u+ext@x.org", "Other@X.org", "n@none.net", "boss@sub.some.de", "u@x.org"});
    CHECK(emails(all[0]) == "u+ext@x.org u@x.org @x.org @.");
    CHECK(emails(all[1]) == "@x.org @.");
    CHECK(emails(all[2]) == "@.");
    CHECK(emails(all[3]) == "boss @sub.some.de @.de @.");
    CHECK(emails(all[4]) == "u@x.org @x.org @.");
    CHECK(all[0][1].id() == "1");
    CHECK(store->ready());
}

TEST_CASE("look_up: nothing found is no row, and nobody asked is no answer") {
    const Tried place(each_backend());
    const auto store = open_lookups(*place);
    const auto all = look_up(*store, {"u@x.org", "", "v@y.org"}, {"s@z.org"});
    for (const auto& rows : all) CHECK(rows.empty());
    CHECK(look_up(*store, {}).empty());
    CHECK(look_up(*store, {}, {"s@z.org"}).empty());
}

TEST_CASE("look_up: a field that is NULL is no text: the next row, or the configuration, decides") {
    const Tried place(each_backend());
    add_policy(*place, 1, {{"policy_name", "a"}, {"bypass_spam_checks", "Y"}, {"spam_kill_level", std::nullopt}});
    add_policy(*place, 2, {{"policy_name", "b"}, {"bypass_spam_checks", "N"}, {"spam_kill_level", "4.5"}});
    add_user(*place, 1, 7, 1, "u@x.org");
    add_user(*place, 2, 5, 2, "@x.org");
    const auto all = look_up(*open_lookups(*place), {"u@x.org"});
    REQUIRE(all[0].size() == 2);
    CHECK(value(all[0][0], "bypass_spam_checks") == "Y");
    CHECK(value(all[0][0], "spam_kill_level") == "NULL");
    CHECK(value(all[0][0], "banned_files_lover") == "NULL");
    CHECK(value(all[0][1], "spam_kill_level") == "4.5");
}

TEST_CASE("look_up: a sender_hit per sender and row: the first of wblist, by priority, among equals the more specific key") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    add_user(*place, 2, 5, 1, "@x.org");
    add_user(*place, 3, 7, 1, "v@x.org");
    add_sender(*place, 1, 9, "s@spam.org");
    add_sender(*place, 2, 5, "@spam.org");
    add_sender(*place, 3, 0, "@.");
    add_sender(*place, 4, 9, "@.org");
    for (const auto& [user, sender, wb] : {std::tuple{1, 2, "B"}, {1, 3, "W"}, {2, 1, "-3.5"}, {2, 4, "W"}, {3, 3, " "}})
        add_to_list(*place, user, sender, wb);
    const auto store = open_lookups(*place);
    const auto all = look_up(*store, {"u@x.org", "v@x.org", "w@y.org"}, {"s@spam.org", "t@else.de"});
    CHECK(emails(all[0]) == "u@x.org @x.org");
    CHECK(hits(all[0][0]) == "[B @spam.org][W @.]");
    CHECK(hits(all[0][1]) == "[-3.5 s@spam.org][-]");
    CHECK(hits(all[1][0]) == "[  @.][  @.]");
    CHECK(hits(all[1][1]) == "[-3.5 s@spam.org][-]");
    CHECK(all[2].empty());
    CHECK(hits(look_up(*store, {"u@x.org"})[0][0]).empty());
    CHECK(hits(look_up(*store, {"u@x.org"}, {""})[0][0]) == "[W @.]");
    const auto without = open_lookups(*place, {.select_wblist = ""});
    CHECK(hits(look_up(*without, {"u@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
}

TEST_CASE("look_up: hundreds of recipients of one message, each with its own rows") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1000, 0, 1, "@.");
    std::vector<std::string> recipients;
    for (int i = 0; i < 300; ++i) {
        recipients.push_back(fmt::format("u{}@x{}.org", i, i % 7));
        if (i % 3 == 0) add_user(*place, i + 1, 7, 1, recipients.back());
    }
    recipients.push_back(recipients.front());
    const auto all = look_up(*open_lookups(*place), recipients, {"s@y.org"});
    int wrong = 0;
    for (std::size_t i = 0; i < recipients.size(); ++i)
        wrong += emails(all[i]) == (i % 3 == 0 ? recipients[i] + " @." : "@.") ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("look_up: many messages at once from several threads, each gets its own answer") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    for (int i = 0; i < 20; ++i) add_user(*place, i + 1, 7, 1, fmt::format("u{}@x.org", i));
    const auto store = open_lookups(*place);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> asking;
    for (int t = 0; t < 4; ++t)
        asking.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                const auto who = fmt::format("u{}@x.org", (t + i) % 25);
                const auto answer = try_look_up(*store, {who});
                if (!answer || emails(answer->rows.at(0)) != ((t + i) % 25 < 20 ? who : "")) ++wrong;
            }
        });
    for (auto& thread : asking) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("look_up: a change is seen by the next message") {
    const Tried place(each_backend());
    const auto store = open_lookups(*place);
    CHECK(look_up(*store, {"u@x.org"})[0].empty());
    add_policy(*place, 1, {{"bypass_spam_checks", "Y"}});
    add_user(*place, 1, 7, 1, "u@x.org");
    CHECK(value(look_up(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "Y");
    place->update("policy", {{"id", "1"}}, {{"bypass_spam_checks", "N"}});
    CHECK(value(look_up(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "N");
    place->erase("users", {{"id", "1"}});
    CHECK(look_up(*store, {"u@x.org"})[0].empty());
}

TEST_CASE("look_up: columns that nobody knows, and that come while it runs, do no harm") {
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    place->run("ALTER TABLE policy ADD COLUMN colour varchar(10)");
    add_policy(*place, 1, {{"bypass_spam_checks", "Y"}, {"colour", "blue"}});
    add_user(*place, 1, 7, 1, "u@x.org");
    const auto store = open_lookups(*place);
    CHECK(value(look_up(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "Y");
    place->run("ALTER TABLE users ADD COLUMN taste varchar(10)");
    place->run("ALTER TABLE policy ADD COLUMN smell varchar(10)");
    CHECK(value(look_up(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "Y");
}

TEST_CASE("look_up: hostile addresses find what they name and nothing else") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "o'neill@x.org");
    add_user(*place, 2, 7, 1, "a b@x.org");
    add_user(*place, 3, 7, 1, "%@x.org");
    const auto store = open_lookups(*place);
    const std::string longest = std::string(64, 'l') + "@" + std::string(251, 'd') + ".de";
    const std::string nul("n\0l@x.org", 9);
    const auto all = look_up(
        *store, {"O'Neill@x.org", "\"a b\"@x.org", "'; DROP TABLE users; --@x.org", "\xff\xfe\x80@x.org", "u\xc3\xa9@x.org",
                 "_@x.org", "\\@x.org", "{\"a\",b}@x.org", longest, "%@x.org", "[192.0.2.1]", "", "\xf0\x9f\x98\x80@x.org", nul});
    const std::vector<std::string> want = {"o'neill@x.org", "a b@x.org", "", "", "", "", "", "", "", "%@x.org", "", "", "", ""};
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(emails(all[i]) == want[i]);
    CHECK(look_up(*store, {"a@x.org"}, {"\xff'\"@x.org", "{}@\\", nul}).size() == 1);
}

TEST_CASE("look_up: statements of the site's own, with placeholders") {
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    place->run("CREATE TABLE boxes (box integer, dom varchar(100), loc varchar(100), byp char(1), level varchar(10))");
    place->run("INSERT INTO boxes VALUES (11,'x.org','u','Y','3'), (12,'x.org',NULL,'N','4'), (NULL,'y.org',NULL,'Y','5')");
    place->run("CREATE TABLE senders (box integer, addr varchar(100), verdict varchar(10))");
    place->run("INSERT INTO senders VALUES (11,'s@spam.org','B'), (12,'@.org','W')");
    LookupOptions options;
    options.select_policy =
        "SELECT box AS id, byp AS bypass_spam_checks, level AS spam_kill_level FROM boxes "
        "WHERE dom=%d AND (loc=%u OR loc IS NULL) ORDER BY loc IS NULL, box";
    const auto with_our_list = open_lookups(*place, options);
    auto all = look_up(*with_our_list, {"U+ext@X.org", "v@x.org", "v@y.org", "v@z.org"}, {"s@spam.org"});
    REQUIRE(all[0].size() == 2);  // in the order of the statement
    CHECK((all[0][0].id() == "11" && value(all[0][0], "spam_kill_level") == "3" && hits(all[0][0]) == "[-]"));
    CHECK(value(all[0][1], "spam_kill_level") == "4");
    CHECK(all[1].size() == 1);
    REQUIRE(all[2].size() == 1);
    CHECK((all[2][0].id().empty() && hits(all[2][0]) == "[-]"));  // without an id nothing in wblist can be meant
    CHECK(all[3].empty());
    options.select_wblist =
        "SELECT verdict AS wb, addr AS email FROM senders WHERE box=? AND addr IN (%k) ORDER BY length(addr) DESC";
    all = look_up(*open_lookups(*place, options), {"u@x.org", "v@y.org"}, {"s@spam.org", "t@a.org"});
    CHECK(hits(all[0][0]) == "[B s@spam.org][-]");
    CHECK(hits(all[0][1]) == "[W @.org][W @.org]");
    CHECK(hits(all[1][0]) == "[-][-]");
    options.select_policy =
        "SELECT 1 AS id, %a AS email, %l AS spam_subject_tag2, %e AS banned_rulenames, %L AS spam_tag2_level "
        "FROM boxes WHERE box = 11 AND %a <> 'nobody@x.org'";
    options.select_wblist = "";
    all = look_up(*open_lookups(*place, options), {"Us\"er'+ext@x.org"});
    REQUIRE(all[0].size() == 1);
    CHECK((value(all[0][0], "spam_subject_tag2") == "Us\"er'+ext" && value(all[0][0], "banned_rulenames") == "+ext" &&
           value(all[0][0], "spam_tag2_level") == "1"));
}

TEST_CASE("look_up: a statement that the database refuses is named, and mail waits; one without a placeholder never works") {
    const Captured captured;
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    const auto fault = [&](LookupOptions options) {
        options.patience = 100ms;
        const auto answer = try_look_up(*open_lookups(*place, options), {"u@x.org"}, {"s@x.org"});
        REQUIRE_FALSE(answer);
        CHECK(answer.error().is(Errc::unavailable));
        return answer.error().detail;
    };
    CHECK_THAT(fault({.select_policy = "SELEKT 1 WHERE 'x'=%u"}), Catch::Contains("storage.select_policy: "));
    CHECK_THAT(fault({.select_policy = "SELECT 1 FROM nowhere WHERE x=%u"}), Catch::Contains("nowhere"));
    CHECK_THAT(fault({.select_wblist = "SELECT 1 FROM nowhere WHERE x=%u"}), Catch::Contains("storage.select_wblist: "));
    CHECK_FALSE(open_lookup_store({place->dsn()}, {.select_policy = "SELECT 1"}));
    CHECK_FALSE(open_lookup_store({place->dsn()}, {.select_wblist = "SELECT 1"}));
}

TEST_CASE("look_up: a database that is away is Errc::unavailable with its name, and comes back without a restart") {
    const Captured captured;
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    place->take_away();
    const auto store = open_lookups(*place, {.patience = 50ms});
    const auto away = try_look_up(*store, {"u@x.org"});
    REQUIRE_FALSE(away);
    CHECK(away.error().is(Errc::unavailable));
    CHECK_THAT(away.error().detail, Catch::Contains(place->dsn().shown));
    const auto ready = store->ready();
    REQUIRE_FALSE(ready);
    CHECK_THAT(ready.error().detail, Catch::Contains("since"));
    place->bring_back();
    CHECK(wait_until([&] { return try_look_up(*store, {"u@x.org"}).has_value(); }));
    CHECK(emails(look_up(*store, {"u@x.org"})[0]) == "u@x.org");
    CHECK(store->ready());
}

TEST_CASE("look_up: nothing is ever written: a standby will do") {
    const Tried place(each_backend({Can::stand_by}));
    if (!place) return;
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    place->stand_by();
    CHECK(emails(look_up(*open_lookups(*place), {"u@x.org"})[0]) == "u@x.org");
}

TEST_CASE("LookupOptions::cache: rows and hits are kept across messages until forget()") {
    const Tried place(each_backend());
    add_policy(*place, 1);
    add_user(*place, 1, 7, 1, "u@x.org");
    add_sender(*place, 1, 5, "@spam.org");
    const auto store = open_lookups(*place, {.cache = 1h});
    REQUIRE(wait_until([&] { return store->ready().has_value(); }));  // what is asked earlier is not kept
    const auto seen = [&] { return emails(look_up(*store, {"u@x.org", "v@x.org"}, {"s@spam.org"})[1]); };
    CHECK(seen().empty());
    add_user(*place, 2, 7, 1, "v@x.org");
    CHECK(seen().empty());
    store->forget();
    CHECK(seen() == "v@x.org");
    CHECK(hits(look_up(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
    add_to_list(*place, 2, 1, "B");
    CHECK(hits(look_up(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
    CHECK(hits(look_up(*store, {"v@x.org"}, {"t@spam.org"})[0][0]) == "[B @spam.org]");  // a new sender asks anew
    store->forget();
    CHECK(hits(look_up(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[B @spam.org]");
    const auto without = open_lookups(*place);
    place->erase("wblist", {});
    CHECK(hits(look_up(*without, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
}
