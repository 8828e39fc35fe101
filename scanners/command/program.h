// program - one job for the program_runner, from the daemon's side
//
// Runs on the caller's executor and never blocks. When it returns, the program and all it started are gone and the directory is
// removed, unless the deadline passed first; then they are about to be. Any thread.
#pragma once

#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "scanners/command/command_rules.h"
#include "scanners/command/program_job.h"
#include "scanners/worker/spawner.h"

namespace tamis::scanners {

// run_program - how each of the job's runs ended. `files` - one descriptor for each of the job's sizes; they stay the caller's.
// Errc::timeout: the time was up; the program was killed. The job's wall_ms is set here.
Task<Result<std::vector<ProgramEnd>>> run_program(worker::Spawner& spawner, ProgramJob job, std::vector<int> files,
                                                  Deadline deadline);

}  // namespace tamis::scanners
