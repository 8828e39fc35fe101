// file_keeper - quarantine copies in files: one file per message, or appended to an mbox
//
// Guarantees: after a success the copy is on disk (the file and the directory that names it are synced). A file appears
// under its name complete or not at all, whenever the machine stops: it is written under a temporary name
// (".tmp-..."), synced, and linked; an existing file is never overwritten. An mbox that could not be written to its end
// is cut back to what it was. Files have mode 0640, directories 0750. Trusts the names: they come from the
// configuration and policy::quarantine_file_name. The writing happens on threads of its own; call it from any loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "mail/message.h"

namespace tamis::quarantine {

// FileCopy - one copy to be written; it shares the message's spool, so it may outlive the message
struct FileCopy {
    std::string directory;  // quarantine_dir; made when it is not there (its parent must be)
    std::string name;       // relative to it, its directories are made; an mbox may be an absolute path
    bool is_mbox = false;
    bool is_gzip = false;   // only without is_mbox
    std::string from_line;  // mbox: "From sender Tue Jan  3 10:00:00 2023"
    std::string prefix;     // header fields on top, LF line ends
    std::shared_ptr<const mail::SealedSpool> spool;

    std::string path() const { return name.starts_with('/') ? name : directory + "/" + name; }
};

// write_file_copy - blocking; what FileKeeper does on its threads. Once `stop` has said true, nothing appears under the
// final name any more (Errc::timeout).
Done write_file_copy(const FileCopy& copy, const std::function<bool()>& stop);

// mbox_from_line - the separator line for this sender and time, without its line end
std::string mbox_from_line(std::string_view sender, std::chrono::system_clock::time_point when);

class FileKeeper {
public:
    explicit FileKeeper(std::size_t threads = 2);
    ~FileKeeper();  // waits for what is being written
    FileKeeper(const FileKeeper&) = delete;
    FileKeeper& operator=(const FileKeeper&) = delete;

    // write - ends by the deadline; a copy that is late is dropped before it gets its name
    Task<Done> write(FileCopy copy, Deadline deadline);
    // withdraw - removes a file that write() has made, because its message will come again; an mbox stays as it is
    void withdraw(FileCopy copy);

private:
    struct Threads;
    std::unique_ptr<Threads> threads_;
};

}  // namespace tamis::quarantine
