// unclear_line - what the log says of a command line that a listener does not understand: who sent it where, and what it looks like
//
// The usual cause is a port that was mixed up: AM.PDP on the SMTP port, SMTP on that of AM.PDP. Each session tells of its first
// such line only, and all of them together of a few in a minute, so that nobody can fill the log.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"

namespace tamis::proxy {

struct UnclearLine {
    std::string_view protocol;  // "SMTP" or "AM.PDP": what the listener speaks
    std::string_view listener;  // "10024" or a path
    std::string_view peer;      // an address, "uid 33", or empty: somebody at a unix socket
    std::string_view line;      // as it came; on AM.PDP empty: it waited for us to speak first, as a mail server does
};

// Listeners - where the two protocols are spoken, as they are configured
struct Listeners {
    std::vector<std::string> smtp, ampdp;
};

// hint_on - what the line looks like and where that is spoken; empty when it looks like nothing that is known. Pure.
std::string hint_on(const UnclearLine& unclear, const Listeners& listeners);

// is_other_protocol - a line that begins no AM.PDP request, because it is one of SMTP or HTTP
bool is_other_protocol(std::string_view line);

// text_of - the whole line for the log. Pure.
std::string text_of(const UnclearLine& unclear, const Listeners& listeners);

// UnclearBudget - how many may be told of in a minute; thread-safe
class UnclearBudget {
public:
    explicit UnclearBudget(unsigned most = 10) : most_(most) {}
    // take - nothing: not now. Else how many were passed over since the last one.
    std::optional<unsigned> take(Deadline::Clock::time_point now);

private:
    const unsigned most_;
    std::mutex mutex_;
    Deadline::Clock::time_point minute_{};
    unsigned told_ = 0, passed_over_ = 0;
};

// tell_unclear - into the log, within the budget of this process
void tell_unclear(const UnclearLine& unclear, const Listeners& listeners);

}  // namespace tamis::proxy
