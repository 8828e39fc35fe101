#include "quarantine/copy_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>

#include "base/text.h"
#include "storage/completion.h"

namespace tamis::quarantine {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const noexcept { return number_; }
    int release() noexcept { return std::exchange(number_, -1); }
    void reset(int number) noexcept {
        if (number_ >= 0) ::close(number_);
        number_ = number;
    }

private:
    int number_;
};

// Intake - stored text on its way into a spool
class Intake {
public:
    Intake(const deliver::SpoolOptions& options, Slots& memory, Slots::Units first)
        : spool_(options, memory, std::move(first)), text_([this](std::string_view bytes) { return spool_.append(bytes); }) {}

    Done put(std::string_view bytes) {
        total_ += bytes.size();
        if (total_ > copy_limit) return fail(Errc::over_limit, fmt::format("the copy is larger than {} octets", copy_limit));
        if (!text_.feed(bytes)) return std::unexpected(spool_.fault());
        return {};
    }
    Result<StoredText> finish() {
        if (!text_.finish()) return std::unexpected(spool_.fault());
        auto sealed = spool_.seal();
        if (!sealed) return std::unexpected(std::move(sealed.error()));
        return StoredText{std::move(*sealed), text_.has_8bit(), text_.normalised()};
    }

private:
    deliver::SpoolWriter spool_;
    CrlfText text_;
    std::uint64_t total_ = 0;
};

