#include "scanners/groups.h"

#include <algorithm>

#include "policy/judge.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

enum class Says { clean, infected, fails, fails_on_parts };

class Engine final : public Scanner {
public:
    Engine(std::string name, Says says, bool required, bool backup, bool viruses = true)
        : name_(std::move(name)), says_(says), required_(required), backup_(backup), viruses_(viruses) {}
    std::string_view name() const noexcept override { return name_; }
    bool finds_viruses() const noexcept override { return viruses_; }
    bool is_required() const noexcept override { return required_; }
    bool is_backup() const noexcept override { return backup_; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) override {
        ++asked;
        parts += request.is_part ? 1 : 0;
        left = std::max<Deadline::Clock::duration>(left, deadline.left());
        const bool fails = says_ == Says::fails || (says_ == Says::fails_on_parts && request.is_part);
        if (fails) co_return mail::Failed{{make_error_code(Errc::refused), name_ + " is away"}};
        if (says_ == Says::infected) co_return mail::Infected{{"Eicar"}};
        co_return mail::Clean{};
    }
    std::string health() const override { return "ok"; }
    int asked = 0, parts = 0;
    Deadline::Clock::duration left{};

private:
    std::string name_;
    Says says_;
    bool required_, backup_, viruses_;
};

Task<std::vector<mail::ScanReport>> scan_both(const ScannerList& list, const ScanRequest& request,
                                              const mail::ShownParts& parts) {
    auto reports = co_await scan_all(list, request, Deadline::in(20s));
    co_await scan_parts(list, request, parts, true, reports, Deadline::in(20s));
    co_return reports;
}

policy::MessageFindings findings_of(const ScannerList& list, std::size_t parts, std::vector<mail::ScanReport>* all = nullptr) {
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    mail::Evidence evidence;
    mail::ShownParts shown;
    for (std::size_t i = 0; i < parts; ++i)
        shown.push_back(
            {static_cast<std::uint32_t>(i + 1), std::to_string(i + 1), false, std::make_shared<mail::SealedSpool>(-1, 1, "x")});
    evidence.scans = run(scan_both(list, ScanRequest{&message, &envelope, "", ""}, shown));
    if (all != nullptr) *all = evidence.scans;
    return policy::findings_from(evidence);
}

struct One {
    Says says;
    bool required;
};
struct Row {
    std::string text;
    std::vector<One> primaries, backups;
    bool backups_asked, unchecked, infected, checked;
};

TEST_CASE("primaries and backups, over all outcomes") {
    using enum Says;
    const auto row = GENERATE(values<Row>({
        {"a primary answers: no backup", {{clean, true}}, {{clean, true}}, false, false, false, true},
        {"a primary finds something: no backup", {{infected, true}}, {{clean, true}}, false, false, true, true},
        {"found by one, another required one away: no backup",
         {{infected, true}, {fails, true}},
         {{clean, true}},
         false,
         true,
         true,
         true},
        {"the only primary is away: the backup's answer stands", {{fails, true}}, {{clean, true}}, true, false, false, true},
        {"the backup finds something", {{fails, true}}, {{infected, true}}, true, false, true, true},
        {"all are away", {{fails, true}}, {{fails, true}}, true, true, false, false},
        {"all are away, the backup alone is required", {{fails, false}}, {{fails, true}}, true, true, false, false},
        {"all are away, and the primary alone is required", {{fails, true}}, {{fails, false}}, true, true, false, false},
        {"all are away and nobody minds", {{fails, false}}, {{fails, false}}, true, false, false, false},
        {"one of two primaries is away, and it is not required: as amavisd",
         {{fails, false}, {clean, true}},
         {{clean, true}},
         false,
         false,
         false,
         true},
        {"one of two primaries is away, and it is required",
         {{fails, true}, {clean, true}},
         {{clean, true}},
         true,
         false,
         false,
         true},
        {"the same, and the backup is away too", {{fails, true}, {clean, true}}, {{fails, true}}, true, true, false, true},
        {"both primaries away, one of two backups answers",
         {{fails, true}, {fails, true}},
         {{fails, true}, {clean, false}},
         true,
         false,
         false,
         true},
        {"no primary at all", {}, {{clean, true}}, true, false, false, true},
        {"no backup, one of two primaries away: required is what it says",
         {{fails, true}, {clean, true}},
         {},
         false,
         true,
         false,
         true},
        {"a primary fails on a part: the backup stands in", {{fails_on_parts, true}}, {{clean, true}}, true, false, false, true},
        {"a backup that fails on a part has not answered", {{fails, true}}, {{fails_on_parts, true}}, true, true, false, false},
    }));
    INFO(row.text);
    ScannerList list;
    std::vector<std::shared_ptr<Engine>> backups;
    for (const auto& [says, required] : row.primaries)
        list.push_back(std::make_shared<Engine>("p" + std::to_string(list.size()), says, required, false));
    for (const auto& [says, required] : row.backups) {
        backups.push_back(std::make_shared<Engine>("b" + std::to_string(list.size()), says, required, true));
        list.push_back(backups.back());
    }
    std::vector<mail::ScanReport> reports;
    const auto found = findings_of(list, 2, &reports);
    CHECK(std::ranges::all_of(backups, [&](const auto& one) { return (one->asked > 0) == row.backups_asked; }));
    CHECK(found.required_engine_failed == row.unchecked);
    CHECK(found.unchecked.empty() != row.unchecked);
    CHECK(found.viruses.empty() != row.infected);
    CHECK(found.virus_check_done == row.checked);
    REQUIRE(reports.size() == list.size());
    for (std::size_t i = 0; i < list.size(); ++i) CHECK(reports[i].scanner == list[i]->name());
}

TEST_CASE("a failure that a backup made good is still told") {
    const auto found = findings_of({std::make_shared<Engine>("clamd", Says::fails, true, false),
                                    std::make_shared<Engine>("clamscan", Says::clean, true, true)},
                                   0);
    REQUIRE(found.failed_engines.size() == 1);
    CHECK(found.failed_engines[0].starts_with("clamd: clamd is away"));
    CHECK_FALSE(found.required_engine_failed);
}

TEST_CASE("a backup that is needed for a part sees the whole message and every part, and an engine that is away no more parts") {
    auto primary = std::make_shared<Engine>("p", Says::fails_on_parts, true, false);
    auto backup = std::make_shared<Engine>("b", Says::clean, true, true);
    findings_of({primary, backup}, 3);
    CHECK(backup->asked == 4);
    CHECK(backup->parts == 3);
    auto away = std::make_shared<Engine>("p", Says::fails, true, false);
    findings_of({away, backup}, 3);
    CHECK(away->asked == 1);
}

TEST_CASE("time is kept for the backups; spam engines have all of it, and are no part of the groups") {
    auto primary = std::make_shared<Engine>("p", Says::fails, true, false);
    auto backup = std::make_shared<Engine>("b", Says::clean, true, true);
    auto spam = std::make_shared<Engine>("s", Says::fails, true, false, false);
    const auto found = findings_of({spam, primary, backup}, 0);
    CHECK(primary->left <= 10s);
    CHECK(backup->left > 15s);
    CHECK(spam->left > 15s);
    CHECK(found.required_engine_failed);  // the spam engine's own failure
    CHECK(found.failed_engines.size() == 2);
}

}  // namespace
}  // namespace tamis::scanners
