// checks - what `tamis doctor` looks at, one function per topic; each reports what it found and changes nothing
//
// Those that ask somebody over a socket are coroutines with a deadline of their own and run at the same time on one io_context;
// the others are quick. All of them run as the daemon's user when doctor was started by root, but for the Postfix and
// check_config(), which see more as root.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/async.h"
#include "config/settings.h"
#include "tools/doctor/finding.h"
#include "tools/doctor/postfix_checks.h"

namespace tamis::doctor {

// Viewpoint - what all checks know
struct Viewpoint {
    std::shared_ptr<const config::Settings> settings;
    bool is_daemon_user = false;  // we have the rights that tamisd has
    std::string user;             // its name, for the fixes; "" when not known
    std::optional<PostfixSetup> postfix;
    std::chrono::seconds patience{5};  // of one question to one server
};

// our_side - what Postfix has to fit
OurSide our_side(const config::Settings& settings);

void check_config(const Viewpoint& from, Report& report);    // the file: who can read and write it, what it forgets
void check_snapshot(const Viewpoint& from, Report& report);  // everything that the daemon opens at start
void check_files(const Viewpoint& from, Report& report);     // directories, sockets, space
void check_worker(const Viewpoint& from, Report& report);    // a decoder process starts, and how it is confined; needs one thread

Task<void> check_daemon(const Viewpoint& from, Report& report);     // tamisd listens
Task<void> check_scanners(const Viewpoint& from, Report& report);   // engines answer and are fresh
Task<void> check_next_hops(const Viewpoint& from, Report& report);  // server.forward and its like answer, and what they offer
Task<void> check_storage(asio::io_context& loop, const Viewpoint& from, Report& report);  // every DSN

}  // namespace tamis::doctor
