#include "policy/sender_lists.h"

#include "unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

SenderLists lists(std::string_view toml) {
    Problems problems("t.toml");
    const auto config = parse_config(toml, problems);
    auto out = SenderLists::load(config, {"+", false}, problems);
    CHECK(problems.lines() == std::vector<std::string>{});
    return out;
}

SenderDecision decide(const SenderLists& from, std::string_view recipient, const std::vector<UserRow>& rows,
                      std::string_view envelope, std::vector<std::string> from_addresses = {}) {
    const KeyOptions keys{"+", false};
    return from.decide(address_pieces(recipient, keys), rows, senders_of(envelope, from_addresses, keys));
}

using Hits = std::vector<std::optional<SenderHit>>;

UserRow user(std::string id, Hits hits) {
    auto row = user_row({"id", "email"}, {id, "u" + id + "@x.org"});
    row.sender_hits = std::move(hits);
    return row;
}

std::optional<SenderHit> hit(std::string wb, std::string key = "s@spam.org") { return SenderHit{std::move(wb), std::move(key)}; }

std::string word(const SenderDecision& decision) {
    return decision.whitelisted ? "white" : decision.blacklisted ? "black" : "none";
}

}  // namespace

TEST_CASE("what the column wb means") {
    const auto [text, want, score] = GENERATE(table<std::string, ListWord, double>({
        {"W", ListWord::allow, 0},
        {"y ", ListWord::allow, 0},
        {"T", ListWord::allow, 0},
        {"white", ListWord::allow, 0},
        {"B", ListWord::deny, 0},
        {"n", ListWord::deny, 0},
        {"F ", ListWord::deny, 0},
        {"black", ListWord::deny, 0},
        {"", ListWord::neutral, 0},
        {"   ", ListWord::neutral, 0},
        {std::string(3, '\0'), ListWord::neutral, 0},
        {"5", ListWord::score, 5},
        {"-3.25 ", ListWord::score, -3.25},
        {"+4.", ListWord::score, 4},
        {"0", ListWord::score, 0},
        {"X", ListWord::unknown, 0},
        {"W1", ListWord::unknown, 0},
        {"1e3", ListWord::unknown, 0},
        {"--5", ListWord::unknown, 0},
        {".", ListWord::unknown, 0},
        {"1.2.3", ListWord::unknown, 0},
        {"\xff", ListWord::unknown, 0},
    }));
    INFO(text);
    CHECK(list_meaning(text).word == want);
    CHECK(list_meaning(text).score == score);
}

TEST_CASE("wblist is asked in the order of the user rows") {
    struct Row {
        std::vector<UserRow> rows;
        std::string_view word;
        double boost;
        std::size_t problems;
    };
    const auto row =
        GENERATE(Row{{}, "none", 0, 0}, Row{{user("1", {hit("W")})}, "white", 0, 0},
                 Row{{user("1", {hit("B")}), user("2", {hit("W")})}, "black", 0, 0},
                 Row{{user("1", {std::nullopt}), user("2", {hit("W")})}, "white", 0, 0},
                 Row{{user("1", {hit(" ")}), user("2", {hit("B")})}, "none", 0, 0},   // neutral ends the search
                 Row{{user("1", {hit("3")}), user("2", {hit("B")})}, "black", 3, 0},  // a score does not
                 Row{{user("1", {hit("3")}), user("2", {hit("-1")})}, "none", 2, 0},
                 Row{{user("1", {hit("nonsense")}), user("2", {hit("B")})}, "black", 0, 1},  // not an allow, unlike amavisd
                 Row{{user("1", {})}, "none", 0, 0});
    const auto decision = decide(lists(""), "r@x.org", row.rows, "s@spam.org");
    CHECK(word(decision) == row.word);
    CHECK(decision.boost == Approx(row.boost));
    CHECK(decision.problems.size() == row.problems);
}

TEST_CASE("scores of the configuration count for the first address that has one, an entry of wblist counts once") {
    const auto site = lists(
        "[[sender_lists]]\nscores = { \".spam.org\" = 4, \"s@\" = 1, \"n@\" = 0 }\n[[sender_lists]]\nscores = { \"a@\" = 2 }\n");
    CHECK(decide(site, "r@x.org", {}, "a@spam.org", {"b@spam.org", "B@SPAM.org"}).boost == Approx(6));
    CHECK(decide(site, "r@x.org", {}, "b@spam.org", {"s@else.org"}).boost == Approx(4));
    CHECK(decide(site, "r@x.org", {}, "x@else.org", {"s@else.org", "b@spam.org"}).boost == Approx(1));
    CHECK(decide(site, "r@x.org", {}, "n@else.org", {"s@else.org"}).boost == Approx(1));  // 0 is no score
    CHECK(decide(site, "r@x.org", {user("1", {std::nullopt, hit("5")})}, "s@else.org", {"b@other.org"}).boost == Approx(6));
    CHECK(decide(site, "r@x.org", {user("1", {hit("0"), std::nullopt})}, "z@else.org", {"s@else.org"}).boost == Approx(0));
    const std::vector<UserRow> rows = {user("1", {hit("5", "@.org"), hit("5", "@.org")})};
    CHECK(decide(lists(""), "r@x.org", rows, "a@spam.org", {"b@other.org"}).boost == Approx(5));
    const std::vector<UserRow> two = {user("1", {hit("5", "@.org"), hit("2", "@.de")})};
    CHECK(decide(lists(""), "r@x.org", two, "a@spam.org", {"b@other.de"}).boost == Approx(7));
}

