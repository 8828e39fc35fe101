// work_directory - the mail file of an AM.PDP client and its directory, when the client leaves it to us to remove them
//
// Guarantees: what is removed is the very file that was opened, by its inode, and the directory it lies in, if it is empty then.
// A client that swaps a directory or a link on the way meanwhile gets nothing removed: we have rights that it has not.
#pragma once

#include <string>

#include "base/result.h"
#include "scanners/worker/packet.h"

namespace tamis::proxy {

class WorkDirectory {
public:
    // nothing to remove
    WorkDirectory() = default;
    // `file` lies in `directory`, both absolute paths; `descriptor` is the open file and stays the caller's
    WorkDirectory(std::string directory, const std::string& file, int descriptor);

    // remove - once; a Fault says what was left
    Done remove();

private:
    std::string directory_, name_;
    worker::Descriptor mail_;  // keeps its inode from being given to another file
};

}  // namespace tamis::proxy
