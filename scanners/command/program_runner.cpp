#include "scanners/command/program_runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/text.h"
#include "scanners/command/command_rules.h"
#include "scanners/command/program_job.h"
#include "scanners/worker/packet.h"

namespace tamis::scanners {
namespace {

using worker::Descriptor;

constexpr std::uint64_t little_room = 1 << 20;  // of the tmpfs, for directories
constexpr int not_executed = 127;
constexpr int last_capability = 63;
constexpr auto reap_limit = std::chrono::seconds(5);  // for killed processes to be gone

Done system_fault(std::string what) { return fail(std::error_code(errno, std::system_category()), std::move(what)); }

bool write_file(const char* path, const std::string& text) {
    const Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// enter_namespaces - a mount namespace of our own, in a user namespace in which we are who we were
bool enter_namespaces() {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // else our own map is not ours to write
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", fmt::format("{} {} 1", group, group)) &&
           write_file("/proc/self/uid_map", fmt::format("{} {} 1", user, user)) &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// parent_of - of a process, 0 when it is gone
pid_t parent_of(const char* pid) {
    std::array<char, 512> text{};
    const Descriptor file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return 0;
    const auto got = ::read(file.get(), text.data(), text.size());
    const std::string_view line(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const auto name_end = line.rfind(')');  // "pid (name) state parent ..."
    if (name_end == std::string_view::npos || line.size() < name_end + 5) return 0;
    const auto rest = line.substr(name_end + 4);
    return static_cast<pid_t>(parse_unsigned(rest.substr(0, rest.find(' ')), 1 << 30).value_or(0));
}

// kill_children - those who left the process group have become our children when their parents died (subreaper)
void kill_children() {
    DIR* all = ::opendir("/proc");
    if (all == nullptr) return;
    while (const dirent* entry = ::readdir(all)) {
        const std::string_view name = entry->d_name;
        const auto pid = parse_unsigned(name, 1 << 30);
        if (pid && parent_of(entry->d_name) == ::getpid()) ::kill(static_cast<pid_t>(*pid), SIGKILL);
    }
    ::closedir(all);
}

class Runner {
public:
    Runner(int channel, ProgramJob job, std::vector<Descriptor> files)
        : channel_(channel),
          job_(std::move(job)),
          files_(std::move(files)),
          deadline_(Deadline::in(std::chrono::milliseconds(job_.wall_ms))) {}
    void run();

private:
    Done make_directory();
    Done fill_directory();
    Done copy_file(std::size_t index, int folder) const;
    Done run_once(const std::vector<std::string>& arguments);
    Done watch(pid_t program, int output);
    bool pass_on(int output);
    int end_all(pid_t program) const;
    void clean_up() const;
    [[noreturn]] void become(const std::vector<std::string>& arguments, int output, int trouble) const;
    void limit_self() const;
    void tell_trouble(const Fault& fault) const;

    int channel_;
    ProgramJob job_;
    std::vector<Descriptor> files_;
    Deadline deadline_;
    bool is_made_ = false, is_mounted_ = false;
    std::uint64_t said_ = 0;  // bytes of this run's output
    bool is_alone_ = false;   // the daemon has gone
    std::vector<char> buffer_ = std::vector<char>(32 * 1024);
};

Done Runner::make_directory() {
    if (::mkdir(job_.directory.c_str(), 0700) != 0) return system_fault("making " + job_.directory);
    is_made_ = true;
    if (!job_.hidden.empty() && enter_namespaces()) {
        std::uint64_t room = job_.file + little_room;
        for (const auto size : job_.sizes) room += size + 4096;
        const auto options = fmt::format("size={},mode=0700", room);
        is_mounted_ = ::mount("tamis", job_.hidden.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()) == 0;
        std::error_code error;  // the same path again, in the tmpfs
        if (is_mounted_ && !std::filesystem::create_directories(job_.directory, error))
            return fail(error, "making " + job_.directory + " in memory");
    }
    if (job_.hidden.empty() && ::chmod(job_.directory.c_str(), 0750) != 0) return system_fault("making " + job_.directory);
    return {};
}

Done Runner::copy_file(std::size_t index, int folder) const {
    const Descriptor to(
        ::openat(folder, file_name(index + 1).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!to) return system_fault("making a file in " + job_.directory);
    std::vector<char> bytes(256 * 1024);
    for (std::uint64_t at = 0; at < job_.sizes[index];) {
        const auto got = ::pread(files_[index].get(), bytes.data(), std::min<std::uint64_t>(bytes.size(), job_.sizes[index] - at),
                                 static_cast<off_t>(at));
        if (got == 0) return fail(Errc::broken, "a file is shorter than it was said to be");
        if (got < 0) return system_fault("reading a part");
        for (ssize_t done = 0; done < got;) {
            const auto put = ::write(to.get(), bytes.data() + done, static_cast<std::size_t>(got - done));
            if (put < 0) return system_fault("writing into " + job_.directory);
            done += put;
        }
        at += static_cast<std::uint64_t>(got);
        if (deadline_.passed()) return fail(Errc::timeout, "no time left after copying the parts");
    }
    return {};
}

Done Runner::fill_directory() {
    const Descriptor all(::open(job_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!all || ::mkdirat(all.get(), files_folder.data(), 0750) != 0 || ::mkdirat(all.get(), work_folder.data(), 0700) != 0)
        return system_fault("filling " + job_.directory);
    const Descriptor folder(::openat(all.get(), files_folder.data(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return system_fault("filling " + job_.directory);
    for (std::size_t i = 0; i < job_.sizes.size(); ++i)
        if (auto done = copy_file(i, folder.get()); !done) return done;
    return {};
}

void Runner::limit_self() const {
    const auto limit = [](int what, std::uint64_t value) {
        const rlimit both{value, value};
        ::setrlimit(static_cast<__rlimit_resource>(what), &both);
    };
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, job_.cpu_seconds);
    limit(RLIMIT_FSIZE, job_.file);
    limit(RLIMIT_NOFILE, 1024);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int capability = 0; capability <= last_capability; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

// become - in the program's process, until it is the program
void Runner::become(const std::vector<std::string>& arguments, int output, int trouble) const {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int signal = 1; signal < 32; ++signal) std::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    const std::string work = job_.directory + "/" + std::string(work_folder),
                      files = job_.directory + "/" + std::string(files_folder);
    std::vector<std::string> words{job_.program},
        environment{"PATH=" + std::string(program_path), "LANG=C", "HOME=" + work, "TMPDIR=" + work};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& line : environment) envp.push_back(line.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    if (::chdir(files.c_str()) == 0) {
        limit_self();
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        ::execve(job_.program.c_str(), argv.data(), envp.data());
    }
    const int why = errno;
    if (::write(trouble, &why, sizeof why) < 0) ::_exit(not_executed);
    ::_exit(not_executed);
}

// pass_on - what there is of the program's output, at most once a buffer full; false at its end
bool Runner::pass_on(int output) {
    const auto got = ::read(output, buffer_.data(), buffer_.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const auto before = std::min(said_, job_.output);
    said_ += static_cast<std::uint64_t>(got);
    const auto wanted = static_cast<std::size_t>(std::min(said_, job_.output) - before);
    if (wanted != 0 && !worker::send_packet(channel_, encode_program_news({.kind = ProgramPacket::output, .text = {}}),
                                            {buffer_.data(), wanted}, {}, worker::Wait::yes))
        is_alone_ = true;
    return got != 0;
}

// watch - until the program has ended, however many others hold its output open
Done Runner::watch(pid_t program, int output) {
    const Descriptor end(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
    if (!end) return system_fault("watching the program");
    std::array<pollfd, 3> waiting{{{end.get(), POLLIN, 0}, {channel_, POLLIN, 0}, {output, POLLIN, 0}}};
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_.left()).count();
        if (deadline_.passed()) return fail(Errc::timeout, "it did not end in time");
        if (::poll(waiting.data(), waiting.size(), static_cast<int>(left) + 1) < 0 && errno != EINTR) return system_fault("poll");
        if (waiting[1].revents != 0 || is_alone_) {  // nothing comes after the job but the end
            is_alone_ = true;
            return fail(Errc::closed, "the daemon has gone");
        }
        if (waiting[2].revents != 0 && !pass_on(output)) waiting[2].fd = -1;
        if (waiting[0].revents == 0) continue;
        pollfd rest{output, POLLIN, 0};  // what it said before it ended is in the pipe
        while (waiting[2].fd >= 0 && said_ <= job_.output && ::poll(&rest, 1, 0) > 0 && !is_alone_ && pass_on(output)) continue;
        return {};
    }
}

// end_all - kills what is left of the program and waits for it; the program's own status
int Runner::end_all(pid_t program) const {
    int status = 0;
    auto until = Deadline::in(reap_limit);
    ::kill(-program, SIGKILL);
    ::kill(program, SIGKILL);
    while (::waitpid(program, &status, 0) < 0 && errno == EINTR) continue;
    while (!until.passed()) {
        int ignored = 0;
        const pid_t pid = ::waitpid(-1, &ignored, WNOHANG);
        if (pid < 0 && errno == ECHILD) break;
        if (pid > 0) continue;
        kill_children();
        ::poll(nullptr, 0, 1);
    }
    return status;
}

Done Runner::run_once(const std::vector<std::string>& arguments) {
    said_ = 0;
    std::array<int, 2> said{-1, -1}, failed{-1, -1};
    if (::pipe2(said.data(), O_CLOEXEC) != 0 || ::pipe2(failed.data(), O_CLOEXEC) != 0) return system_fault("pipe");
    const Descriptor output(said[0]), trouble(failed[0]);
    Descriptor saying(said[1]), failing(failed[1]);
    const pid_t program = ::fork();
    if (program < 0) return system_fault("fork");
    if (program == 0) become(arguments, saying.get(), failing.get());
    ::setpgid(program, program);
    saying.reset();
    failing.reset();
    ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
    int why = 0;  // arrives when the program cannot be executed; else the pipe closes with execve
    if (::read(trouble.get(), &why, sizeof why) == sizeof why) {
        end_all(program);
        errno = why;
        return system_fault("cannot execute " + job_.program);
    }
    auto done = watch(program, output.get());
    const int status = end_all(program);
    if (!done) return done;
    const ProgramNews news{.kind = ProgramPacket::ended, .status = status, .is_truncated = said_ > job_.output, .text = {}};
    return worker::send_packet(channel_, encode_program_news(news), {}, {}, worker::Wait::yes);
}

void Runner::tell_trouble(const Fault& fault) const {
    const auto text = describe(fault);
    const ProgramNews news{.kind = ProgramPacket::trouble, .is_late = fault.is(Errc::timeout), .text = text};
    if (!worker::send_packet(channel_, encode_program_news(news), {}, {}, worker::Wait::no)) return;  // nobody listens any more
}

void Runner::clean_up() const {
    if (!is_made_) return;
    if (::chdir("/") != 0) return;
    if (is_mounted_) ::umount2(job_.hidden.c_str(), MNT_DETACH);
    std::error_code ignored;
    std::filesystem::remove_all(job_.directory, ignored);  // follows no links; what it cannot remove goes at the next start
}

void Runner::run() {
    auto done = make_directory();
    if (done) done = fill_directory();
    files_.clear();
    for (std::size_t i = 0; done && i < job_.runs.size(); ++i) done = run_once(job_.runs[i]);
    clean_up();
    if (!done) tell_trouble(done.error());
}

}  // namespace

void run_program_job(int channel) {
    ::prctl(PR_SET_NAME, "tamis-program");
    ::umask(0027);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    std::vector<char> buffer(worker::packet_limit);
    auto packet = worker::receive_packet(channel, buffer, worker::Wait::yes);
    if (!packet) ::_exit(0);  // the daemon changed its mind
    auto job = parse_program_job(packet->bytes);
    if (!job || job->sizes.size() != packet->descriptors.size()) ::_exit(1);
    Runner(channel, std::move(*job), std::move(packet->descriptors)).run();
    ::_exit(0);
}

}  // namespace tamis::scanners
