// Matchers that crash, hang and lie: test/fakes/bad_matcher.cpp in place of tamis-worker
#include "scanners/yara/match_pool.h"

#include <csignal>
#include <fstream>

#include "scanners/worker/match_wire.h"
#include "test/unit/scanners/support.h"
#include "test/unit/scanners/worker/rig.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;
using worker::test::children_of;
using worker::test::message_of;
using worker::test::open_descriptors;

std::shared_ptr<const mail::SealedSpool> told_to(const std::string& what) { return message_of("X-Do: " + what + "\nrest"); }

using Outcome = std::shared_ptr<std::optional<Result<std::vector<std::uint32_t>>>>;

// MatchRig - a spawner whose worker is a fake, and a pool with six rules
class MatchRig {
public:
    explicit MatchRig(std::string worker = TAMIS_BAD_MATCHER, std::uint32_t workers = 2) {
        log::capture(true);
        std::string rules;
        for (int i = 0; i < 6; ++i)
            rules += "rule R" + std::to_string(i) + " { condition: filesize == " + std::to_string(i) + " }\n";
        std::ofstream(dir.file("r.yar")) << rules;
        auto compiled = YaraRules::compile({dir.file("r.yar")}, Unmarked::virus);
        REQUIRE(compiled);
        auto started = worker::Spawner::start({.worker = std::move(worker)});
        REQUIRE(started);
        spawner = std::move(*started);
        pool = std::make_unique<MatchPool>(spawner.get(), std::shared_ptr<const YaraRules>(std::move(*compiled)),
                                           MatchOptions{.workers = workers});
    }
    ~MatchRig() {
        pool.reset();
        context.poll();
        log::captured();
        log::capture(false);
    }
    MatchRig(const MatchRig&) = delete;
    MatchRig& operator=(const MatchRig&) = delete;

    Outcome begin(std::shared_ptr<const mail::SealedSpool> bytes, Deadline deadline = Deadline::in(60s),
                  const std::string& message = "m1") {
        auto outcome = std::make_shared<std::optional<Result<std::vector<std::uint32_t>>>>();
        asio::co_spawn(context, pool->match(message, std::move(bytes), deadline),
                       [outcome](const std::exception_ptr& thrown, Result<std::vector<std::uint32_t>> result) {
                           CHECK_FALSE(thrown);
                           *outcome = std::move(result);
                       });
        return outcome;
    }
    void until(const std::function<bool()>& so) {
        const auto end = Deadline::in(300s);
        while (!so()) {
            REQUIRE_FALSE(end.passed());
            context.restart();
            context.run_one_for(10ms);
        }
    }
    Result<std::vector<std::uint32_t>> run(std::shared_ptr<const mail::SealedSpool> bytes,
                                           Deadline deadline = Deadline::in(60s)) {
        const auto outcome = begin(std::move(bytes), deadline);
        until([&] { return outcome->has_value(); });
        return **outcome;
    }
    bool says(std::string_view what) {
        for (auto& line : log::captured()) lines.push_back(line);
        return std::ranges::any_of(lines, [&](const auto& line) { return line.find(what) != std::string::npos; });
    }

