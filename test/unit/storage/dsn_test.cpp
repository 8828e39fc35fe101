#include "storage/dsn.h"

#include <catch2/catch.hpp>

#include "storage/pg/backend.h"
#include "storage/sqlite/backend.h"

using namespace tamis;
using namespace tamis::storage;

TEST_CASE("every form of a PostgreSQL DSN is understood, and the password is split off") {
    struct Row {
        std::string text, user, password, conninfo, secret, shown;
    };
    const auto row =
        GENERATE(Row{"postgresql://amavis:s3cr%40t@db.example.com:5433/mail", "", "",
                     "dbname='mail' host='db.example.com' port='5433' user='amavis'", "s3cr@t",
                     "postgresql://amavis@db.example.com:5433/mail"},
                 Row{"postgres://db/mail", "", "", "dbname='mail' host='db'", "", "postgresql://db/mail"},
                 Row{"postgres://u@[::1]:5432/mail?sslmode=require", "", "",
                     "dbname='mail' host='::1' port='5432' sslmode='require' user='u'", "", "postgresql://u@[::1]:5432/mail"},
                 Row{"host=db dbname=mail user=amavis password='two words\\'s'", "", "", "dbname='mail' host='db' user='amavis'",
                     "two words's", "postgresql://amavis@db/mail"},
                 Row{"host=/run/postgresql dbname=mail", "amavis", "pw", "dbname='mail' host='/run/postgresql' user='amavis'",
                     "pw", "postgresql://amavis@/run/postgresql/mail"},
                 Row{"DBI:Pg:dbname=amavis;host=db;port=5432", "amavis", "it's",
                     "dbname='amavis' host='db' port='5432' user='amavis'", "it's", "postgresql://amavis@db:5432/amavis"},
                 Row{"dbi:pg:database=mail_prefs", "vscan", "LK40.gtklkKK", "dbname='mail_prefs' user='vscan'", "LK40.gtklkKK",
                     "postgresql://vscan@/mail_prefs"},
                 Row{"postgresql://first@h/d", "second", "", "dbname='d' host='h' user='second'", "", "postgresql://second@h/d"});
    const auto dsn = parse_dsn(row.text, row.user, row.password);
    INFO(row.text);
    REQUIRE(dsn);
    CHECK(dsn->backend == &pg::backend);
    CHECK(dsn->place == row.conninfo);
    CHECK(dsn->password.reveal() == row.secret);
    CHECK(dsn->shown == row.shown);
}

TEST_CASE("SQLite paths are absolute or :memory:") {
    struct Row {
        std::string text, path;
    };
    const auto row =
        GENERATE(Row{"sqlite:/var/lib/tamis/tamis.db", "/var/lib/tamis/tamis.db"}, Row{"sqlite:///x.db", "/x.db"},
                 Row{"sqlite::memory:", ":memory:"}, Row{"DBI:SQLite:dbname=/a/b", "/a/b"}, Row{"DBI:SQLite:/a/b", "/a/b"});
    const auto dsn = parse_dsn(row.text);
    REQUIRE(dsn);
    CHECK(dsn->backend == &sqlite::backend);
    CHECK(dsn->place == row.path);
    CHECK(dsn->shown == "sqlite:" + row.path);
}

TEST_CASE("what cannot be understood says what is expected and never shows a password") {
    struct Row {
        std::string text, says;
    };
    const auto row =
        GENERATE(Row{"", "expected postgresql://"}, Row{"/just/a/path", "expected postgresql://"},
                 Row{"mysql://u:hunter2@h/d", "scheme \"mysql\" is not supported"},
                 Row{"DBI:mysql:database=x;password=hunter2", "driver \"mysql\" is not supported"},
                 Row{"sqlite:relative.db", "must be absolute"}, Row{"DBI:SQLite:dbname=x.db", "must be absolute"},
                 Row{"host=db password=my hunter2", "needs quotes"}, Row{"hots=db dbname=x", "did you mean \"host\""},
                 Row{"postgresql://u:hunter2%zz@h/d", "%25"}, Row{"postgresql://u:hunter2@h/d?hunter2=1", "unknown keyword"},
                 Row{"DBI:Pg:hunter2", "without \"=\""}, Row{"host=db password='hunter2", "closing quote"});
    const auto dsn = parse_dsn(row.text);
    INFO(row.text);
    REQUIRE_FALSE(dsn);
    CHECK(dsn.error().is(Errc::bad_input));
    CHECK_THAT(dsn.error().detail, Catch::Contains(row.says));
    CHECK_THAT(dsn.error().detail, !Catch::Contains("hunter2"));
}

