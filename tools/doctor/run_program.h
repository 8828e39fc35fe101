// run_program - a short command with its output, for the command line: blocks, but never longer than it may
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace tamis::doctor {

// run_program - looked for in PATH and the usual folders of administrators; its standard output, at most 4 MiB. What it says on
// standard error is part of the Fault when it fails. Errc::not_found: no such program; Errc::timeout: it was killed.
Result<std::string> run_program(const std::string& name, const std::vector<std::string>& arguments, Deadline deadline);

}  // namespace tamis::doctor
