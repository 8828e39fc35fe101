// safe_files - files that root makes where nobody can play tricks with links, and nowhere else
//
// A directory that others can write in may hold a link instead of our file. Started as root, tamisd therefore makes a file
// or a socket before it gives its rights away only where nobody but root can write on the whole way to it; everything else is
// made afterwards, with the rights of server.user. Nothing is opened through a link, and owners are changed by descriptor.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace tamis {

// only_root_writes - whether every directory on the way to the path, links on the way included, belongs to root and can be
// written by root only; the last component need not exist
bool only_root_writes(const std::string& path);

// write_file - makes or replaces the content of a regular file (mode 0644); never through a link
Done write_file(const std::string& path, const std::string& text);

// make_log_file - an empty file for that user to append to, where there is none; one that belongs to root becomes the user's
Done make_log_file(const std::string& path, uid_t user, gid_t group);

// make_directory - mode 0750, for that user (-1: whoever we are); one that is there is left as it is. Missing directories above
// it are made as well, for ourselves.
Done make_directory(const std::string& path, uid_t user, gid_t group);

}  // namespace tamis