TEST_CASE("the configuration's lists are asked when wblist decided nothing") {
    const auto site = lists(R"(
        [[sender_lists]]
        whitelist = ["!bad@friend.org", ".friend.org"]
        blacklist = ["spam.org", "boss@friend.org"]
        scores = { "news@friend.org" = -2, "." = 0.5 }
        [[sender_lists]]
        recipients = ["picky@x.org", ".picky.org"]
        blacklist = ["."]
        [[sender_lists]]
        blacklist_patterns = ['(?i)^bounce-\d+@']
        whitelist_patterns = ['^good\+']
        score_patterns = [{ match = '^noreply@', score = 1 }, { match = 'reply', score = 8 }]
    )");
    CHECK(word(decide(site, "r@x.org", {}, "a@sub.friend.org")) == "white");
    CHECK(word(decide(site, "r@x.org", {}, "bad@friend.org")) == "none");
    CHECK(word(decide(site, "r@x.org", {}, "A@Spam.ORG")) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "a@sub.spam.org")) == "none");
    CHECK(word(decide(site, "r@x.org", {}, "a@else.org", {"x@y.de", "b@spam.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "boss@friend.org")) == "white");  // both lists: allowing wins, as with amavisd
    CHECK(word(decide(site, "picky@x.org", {}, "a@else.org")) == "black");
    CHECK(word(decide(site, "picky@x.org", {}, "a@friend.org")) == "white");
    CHECK(word(decide(site, "u@sub.picky.org", {}, "")) == "black");  // the null sender too
    CHECK(word(decide(site, "r@x.org", {}, "Bounce-17@else.org")) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "good+x@else.org")) == "white");
    CHECK(decide(site, "r@x.org", {}, "news@friend.org").boost == Approx(-2));
    CHECK(decide(site, "r@x.org", {}, "a@else.org").boost == Approx(0.5));
    CHECK(decide(site, "r@x.org", {}, "noreply@else.org").boost == Approx(1.5));
    CHECK(decide(site, "r@x.org", {}, "no-reply@else.org").boost == Approx(8.5));

    CHECK(word(decide(site, "r@x.org", {user("1", {hit("W")})}, "a@spam.org")) == "white");
    CHECK(word(decide(site, "r@x.org", {user("1", {hit(" ")})}, "a@spam.org")) == "none");
    CHECK(word(decide(site, "r@x.org", {user("1", {hit("3")})}, "a@spam.org")) == "black");
    CHECK(decide(site, "r@x.org", {user("1", {hit("3")})}, "news@friend.org").boost == Approx(3));  // SQL scores replace these
}

TEST_CASE("a denied address is not let in by an allowed one beside it, wherever either was found") {
    const auto site = lists(R"(
        [[sender_lists]]
        whitelist = ["friend@ok.org", "boss@spam.org"]
        blacklist = [".spam.org"]
    )");
    const auto sql = [](const std::vector<std::string>& words) {  // of the senders in order
        std::vector<std::optional<SenderHit>> out;
        for (const auto& each : words) out.push_back(each.empty() ? std::nullopt : hit(each));
        return std::vector<UserRow>{user("1", out)};
    };
    CHECK(word(decide(site, "r@x.org", {}, "evil@spam.org", {"friend@ok.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "friend@ok.org", {"evil@spam.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "a@else.org", {"friend@ok.org", "evil@spam.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", {}, "a@else.org", {"friend@ok.org", "b@else.org"})) == "white");
    CHECK(word(decide(site, "r@x.org", {}, "boss@spam.org", {"friend@ok.org"})) == "white");  // one address in both lists
    CHECK(word(decide(site, "r@x.org", sql({"B", "W"}), "a@else.org", {"b@else.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", sql({"W", "B"}), "a@else.org", {"b@else.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", sql({"B", ""}), "a@else.org", {"friend@ok.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", sql({"", "W"}), "evil@spam.org", {"b@else.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", sql({"W", ""}), "evil@spam.org", {"b@else.org"})) ==
          "white");  // SQL decided for that address
    CHECK(decide(site, "r@x.org", {}, "friend@ok.org", {"evil@spam.org"}).reasons.back() ==
          "a denied address counts more than an allowed one");
}

TEST_CASE("once an address was decided the next ones are asked about in the first row only") {
    const auto site = lists("[[sender_lists]]\nwhitelist = [\"friend@ok.org\"]\nblacklist = [\".spam.org\"]\n");
    const auto two = [](const char* first, const char* first_from, const char* second_from) {
        const auto of = [](const char* wb) { return *wb == '-' ? std::nullopt : hit(wb); };
        return std::vector<UserRow>{user("1", {of(first), of(first_from)}), user("2", {std::nullopt, of(second_from)})};
    };
    CHECK(word(decide(site, "r@x.org", two(" ", "-", "B"), "a@else.org", {"b@else.org"})) == "none");
    CHECK(word(decide(site, "r@x.org", two(" ", "-", "W"), "a@else.org", {"b@else.org"})) == "none");
    CHECK(word(decide(site, "r@x.org", two(" ", "-", "-"), "a@else.org", {"evil@spam.org"})) == "none");
    CHECK(word(decide(site, "r@x.org", two(" ", "B", "-"), "a@else.org", {"b@else.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", two("-", "-", "B"), "a@else.org", {"b@else.org"})) == "black");
    CHECK(decide(site, "r@x.org", two("B", "-", "7"), "a@else.org", {"b@else.org"}).boost == Approx(0));
    CHECK(decide(site, "r@x.org", two("B", "7", "-"), "a@else.org", {"b@else.org"}).boost == Approx(7));
    // allowed mail: a deny is looked for everywhere all the same, a score is not
    CHECK(word(decide(site, "r@x.org", two("W", "-", "B"), "a@else.org", {"b@else.org"})) == "black");
    CHECK(word(decide(site, "r@x.org", two("W", "-", "-"), "a@else.org", {"evil@spam.org"})) == "black");
    CHECK(decide(site, "r@x.org", two("W", "-", "7"), "a@else.org", {"b@else.org"}).boost == Approx(0));
}

TEST_CASE("senders are the envelope sender and the addresses of From, without duplicates") {
    const KeyOptions keys;
    CHECK(senders_of("", {}, keys).size() == 1);
    const auto senders = senders_of("A@x.org", {"a@X.org", "", "b@x.org", "b@x.org"}, keys);
    REQUIRE(senders.size() == 2);
    CHECK(senders[0].full == "A@x.org");
    CHECK(senders[1].full == "b@x.org");
    std::vector<std::string> many;
    for (int i = 0; i < 500; ++i) many.push_back("u" + std::to_string(i) + "@x.org");
    CHECK(senders_of("a@x.org", many, keys).size() == 20);
}

TEST_CASE("reasons and problems name table, row and sender, on one line") {
    const auto decision =
        decide(lists(""), "r@x.org", {user("7", {hit("Z\nY", "@spam.org")}), user("8", {hit("B")})}, "s\n@spam.org");
    REQUIRE(decision.problems.size() == 1);
    CHECK(decision.problems[0].starts_with("wblist of users row 7 (\"u7@x.org\"), sender \"@spam.org\": column wb holds \"Z\\"));
    REQUIRE(decision.reasons.size() == 1);
    CHECK(decision.reasons[0].find('\n') == std::string::npos);
    CHECK(decision.reasons[0].find("is blacklisted by wblist of users row 8") != std::string::npos);
}

TEST_CASE("what is wrong with sender lists is said with its place") {
    struct Row {
        std::string_view toml, want;
    };
    const auto row =
        GENERATE(Row{"[[sender_lists]]\nwhitelists = [\"a\"]\n",
                     "t.toml:2:1: unknown setting \"whitelists\" in [sender_lists]; did you mean \"whitelist\"?"},
                 Row{"[[sender_lists]]\nscores = 5\n", "sender_lists.scores must be a table"},
                 Row{"[[sender_lists]]\nscores = { a = \"b\" }\n", "sender_lists.scores.\"a\" must be a number"},
                 Row{"[[sender_lists]]\nblacklist_patterns = ['(']\n",
                     "sender_lists.blacklist_patterns: \"(\" is not a regular expression"},
                 Row{"[[sender_lists]]\nscore_patterns = [{ match = 'x' }]\n", "sender_lists.score_patterns must be a list"},
                 Row{"[sender_lists]\nwhitelist = [\"a\"]\n", "sender_lists must be a list of tables"});
    INFO(row.toml);
    CHECK_THAT(complaints(row.toml), Catch::Contains(std::string(row.want)));
}
