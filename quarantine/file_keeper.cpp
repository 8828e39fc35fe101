#include "quarantine/file_keeper.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "quarantine/text_sink.h"
#include "storage/completion.h"

namespace tamis::quarantine {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;

using Stop = std::function<bool()>;

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    int get() const noexcept { return number_; }
    bool is_open() const noexcept { return number_ >= 0; }

private:
    int number_;
};

std::unexpected<Fault> failed(std::string_view what, const std::string& path) {
    const int number = errno;
    return fail(std::error_code(number, std::system_category()), fmt::format("{} {}", what, path));
}

std::unexpected<Fault> stopped() { return fail(Errc::timeout, "the time for this message is over"); }

// open_directory - makes it when it is not there; a new one is synced into its parent
Result<Descriptor> open_directory(int parent, const std::string& step, const std::string& shown) {
    const bool made = ::mkdirat(parent, step.c_str(), directory_mode) == 0;
    if (!made && errno != EEXIST) return failed("making the quarantine directory", shown);
    Descriptor directory(::openat(parent, step.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return failed("opening the quarantine directory", shown);
    if (made && parent != AT_FDCWD && ::fsync(parent) != 0) return failed("syncing the directory above", shown);
    return directory;
}

struct Place {
    Descriptor directory;
    std::string leaf;
};

// place_of - the directory that will hold the copy, and the name in it
Result<Place> place_of(const FileCopy& copy) {
    if (copy.name.starts_with('/')) {
        const auto slash = copy.name.rfind('/');
        const std::string above = slash == 0 ? "/" : copy.name.substr(0, slash);
        Descriptor directory(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory.is_open()) return failed("opening the directory", above);
        return Place{std::move(directory), copy.name.substr(slash + 1)};
    }
    auto at = open_directory(AT_FDCWD, copy.directory, copy.directory);
    if (!at) return std::unexpected(std::move(at.error()));
    auto steps = split(copy.name, '/');
    std::string leaf(steps.back());
    steps.pop_back();
    std::string shown = copy.directory;
    for (const auto step : steps) {
        shown += "/" + std::string(step);
        auto next = open_directory(at->get(), std::string(step), shown);
        if (!next) return std::unexpected(std::move(next.error()));
        at = std::move(next);
    }
    return Place{std::move(*at), std::move(leaf)};
}

Done write_one_file(const FileCopy& copy, const Place& place, const Stop& stop) {
    const std::string path = copy.path();
    const std::string temporary = fmt::format(".tmp-{}-{}", ::getpid(), place.leaf);
    const int directory = place.directory.get();
    ::unlinkat(directory, temporary.c_str(), 0);  // left over by a process of our number that was killed
    Descriptor file(::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode));
    if (!file.is_open()) return failed("making a file for", path);
    FileSink plain(file.get(), path);
    Done done;
    if (copy.is_gzip) {
        GzipSink packed(plain);
        done = write_text(copy.prefix, *copy.spool, packed, stop);
    } else {
        done = write_text(copy.prefix, *copy.spool, plain, stop);
    }
    if (done && ::fsync(file.get()) != 0) done = failed("syncing", path);
    if (done && stop()) done = stopped();
    if (done && ::linkat(directory, temporary.c_str(), directory, place.leaf.c_str(), 0) != 0)
        done = errno == EEXIST ? Done(fail(Errc::conflict, fmt::format("{} exists already and is never overwritten", path)))
                               : Done(failed("giving its name to", path));
    ::unlinkat(directory, temporary.c_str(), 0);
    if (done && ::fsync(directory) != 0) {
        done = failed("syncing the directory of", path);
        ::unlinkat(directory, place.leaf.c_str(), 0);
    }
    return done;
}

// lock - for ourselves alone, against threads of ours and other programs (fcntl); polite, so that it ends in time
Done lock(int file, const std::string& path, const Stop& stop) {
    constexpr std::chrono::milliseconds pause(20);
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    while (::fcntl(file, F_OFD_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) return failed("locking", path);
        if (stop()) return fail(Errc::timeout, fmt::format("{} is locked by another program", path));
        std::this_thread::sleep_for(pause);
    }
    return {};
}

Done write_message(const FileCopy& copy, int file, off_t size, const std::string& path, const Stop& stop) {
    FileSink plain(file, path);
    char last = '\n';
    if (size > 0 && ::pread(file, &last, 1, size - 1) != 1) return failed("reading the end of", path);
    // a copy that was cut by a crash must not swallow ours
    if (auto done = plain.put(last == '\n' ? "" : "\n\n"); !done) return done;
    if (auto done = plain.put(copy.from_line + "\n"); !done) return done;
    MboxSink quoted(plain);
    if (auto done = write_text(copy.prefix, *copy.spool, quoted, stop); !done) return done;
    if (::fsync(file) != 0) return failed("syncing", path);
    return {};
}

Done append_to_mbox(const FileCopy& copy, const Place& place, const Stop& stop) {
    const std::string path = copy.path();
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    Descriptor file(::openat(place.directory.get(), place.leaf.c_str(), flags, file_mode));
    if (!file.is_open()) return failed("opening the mailbox", path);
    if (auto done = lock(file.get(), path, stop); !done) return done;
    struct stat before{};
    if (::fstat(file.get(), &before) != 0) return failed("looking at", path);
    if (!S_ISREG(before.st_mode)) return fail(Errc::bad_input, fmt::format("the mailbox {} is not a file", path));
    auto done = write_message(copy, file.get(), before.st_size, path, stop);
    if (done && before.st_size == 0 && ::fsync(place.directory.get()) != 0) done = failed("syncing the directory of", path);
    if (!done && ::ftruncate(file.get(), before.st_size) != 0)
        log::error({}, "the mailbox {} ends in a part of a message: it could neither be written nor cut back", path);
    return done;
}

}  // namespace

