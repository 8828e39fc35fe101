// command - parses command lines of SMTP and LMTP: verbs, paths, parameters. Strict, total, no I/O (RFC 5321 4.1)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::proxy {

struct Command {
    std::string verb;            // upper case
    std::string_view arguments;  // trailing blanks trimmed; a view into the line
};

// parse_command - optional blanks, a verb [A-Za-z][A-Za-z0-9]*, blanks, arguments; nothing when it is no command
std::optional<Command> parse_command(std::string_view line);

struct Parameter {
    std::string name;  // upper case
    std::optional<std::string> value;
};

struct PathArgument {
    std::string address;  // without brackets and source route
    std::vector<Parameter> parameters;
    bool bad_parameters = false;  // the path was fine, what follows was not
};

// parse_path - "FROM:<a@b> SIZE=1" or "TO:<a@b>"; `keyword` is "FROM" or "TO". Angle brackets are required; what is
// in them must be a mail::is_path(), of at most 1000 octets; a source route (RFC 5321 appendix C) is dropped. At most 50
// parameters.
std::optional<PathArgument> parse_path(std::string_view arguments, std::string_view keyword);

}  // namespace tamis::proxy
