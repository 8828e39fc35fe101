// run_task - one coroutine to its end, on a loop of the caller's and on this thread: what a command of `tamis` is
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <utility>

#include "base/async.h"
#include "base/result.h"

namespace tamis::tools {

// bug - what was thrown past a coroutine, as a Fault (Errc::broken)
inline std::unexpected<Fault> bug(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& why) {
        return fail(Errc::broken, std::string("bug: ") + why.what());
    }
}

// run_task - what the task gives back; a Fault (Errc::broken) when it threw. `at_end` is called on the loop before it stops: what
// must be closed there.
template <class T>
Result<T> run_task(asio::io_context& loop, Task<Result<T>> task, std::function<void()> at_end = {}) {
    Result<T> out = fail(Errc::broken, "bug: it ended without a word");
    asio::co_spawn(loop, std::move(task), [&](const std::exception_ptr& error, Result<T> answer) {
        if (error) out = bug(error);
        else out = std::move(answer);
        if (at_end) at_end();
        loop.stop();
    });
    loop.run();
    return out;
}

}  // namespace tamis::tools
