// fault_shim - preloaded into tamisd: lets the n-th system call of one message's way fail
//
// TAMIS_FAULT_FILE names a file of one page that a test maps as well (struct control). While `armed` is set, every
// intercepted call of the process that was started (not of those it forks) is counted; the call with number `fail_at` is not
// made and fails with `error`, and its name is left in `failed`. With `sticky` all later ones of that name fail as well.
// Record locks of fcntl are among the calls when TAMIS_FAULT_LOCKS is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    atomic_uint armed;
    atomic_uint fail_at;
    atomic_uint error;
    atomic_uint sticky;
    atomic_uint count;
    atomic_uint has_failed;
    char failed[40];
};

static struct control* control;
static pid_t own;
static int with_locks;

__attribute__((constructor)) static void begin(void) {
    const char* path = getenv("TAMIS_FAULT_FILE");
    if (path == NULL) return;
    const int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) return;
    own = getpid();
    with_locks = getenv("TAMIS_FAULT_LOCKS") != NULL;
    control = page;
}

static int fails(const char* name) {
    if (control == NULL || !atomic_load(&control->armed) || getpid() != own) return 0;
    const unsigned number = atomic_fetch_add(&control->count, 1) + 1;
    const unsigned wanted = atomic_load(&control->fail_at);
    const int again = atomic_load(&control->sticky) && atomic_load(&control->has_failed) && strcmp(control->failed, name) == 0;
    if (number != wanted && !again) return 0;
    if (!again) {
        strncpy(control->failed, name, sizeof control->failed - 1);
        atomic_store(&control->has_failed, 1);
    }
    errno = (int)atomic_load(&control->error);
    return 1;
}

