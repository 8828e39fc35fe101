// master_cf - Postfix's master.cf, read as Postfix reads it (master(5)): services, their fields and -o overrides
//
// A line that begins with a blank goes on with the one before it; lines that begin with "#" and empty lines are passed over.
// Overrides come as "-o name=value", "-oname=value" and "-o { name = value with blanks }". Pure; linear in the text. What
// `postconf -M` prints is the same format.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::doctor {

using Parameters = std::map<std::string, std::string, std::less<>>;

struct Service {
    std::string name, type;  // "127.0.0.1:10025" and "inet", "smtp-amavis" and "unix"
    std::string chroot;      // "y", "n" or "-"
    std::string maximum;     // maxproc: "-", or a number
    std::string command;     // "smtpd", "lmtp", "pipe", ...
    Parameters overrides;

    std::string entry() const { return name + '/' + type; }  // as postconf -M and -P take it
};

// MasterCf - the services in their order; `bad_lines` have fewer fields than a service has
struct MasterCf {
    std::vector<Service> services;
    std::vector<std::string> bad_lines;

    const Service* find(std::string_view name, std::string_view type) const;
};

MasterCf parse_master_cf(std::string_view text);

// parse_parameters - "name = value" lines as postconf prints them, and main.cf itself (with continued lines)
Parameters parse_parameters(std::string_view text);

}  // namespace tamis::doctor
