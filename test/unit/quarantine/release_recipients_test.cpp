// release_recipients_test - addresses of a copy and the rows that belong to them, whatever the database made of them
#include "quarantine/release_recipients.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/text.h"
#include "mail/path.h"
#include "storage/address_key.h"
#include "storage/records/rows.h"

using namespace tamis;
using namespace tamis::quarantine;

namespace {

using Addresses = std::vector<std::string>;
using Rows = std::vector<storage::RecipientState>;

Rows rows_of(const Addresses& stored) {
    Rows rows;
    for (const auto& address : stored) {
        storage::RecipientState row;
        row.sequence = static_cast<std::int64_t>(rows.size()) + 1;
        row.address = address;
        rows.push_back(row);
    }
    return rows;
}

StoredCopy copy_to(const Addresses& recipients, std::optional<Addresses> blocked = {}) {
    StoredCopy copy;
    copy.recipients = recipients;
    copy.blocked = std::move(blocked);
    return copy;
}

// shown - "address=rseqnum", "-" without a row, "!" when left out
Addresses shown(const std::vector<ReleaseRecipient>& recipients) {
    Addresses out;
    for (const auto& one : recipients)
        out.push_back(fmt::format("{}={}", one.address,
                                  !one.left_out.empty() ? "!"
                                  : one.row             ? fmt::format("{}", one.row->sequence)
                                                        : "-"));
    return out;
}

}  // namespace

TEST_CASE("each recipient of a copy has a row of his own, however it was stored") {
    const std::string octet = "\xe9u@example.com", other = "\xe8u@example.com", angle = "\"a b@c >>=d\"@example.com",
                      idn =
                          "x@b\xc3\xbc"
                          "cher.example";
    CHECK(shown(release_recipients({}, copy_to({octet, "v@example.com"}), rows_of({octet, "v@example.com"}))) ==
          Addresses{octet + "=1", "v@example.com=2"});
    // a trigger refused the octets
    CHECK(shown(release_recipients({}, copy_to({octet, other, "?u@example.com"}),
                                   rows_of({"?u@example.com", "?u@example.com", "?u@example.com"}))) ==
          Addresses{octet + "=1", other + "=2", "?u@example.com=3"});
    // a server may tell local parts apart by their case, the record does not
    CHECK(shown(release_recipients({}, copy_to({"Bob@x", "bob@x", "bob@x"}), rows_of({"bob@x", "bob@x", "bob@x"}))) ==
          Addresses{"Bob@x=1", "bob@x=2"});
    // with policy.local_part_is_case_sensitive it does
    CHECK(shown(release_recipients({}, copy_to({"Bob@X", "bob@X"}), rows_of({"bob@x", "Bob@x"}))) ==
          Addresses{"Bob@X=2", "bob@X=1"});
    CHECK(shown(release_recipients({"Bob@x"}, copy_to({"Bob@X", "bob@X"}), rows_of({"bob@x", "Bob@x"}))) == Addresses{"Bob@X=2"});
    CHECK(shown(release_recipients({}, copy_to({"O'Brien@x"}), rows_of({"O?Brien@x"}))) == Addresses{"O'Brien@x=1"});
    // only one of the two has a row any more: his, not the other's
    CHECK(shown(release_recipients({}, copy_to({"Bob@x", "bob@x"}), rows_of({"bob@x"}))) == Addresses{"Bob@x=!", "bob@x=1"});
    // rows of the time before A-labels were stored
    CHECK(shown(release_recipients({}, copy_to({idn}), rows_of({idn}))) == Addresses{idn + "=1"});
    // amavisd: unquoted, A-labels, 255 octets
    CHECK(shown(release_recipients({}, copy_to({angle, idn}), rows_of({"a b@c >>=d@example.com", "x@xn--bcher-kva.example"}))) ==
          Addresses{angle + "=1", idn + "=2"});
    const std::string wide = std::string(300, 'w') + "@example.com";
    CHECK(shown(release_recipients({}, copy_to({wide}), rows_of({wide.substr(0, 255)}))) == Addresses{wide + "=1"});
    CHECK(shown(release_recipients({}, copy_to({wide}), rows_of({wide.substr(0, 64)}))) == Addresses{wide + "=1"});
    // an older Tamis wrote \xHH into the copy
    CHECK(shown(release_recipients({}, copy_to({"\\xE9u@example.com"}), rows_of({octet}))) == Addresses{octet + "=1"});
    CHECK(shown(release_recipients({}, copy_to({"\\xE9u@example.com"}, Addresses{"\\xE9u@example.com"}), rows_of({octet}))) ==
          Addresses{octet + "=1"});
    CHECK(shown(release_recipients({}, copy_to({"\\xE9u@example.com"}), rows_of({"\\xe9u@example.com"}))) ==
          Addresses{"\\xE9u@example.com=1"});
}

