// address_test - splitting, showing and matching envelope addresses; ids and category words beside them
#include "mail/address.h"

#include <catch2/catch.hpp>

#include <set>

#include "base/text.h"
#include "mail/category.h"
#include "mail/ids.h"

namespace tamis::mail {
namespace {

TEST_CASE("the last @ outside a quoted string divides") {
    struct Row {
        const char *address, *local, *domain;
    };
    const auto row = GENERATE(Row{"a@b", "a", "b"}, Row{"", "", ""}, Row{"postmaster", "postmaster", ""}, Row{"a@", "a", ""},
                              Row{"@b", "", "b"}, Row{"\"x@y\"@b", "\"x@y\"", "b"}, Row{"\"x@y\"", "\"x@y\"", ""},
                              Row{"a@b@c", "a@b", "c"}, Row{"a@[IPv6:::1]", "a", "[IPv6:::1]"});
    const auto parts = split_address(row.address);
    CHECK(parts.local == row.local);
    CHECK(parts.domain == row.domain);
}

TEST_CASE("an address as it may stand on a line") {
    CHECK(smtp_form("") == "<>");
    CHECK(smtp_form("a@b") == "<a@b>");
    CHECK(smtp_form("jos\xc3\xa9@b") == "<jos\xc3\xa9@b>");
    CHECK(smtp_form("a\r\nb\x7f@c") == "<a\\x0D\\x0Ab\\x7F@c>");
    CHECK(smtp_form("\xff@c") == "<\\xFF@c>");
    CHECK(unquoted_local("\"a\\\"b\"") == "a\"b");
    CHECK(unquoted_local("a") == "a");
    CHECK(unquoted_local("\"") == "\"");
}

TEST_CASE("address lists: first match decides") {
    struct Row {
        std::vector<std::string> list;
        const char* address;
        bool want;
    };
    const auto row =
        GENERATE(Row{{}, "a@b.c", false}, Row{{"b.c"}, "a@B.C", true}, Row{{"b.c"}, "a@x.b.c", false},
                 Row{{".b.c"}, "a@b.c", true}, Row{{".b.c"}, "a@x.b.c", true}, Row{{".b.c"}, "a@xb.c", false},
                 Row{{"a@b.c"}, "A@b.c", true}, Row{{"!a@b.c", "."}, "a@b.c", false}, Row{{"!a@b.c", "."}, "x@b.c", true},
                 Row{{"!!b.c"}, "a@b.c", true}, Row{{"a@"}, "a@b.c", false}, Row{{""}, "a", false}, Row{{"."}, "", true});
    CAPTURE(row.address);
    CHECK(matches_address_list(row.list, row.address) == row.want);
}

TEST_CASE("a drawn pair belongs together, and no other does") {
    std::set<std::string> seen;
    auto before = draw_message_ids();
    for (int i = 0; i < 200; ++i) {
        const auto ids = draw_message_ids();
        CHECK(ids.mail_id.get().size() == 12);
        CHECK(ids.secret_id.get().size() == 12);
        CHECK(is_mail_id(ids.mail_id.get()));
        CHECK(secret_matches(ids.mail_id, ids.secret_id));
        CHECK_FALSE(secret_matches(ids.mail_id, before.secret_id));
        CHECK(seen.insert(ids.mail_id.get()).second);
        before = ids;
    }
    for (const char* secret : {"", "=", "====", "a", "\xff", "AAAAAAAAAAAA"})
        CHECK_FALSE(secret_matches(before.mail_id, SecretId(secret)));
}

TEST_CASE("what is a mail_id") {
    for (const char* good : {"a", "aB3dEf9hIjKl", "a_+-b", "ab==", "ab="}) CHECK(is_mail_id(good));
    for (const char* bad : {"", "=", "-a", "_a", "a b", "a/b", "ab===", "a\n", "../a", "aaaaaaaaaaaaaaaaa", "a=b"})
        CHECK_FALSE(is_mail_id(bad));
}

TEST_CASE("category words") {
    struct Row {
        ContentCategory category;
        char letter;
        const char *word, *name;
    };
    const auto row = GENERATE(
        Row{{Major::virus, 0}, 'V', "INFECTED", "Virus"}, Row{{Major::banned, 0}, 'B', "BANNED", "Banned"},
        Row{{Major::unchecked, 0}, 'U', "UNCHECKED", "Unchecked"},
        Row{{Major::unchecked, 1}, 'U', "UNCHECKED-ENCRYPTED", "UncheckedEncrypted"},
        Row{{Major::unchecked, 2}, 'U', "UNCHECKED", "UncheckedOverLimits"},
        Row{{Major::unchecked, 3}, 'U', "UNCHECKED", "UncheckedAmbiguousContent"}, Row{{Major::spam, 0}, 'S', "SPAM", "Spam"},
        Row{{Major::spammy, 0}, 'Y', "SPAMMY", "Spammy"}, Row{{Major::spammy, 1}, 'Y', "SPAMMY", "Spammy3"},
        Row{{Major::bad_header, 2}, 'M', "BAD-HEADER-2", "BadHdr8bit"},
        Row{{Major::bad_header, 8}, 'H', "BAD-HEADER-8", "BadHdrDupl"}, Row{{Major::oversized, 0}, 'O', "OVERSIZED", "Oversized"},
        Row{{Major::mta, 1}, 'T', "MTA-BLOCKED", "MtaTempFailed"}, Row{{Major::mta, 2}, 'T', "MTA-BLOCKED", "MtaRejected"},
        Row{{Major::clean, 0}, 'C', "CLEAN", "Clean"}, Row{{Major::clean, 1}, 'C', "CLEAN", "CleanTag"},
        Row{{Major::catchall, 0}, '?', "OTHER", "CatchAll"});
    CHECK(sql_letter(row.category) == row.letter);
    REQUIRE(category_lettered(row.letter) != nullptr);
    CHECK(category_lettered(row.letter)->major == row.category.major);
    CHECK(log_word(row.category) == row.word);
    CHECK(display_name(row.category) == row.name);
}

TEST_CASE("every category has one word and one letter by which it is found again") {
    for (const auto& row : category_words()) {
        CAPTURE(row.word);
        CHECK(category_called(row.word) == &row);
        CHECK(category_called(to_upper(row.word)) == &row);
        CHECK(category_lettered(row.letter) == &row);
    }
    for (const auto* none : {"", "V", "sapm", "bad_header"}) CHECK(category_called(none) == nullptr);
    CHECK(category_lettered('X') == nullptr);
    CHECK(setting_word(Major::bad_header) == "bad_header");
    CHECK(setting_word(Major::virus) == "virus");
    CHECK(category_choices() == "virus, banned, unchecked, spam, spammy, bad-header, bad-header-8bit, oversized, mta and clean");
}

}  // namespace
}  // namespace tamis::mail