Done write_file_copy(const FileCopy& copy, const Stop& stop) {
    if (stop()) return stopped();
    auto place = place_of(copy);
    if (!place) return std::unexpected(std::move(place.error()));
    return copy.is_mbox ? append_to_mbox(copy, *place, stop) : write_one_file(copy, *place, stop);
}

std::string mbox_from_line(std::string_view sender, std::chrono::system_clock::time_point when) {
    static constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    constexpr std::size_t limit = 320;
    const std::tm time = fmt::gmtime(std::chrono::system_clock::to_time_t(when));
    std::string from;
    for (const char c : sender.substr(0, limit)) from += static_cast<unsigned char>(c) > 0x20 && c != 0x7f ? c : '_';
    return fmt::format("From {} {} {} {:2} {:02}:{:02}:{:02} {}", from.empty() ? "MAILER-DAEMON" : from,
                       days[static_cast<std::size_t>(time.tm_wday)], months[static_cast<std::size_t>(time.tm_mon)], time.tm_mday,
                       time.tm_hour, time.tm_min, time.tm_sec, time.tm_year + 1900);
}

struct FileKeeper::Threads {
    explicit Threads(std::size_t count) : pool(count) {}
    asio::thread_pool pool;
};

FileKeeper::FileKeeper(std::size_t threads) : threads_(std::make_unique<Threads>(threads)) {}

FileKeeper::~FileKeeper() { threads_->pool.join(); }

Task<Done> FileKeeper::write(FileCopy copy, Deadline deadline) {
    using Answer = storage::Completion<Done>;
    auto answer = std::make_shared<Answer>();
    auto given_up = std::make_shared<std::atomic<bool>>(false);
    const std::string path = copy.path();
    asio::post(threads_->pool, [copy = std::move(copy), answer, given_up, deadline] {
        const Stop stop = [&] { return given_up->load(std::memory_order_relaxed) || deadline.passed(); };
        Answer::set(answer, write_file_copy(copy, stop));
    });
    auto done = co_await Answer::wait(answer, deadline);
    if (done) co_return std::move(*done);
    given_up->store(true, std::memory_order_relaxed);
    co_return fail(Errc::timeout, fmt::format("writing {} took too long", path));
}

void FileKeeper::withdraw(FileCopy copy) {
    if (copy.is_mbox) return;
    asio::post(threads_->pool, [path = copy.path()] {
        if (::unlink(path.c_str()) != 0)
            log::warning({}, "the quarantine file {} belongs to no message and could not be removed", path);
    });
}

}  // namespace tamis::quarantine