TEST_CASE("nobody is left out unsaid, and one odd recipient stops no other") {
    CHECK(shown(release_recipients({}, copy_to({"a@x", "b@x", "c@x"}, Addresses{"b@x", "evil@x"}),
                                   rows_of({"a@x", "b@x", "c@x"}))) == Addresses{"b@x=2", "evil@x=!"});
    CHECK(shown(release_recipients({}, copy_to({"a\tb@x", "b@x"}), rows_of({"a?b@x", "b@x"}))) == Addresses{"a\tb@x=!", "b@x=2"});
    CHECK(shown(release_recipients({"a\r\nb@x", "", "b@x", "no domain"}, copy_to({"b@x"}), rows_of({"b@x"}))) ==
          Addresses{"a\r\nb@x=!", "=!", "b@x=1", "no domain=!"});
    CHECK(shown(release_recipients({}, copy_to({"a@x", "\xff@x"}), std::nullopt)) == Addresses{"a@x=-", "\xff@x=-"});
    CHECK(release_recipients({}, copy_to({}), rows_of({"a@x"})).empty());
}

TEST_CASE("a recipient is named as the copy, the record, a list or a log has him") {
    const std::string octet = "\xe9u@Example.com", angle = "\"A b\"@example.com";
    const auto copy = copy_to({octet, angle, "Carol@example.com"});
    const auto named = [&](const std::string& text, const Addresses& stored) {
        return shown(release_recipients({text}, copy, rows_of(stored)));
    };
    const Addresses as_is = {"\xe9u@example.com", "\"a b\"@example.com", "carol@example.com"},
                    replaced = {"?u@example.com", "a b@example.com", "carol@example.com"};
    for (const auto& stored : {as_is, replaced}) {
        for (const auto* text : {"\xe9u@Example.com", "\xe9u@example.com", "\\xE9u@Example.com", "\\xe9u@example.com"})
            CHECK(named(text, stored) == Addresses{octet + "=1"});
        for (const auto* text : {"\"A b\"@example.com", "\"a b\"@example.com", "a b@example.com", "A b@example.com"})
            CHECK(named(text, stored) == Addresses{angle + "=2"});
        CHECK(named("carol@EXAMPLE.com", stored) == Addresses{"Carol@example.com=3"});
        CHECK(named("new one@example.com", stored) == Addresses{"\"new one\"@example.com=-"});
    }
    CHECK(named("?u@example.com", replaced) == Addresses{octet + "=1"});
    CHECK(shown(release_recipients({"carol@example.com", "Carol@example.com"}, copy, rows_of(as_is))) ==
          Addresses{"Carol@example.com=3"});
    // a row that the copy does not name
    CHECK(shown(release_recipients({"dave@example.com"}, copy, rows_of({"dave@example.com"}))) ==
          Addresses{"dave@example.com=1"});
}

TEST_CASE("the sender of a copy of an older Tamis comes from the record") {
    CHECK(release_sender("a\\xFF@example.net", "a\xff@example.net") == "a\xff@example.net");
    CHECK(release_sender("a\\xFF@example.net", "a?@example.net") == "a\xff@example.net");
    CHECK(release_sender("a\\xFF@example.net", "a\\xff@example.net") == "a\\xFF@example.net");
    CHECK(release_sender("a\xff@example.net", "a?@example.net") == "a\xff@example.net");
    CHECK(release_sender("a@b", "") == "a@b");
    CHECK(release_sender("", "") == "");
}

TEST_CASE("any addresses, stored in any way that we or amavisd store them: each goes to its own row") {
    std::mt19937 random(1118);
    const std::string_view alphabet = "\"\\<>@, .ab?\xe9\xff\xc3\xa9";
    std::uniform_int_distribution<std::size_t> letter(0, alphabet.size() - 1), length(1, 6), many(1, 8), way(0, 5);
    for (int round = 0; round < 3000; ++round) {
        Addresses recipients, stored;
        const auto how = way(random);
        for (auto left = many(random); left > 0; --left) {
            std::string local;
            for (auto size = length(random); size > 0; --size) local += alphabet[letter(random)];
            const auto address = mail::quoted_path(local + "@example.com");
            if (!mail::is_path(address)) continue;
            const auto key = [](std::string_view text) { return storage::address_key(text).email; };
            if (std::ranges::any_of(recipients, [&](const std::string& known) { return key(known) == key(address); })) continue;
            recipients.push_back(address);
            stored.push_back(how == 0   ? key(address)
                             : how == 1 ? storage::printable_address(key(address))
                             : how == 2 ? storage::plain_text(storage::printable_address(key(address)))
                             : how == 3 ? key(mail::unquoted_path(address))
                             : how == 5 ? (is_utf8(address) ? key(address) : storage::printable_address(key(address)))
                                        : storage::printable_address(key(mail::unquoted_path(address))));
        }
        std::vector<bool> used(recipients.size(), false);
        for (const auto& one : release_recipients({}, copy_to(recipients), rows_of(stored))) {
            INFO(how << " " << escaped(one.address) << " " << one.left_out);
            REQUIRE(one.left_out.empty());
            REQUIRE(one.row);
            const auto index = static_cast<std::size_t>(one.row->sequence - 1);
            REQUIRE_FALSE(used.at(index));
            used[index] = true;
            REQUIRE(std::ranges::count(recipients, one.address) == 1);
            const auto forms = recorded_forms(one.address);
            REQUIRE(std::ranges::find(forms, stored[index]) != forms.end());
        }
        REQUIRE(std::ranges::count(used, true) == static_cast<std::ptrdiff_t>(recipients.size()));
    }
}
