#include "base/log.h"

#include <fcntl.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <mutex>
#include <set>
#include <system_error>

namespace tamis::log {
namespace {

std::atomic<int> current_level{0};
std::atomic<bool> capturing{false};

struct Sinks {
    std::mutex mutex;
    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<spdlog::details::thread_pool> pool;  // syslog may block: its lines are written by another thread
    bool priorities = false;                             // journal: "<N>" before each line
    std::vector<std::string> captured;
};
Sinks& sinks() {
    static Sinks instance;
    return instance;
}

spdlog::level::level_enum spd_level(Level level) {
    switch (level) {
        case Level::error: return spdlog::level::err;
        case Level::warning: return spdlog::level::warn;
        case Level::notice: return spdlog::level::info;
        case Level::info:
        case Level::detail: return spdlog::level::info;
        case Level::debug:
        case Level::trace: return spdlog::level::debug;
    }
    return spdlog::level::err;
}

int priority(Level level) {
    switch (level) {
        case Level::error: return LOG_ERR;
        case Level::warning: return LOG_WARNING;
        case Level::notice: return LOG_NOTICE;
        case Level::info:
        case Level::detail: return LOG_INFO;
        default: return LOG_DEBUG;
    }
}

// FileSink - appends to a file that is no link; a line that does not fit on the disk is lost, the next one begins a new line
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit FileSink(const std::string& path)
        : file_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640)) {
        if (file_ < 0)
            throw std::system_error(errno, std::system_category(), errno == ELOOP ? "a symbolic link is not followed" : "open");
    }
    ~FileSink() override { ::close(file_); }
    FileSink(const FileSink&) = delete;
    FileSink& operator=(const FileSink&) = delete;

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        if (is_torn_) line.push_back('\n');
        formatter_->format(message, line);
        std::string_view rest(line.data(), line.size());
        while (!rest.empty()) {
            const ssize_t done = ::write(file_, rest.data(), rest.size());
            if (done < 0 && errno == EINTR) continue;
            if (done <= 0) break;
            rest.remove_prefix(static_cast<std::size_t>(done));
        }
        if (rest.size() != line.size()) is_torn_ = !rest.empty();
    }
    void flush_() override {}

    int file_;
    bool is_torn_ = false;
};

// SyslogSink - spdlog's own closes the log in its destructor, also when a newer one has opened it again already (a reload): from
// then on every line carries the program's name instead of log.ident, and logwatch does not count them
class SyslogSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit SyslogSink(const std::string& ident) {
        static std::mutex mutex;
        static std::set<std::string> idents;  // syslog(3) keeps the pointer for good
        const std::lock_guard lock(mutex);
        ::openlog(idents.insert(ident).first->c_str(), LOG_PID | LOG_NDELAY, LOG_MAIL);
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const int length = static_cast<int>(std::min<std::size_t>(message.payload.size(), INT_MAX));
        ::syslog(syslog_priority(message.level), "%.*s", length, message.payload.data());
    }
    void flush_() override {}
    static int syslog_priority(spdlog::level::level_enum level) {
        switch (level) {
            case spdlog::level::err:
            case spdlog::level::critical: return LOG_ERR;
            case spdlog::level::warn: return LOG_WARNING;
            case spdlog::level::info: return LOG_INFO;
            default: return LOG_DEBUG;
        }
    }
};

void emit(Sinks& to, Level level, const std::string& line) {
    if (capturing) {
        to.captured.push_back(line);
    } else if (!to.logger) {
        fmt::print(stderr, "{}\n", line);
    } else if (to.priorities) {
        to.logger->log(spd_level(level), "<{}>{}", priority(level), line);
    } else {
        to.logger->log(spd_level(level), "{}", line);
    }
}

}  // namespace

Done open(const Options& options) {
    auto& to = sinks();
    const std::lock_guard lock(to.mutex);
    current_level = options.level;
    try {
        std::shared_ptr<spdlog::logger> logger;
        bool priorities = false;
        std::string pattern = "%v";
        if (options.target == "stderr" || options.target == "journal") {
            logger = std::make_shared<spdlog::logger>(options.ident, std::make_shared<spdlog::sinks::stderr_sink_mt>());
            priorities = options.target == "journal";
            if (!priorities) pattern = fmt::format("%b %d %H:%M:%S {}[%P]: %v", options.ident);
        } else if (options.target == "syslog") {
            if (!to.pool) to.pool = std::make_shared<spdlog::details::thread_pool>(8192, 1);
            auto sink = std::make_shared<SyslogSink>(options.ident);
            logger = std::make_shared<spdlog::async_logger>(options.ident, std::move(sink), to.pool,
                                                            spdlog::async_overflow_policy::overrun_oldest);
        } else if (options.target.starts_with("file:")) {
            auto sink = std::make_shared<FileSink>(options.target.substr(5));
            logger = std::make_shared<spdlog::logger>(options.ident, std::move(sink));
            std::string host(256, '\0');
            if (gethostname(host.data(), host.size() - 1) != 0) host = "localhost";
            host.resize(host.find('\0'));
            pattern = fmt::format("%b %d %H:%M:%S {} {}[%P]: %v", host, options.ident);
        } else {
            return fail(Errc::bad_input,
                        fmt::format("log target \"{}\": expected stderr, syslog, journal or file:/path", options.target));
        }
        logger->set_level(spdlog::level::trace);
        logger->set_pattern(pattern);
        logger->flush_on(spdlog::level::trace);
        to.logger = std::move(logger);
        to.priorities = priorities;
    } catch (const std::exception& trouble) {
        return fail(Errc::unavailable, fmt::format("cannot open log \"{}\": {}", options.target, trouble.what()));
    }
    return {};
}

bool enabled(Level level) noexcept { return static_cast<int>(level) <= current_level.load(std::memory_order_relaxed); }

namespace {

// put - a whole line; `most` is its length with the log id, 0 for any
void put(Level level, std::string_view id, std::string_view line, std::size_t most) noexcept {
    if (!enabled(level)) return;
    try {
        const std::string prefix = id.empty() ? std::string() : fmt::format("({}) ", id);
        const std::string_view mark = level == Level::error ? "(!!)" : level == Level::warning ? "(!)" : "";
        std::string out = fmt::format("{}{}{}", prefix, mark, line);
        if (most != 0 && out.size() > most) {
            constexpr std::size_t note = 40;  // room for what is said about the cut
            const std::size_t kept = most - note;
            out = fmt::format("{}...[{} octets cut]", std::string_view(out).substr(0, kept), out.size() - kept);
        }
        auto& to = sinks();
        const std::lock_guard lock(to.mutex);
        emit(to, level, out);
    } catch (...) {  // a log that fails must not fail mail; there is nowhere left to say so
        return;
    }
}

}  // namespace

void write(Level level, std::string_view id, std::string_view line) noexcept { put(level, id, line, line_limit); }
void record(Level level, std::string_view id, std::string_view line) noexcept { put(level, id, line, 0); }

void capture(bool on) {
    auto& to = sinks();
    const std::lock_guard lock(to.mutex);
    capturing = on;
    to.captured.clear();
}

std::vector<std::string> captured() {
    auto& to = sinks();
    const std::lock_guard lock(to.mutex);
    return std::exchange(to.captured, {});
}

}  // namespace tamis::log
