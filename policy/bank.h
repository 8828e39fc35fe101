// bank - policy banks: settings that a listener, a client's network or a sender of our own brings with it
//
//     [banks.ORIG]
//     originating = true
//     spam_kill_level = 12
//     before_sql = true                  # what it says comes before the database and [recipients]
//     [[bank_rules]]
//     listener = "10026"                 # a port, address:port, or a socket path; "SOCK" is any unix socket
//     clients = ["192.0.2.0/24"]         # the original client (XFORWARD), as server.mynetworks
//     banks = ["ORIG"]
//
// docs/amavis/smtp.md 1. A later bank overlays the earlier ones key by key. No bank gives anybody a right to manage
// anything: banks only change how mail is judged. Loaded once, then read from any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "policy/fields.h"

namespace tamis::policy {

struct Bank {
    std::string name;
    Position position;
    FieldValues values;
    std::optional<bool> originating;
    bool before_sql = false;  // what it says comes before rows of the database and [recipients], as a bank's lists do in amavisd
};

// Arrival - what is known of a message when its banks are chosen
struct Arrival {
    std::string_view listener = {};               // "10024" or the socket path
    std::string_view socket_address = {};         // ours; empty on a unix socket
    std::optional<std::string_view> client = {};  // the original client's address, when we were told
    bool is_from_mynetworks = false;
    bool is_sender_local = false;             // and not the null sender
    std::vector<std::string> requested = {};  // banks that a trusted client asked for by name (AM.PDP)
};

// LoadedBanks - which banks hold for a message, the one that was loaded last (and overlays the others) first. `path` has
// the names in the order of loading, joined with "/", for the log and msgs.policy.
struct LoadedBanks {
    std::vector<const Bank*> banks;
    std::string path;
    bool originating = false;
};

class Banks {
public:
    static Banks load(const ConfigTable& config, Problems& problems);

    // choose - the banks of rules without `clients`, in the order of the file; MYNETS for a client in mynetworks, which
    // always makes the message originating (amavisd does so only when a bank of that name exists); the banks of rules
    // with `clients`; those asked for by name that exist; MYUSERS, when it exists, for an originating message of a local sender
    LoadedBanks choose(const Arrival& arrival) const;

private:
    struct Rule {
        std::string listener;                // empty: any
        std::optional<AddressList> clients;  // nothing: any, also unknown ones
        std::vector<std::string> banks;
    };
    static std::optional<Rule> load_rule(const ConfigValue& item, Problems& problems);
    bool holds(const Rule& rule, const Arrival& arrival) const;
    void put(LoadedBanks& loaded, std::string_view name) const;

    std::map<std::string, Bank, std::less<>> banks_;
    std::vector<Rule> rules_;
};

}  // namespace tamis::policy
