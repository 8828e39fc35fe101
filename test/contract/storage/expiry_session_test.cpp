// storage/retention/expiry_session.h: turns of two hosts, and transactions
#include "test/contract/storage/expiry.h"

using namespace tamis;
using namespace tamis::test;

namespace {

// Host - one session, on a loop of its own that the test runs
class Host {
public:
    explicit Host(const Dsn& dsn) {
        auto opened = get<Result<std::unique_ptr<ExpirySession>>>(open_expiry_session(loop_, {dsn}, Deadline::in(30s)));
        session_ = must(std::move(opened));
    }
    ExpirySession& operator*() { return *session_; }
    bool take_turn() { return must(get<Result<bool>>(session_->take_turn())); }
    void give_turn_back() {
        asio::co_spawn(loop_, session_->give_turn_back(), [&](const std::exception_ptr&) { loop_.stop(); });
        loop_.run();
        loop_.restart();
    }
    Result<std::vector<SqlAnswer>> run(std::vector<SqlQuery> queries, ExpirySession::Access access,
                                       std::chrono::milliseconds limit = 10s) {
        return get<Result<std::vector<SqlAnswer>>>(session_->run(std::move(queries), limit, access));
    }
    Done run_alone(const std::string& sql) { return get<Done>(session_->run_alone(sql, 10s)); }

private:
    template <class T>
    T get(Task<T> task) {
        std::optional<T> out;
        asio::co_spawn(loop_, std::move(task), [&](const std::exception_ptr&, T value) {
            out.emplace(std::move(value));
            loop_.stop();
        });
        loop_.run();
        loop_.restart();
        return std::move(*out);
    }
    asio::io_context loop_{1};
    std::unique_ptr<ExpirySession> session_;
};

}  // namespace

TEST_CASE("take_turn: of two hosts one may work, until it gives its turn back; a dry run needs none") {
    const Tried place(each_backend({Can::take_turns}));
    if (!place) return;
    put(*open_records(*place), 'S', 91 * day, 100);
    Host one(place->dsn()), two(place->dsn());
    CHECK(one.take_turn());
    CHECK_FALSE(two.take_turn());
    const auto report = expire(*place);
    CHECK((report.is_elsewhere && report.records == 0));
    auto how = expire_options();
    how.dry_run = true;
    CHECK(expire(*place, how).records == 1);
    CHECK(counts(*place) == "1|1|1");
    one.give_turn_back();
    CHECK(two.take_turn());
    two.give_turn_back();
    CHECK(expire(*place).records == 1);
    CHECK_FALSE(expire(*place).is_elsewhere);  // it gave its own turn back
}

TEST_CASE("take_turn: a turn ends with its session") {
    const Tried place(each_backend({Can::take_turns}));
    if (!place) return;
    {
        Host one(place->dsn());
        CHECK(one.take_turn());
    }
    Host two(place->dsn());
    CHECK(wait_until([&] { return two.take_turn(); }));
}

TEST_CASE("run: all statements are one transaction; the rows of each; what is refused leaves nothing") {
    const Tried place(each_backend({Can::sql}));
    if (!place) return;
    put(*open_records(*place), 'S', day, 100);
    Host host(place->dsn());
    CHECK((*host).shown() == place->dsn().shown);
    CHECK((*host).statements().check());
    const auto answers =
        must(host.run({{"SELECT count(*) FROM msgs", {}}, {"SELECT 1, NULL WHERE 1 = 2", {}}}, ExpirySession::Access::read));
    REQUIRE(answers.size() == 2);
    CHECK((answers[0].rows == SqlRows{{"1"}} && answers[1].rows.empty()));
    const auto refused = host.run({{"DELETE FROM msgs", {}}, {"DELETE FROM nowhere", {}}}, ExpirySession::Access::write);
    REQUIRE_FALSE(refused);
    CHECK(count(*place, "msgs") == 1);
    const auto deleted = must(host.run({{"DELETE FROM msgs", {}}, {"DELETE FROM msgrcpt", {}}}, ExpirySession::Access::write));
    CHECK((deleted.at(0).changed == 1 && deleted.at(1).changed == 1));
    CHECK(counts(*place) == "0|0|1");
}

TEST_CASE("run: what waits for somebody's lock is rolled back after the limit: Errc::timeout, and can be tried again") {
    const Tried place(each_backend({Can::sql, Can::be_held}));
    if (!place) return;
    put(*open_records(*place), 'S', day, 100);
    Host host(place->dsn());
    place->hold();
    const auto late = host.run({{"DELETE FROM msgrcpt", {}}, {"DELETE FROM msgs", {}}}, ExpirySession::Access::write, 100ms);
    place->let_go();
    REQUIRE_FALSE(late);
    CHECK(late.error().is(Errc::timeout));
    CHECK(counts(*place) == "1|1|1");
    CHECK(host.run({{"DELETE FROM msgs", {}}}, ExpirySession::Access::write));
    CHECK(count(*place, "msgs") == 0);
}

TEST_CASE("run: Errc::closed says that the database went away, and that a new session is needed") {
    const Tried place(each_backend({Can::sql, Can::vanish}));
    if (!place) return;
    Host host(place->dsn());
    place->take_away();
    const auto gone = host.run({{"SELECT 1", {}}}, ExpirySession::Access::read);
    place->bring_back();
    REQUIRE_FALSE(gone);
    CHECK(gone.error().is(Errc::closed));
    CHECK(Host(place->dsn()).run({{"SELECT 1", {}}}, ExpirySession::Access::read));
}

TEST_CASE("run_alone: a statement that must not be in a transaction") {
    const Tried place(each_backend({Can::sql, Can::expire}));
    if (!place) return;
    Host host(place->dsn());
    must(host.run_alone("VACUUM"));
    CHECK_FALSE(host.run_alone("VACUUM nowhere"));
}
