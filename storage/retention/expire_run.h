// expire_run - one run of storage/retention/expire.h: the session, its pace, and the passes over the tables
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "base/deadline.h"
#include "storage/retention/expire.h"
#include "storage/retention/expiry_session.h"
#include "storage/retention/expiry_sql.h"
#include "storage/retention/partitions.h"

namespace tamis::storage {

class ExpireRun {
public:
    using Session = std::unique_ptr<ExpirySession>;
    ExpireRun(asio::io_context& loop, std::vector<Dsn> dsns, ExpireOptions options, const std::atomic<bool>& stop);

    // open - the session; the report says when another host is at it
    Task<Done> open();
    Task<void> close();            // the next run, of whichever host, may begin
    Task<Done> keep_partitions();  // make those to come, drop those that are past
    Task<Done> walk(Walk walk, std::int64_t from);
    Task<Done> drop_copies();  // partitions whose copies walk() marked as expired
    Task<Done> remove_orphans(std::string table);
    Task<Done> remove_addresses();
    Task<Done> find_oldest(const std::vector<Walk>& walks);
    Task<Done> free_pages();

    bool is_over() const { return stop_ || until_.passed(); }
    ExpireReport& report() { return report_; }

private:
    using Clock = std::chrono::steady_clock;
    using Access = ExpirySession::Access;
    using Answers = Result<std::vector<SqlAnswer>>;

    // Pace - of one kind of work: how much of it fits into the time aimed at
    struct Pace {
        double amount;
        double least, most;
        double enough =
            1;  // less only when the server broke a transaction off: from a cold disk everything takes longer than aimed at
        void learn(Clock::duration took, bool was_full);
        void shrink() { amount = std::max(least, amount / 3); }
        bool is_least() const { return amount <= least; }
        std::size_t size() const { return static_cast<std::size_t>(amount); }
    };

    // time_of - the first value of the rows
    static std::int64_t time_of(const SqlRows& rows, std::int64_t otherwise);

    Task<Answers> read(std::vector<SqlQuery> queries);
    Task<Answers> write(std::vector<SqlQuery> queries, Pace& pace, bool was_full, std::size_t messages = 0);
    Task<Answers> write_small(std::function<std::vector<SqlQuery>()> make);
    Task<Result<SqlRows>> read_one(SqlQuery query);
    Task<Result<std::int64_t>> number(std::string sql);             // the first value of the answer; 0 when there is none
    Task<void> rest(Clock::duration worked, std::size_t messages);  // so many were dealt with meanwhile

    Task<Done> take(const Walk& walk, std::vector<Candidate> found);
    Task<Done> take_batch(const Walk& walk, Due what, std::vector<Candidate> batch);
    Task<Done> take_large(const Walk& walk, Due what, Candidate message);
    void note(const Walk& walk, Due what, std::span<const Candidate> messages, const ExpirySql::Counts& counts);
    Task<Done> delete_addresses(std::vector<std::int64_t> ids);
    Task<Done> restore_used(std::vector<ExpirySql::Address> deleted, std::uint64_t transaction);
    Task<Done> make_partitions(const std::vector<PartitionedTable>& tables);
    Task<Done> drop_records(std::vector<PartitionedTable>& tables);
    Task<Done> find_past_copies(const std::vector<PartitionedTable>& tables);
    Task<Done> patiently(std::vector<std::string> statements, bool may_stop);
    Task<bool> drop(Partition partition, bool has_default);
    Task<Result<bool>> is_past(Partition partition, Age age);

    asio::io_context& loop_;
    const std::vector<Dsn> dsns_;
    const ExpireOptions options_;
    const std::atomic<bool>& stop_;
    const Clock::time_point begun_ = Clock::now();
    const Deadline until_;
    asio::steady_timer pause_;
    Session session_;
    const ExpirySql* sql_ = nullptr;  // the session's
    ExpireReport report_;
    Clock::duration read_for_{};          // what the last read took
    int misses_ = 0;                      // transactions in a row that were broken off
    Pace rows_{1000, 100, 20'000};        // that are looked at
    Pace records_{50, 1, 500, 25};        // that are deleted, by cost
    Pace small_{200, 1, 2000, 50};        // orphans and addresses that are deleted
    std::vector<Partition> past_copies_;  // go whole, once their messages say so
    bool past_has_default_ = false;
};

}  // namespace tamis::storage
