#include <algorithm>

#include "scanners/scanner.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Finder - finds the word EICAR in what it is shown, and remembers what that was
class Finder final : public Scanner {
public:
    Finder(bool viruses, bool opens) : viruses_(viruses), opens_(opens) {}
    std::string_view name() const noexcept override { return "finder"; }
    bool finds_viruses() const noexcept override { return viruses_; }
    bool opens_containers() const noexcept override { return opens_; }
    bool is_required() const noexcept override { return true; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline) override {
        const auto head = request.message->spool->head();
        if (request.is_part) parts.emplace_back(head);
        if (head.find("EICAR") != std::string_view::npos) co_return mail::Infected{{"Eicar"}};
        if (head.find("FAIL") != std::string_view::npos) co_return mail::Failed{{make_error_code(Errc::timeout), "late"}};
        co_return mail::Clean{};
    }
    std::string health() const override { return "ok"; }
    std::vector<std::string> parts;

private:
    bool viruses_, opens_;
};

mail::Contents contents_of(const std::vector<std::pair<std::string, bool>>& parts) {
    mail::Contents out;
    for (const auto& [bytes, hidden] : parts) {
        mail::Part part;
        part.number = static_cast<std::uint32_t>(out.parts.size() + 1);
        part.extract = static_cast<std::int32_t>(out.extracts.size());
        part.hidden = hidden;
        out.parts.push_back(part);
        out.extracts.push_back(std::make_shared<mail::SealedSpool>(-1, bytes.size(), bytes));
    }
    return out;
}

Task<std::vector<mail::ScanReport>> scan_both(const ScannerList& list, const ScanRequest& request, const mail::Contents& contents) {
    auto reports = co_await scan_all(list, request, Deadline::in(10s));
    co_await scan_parts(list, request, contents, reports, Deadline::in(10s));
    co_return reports;
}

std::vector<mail::ScanReport> scan(const ScannerList& list, const mail::Contents& contents) {
    const auto        message = make_message(clean_text);
    const auto        envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    return run(scan_both(list, request, contents));
}

TEST_CASE("engines that open containers are shown what is hidden from them, others everything, spam engines nothing") {
    auto opens = std::make_shared<Finder>(true, true);
    auto opens_nothing = std::make_shared<Finder>(true, false);
    auto spam = std::make_shared<Finder>(false, true);
    const auto reports = scan({opens, opens_nothing, spam}, contents_of({{"a", false}, {"b", true}}));
    CHECK(opens->parts == std::vector<std::string>{"b"});
    CHECK(opens_nothing->parts == std::vector<std::string>{"a", "b"});
    CHECK(spam->parts.empty());
    for (const auto& report : reports) CHECK(told(report.outcome) == "clean");
}

TEST_CASE("what one part brings is the engine's answer; after a virus no further parts are asked about") {
    auto engine = std::make_shared<Finder>(true, true);
    std::vector<std::pair<std::string, bool>> parts(40, {"clean", true});
    parts[1].first = "EICAR";
    const auto reports = scan({engine}, contents_of(parts));
    CHECK(told(reports[0].outcome) == "infected Eicar");
    CHECK(engine->parts.size() == 8);
}

TEST_CASE("a failure on one part is never clean, and a virus on another beats it") {
    CHECK(told(scan({std::make_shared<Finder>(true, true)}, contents_of({{"FAIL", true}, {"x", true}}))[0].outcome).starts_with("failed"));
    CHECK(told(scan({std::make_shared<Finder>(true, true)}, contents_of({{"FAIL", true}, {"EICAR", true}}))[0].outcome) == "infected Eicar");
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