#define REAL(name)                 \
    static __typeof__(name)* real; \
    if (real == NULL) real = (__typeof__(name)*)dlsym(RTLD_NEXT, #name);

#define FAULTY(type, name, failure, declaration, arguments) \
    type name declaration {                                 \
        REAL(name)                                          \
        if (fails(#name)) return failure;                   \
        return real arguments;                              \
    }

FAULTY(ssize_t, write, -1, (int f, const void* b, size_t n), (f, b, n))
FAULTY(ssize_t, pwrite, -1, (int f, const void* b, size_t n, off_t o), (f, b, n, o))
FAULTY(ssize_t, pwrite64, -1, (int f, const void* b, size_t n, off64_t o), (f, b, n, o))
FAULTY(ssize_t, writev, -1, (int f, const struct iovec* v, int n), (f, v, n))
FAULTY(ssize_t, read, -1, (int f, void* b, size_t n), (f, b, n))
FAULTY(ssize_t, pread, -1, (int f, void* b, size_t n, off_t o), (f, b, n, o))
FAULTY(ssize_t, pread64, -1, (int f, void* b, size_t n, off64_t o), (f, b, n, o))
FAULTY(int, fsync, -1, (int f), (f))
FAULTY(int, fdatasync, -1, (int f), (f))
FAULTY(int, ftruncate, -1, (int f, off_t n), (f, n))
FAULTY(int, ftruncate64, -1, (int f, off64_t n), (f, n))
FAULTY(int, posix_fallocate, (int)atomic_load(&control->error), (int f, off_t o, off_t n), (f, o, n))
FAULTY(int, memfd_create, -1, (const char* n, unsigned f), (n, f))
FAULTY(ssize_t, sendfile, -1, (int a, int b, off_t* o, size_t n), (a, b, o, n))
FAULTY(ssize_t, sendfile64, -1, (int a, int b, off64_t* o, size_t n), (a, b, o, n))
FAULTY(int, rename, -1, (const char* a, const char* b), (a, b))
FAULTY(int, link, -1, (const char* a, const char* b), (a, b))
FAULTY(int, linkat, -1, (int d, const char* a, int e, const char* b, int f), (d, a, e, b, f))
FAULTY(int, unlink, -1, (const char* a), (a))
FAULTY(int, mkdir, -1, (const char* a, mode_t m), (a, m))
FAULTY(int, mkdirat, -1, (int d, const char* a, mode_t m), (d, a, m))
FAULTY(int, unlinkat, -1, (int d, const char* a, int f), (d, a, f))
FAULTY(int, fchmod, -1, (int f, mode_t m), (f, m))
FAULTY(int, fstat, -1, (int f, struct stat* s), (f, s))
FAULTY(int, stat, -1, (const char* p, struct stat* s), (p, s))
FAULTY(int, lstat, -1, (const char* p, struct stat* s), (p, s))
FAULTY(int, socket, -1, (int a, int b, int c), (a, b, c))
FAULTY(int, socketpair, -1, (int a, int b, int c, int d[2]), (a, b, c, d))
FAULTY(int, connect, -1, (int f, const struct sockaddr* a, socklen_t n), (f, a, n))
FAULTY(int, accept4, -1, (int f, struct sockaddr* a, socklen_t* n, int m), (f, a, n, m))
FAULTY(ssize_t, send, -1, (int f, const void* b, size_t n, int m), (f, b, n, m))
FAULTY(ssize_t, sendmsg, -1, (int f, const struct msghdr* m, int o), (f, m, o))
FAULTY(ssize_t, recv, -1, (int f, void* b, size_t n, int m), (f, b, n, m))
FAULTY(ssize_t, recvmsg, -1, (int f, struct msghdr* m, int o), (f, m, o))
FAULTY(int, getsockopt, -1, (int f, int l, int n, void* v, socklen_t* s), (f, l, n, v, s))
FAULTY(int, setsockopt, -1, (int f, int l, int n, const void* v, socklen_t s), (f, l, n, v, s))
FAULTY(int, getsockname, -1, (int f, struct sockaddr* a, socklen_t* s), (f, a, s))
FAULTY(int, epoll_ctl, -1, (int e, int o, int f, struct epoll_event* v), (e, o, f, v))
FAULTY(int, epoll_wait, -1, (int e, struct epoll_event* v, int n, int t), (e, v, n, t))
FAULTY(int, timerfd_settime, -1, (int f, int o, const struct itimerspec* a, struct itimerspec* b), (f, o, a, b))
FAULTY(int, poll, -1, (struct pollfd * p, nfds_t n, int t), (p, n, t))
FAULTY(int, pipe2, -1, (int p[2], int f), (p, f))

// a failed close has closed the descriptor all the same
int close(int file) {
    REAL(close)
    const int done = real(file);
    return fails("close") ? -1 : done;
}

void* mmap(void* at, size_t size, int protection, int flags, int file, off_t offset) {
    REAL(mmap)
    if (file >= 0 && fails("mmap")) return MAP_FAILED;  // files; memory that runs out is another matter
    return real(at, size, protection, flags, file, offset);
}
void* mmap64(void* at, size_t size, int protection, int flags, int file, off64_t offset) {
    REAL(mmap64)
    if (file >= 0 && fails("mmap64")) return MAP_FAILED;
    return real(at, size, protection, flags, file, offset);
}

#define OPEN(name, declaration, arguments, last)                              \
    int name declaration {                                                    \
        REAL(name)                                                            \
        mode_t mode = 0;                                                      \
        va_list more;                                                         \
        va_start(more, last);                                                 \
        if ((last & (O_CREAT | O_TMPFILE)) != 0) mode = va_arg(more, mode_t); \
        va_end(more);                                                         \
        if (fails(#name)) return -1;                                          \
        return real arguments;                                                \
    }
OPEN(open, (const char* path, int flags, ...), (path, flags, mode), flags)
OPEN(open64, (const char* path, int flags, ...), (path, flags, mode), flags)
OPEN(openat, (int at, const char* path, int flags, ...), (at, path, flags, mode), flags)
OPEN(openat64, (int at, const char* path, int flags, ...), (at, path, flags, mode), flags)

static int is_lock(int what) {
    return what == F_SETLK || what == F_SETLKW || what == F_OFD_SETLK || what == F_OFD_SETLKW || what == F_GETLK ||
           what == F_OFD_GETLK;
}

#define CONTROL(name, type, counts)              \
    int name(int file, type what, ...) {         \
        REAL(name)                               \
        va_list more;                            \
        va_start(more, what);                    \
        void* argument = va_arg(more, void*);    \
        va_end(more);                            \
        if ((counts) && fails(#name)) return -1; \
        return real(file, what, argument);       \
    }
CONTROL(fcntl, int, with_locks || !is_lock(what))
CONTROL(fcntl64, int, with_locks || !is_lock(what))
CONTROL(ioctl, unsigned long, 1)
