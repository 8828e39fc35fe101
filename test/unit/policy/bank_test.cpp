#include "policy/bank.h"

#include "unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

constexpr std::string_view file = R"(
    [banks.SUBMIT]
    originating = true
    spam_kill_level = 20
    [banks.MYNETS]
    spam_kill_level = 10
    spam_tag_level = 10
    [banks.OUTSIDE]
    originating = false
    [banks.MYUSERS]
    spam_tag_level = 30
    [[bank_rules]]
    listener = "10026"
    banks = ["SUBMIT"]
    [[bank_rules]]
    listener = "127.0.0.2:10027"
    banks = ["SUBMIT"]
    [[bank_rules]]
    listener = "unix:/run/x.sock"
    banks = ["SUBMIT"]
    [[bank_rules]]
    listener = "SOCK"
    banks = ["MYNETS"]
    [[bank_rules]]
    clients = ["!192.0.2.7", "192.0.2.0/24"]
    banks = ["OUTSIDE"]
    [[bank_rules]]
    listener = "10028"
    clients = ["0.0.0.0/0"]
    banks = ["SUBMIT", "OUTSIDE", "OUTSIDE", "SUBMIT"]
)";

}  // namespace

TEST_CASE("banks are chosen by listener, client and sender, and later ones overlay earlier ones") {
    struct Row {
        Arrival arrival;
        std::string_view path;
        bool originating;
        std::string_view top;  // the bank that overlays the others
    };
    const auto row =
        GENERATE(Row{{"10024", "127.0.0.1", "198.51.100.1", false, true}, "", false, ""},
                 Row{{"10024", "127.0.0.1", {}, false, true}, "", false, ""},
                 Row{{"10024", "127.0.0.1", "10.0.0.1", true, false}, "MYNETS", true, "MYNETS"},
                 Row{{"10024", "127.0.0.1", "10.0.0.1", true, true}, "MYNETS/MYUSERS", true, "MYUSERS"},
                 Row{{"10026", "127.0.0.1", {}, false, false}, "SUBMIT", true, "SUBMIT"},
                 Row{{"10026", "127.0.0.1", {}, false, true}, "SUBMIT/MYUSERS", true, "MYUSERS"},
                 Row{{"10026", "127.0.0.1", "10.0.0.1", true, false}, "SUBMIT/MYNETS", true, "MYNETS"},
                 Row{{"10026", "127.0.0.1", "192.0.2.1", true, true}, "SUBMIT/MYNETS/OUTSIDE", false, "OUTSIDE"},
                 Row{{"10024", "127.0.0.1", "192.0.2.7", false, false}, "", false, ""},
                 Row{{"10027", "127.0.0.1", {}, false, false}, "", false, ""},
                 Row{{"10027", "127.0.0.2", {}, false, false}, "SUBMIT", true, "SUBMIT"},
                 Row{{"/run/x.sock", "", {}, false, false}, "SUBMIT/MYNETS", true, "MYNETS"},
                 Row{{"/run/y.sock", "", {}, false, false}, "MYNETS", true, "MYNETS"},
                 Row{{"10028", "127.0.0.1", "198.51.100.1", false, false}, "SUBMIT/OUTSIDE/SUBMIT", true, "SUBMIT"},
                 Row{{"10028", "127.0.0.1", "garbage", false, false}, "", false, ""},
                 Row{{"/run/y.sock", "", {}, false, true, {"SUBMIT", "NOBODY"}}, "MYNETS/SUBMIT/MYUSERS", true, "MYUSERS"});
    const auto tables = configured(file);
    const auto loaded = tables.banks.choose(row.arrival);
    INFO("expected " << row.path);
    CHECK(loaded.path == row.path);
    CHECK(loaded.originating == row.originating);
    CHECK((loaded.banks.empty() ? "" : loaded.banks.front()->name) == row.top);
}

TEST_CASE("mynetworks makes originating also without a bank of that name") {
    const auto loaded = configured("").banks.choose({"10024", "127.0.0.1", "10.0.0.1", true, true});
    CHECK(loaded.path == "MYNETS");
    CHECK(loaded.originating);
    CHECK(loaded.banks.empty());
}

TEST_CASE("what is wrong with banks and their rules is said with its place") {
    struct Row {
        std::string_view toml, want;
    };
    const auto row = GENERATE(
        Row{"[banks.A]\nspam_kil_level = 1\n", "t.toml:2:1: unknown setting \"spam_kil_level\" in [banks.A]; did you mean"},
        Row{"[banks.A]\noriginating = \"Y\"\n", "banks.A.originating must be true or false"},
        Row{"[banks.\"A/B\"]\n", "a bank is a table with a name of letters"}, Row{"banks = 1\n", "banks must be tables"},
        Row{"bank_rules = 1\n", "bank_rules must be a list of tables"},
        Row{"[banks.ORIG]\n[[bank_rules]]\nlistener = \"1\"\nbanks = [\"ORIGS\"]\n", "no [banks.ORIGS]; did you mean \"ORIG\"?"},
        Row{"[[bank_rules]]\nlistener = \"1\"\n", "needs banks"},
        Row{"[[bank_rules]]\nbanks = [\"MYNETS\"]\n", "needs a listener, clients, or both"},
        Row{"[[bank_rules]]\nclients = [\"10.0.0.0/64\"]\nbanks = [\"MYNETS\"]\n", "t.toml:2:11: bank_rules.clients:"},
        Row{"[[bank_rules]]\nclient = [\"10.0.0.0/8\"]\nbanks = [\"MYNETS\"]\n", "did you mean \"clients\"?"});
    INFO(row.toml);
    CHECK_THAT(complaints(row.toml), Catch::Contains(std::string(row.want)));
}
