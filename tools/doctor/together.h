// together - several questions at the same time, each with a report of its own; the reports end up in the order of the questions
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <vector>

#include "base/async.h"
#include "tools/doctor/finding.h"

namespace tamis::doctor {

class Together {
public:
    explicit Together(Report& into, std::string topic) : into_(into), topic_(std::move(topic)) {}

    // room - where the next question reports; lives until ask_all() has returned
    Report& room() { return rooms_.emplace_back(topic_); }
    void add(Task<void> question) { questions_.push_back(std::move(question)); }

    Task<void> ask_all() {
        const auto executor = co_await asio::this_coro::executor;
        if (!questions_.empty()) {
            const auto start = [&](Task<void> one) { return asio::co_spawn(executor, std::move(one), asio::deferred); };
            std::vector<decltype(start(std::move(questions_[0])))> running;
            for (auto& question : questions_) running.push_back(start(std::move(question)));
            co_await asio::experimental::make_parallel_group(std::move(running))
                .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
        }
        for (auto& room : rooms_)
            for (auto& finding : room.take()) into_.add(finding.level, std::move(finding.what), std::move(finding.fix));
    }

private:
    Report& into_;
    std::string topic_;
    std::deque<Report> rooms_;
    std::vector<Task<void>> questions_;
};

}  // namespace tamis::doctor
