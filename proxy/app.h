// app - the running daemon: threads, listeners, signals, reload and drain
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "proxy/settings.h"

namespace tamis::proxy {

class App {
public:
    explicit App(std::shared_ptr<const Settings> settings);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    // start - listens, drops privileges, opens stores and scanners; a Fault or problems end the program
    Done start(Problems& problems);
    // run - until SIGTERM or SIGINT; then drains. Returns the exit code.
    int run();

private:
    struct Thread;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tamis::proxy
