// refusal - what an error of the server means for the messages of the transaction: a pure decision by SQLSTATE
#pragma once

#include <string_view>

namespace tamis::storage::pg {

enum class Refusal {
    message,    // the message itself cannot be stored
    duplicate,  // its mail_id exists already
    again,      // the same transaction may succeed when it is repeated (deadlock, serialization)
    reconnect,  // not this connection: read-only, going down, statements forgotten
    no_room,    // it does not fit now (a full disk, a read-only one): smaller ones may, and reading goes on
    trouble,    // the database cannot take anything now (locks, rights, tables)
};

Refusal refusal_of(std::string_view sqlstate);

// may_blame_data - the same message may be taken with poorer texts (storage::Concession). `is_in_function`: a function in the
// database said it.
bool may_blame_data(std::string_view sqlstate, bool is_in_function);

// may_pass - of those, what can be the server's own trouble as well: the same message is tried once more as it is
bool may_pass(std::string_view sqlstate);

}  // namespace tamis::storage::pg
