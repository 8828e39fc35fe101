// daemonize - into the background, for init scripts: whoever starts tamisd gets to know whether it runs, and why not
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace tamis::proxy {

// Background - the child's side of the fork
class Background {
public:
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // enter - forks; the parent waits inside and never returns: it ends with 0 when the child is ready, having written the
    // child's process id to `pid_file` (when not empty; links are not followed), and with 1 when the child ended before;
    // what went wrong was written to stderr by the child. Call before anything else, above all before any thread.
    static Result<std::unique_ptr<Background>> enter(const std::string& pid_file);
    // ready - the parent may go. From now on standard output and, unless the log goes there, standard error are closed.
    void ready(bool keeps_stderr);

private:
    explicit Background(int pipe) : pipe_(pipe) {}
    int pipe_;
};

}  // namespace tamis::proxy