// Gunzip - a gzip stream (RFC 1952), several members allowed
class Gunzip {
public:
    Gunzip() { ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
    ~Gunzip() {
        if (ready_) inflateEnd(&stream_);
    }
    Gunzip(const Gunzip&) = delete;
    Gunzip& operator=(const Gunzip&) = delete;

    Done put(std::span<unsigned char> packed, Intake& into) {
        if (!ready_) return fail(Errc::unavailable, "no memory to unpack the copy");
        stream_.next_in = packed.data();
        stream_.avail_in = static_cast<unsigned>(packed.size());
        while (stream_.avail_in != 0) {
            if (ended_ && inflateReset(&stream_) != Z_OK) return damaged();
            ended_ = false;
            stream_.next_out = out_.data();
            stream_.avail_out = static_cast<unsigned>(out_.size());
            const int code = inflate(&stream_, Z_NO_FLUSH);
            if (code != Z_OK && code != Z_STREAM_END) return damaged();
            const std::string_view plain(static_cast<const char*>(static_cast<const void*>(out_.data())),
                                         out_.size() - stream_.avail_out);
            if (auto done = into.put(plain); !done) return done;
            ended_ = code == Z_STREAM_END;
        }
        return {};
    }
    Done finish() const { return ended_ ? Done() : Done(fail(Errc::bad_input, "the gzip file ends in the middle")); }

private:
    static Done damaged() { return fail(Errc::bad_input, "the gzip file is damaged"); }
    z_stream stream_{};
    std::array<unsigned char, 65536> out_{};
    bool ready_ = false, ended_ = false;
};

// pour - all of the file; blocking
Result<StoredText> pour(int descriptor, const std::string& shown, Intake& into, bool may_be_gzip, const Deadline& deadline) {
    std::array<unsigned char, 65536> block{};
    std::unique_ptr<Gunzip> gunzip;
    for (bool first = true;; first = false) {
        if (deadline.passed()) return fail(Errc::timeout, fmt::format("reading {} took too long", shown));
        const auto got = ::read(descriptor, block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(last_error(), fmt::format("reading {}", shown));
        if (got == 0) break;
        const std::span<unsigned char> bytes(block.data(), static_cast<std::size_t>(got));
        if (first && may_be_gzip && bytes.size() > 1 && bytes[0] == 0x1f && bytes[1] == 0x8b) gunzip = std::make_unique<Gunzip>();
        const auto done = gunzip ? gunzip->put(bytes, into)
                                 : into.put({static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()});
        if (!done) return fail(done.error().code, fmt::format("{}: {}", shown, done.error().detail));
    }
    if (gunzip)
        if (auto done = gunzip->finish(); !done)
            return fail(done.error().code, fmt::format("{}: {}", shown, done.error().detail));
    return into.finish();
}

}  // namespace

Result<int> open_beneath(const std::string& directory, const std::string& name) {
    std::string relative = name;
    if (relative.starts_with(directory + "/")) relative.erase(0, directory.size() + 1);
    const auto steps = split(relative, '/');
    for (const auto step : steps)
        if (step.empty() || step == "." || step == ".." || step.find('\0') != std::string_view::npos)
            return fail(Errc::bad_input,
                        fmt::format("\"{}\" is no name below the quarantine directory {}", escaped(name, 200), directory));
    const auto trouble = [&](int number) {
        const auto code = number == ENOENT ? make_error_code(Errc::not_found) : std::error_code(number, std::system_category());
        const std::string_view why = number == ENOENT ? "there is no such file"
                                     : number == ELOOP || number == ENOTDIR
                                         ? "a symbolic link or no directory on the way; not followed"
                                         : "cannot be opened";
        return fail(code, fmt::format("{}/{}: {}", directory, escaped(relative, 200), why));
    };
    Descriptor at(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (at.get() < 0) return trouble(errno);
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
        const int next = ::openat(at.get(), std::string(steps[i]).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) return trouble(errno);
        at.reset(next);
    }
    Descriptor file(::openat(at.get(), std::string(steps.back()).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0) return trouble(errno);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return trouble(errno);
    if (!S_ISREG(status.st_mode))
        return fail(Errc::bad_input, fmt::format("{}/{} is not a file", directory, escaped(relative, 200)));
    return file.release();
}

struct CopyReader::Threads {
    asio::thread_pool pool{1};
};

CopyReader::CopyReader(deliver::SpoolOptions spool, Slots& memory)
    : spool_(std::move(spool)), memory_(memory), threads_(std::make_unique<Threads>()) {}
CopyReader::~CopyReader() { threads_->pool.join(); }

Task<Result<StoredText>> CopyReader::from_table(storage::QuarantineStore& store, storage::MessageKey key, Deadline deadline) {
    auto units = co_await memory_.take(2 * deliver::spool_head_limit, deadline);
    if (!units) co_return std::unexpected(std::move(units.error()));
    Intake intake(spool_, memory_, std::move(*units));
    std::int64_t last = -1;
    for (;;) {
        auto chunks = co_await store.read_chunks(key, last, deadline);
        if (!chunks) co_return std::unexpected(std::move(chunks.error()));
        if (chunks->empty()) break;
        for (const auto& chunk : *chunks) {
            const bool follows = last < 0 ? chunk.number <= 1 : chunk.number == last + 1;
            if (!follows)
                co_return fail(Errc::bad_input, fmt::format("the stored copy of {} is damaged: chunk {} is missing", key.mail_id,
                                                            last < 0 ? 1 : last + 1));
            if (auto done = intake.put(chunk.text); !done) co_return std::unexpected(std::move(done.error()));
            last = chunk.number;
        }
    }
    if (last < 0)
        co_return fail(Errc::not_found,
                       fmt::format("the database holds no copy of {} (partition {})", key.mail_id, key.partition_tag));
    co_return intake.finish();
}

Task<Result<StoredText>> CopyReader::from_file(std::string directory, std::string name, Deadline deadline) {
    auto file = open_beneath(directory, name);
    if (!file) co_return std::unexpected(std::move(file.error()));
    using Answer = storage::Completion<Result<StoredText>>;
    auto units = co_await memory_.take(2 * deliver::spool_head_limit, deadline);
    auto owned = std::make_shared<Descriptor>(*file);
    if (!units) co_return std::unexpected(std::move(units.error()));
    auto answer = std::make_shared<Answer>();
    auto intake = std::make_shared<Intake>(spool_, memory_, std::move(*units));
    asio::post(threads_->pool, [answer, intake, owned, name, deadline] {
        Answer::set(answer, pour(owned->get(), name, *intake, true, deadline));
    });
    auto done = co_await Answer::wait(answer, deadline);
    if (done) co_return std::move(*done);
    co_return fail(Errc::timeout, fmt::format("reading {} took too long", name));
}

Task<Result<StoredText>> CopyReader::from_descriptor(int descriptor, std::string shown, Deadline deadline) {
    auto owned = std::make_shared<Descriptor>(descriptor);
    using Answer = storage::Completion<Result<StoredText>>;
    auto units = co_await memory_.take(2 * deliver::spool_head_limit, deadline);
    if (!units) co_return std::unexpected(std::move(units.error()));
    auto answer = std::make_shared<Answer>();
    auto intake = std::make_shared<Intake>(spool_, memory_, std::move(*units));
    asio::post(threads_->pool, [answer, intake, owned, shown, deadline] {
        Answer::set(answer, pour(owned->get(), shown, *intake, false, deadline));
    });
    auto done = co_await Answer::wait(answer, deadline);
    if (done) co_return std::move(*done);
    co_return fail(Errc::timeout, fmt::format("reading {} took too long", shown));
}

}  // namespace tamis::quarantine
