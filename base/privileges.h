// privileges - from root to an unprivileged user, for good; see safe_files.h for what is made before and after
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace tamis {

struct Identity {
    unsigned user = 0, group = 0;
};
// identity_of - of the user to become and its group, or the one that is named
Result<Identity> identity_of(const std::string& user, const std::string& group);

// become_user - groups, gid and uid; a root process without a user to become is refused, and one that is not root stays what it
// is. In any case no other process of the same user can look into our memory from here on (PR_SET_DUMPABLE).
Done become_user(const std::string& user, const std::string& group);

// give_to_user - a socket in a directory where only root can write becomes that user's and group's; does nothing when we are
// not root
Done give_to_user(const std::string& path, const std::string& user, const std::string& group);

// user_number - of a user's name, or of digits; nothing when there is no such user
std::optional<unsigned> user_number(const std::string& name);

// notify_service_manager - sd_notify(3): "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=..."; silent without one
void notify_service_manager(const std::string& state);

}  // namespace tamis
