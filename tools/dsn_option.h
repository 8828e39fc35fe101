// dsn_option - where the tools get a database from that is not the configuration's: without its password in the process list
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "storage/dsn.h"

namespace CLI {
class App;
}

namespace tamis::tools {

struct DsnOption {
    std::string dsn, user, password;
    bool is_given() const noexcept { return !dsn.empty(); }
};

// add_dsn_option - --dsn, and TAMIS_DSN in the environment when it is not there; `with_user` adds --user and --password
void add_dsn_option(CLI::App& command, DsnOption& into, const std::string& text, bool with_user);

// How long a tool waits for a database that is away: it answers within five seconds. A restart of the server goes unnoticed
// when it is short.
constexpr std::chrono::milliseconds away_patience{1000};
constexpr std::chrono::milliseconds away_round{3500};  // to try all DSNs of a list once

// dsn_of - the database; "@FILE" is the first line of a file, "-" of standard input. Warns on stderr of a password that
// everybody on the machine can read in the process list.
Result<storage::Dsn> dsn_of(const DsnOption& given);

}  // namespace tamis::tools
