// sandbox_probe - enters the sandbox of tamis-worker and tries one thing it must not be able to do
//
// sandbox_probe WHAT [match]: exit 0 when it could do it, 1 when it was refused; a forbidden call ends it with SIGSYS. "--list" prints
// every WHAT with what must come of it: "name dies", "name refused" or "name works".
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string_view>

#include "scanners/worker/sandbox/sandbox.h"

namespace {

bool try_memory(std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at != MAP_FAILED;
}

struct Probe {
    const char* name;
    const char* want;
    bool (*attempt)();
};

// AddressSanitizer's own memory is private and writable: a process under it cannot have RLIMIT_DATA
#if __has_feature(address_sanitizer)
constexpr const char* memory_want = "works";
#else
constexpr const char* memory_want = "refused";
#endif

const int given_socket = 3;  // when it is there: to show what connect() and others on an open socket do

constexpr std::array probes{
    Probe{"open", "refused", [] { return ::open("/etc/passwd", O_RDONLY) >= 0; }},
    Probe{"create", "refused", [] { return ::open("/tmp/sandbox_probe", O_WRONLY | O_CREAT, 0600) >= 0; }},
    Probe{"openat2", "dies",
          [] {
              std::array<std::uint64_t, 3> how{};
              return ::syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how.data(), sizeof how) >= 0;
          }},
    Probe{"stat", "refused",
          [] {
              struct stat about{};
              return ::stat("/etc/passwd", &about) == 0;
          }},
    Probe{"unlink", "dies", [] { return ::unlink("/tmp/sandbox_probe") == 0; }},
    Probe{"mkdir", "dies", [] { return ::mkdir("/tmp/sandbox_probe_dir", 0700) == 0; }},
    Probe{"symlink", "dies", [] { return ::symlink("/etc/passwd", "/tmp/sandbox_probe_link") == 0; }},
    Probe{"chdir", "dies", [] { return ::chdir("/etc") == 0; }},
    Probe{"socket", "dies", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }},
    Probe{"socketpair", "dies",
          [] {
              std::array<int, 2> ends{};
              return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0;
          }},
    Probe{"connect", "dies",
          [] {
              sockaddr_in to{};
              to.sin_family = AF_INET;
              return ::connect(given_socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
          }},
    Probe{"bind", "dies",
          [] {
              sockaddr_un to{};
              to.sun_family = AF_UNIX;
              return ::bind(given_socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
          }},
    Probe{"execve", "dies", [] { return ::execl("/bin/true", "true", nullptr) == 0; }},
    Probe{"execveat", "dies", [] { return ::syscall(SYS_execveat, 0, "", nullptr, nullptr, AT_EMPTY_PATH) == 0; }},
    Probe{"fork", "dies", [] { return ::fork() >= 0; }},
    Probe{"clone3", "dies",
          [] {
              std::array<std::uint64_t, 11> how{};
              return ::syscall(SYS_clone3, how.data(), sizeof how) >= 0;
          }},
    Probe{"ptrace", "dies", [] { return ::ptrace(PTRACE_ATTACH, ::getpid(), nullptr, nullptr) == 0; }},
    Probe{"process_vm_readv", "dies", [] { return ::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0) >= 0; }},
    Probe{"kill_parent", "dies", [] { return ::kill(-1, 0) == 0; }},
    Probe{"tgkill_other", "dies", [] { return ::syscall(SYS_tgkill, 1, 1, SIGKILL) == 0; }},
    Probe{"tgkill_self_kill", "dies", [] { return ::syscall(SYS_tgkill, ::getpid(), ::getpid(), SIGKILL) == 0; }},
    Probe{"pidfd_open", "dies", [] { return ::syscall(SYS_pidfd_open, 1, 0) >= 0; }},
    Probe{"mmap_exec", "dies",
          [] { return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED; }},
    Probe{"mprotect_exec", "dies",
          [] {
              void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return ::mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0;
          }},
    Probe{"io_uring", "dies", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr) >= 0; }},
    Probe{"bpf", "dies", [] { return ::syscall(SYS_bpf, 0, nullptr, 0) >= 0; }},
    Probe{"userfaultfd", "dies", [] { return ::syscall(SYS_userfaultfd, 0) >= 0; }},
    Probe{"keyctl", "dies", [] { return ::syscall(SYS_keyctl, 0, 0) >= 0; }},
    Probe{"unshare", "dies", [] { return ::unshare(CLONE_NEWUSER) == 0; }},
    Probe{"setns", "dies", [] { return ::setns(0, 0) == 0; }},
    Probe{"mount", "dies", [] { return ::syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr) == 0; }},
    Probe{"setuid", "dies", [] { return ::syscall(SYS_setuid, 0) == 0; }},
    Probe{"prlimit_raise", "dies",
          [] {
              const rlimit more{1 << 20, 1 << 20};
              return ::setrlimit(RLIMIT_NOFILE, &more) == 0;
          }},
    Probe{"memfd_exec", "dies", [] { return ::memfd_create("x", 0) >= 0; }},
    Probe{"dup", "dies", [] { return ::dup(0) >= 0; }},
    Probe{"x32", "dies", [] { return ::syscall(0x40000000 + SYS_read, 0, nullptr, 0) >= 0; }},
    Probe{"memory", memory_want, [] { return try_memory(std::size_t{512} << 20); }},
    Probe{"big_file", "refused",
          [] {
              const int file = ::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
              return ::ftruncate(file, off_t{64} << 20) == 0;
          }},
    Probe{"small_memory", "works", [] { return try_memory(1 << 20); }},
    Probe{"sealed_memfd", "works",
          [] {
              const int file = ::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
              return ::write(file, "abc", 3) == 3 &&
                     ::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0 &&
                     ::mmap(nullptr, 3, PROT_READ, MAP_SHARED, file, 0) != MAP_FAILED;
          }},
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "--list";
    if (what == "--list") {
        for (const auto& probe : probes) fmt::print("{} {}\n", probe.name, probe.want);
        return 0;
    }
    ::signal(SIGXFSZ, SIG_IGN);
    for (const auto& probe : probes) {
        if (what != probe.name) continue;
        const auto work = argc > 2 && std::string_view(argv[2]) == "match" ? tamis::worker::SandboxWork::match
                                                                           : tamis::worker::SandboxWork::open;
        auto entered = tamis::worker::enter_sandbox({256ULL << 20, 32ULL << 20, 64, 60, work}, "");
        if (!entered) {
            fmt::print(stderr, "{}\n", tamis::describe(entered.error()));
            return 3;
        }
        ::_exit(probe.attempt() ? 0 : 1);
    }
    return 2;
}
