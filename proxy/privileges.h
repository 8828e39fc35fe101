// privileges - from root to an unprivileged user, for good
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace tamis::proxy {

// become_user - groups, gid and uid; a root process without a user to become is refused. Nothing to do when we are not
// root.
Done become_user(const std::string& user, const std::string& group);

// own_directory - creates a directory (with parents) for that user when it is missing; called while still root
Done own_directory(const std::string& path, const std::string& user, const std::string& group);

// give_to_user - a socket or file becomes that user's and group's; does nothing when we are not root
Done give_to_user(const std::string& path, const std::string& user, const std::string& group);

// user_number - of a user's name, or of digits; nothing when there is no such user
std::optional<unsigned> user_number(const std::string& name);

// notify_service_manager - sd_notify(3): "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=..."; silent without one
void notify_service_manager(const std::string& state);

}  // namespace tamis::proxy
