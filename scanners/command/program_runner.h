// program_runner - the process between the spawner and one scanner program: directory, files, program, and clean-up
//
// Forked by the spawner; it takes one job over `channel`, makes the directory (where the kernel lets it have a mount
// namespace, in a tmpfs that stands in for the daemon's state directory and all it holds), copies the files there as p001, p002 ..., and runs the program: no shell, an empty environment but
// PATH, LANG, HOME and TMPDIR, no descriptor but /dev/null and a pipe for what it says, no new privileges, no capabilities, a
// process group of its own, limits on CPU and files. When a run is over, when the time is up, or when the other end of the
// channel closes (the daemon gave up, or died), every process that the program left is killed and waited for, and the
// directory is removed. Trusts the job; neither the program nor its output is.
#pragma once

namespace tamis::scanners {

[[noreturn]] void run_program_job(int channel);

}  // namespace tamis::scanners
