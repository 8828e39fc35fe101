#include "proxy/retention_timer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <random>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"

namespace tamis::proxy {
namespace {

constexpr std::chrono::hours full_every{24};
constexpr std::chrono::minutes first_after{1};  // at most: a start brings enough to do

metric::Counter& runs() {
    static metric::Counter counter("tamis_retention_runs_total",
                                   "Runs of the retention on this host that did something or found nothing due");
    return counter;
}
metric::Counter& failures() {
    static metric::Counter counter("tamis_retention_failures_total", "Runs of the retention that a database trouble ended");
    return counter;
}
metric::Counter& records() {
    static metric::Counter counter("tamis_retention_records_total", "Records of messages that expired");
    return counter;
}
metric::Counter& copies() {
    static metric::Counter counter("tamis_retention_copies_total", "Quarantined copies that expired before their record");
    return counter;
}
metric::Gauge& longest() {
    static metric::Gauge gauge("tamis_retention_longest_transaction_seconds",
                               "Longest transaction of the last run of the retention");
    return gauge;
}

}  // namespace

void RetentionTimer::start() {
    if (services_.snapshot()->settings->storage_dsns.empty()) return;
    stopping_ = false;
    loop_ = std::make_unique<asio::io_context>(1);
    timer_ = std::make_unique<asio::steady_timer>(*loop_);
    asio::co_spawn(*loop_, run(), asio::detached);  // ends with the loop
    thread_ = std::thread([this] { loop_->run(); });
}

void RetentionTimer::wake() {
    if (loop_) asio::post(*loop_, [this] { timer_->cancel(); });
}

void RetentionTimer::stop() {
    stopping_ = true;
    if (loop_) loop_->stop();
    if (thread_.joinable()) thread_.join();
    timer_.reset();
    loop_.reset();  // with the coroutine and its connection
}

Task<void> RetentionTimer::run() {
    std::minstd_rand dice{std::random_device{}()};
    bool is_first = true;
    auto due = std::chrono::steady_clock::now();
    while (!stopping_) {
        const auto settings = services_.snapshot()->settings;
        // hosts that were started together shall not come together
        const auto interval = settings->retention.interval;
        const auto base = is_first ? std::min<std::chrono::milliseconds>(interval, first_after) : interval;
        std::uniform_int_distribution<std::int64_t> jitter(0, base.count() / 10);
        const auto wanted = due + base - std::chrono::milliseconds(jitter(dice));
        timer_->expires_at(wanted);
        const auto [woken] = co_await timer_->async_wait(as_result);
        if (woken) continue;  // new settings: count anew from the last run
        is_first = false;
        co_await run_once(services_.snapshot()->settings);
        due = std::chrono::steady_clock::now();
    }
}

Task<void> RetentionTimer::run_once(std::shared_ptr<const config::Settings> settings) {
    auto options = settings->expiry;
    options.now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    const auto now = std::chrono::steady_clock::now();
    options.is_full = options.removes && (!had_full_ || now - last_full_ >= full_every);
    auto report = co_await expiry_.run(*loop_, settings->storage_dsns, options, stopping_);
    if (!report && report.error().is(Errc::not_found)) co_return;  // SQLite: no file yet
    if (!report) {
        failures().add();
        // once for each kind of trouble: the store itself says that its database is away
        if (report.error().detail != last_trouble_) log::warning({}, "retention: {}", escaped(report.error().detail, 500));
        last_trouble_ = report.error().detail;
        co_return;
    }
    std::string trouble;
    for (const auto& remark : report->remarks) trouble += (trouble.empty() ? "" : "; ") + remark;
    if (!trouble.empty() && trouble != last_trouble_) log::warning({}, "retention: {}", escaped(trouble, 500));
    last_trouble_ = trouble;
    if (report->is_elsewhere) {
        log::info({}, "retention: another host is at it");
        co_return;
    }
    if (!options.removes && report->is_empty()) co_return;
    if (options.is_full && report->is_complete) {
        had_full_ = true;
        last_full_ = now;
    }
    runs().add();
    records().add(static_cast<double>(report->records + report->incomplete));
    copies().add(static_cast<double>(report->copies));
    longest().set(std::chrono::duration<double>(report->longest_transaction).count());
    log::notice({}, "retention: {}", storage::describe_report(*report));
}

}  // namespace tamis::proxy
