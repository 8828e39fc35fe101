// app - the running daemon: threads, listeners, signals, reload and drain
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "config/settings.h"

namespace tamis::proxy {

class App {
public:
    explicit App(std::shared_ptr<const config::Settings> settings);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    enum class TakeOver : bool { no, yes };  // the listening sockets of the tamisd that runs (takeover.h)

    // start - listens, drops privileges, opens stores and scanners; a Fault or problems end the program
    Done start(Problems& problems, TakeOver take_over);
    // run - until SIGTERM or SIGINT, or until another tamisd has taken over; then drains. `ready` is called once it accepts.
    // Returns the exit code.
    int run(const std::function<void()>& ready);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tamis::proxy
