#include "scanners/worker/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/memfd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string_view>
#include <type_traits>

namespace tamis::worker {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif
#else
constexpr bool is_sanitized = false;
#endif

std::unexpected<Fault> system_fault(const char* what) { return fail(std::error_code(errno, std::system_category()), what); }

Done set_limit(__rlimit_resource which, std::uint64_t value, const char* name) {
    rlimit now{};
    if (::getrlimit(which, &now) != 0) return system_fault(name);
    const rlim_t wanted = std::min<rlim_t>(value, now.rlim_max);
    const rlimit next{wanted, wanted};
    if (::setrlimit(which, &next) != 0) return system_fault(name);
    return {};
}

Done set_limits(const SandboxLimits& limits) {
    struct Row {
        __rlimit_resource which;
        std::uint64_t value;
        const char* name;
    };
    const std::array rows{Row{RLIMIT_CORE, 0, "RLIMIT_CORE"},
                          Row{RLIMIT_NPROC, 0, "RLIMIT_NPROC"},
                          Row{RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE"},
                          Row{RLIMIT_FSIZE, limits.file, "RLIMIT_FSIZE"},
                          Row{RLIMIT_NOFILE, limits.descriptors, "RLIMIT_NOFILE"},
                          Row{RLIMIT_CPU, limits.cpu_seconds, "RLIMIT_CPU"}};
    for (const auto& row : rows)
        if (auto done = set_limit(row.which, row.value, row.name); !done) return done;
    if (is_sanitized) return {};  // its shadow memory is private and writable
    return set_limit(RLIMIT_DATA, limits.memory, "RLIMIT_DATA");
}

// empty_root - an empty directory as root; only in a mount namespace of our own, where we may do that
bool empty_root() {
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=1,mode=0") == 0 &&
           ::chdir("/tmp") == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
           ::chdir("/") == 0;
}

// has_own_mounts - the spawner made a mount namespace for us
bool has_own_mounts(std::string_view namespaces) { return namespaces.find("mnt") != std::string_view::npos; }

Done drop_capabilities() {
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> held{};
    const bool has_none = ::syscall(SYS_capget, &header, held.data()) == 0 && std::ranges::all_of(held, [](const auto& part) {
                              return (part.effective | part.permitted | part.inheritable) == 0;
                          });
    if (has_none) return {};  // a service whose filter forbids capset has none to drop
    const std::array<__user_cap_data_struct, 2> none{};
    if (::syscall(SYS_capset, &header, none.data()) != 0) return system_fault("dropping capabilities");
    return {};
}

// deny_by_landlock - every access that this kernel's Landlock knows; returns its ABI, 0 when it has none. The numbers are
// the kernel's (landlock.h of Linux 6.12): headers of the build machine may be older than the kernel.
int deny_by_landlock() {
    constexpr long create_ruleset = 444, restrict_self = 446;
    constexpr unsigned version_flag = 1;
    struct Ruleset {
        std::uint64_t files, net, scoped;
    };
    const long abi = ::syscall(create_ruleset, nullptr, 0, version_flag);
    if (abi <= 0) return 0;
    Ruleset rules{};
    rules.files = abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0x1fff;
    rules.net = abi >= 4 ? 3 : 0;
    rules.scoped = abi >= 6 ? 3 : 0;
    const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    const long ruleset = ::syscall(create_ruleset, &rules, size, 0);
    if (ruleset < 0) return 0;
    const long done = ::syscall(restrict_self, static_cast<int>(ruleset), 0);
    ::close(static_cast<int>(ruleset));
    return done == 0 ? static_cast<int>(abi) : 0;
}

using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, void (*)(scmp_filter_ctx)>;

// conditions on the argument with that number, counted from 0
scmp_arg_cmp equals(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// Filler - adds rules until one is refused
struct Filler {
    scmp_filter_ctx filter;
    int error = 0;

    template <class... Conditions>
    void rule(std::uint32_t action, int call, Conditions... conditions) {
        if (error == 0) error = -::seccomp_rule_add(filter, action, call, sizeof...(conditions), conditions...);
    }
    template <class... Conditions>
    void allow(int call, Conditions... conditions) {
        rule(SCMP_ACT_ALLOW, call, conditions...);
    }
};

// allow_plain - calls that only touch what the process has already, whatever their arguments
void allow_plain(Filler& to) {
    for (const int call : {SCMP_SYS(read),
                           SCMP_SYS(readv),
                           SCMP_SYS(pread64),
                           SCMP_SYS(write),
                           SCMP_SYS(writev),
                           SCMP_SYS(lseek),
                           SCMP_SYS(recvmsg),
                           SCMP_SYS(sendmsg),
                           SCMP_SYS(close),
                           SCMP_SYS(fstat),
                           SCMP_SYS(munmap),
                           SCMP_SYS(mremap),
                           SCMP_SYS(brk),
                           SCMP_SYS(madvise),
                           SCMP_SYS(futex),
                           SCMP_SYS(clock_gettime),
                           SCMP_SYS(clock_getres),
                           SCMP_SYS(gettimeofday),
                           SCMP_SYS(time),
                           SCMP_SYS(getrandom),
                           SCMP_SYS(rt_sigreturn),
                           SCMP_SYS(rt_sigprocmask),
                           SCMP_SYS(restart_syscall),
                           SCMP_SYS(getpid),
                           SCMP_SYS(gettid),
                           SCMP_SYS(getrusage),
                           SCMP_SYS(sched_yield),
                           SCMP_SYS(exit),
                           SCMP_SYS(exit_group)})
        to.allow(call);
}

// allow_opening - what only a process needs that hands decoded parts over and watches its own CPU time
void allow_opening(Filler& to) {
    for (const int call : {SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(setitimer)}) to.allow(call);
    to.allow(SCMP_SYS(memfd_create), equals(1, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    for (const unsigned command : {F_ADD_SEALS, F_GET_SEALS, F_GETFD, F_GETFL}) to.allow(SCMP_SYS(fcntl), equals(1, command));
    to.allow(SCMP_SYS(setpriority), equals(0, PRIO_PROCESS), equals(1, 0));
}

// allow_with_care - calls that are harmless with some arguments only
void allow_with_care(Filler& to) {
    // memory is never executable; what is writable is private, so that RLIMIT_DATA counts it
    to.allow(SCMP_SYS(mmap), masked(2, PROT_EXEC, 0), masked(3, MAP_TYPE, MAP_PRIVATE));
    to.allow(SCMP_SYS(mmap), masked(2, PROT_EXEC | PROT_WRITE, 0), masked(3, MAP_ANONYMOUS, 0));
    to.allow(SCMP_SYS(mprotect), masked(2, PROT_EXEC, 0));
    to.allow(SCMP_SYS(tgkill), equals(0, static_cast<scmp_datum_t>(::getpid())), equals(2, SIGABRT));
}

// refuse_names - what libraries try when they look for a file: they are told no instead of being ended, so that a character
// set or a compression filter that was not loaded before is one more thing that cannot be decoded
void refuse_names(Filler& to) {
    for (const int call :
         {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx),
          SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
          SCMP_SYS(ioctl), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(sched_getaffinity)})
        to.rule(SCMP_ACT_ERRNO(EACCES), call);
}

// allow_sanitizer - what AddressSanitizer does while the program runs
void allow_sanitizer(Filler& to) {
    to.allow(SCMP_SYS(sigaltstack));
    to.allow(SCMP_SYS(rt_sigaction));
    to.allow(SCMP_SYS(pipe2));  // by writing into a pipe it finds out whether memory can be read
    to.allow(SCMP_SYS(mmap), masked(2, PROT_EXEC, 0));
}

Done filter_calls(SandboxWork work) {
    const Filter filter(::seccomp_init(SCMP_ACT_KILL_PROCESS), ::seccomp_release);
    if (!filter) return fail(Errc::unavailable, "seccomp_init");
    Filler to{filter.get()};
    allow_plain(to);
    allow_with_care(to);
    if (work == SandboxWork::open) allow_opening(to);
    refuse_names(to);
    if (is_sanitized) allow_sanitizer(to);
    if (to.error != 0) return fail(std::error_code(to.error, std::system_category()), "a rule of the seccomp filter");
    // a binary tree: a call is found in a few steps instead of forty
    ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (const int error = ::seccomp_load(filter.get()); error != 0)
        return fail(std::error_code(-error, std::system_category()), "loading the seccomp filter");
    return {};
}

}  // namespace

Result<std::string> enter_sandbox(const SandboxLimits& limits, std::string_view namespaces) {
    std::string active = "seccomp";
    if (has_own_mounts(namespaces) && empty_root()) active += ", empty root";
    if (auto done = drop_capabilities(); !done) return std::unexpected(std::move(done.error()));
    if (auto done = set_limits(limits); !done) return std::unexpected(std::move(done.error()));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_fault("PR_SET_NO_NEW_PRIVS");
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_fault("PR_SET_DUMPABLE");
    if (const int abi = deny_by_landlock(); abi > 0) active += fmt::format(", landlock {}", abi);
    if (!namespaces.empty()) active += fmt::format(", namespaces {}", namespaces);
    if (auto done = filter_calls(limits.work); !done) return std::unexpected(std::move(done.error()));
    return active;
}

}  // namespace tamis::worker