    TempDir dir;
    asio::io_context context;
    std::unique_ptr<worker::Spawner> spawner;
    std::unique_ptr<MatchPool> pool;
    std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("match pool: whatever a matcher does twice with a message is a fault, and other messages do not notice") {
    struct Row {
        const char* does;
        const char* fault;
    };
    const auto row =
        GENERATE(Row{"crash", "crashed twice ("}, Row{"garbage", "crashed twice (answered nonsense"},
                 Row{"empty", "crashed twice ("}, Row{"other-job", "crashed twice (answered nonsense"},
                 Row{"match 6", "crashed twice (answered nonsense"}, Row{"match 4294967295", "crashed twice (answered nonsense"},
                 Row{"unordered", "crashed twice (answered nonsense"}, Row{"twice-named", "crashed twice (answered nonsense"},
                 Row{"more", "crashed twice (answered nonsense"}, Row{"descriptor", "crashed twice (answered nonsense"});
    INFO(row.does);
    MatchRig rig;
    REQUIRE(rig.run(told_to("match 1")));
    const auto bad = rig.begin(told_to(row.does), Deadline::in(60s), "bad");
    const auto good = rig.begin(told_to("match 2"), Deadline::in(60s), "good");
    rig.until([&] { return bad->has_value() && good->has_value(); });
    REQUIRE_FALSE((*bad)->has_value());
    CHECK((*bad)->error().is(Errc::bad_input));
    CHECK((*bad)->error().detail.find(row.fault) != std::string::npos);
    REQUIRE((*good)->has_value());
    CHECK((**good).value() == std::vector<std::uint32_t>{2});
    CHECK(rig.says("failed with something of this message"));
    CHECK(rig.says("tried with another one"));
    CHECK(rig.says("not tried again"));
}

TEST_CASE("match pool: what crashed one matcher is shown to another") {
    MatchRig rig;
    const auto found = rig.run(told_to("crash-once " + rig.dir.file("mark")));
    REQUIRE(found);
    CHECK(found->empty());
    CHECK(rig.says("tried with another one"));
    CHECK_FALSE(rig.says("not tried again"));
}

TEST_CASE("match pool: what a dying matcher said is in the log, escaped") {
    MatchRig rig;
    const auto found = rig.run(told_to("crash"));
    REQUIRE_FALSE(found);
    CHECK(found.error().detail.find("I am a \\x1B[31mcrash") != std::string::npos);
}

TEST_CASE("match pool: a matcher's own word that it could not look is a fault") {
    MatchRig rig;
    struct Row {
        const char* does;
        Errc code;
    };
    const auto row = GENERATE(Row{"failed", Errc::unavailable}, Row{"limits", Errc::over_limit}, Row{"late", Errc::timeout});
    const auto found = rig.run(told_to(row.does));
    REQUIRE_FALSE(found);
    CHECK(found.error().is(row.code));
    CHECK(rig.run(told_to("match 0")));
}

TEST_CASE("match pool: one that hangs is ended at the deadline, and nobody waits for it") {
    MatchRig rig(TAMIS_BAD_MATCHER, 1);
    REQUIRE(rig.run(told_to("match 1")));
    const auto before = open_descriptors();
    const auto found = rig.run(told_to("hang"), Deadline::in(200ms));
    REQUIRE_FALSE(found);
    CHECK(found.error().is(Errc::timeout));
    CHECK(rig.run(told_to("match 3")).value() == std::vector<std::uint32_t>{3});
    rig.until([&] { return children_of(rig.spawner->pid()).size() == 1; });
    CHECK(open_descriptors() == before);
}

TEST_CASE("match pool: who waits for a turn waits no longer than the deadline") {
    MatchRig rig(TAMIS_BAD_MATCHER, 1);
    REQUIRE(rig.run(told_to("match 1")));
    const auto hanging = rig.begin(told_to("hang"), Deadline::in(60s), "other");
    rig.context.restart();
    rig.context.poll();
    const auto found = rig.run(told_to("match 1"), Deadline::in(50ms));
    REQUIRE_FALSE(found);
    CHECK(found.error().is(Errc::timeout));
    CHECK(found.error().detail.find("max_scans") != std::string::npos);
    CHECK_FALSE(hanging->has_value());
    rig.until([&] {
        for (const auto pid : children_of(rig.spawner->pid())) ::kill(pid, SIGKILL);
        return hanging->has_value();
    });
    CHECK_FALSE((*hanging)->has_value());
}

TEST_CASE("match pool: small things of one message go together; of those that crash, only the guilty fail") {
    MatchRig rig(TAMIS_BAD_MATCHER, 1);
    REQUIRE(rig.run(told_to("match 1")));
    std::vector<Outcome> outcomes;
    for (int i = 0; i < 100; ++i)
        outcomes.push_back(rig.begin(told_to(i == 50 ? "crash" : "match " + std::to_string(i % 6)), Deadline::in(60s), "many"));
    rig.until([&] { return std::ranges::all_of(outcomes, [](const auto& outcome) { return outcome->has_value(); }); });
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        INFO(i);
        if (i == 50) {
            CHECK((*outcomes[i])->error().is(Errc::bad_input));
        } else {
            REQUIRE((*outcomes[i])->has_value());
            CHECK((*outcomes[i])->value() == std::vector<std::uint32_t>{static_cast<std::uint32_t>(i % 6)});
        }
    }
    CHECK(rig.says("failed with one of 32 things of this message"));
}

TEST_CASE("match pool: one that asks to be replaced is, and an answer that nobody asked for ends its sender") {
    MatchRig rig(TAMIS_BAD_MATCHER, 1);
    REQUIRE(rig.run(told_to("match 1")));
    const auto first = children_of(rig.spawner->pid());
    REQUIRE(first.size() == 1);
    const auto does = GENERATE("last", "double");
    REQUIRE(rig.run(told_to(does)));
    rig.until([&] {
        return rig.run(told_to("match 2")).has_value() && children_of(rig.spawner->pid()).size() == 1 &&
               children_of(rig.spawner->pid()) != first;
    });
}

TEST_CASE("match pool: one that died while it was idle harms no message") {
    MatchRig rig(TAMIS_BAD_MATCHER, 1);
    REQUIRE(rig.run(told_to("match 1")));
    const auto first = children_of(rig.spawner->pid());
    for (const auto pid : first) ::kill(pid, SIGKILL);
    rig.until([&] { return children_of(rig.spawner->pid()).empty(); });
    CHECK(rig.run(told_to("match 5")).value() == std::vector<std::uint32_t>{5});
}

TEST_CASE("match pool: one that cannot be started fails the scans at once, and is tried again") {
    TempDir dir;
    const auto name = GENERATE("early", "foreign");
    const auto path = dir.file(name);
    std::filesystem::copy_file(TAMIS_BAD_MATCHER, path);
    MatchRig rig(path);
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto found = rig.run(told_to("match 1"));
        REQUIRE_FALSE(found);
        CHECK(found.error().detail.find("no process to match the rules could be started") != std::string::npos);
    }
    CHECK(rig.says("processes that match YARA rules cannot be started"));
    if (std::string_view(name) == "foreign") CHECK(rig.says("different builds"));
}

TEST_CASE("match pool: one that never gets ready holds a message no longer than its deadline") {
    TempDir dir;
    const auto path = dir.file("silent");
    std::filesystem::copy_file(TAMIS_BAD_MATCHER, path);
    MatchRig rig(path);
    const auto found = rig.run(told_to("match 1"), Deadline::in(50ms));
    REQUIRE_FALSE(found);
    CHECK(found.error().is(Errc::timeout));
}

TEST_CASE("match pool: without a spawner every scan says what to do") {
    TempDir dir;
    std::ofstream(dir.file("r.yar")) << "rule A { condition: true }";
    auto rules = YaraRules::compile({dir.file("r.yar")}, Unmarked::virus);
    REQUIRE(rules);
    MatchPool pool(nullptr, std::shared_ptr<const YaraRules>(std::move(*rules)), {});
    const auto found = run(pool.match("m", message_of("x"), Deadline::in(1s)));
    REQUIRE_FALSE(found);
    CHECK(found.error().detail.find("restart of tamisd") != std::string::npos);
}

}  // namespace tamis::scanners
