#include <algorithm>

#include "scanners/message_scan.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Finder - finds the word EICAR in what it is shown, and remembers what that was
class Finder final : public Scanner {
public:
    Finder(bool viruses, bool opens_plain, bool takes_all = false)
        : viruses_(viruses), opens_plain_(opens_plain), takes_all_(takes_all) {}
    std::string_view name() const noexcept override { return "finder"; }
    bool finds_viruses() const noexcept override { return viruses_; }
    bool opens_plain_mail() const noexcept override { return opens_plain_; }
    bool takes_parts_too() const noexcept override { return takes_all_; }
    bool is_required() const noexcept override { return true; }
    std::uint64_t max_size() const noexcept override { return most; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline) override {
        const auto head = request.message->spool->head();
        if (takes_all_) {
            std::string all = request.is_part ? "" : "message";
            if (request.parts != nullptr)
                for (const auto& each : *request.parts) all += " " + std::string(each.bytes->head());
            parts.push_back(all);
        } else if (request.is_part) {
            parts.emplace_back(head);
        } else {
            ++whole;
        }
        if (head.find("EICAR") != std::string_view::npos) co_return mail::Infected{{"Eicar"}};
        if (head.find("FAIL") != std::string_view::npos) co_return mail::Failed{{make_error_code(Errc::timeout), "late"}};
        co_return mail::Clean{};
    }
    std::string health() const override { return "ok"; }
    std::vector<std::string> parts;
    int whole = 0;
    std::uint64_t most = 0;

private:
    bool viruses_, opens_plain_, takes_all_;
};

// parts_of - the flag: of plain text mail
mail::ShownParts parts_of(const std::vector<std::pair<std::string, bool>>& parts) {
    mail::ShownParts out;
    for (const auto& [bytes, is_plain] : parts) {
        const auto number = static_cast<std::uint32_t>(out.size() + 1);
        out.push_back(
            {number, "1/" + std::to_string(number), is_plain, std::make_shared<mail::SealedSpool>(-1, bytes.size(), bytes)});
    }
    return out;
}

Task<std::vector<mail::ScanReport>> scan_all_batches(const ScannerList& list, const ScanRequest& request,
                                                     std::vector<mail::ShownParts> batches, InParts in_parts) {
    MessageScan scan(list, request, 10s);
    for (auto& each : batches)
        if (!co_await scan.show(std::move(each), in_parts, Deadline::in(10s))) break;
    co_return scan.reports();
}

std::vector<mail::ScanReport> scan(const ScannerList& list, std::vector<mail::ShownParts> batches,
                                   InParts in_parts = InParts::yes) {
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    return run(scan_all_batches(list, request, std::move(batches), in_parts));
}
std::vector<mail::ScanReport> scan(const ScannerList& list, mail::ShownParts parts) {
    return scan(list, std::vector<mail::ShownParts>(1, std::move(parts)));
}

using Texts = std::vector<std::string>;

TEST_CASE("antivirus engines are shown everything, but for the text of plain mail when they open that; spam engines nothing") {
    auto opens = std::make_shared<Finder>(true, true);
    auto opens_nothing = std::make_shared<Finder>(true, false);
    auto spam = std::make_shared<Finder>(false, true);
    const auto reports = scan({opens, opens_nothing, spam}, parts_of({{"a", true}, {"b", false}}));
    CHECK(opens->parts == Texts{"b"});
    CHECK(opens_nothing->parts == Texts{"a", "b"});
    CHECK(spam->parts.empty());
    for (const auto& report : reports) CHECK(told(report.outcome) == "clean");
}

TEST_CASE("in batches: the message once, before the first; every part of every batch") {
    auto engine = std::make_shared<Finder>(true, true);
    auto spam = std::make_shared<Finder>(false, true);
    auto program = std::make_shared<Finder>(true, false, true);
    const auto reports = scan({engine, spam, program},
                              std::vector{parts_of({{"a", false}, {"b", false}}), parts_of({{"c", false}}), parts_of({})});
    CHECK(engine->whole == 1);
    CHECK(spam->whole == 1);
    CHECK(engine->parts == Texts{"a", "b", "c"});
    CHECK(program->parts == Texts{"message a b", " c"});
    for (const auto& report : reports) CHECK(told(report.outcome) == "clean");
}

TEST_CASE("a message that is too large for an engine is shown to it in its parts, if they are shown") {
    auto engine = std::make_shared<Finder>(true, true);
    engine->most = 1;
    const auto found = scan({engine}, std::vector<mail::ShownParts>(1, parts_of({{"EICAR", false}})), InParts::yes);
    CHECK(engine->whole == 0);
    CHECK(told(found[0].outcome) == "infected Eicar");
    (void)scan({engine}, std::vector<mail::ShownParts>(1), InParts::no);
    CHECK(engine->whole == 1);
}

TEST_CASE("in batches: after something is found nothing more is shown") {
    auto engine = std::make_shared<Finder>(true, true);
    const auto reports =
        scan({engine}, std::vector{parts_of({{"a", false}}), parts_of({{"EICAR", false}}), parts_of({{"c", false}})});
    CHECK(told(reports[0].outcome) == "infected Eicar");
    CHECK(engine->parts == Texts{"a", "EICAR"});
}

TEST_CASE("in batches: a failure in an early one is not forgotten, and names its part") {
    const auto reports = scan({std::make_shared<Finder>(true, true)},
                              std::vector{parts_of({{"x", false}, {"FAIL", false}}), parts_of({{"c", false}})});
    CHECK(told(reports[0].outcome).find("part 1/2: ") != std::string::npos);
}

TEST_CASE("what one part brings is the engine's answer; after a virus no further parts are asked about") {
    auto engine = std::make_shared<Finder>(true, true);
    std::vector<std::pair<std::string, bool>> parts(40, {"clean", false});
    parts[1].first = "EICAR";
    const auto reports = scan({engine}, parts_of(parts));
    CHECK(told(reports[0].outcome) == "infected Eicar");
    CHECK(engine->parts.size() == 8);
}

TEST_CASE("a failure on one part is never clean, and a virus on another beats it") {
    CHECK(told(scan({std::make_shared<Finder>(true, true)}, parts_of({{"FAIL", false}, {"x", false}}))[0].outcome)
              .starts_with("failed"));
    CHECK(told(scan({std::make_shared<Finder>(true, true)}, parts_of({{"FAIL", false}, {"EICAR", false}}))[0].outcome) ==
          "infected Eicar");
}

TEST_CASE("a test that was known does not score twice") {
    mail::ScanOutcome outcome = mail::Scored{5, {{"A", 5}}, {}, "", ""};
    merge_outcome(outcome, mail::Scored{7, {{"A", 5}, {"B", 2}}, {}, "", ""});
    CHECK(std::get<mail::Scored>(outcome).score == 7);
    merge_outcome(outcome, mail::Clean{});
    CHECK(std::get<mail::Scored>(outcome).tests.size() == 2);
    merge_outcome(outcome, mail::Infected{{"V"}});
    merge_outcome(outcome, mail::Infected{{"V", "W"}});
    CHECK(std::get<mail::Infected>(outcome).names == std::vector<std::string>{"V", "W"});
}

}  // namespace
}  // namespace tamis::scanners