TEST_CASE("no odd password is ever shown, and none is understood as something else") {
    const std::string odd = "@:/?#%&=+ '\"\\[](){}<>,;!$*~^|`\t\xc3\xa9";
    std::vector<std::string> passwords = {"first@second",  "fi@rst@sec@ond", "first/second",   "first?host=second",
                                          "first@/second", "first:second@",  "first%40second", "first%second",
                                          "@first",        "first://second"};
    for (const char c : odd) passwords.push_back(std::string("first") + c + "second");
    for (const auto& password : passwords) {
        const auto urls = {"postgresql://me:" + password + "@db.example.com/mail",
                           "postgresql://me:" + password + "@db.example.com", "postgres://me:" + password + "@/mail?host=/run",
                           "postgresql://me:" + password + "/mail", "postgresql://" + password};
        for (const auto& url : urls) {
            if (url.ends_with("/mail") && url.find("@db") == std::string::npos && password.find('@') != std::string::npos)
                continue;  // a host then
            const auto dsn = parse_dsn(url);
            INFO(url);
            const std::string said = dsn ? dsn->shown : dsn.error().detail;
            if (url.starts_with("postgresql://me:") || url.starts_with("postgres://me:")) {
                CHECK_THAT(said, !Catch::Contains("second"));
                CHECK_THAT(said, !Catch::Contains("first"));
                if (dsn) CHECK_THAT(dsn->place, !Catch::Contains("second") && !Catch::Contains("first"));
            }
            if (dsn && url.find("@db.example.com") != std::string::npos && url.starts_with("postgresql://me:"))
                CHECK(dsn->password.reveal() == (password == "first%40second" ? "first@second" : password));
            if (!dsn) CHECK(dsn.error().is(Errc::bad_input));
        }
        // beside the text every password is taken as it is
        const auto beside = parse_dsn("DBI:Pg:dbname=mail;host=db", "me", password);
        REQUIRE(beside);
        CHECK(beside->password.reveal() == password);
        CHECK_THAT(beside->shown + beside->place, !Catch::Contains("first"));
    }
    CHECK_THAT(parse_dsn("postgresql://me:first@second@db/mail").error().detail, Catch::Contains("@ is %40"));
    CHECK_THAT(parse_dsn("postgresql://me:first/mail").error().detail, Catch::Contains("where the port belongs"));
}

TEST_CASE("a setting is a text, a table, or a list of these") {
    Problems problems("t.toml");
    const auto config = parse_config(
        "one = 'sqlite:/a'\n"
        "two = ['postgresql://a/x', { dsn = 'DBI:Pg:dbname=y;host=b', user = 'u', password = 'p' }]\n"
        "typo = { dsn = 'sqlite:/a', pasword = 'p' }\n"
        "number = 5\nempty = []\nmixed = ['sqlite:/a', 'postgresql://a/x']\nlacking = { user = 'u' }\nbad = ['sqlite:x']\n",
        problems);
    REQUIRE(problems.none());
    const auto load = [&](const char* key) { return load_dsns(*config.find(key), key, problems); };
    CHECK(load("one").size() == 1);
    const auto two = load("two");
    REQUIRE(two.size() == 2);
    CHECK(two[1].shown == "postgresql://u@b/y");
    CHECK(two[1].password.reveal() == "p");
    CHECK(problems.none());
    for (const auto* key : {"typo", "number", "empty", "mixed", "lacking", "bad"}) CHECK(load(key).empty());
    REQUIRE(problems.lines().size() == 6);
    CHECK_THAT(problems.lines()[0], Catch::StartsWith("t.toml:3:") && Catch::Contains("did you mean \"password\""));
    CHECK_THAT(problems.lines()[1], Catch::StartsWith("t.toml:4:") && Catch::Contains("expected a text"));
    CHECK_THAT(problems.lines()[2], Catch::Contains("empty"));
    CHECK_THAT(problems.lines()[3], Catch::Contains("same kind"));
    CHECK_THAT(problems.lines()[4], Catch::Contains("lacks \"dsn\""));
    CHECK_THAT(problems.lines()[5], Catch::Contains("absolute"));
}

TEST_CASE("a DSN says which setting it came from, and which entry of a list it is") {
    const auto loaded = [](const char* toml) {
        Problems problems("tamis.toml");
        const auto config = parse_config(toml, problems);
        return load_dsns(*config.find("x"), "storage.lookup_dsn", problems);
    };
    CHECK(loaded("x = 'sqlite:/a'").at(0).named() == "lookup_dsn sqlite:/a");
    CHECK(loaded("x = ['sqlite:/a']").at(0).named() == "lookup_dsn sqlite:/a");
    const auto list = loaded("x = ['sqlite:/a', 'sqlite:/b']");
    CHECK(list.at(0).named() == "lookup_dsn entry 1 of 2 sqlite:/a");
    CHECK(list.at(1).named() == "lookup_dsn entry 2 of 2 sqlite:/b");
    CHECK(parse_dsn("sqlite:/a")->named() == "sqlite:/a");
}
