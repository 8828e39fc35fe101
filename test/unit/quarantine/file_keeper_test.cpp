// file_keeper_test - quarantine files for real: complete or absent, never overwritten, and what a full disk leaves behind
#include "quarantine/file_keeper.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "quarantine/text_sink.h"

namespace tamis::quarantine {
namespace {

namespace fs = std::filesystem;

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "tamis-keep-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    fs::path path;
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::recursive_directory_iterator(path))
            if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), path).string());
        std::ranges::sort(names);
        return names;
    }
};

std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::shared_ptr<const mail::SealedSpool> spool_of(std::string text) {
    const auto size = text.size();
    return std::make_shared<mail::SealedSpool>(-1, size, std::move(text));
}

FileCopy copy_of(const Folder& folder, std::string name, std::string text = "Subject: x\r\n\r\nFrom me\r\nbye\r\n") {
    FileCopy copy;
    copy.directory = (folder.path / "q").string();
    copy.name = std::move(name);
    copy.prefix = "X-Quarantine-ID: <m>\n";
    copy.from_line = "From a@b Tue Jan  3 09:00:00 2023";
    copy.spool = spool_of(std::move(text));
    return copy;
}

const auto never = [] { return false; };

// FileLimit - a "disk" that is full after so many octets of a file
class FileLimit {
public:
    explicit FileLimit(rlim_t octets) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        rlimit limit = before_;
        limit.rlim_cur = octets;
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    ~FileLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int) = SIG_DFL;
};

std::string unpacked(const fs::path& path) {
    gzFile file = gzopen(path.c_str(), "rb");
    REQUIRE(file != nullptr);
    std::string text;
    std::array<char, 4096> buffer{};
    int got = 0;
    while ((got = gzread(file, buffer.data(), buffer.size())) > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    CHECK(got == 0);
    CHECK(gzclose(file) == Z_OK);
    return text;
}

TEST_CASE("a file holds prefix and message with LF, mode 0640, below directories that were made for it") {
    const Folder folder;
    REQUIRE(write_file_copy(copy_of(folder, "a/virus-abc"), never));
    CHECK(folder.files() == std::vector<std::string>{"q/a/virus-abc"});
    CHECK(content(folder.path / "q/a/virus-abc") == "X-Quarantine-ID: <m>\nSubject: x\n\nFrom me\nbye\n");
    struct stat about{};
    REQUIRE(::stat((folder.path / "q/a/virus-abc").c_str(), &about) == 0);
    CHECK((about.st_mode & 07137) == 0);  // 0640 less the umask
    REQUIRE(::stat((folder.path / "q/a").c_str(), &about) == 0);
    CHECK((about.st_mode & 027) == 0);  // 0750 less the umask
}

TEST_CASE("an existing file is never overwritten, and nothing else is left") {
    const Folder folder;
    REQUIRE(write_file_copy(copy_of(folder, "virus-abc", "first\r\n"), never));
    const auto again = write_file_copy(copy_of(folder, "virus-abc", "second\r\n"), never);
    REQUIRE_FALSE(again);
    CHECK(again.error().is(Errc::conflict));
    CHECK(content(folder.path / "q/virus-abc") == "X-Quarantine-ID: <m>\nfirst\n");
    CHECK(folder.files().size() == 1);
}

TEST_CASE("a .gz file is a gzip file, also of a large message") {
    const Folder folder;
    std::string text = "Subject: x\r\n\r\n";
    for (int i = 0; i < 200'000; ++i) text += "line " + std::to_string(i * 7919) + "\r\n";
    auto copy = copy_of(folder, "spam-abc.gz", text);
    copy.is_gzip = true;
    REQUIRE(write_file_copy(copy, never));
    std::erase(text, '\r');
    CHECK(unpacked(folder.path / "q/spam-abc.gz") == copy.prefix + text);
    CHECK(fs::file_size(folder.path / "q/spam-abc.gz") < text.size() / 2);
}

TEST_CASE("a full disk is a fault that names the file, and leaves no file at all") {
    const Folder folder;
    auto copy = copy_of(folder, "virus-abc", std::string(100'000, 'x') + "\r\n");
    copy.is_gzip = GENERATE(false, true);
    if (copy.is_gzip) {  // something that does not get smaller
        std::string noise;
        std::uint32_t seed = 1;
        for (int i = 0; i < 100'000; ++i) noise += static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
        copy.spool = spool_of(noise);
    }
    Done done;
    {
        const FileLimit limit(20'000);
        done = write_file_copy(copy, never);
    }
    REQUIRE_FALSE(done);
    CHECK(done.error().code == std::errc::file_too_large);
    CHECK(done.error().detail.find("virus-abc") != std::string::npos);
    CHECK(folder.files().empty());
}

TEST_CASE("a file that was being written when the machine stopped is nowhere under its name, and not in the way") {
    const Folder folder;
    fs::create_directory(folder.path / "q");
    const auto left_over = folder.path / "q" / (".tmp-" + std::to_string(::getpid()) + "-virus-abc");
    std::ofstream(left_over) << "half a mess";
    REQUIRE(write_file_copy(copy_of(folder, "virus-abc"), never));
    CHECK(folder.files() == std::vector<std::string>{"q/virus-abc"});
}

TEST_CASE("whoever is told to stop gives nothing its name, at every step") {
    for (int steps = 0; steps < 4; ++steps) {
        const Folder folder;
        int asked = 0;
        const auto done = write_file_copy(copy_of(folder, "virus-abc"), [&] { return asked++ >= steps; });
        CHECK(folder.files().size() == (done ? 1U : 0U));
        if (steps == 0) CHECK_FALSE(done);
    }
}

TEST_CASE("an mbox gets From_ lines, quoted text and an empty line at the end; nothing is lost") {
    const Folder folder;
    auto copy = copy_of(folder, "spam");
    copy.is_mbox = true;
    REQUIRE(write_file_copy(copy, never));
    copy.spool = spool_of("Subject: y\r\n\r\nno end of line");
    REQUIRE(write_file_copy(copy, never));
    CHECK(content(folder.path / "q/spam") ==
          "From a@b Tue Jan  3 09:00:00 2023\nX-Quarantine-ID: <m>\nSubject: x\n\n>From me\nbye\n\n"
          "From a@b Tue Jan  3 09:00:00 2023\nX-Quarantine-ID: <m>\nSubject: y\n\nno end of line\n\n");
}

TEST_CASE("an mbox whose disk is full is what it was before; a tail left by a crash does not swallow the next message") {
    const Folder folder;
    auto copy = copy_of(folder, "spam", "small\r\n");
    copy.is_mbox = true;
    REQUIRE(write_file_copy(copy, never));
    const auto before = content(folder.path / "q/spam");
    auto large = copy;
    large.spool = spool_of(std::string(100'000, 'x'));
    Done done;
    {
        const FileLimit limit(20'000);
        done = write_file_copy(large, never);
    }
    REQUIRE_FALSE(done);
    CHECK(content(folder.path / "q/spam") == before);
    std::ofstream(folder.path / "q/spam", std::ios::app) << "From x\nhalf a li";
    REQUIRE(write_file_copy(copy, never));
    CHECK(content(folder.path / "q/spam") == before + "From x\nhalf a li\n\n" + before);
}

TEST_CASE("a locked mbox is waited for, but not longer than told") {
    const Folder folder;
    auto copy = copy_of(folder, "spam");
    copy.is_mbox = true;
    REQUIRE(write_file_copy(copy, never));
    const auto before = content(folder.path / "q/spam");
    const int other = ::open((folder.path / "q/spam").c_str(), O_RDWR | O_CLOEXEC);
    struct flock whole{};
    whole.l_type = F_WRLCK;
    REQUIRE(::fcntl(other, F_OFD_SETLK, &whole) == 0);
    int asked = 0;
    const auto late = write_file_copy(copy, [&] { return ++asked > 3; });
    REQUIRE_FALSE(late);
    CHECK(late.error().is(Errc::timeout));
    CHECK(late.error().detail.find("locked") != std::string::npos);
    CHECK(content(folder.path / "q/spam") == before);
    asked = 0;
    CHECK(write_file_copy(copy, [&] {
        if (++asked == 3) ::close(other);  // the other program is done
        return false;
    }));
    CHECK(content(folder.path / "q/spam") == before + before);
}

TEST_CASE("a mailbox that is no file, and a directory that cannot be made, are faults that say which") {
    const Folder folder;
    auto copy = copy_of(folder, "/dev/full");
    copy.is_mbox = true;
    const auto device = write_file_copy(copy, never);
    REQUIRE_FALSE(device);
    CHECK(device.error().detail.find("/dev/full") != std::string::npos);
    auto deep = copy_of(folder, "virus-abc");
    deep.directory = (folder.path / "no/such").string();
    const auto done = write_file_copy(deep, never);
    REQUIRE_FALSE(done);
    CHECK(done.error().detail.find("no/such") != std::string::npos);
    std::ofstream(folder.path / "file") << "x";
    deep.directory = (folder.path / "file").string();
    CHECK_FALSE(write_file_copy(deep, never));
}

TEST_CASE("a symbolic link in the place of an mbox is not followed") {
    const Folder folder;
    fs::create_directory(folder.path / "q");
    std::ofstream(folder.path / "victim") << "precious";
    fs::create_symlink(folder.path / "victim", folder.path / "q/spam");
    auto copy = copy_of(folder, "spam");
    copy.is_mbox = true;
    CHECK_FALSE(write_file_copy(copy, never));
    CHECK(content(folder.path / "victim") == "precious");
}

struct Collector : Sink {
    std::string text;
    Done put(std::string_view bytes) override {
        text += bytes;
        return {};
    }
    Done end() override { return {}; }
};

TEST_CASE("quoting of From_ lines does not depend on how the text is cut") {
    const std::string text = "From x\nFro\nFrom\n From y\nFromage\nFFrom z\nFrom \n>From w\n\nFrom";
    const std::string want = ">From x\nFro\nFrom\n From y\nFromage\nFFrom z\n>From \n>From w\n\nFrom\n\n";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        Collector all;
        MboxSink quoted(all);
        for (std::size_t at = 0; at < text.size(); at += size) REQUIRE(quoted.put(std::string_view(text).substr(at, size)));
        REQUIRE(quoted.end());
        CHECK(all.text == want);
    }
}

TEST_CASE("From_ lines are one line whatever the sender") {
    const auto when = std::chrono::system_clock::time_point(std::chrono::seconds(1'672'736'400));
    CHECK(mbox_from_line("a@b", when) == "From a@b Tue Jan  3 09:00:00 2023");
    CHECK(mbox_from_line("", when) == "From MAILER-DAEMON Tue Jan  3 09:00:00 2023");
    CHECK(mbox_from_line("\"a b\"@c\nFrom x", when) == "From \"a_b\"@c_From_x Tue Jan  3 09:00:00 2023");
}

Task<void> write_some(FileKeeper& keeper, FileCopy copy, Deadline deadline, Done& into) {
    into = co_await keeper.write(std::move(copy), deadline);
}

TEST_CASE("the keeper writes off the loop, many at a time, and a late copy never gets its name") {
    const Folder folder;
    constexpr int count = 20;
    std::vector<Done> results(count);
    Done late;
    {
        FileKeeper keeper;
        asio::io_context context;
        const auto soon = Deadline::in(std::chrono::seconds(60));
        for (int i = 0; i < count; ++i)
            asio::co_spawn(
                context,
                write_some(keeper, copy_of(folder, "virus-" + std::to_string(i)), soon, results[static_cast<std::size_t>(i)]),
                [](const std::exception_ptr&) {});
        asio::co_spawn(context, write_some(keeper, copy_of(folder, "late"), Deadline{{}}, late),
                       [](const std::exception_ptr&) {});
        context.run();
        for (const auto& done : results) CHECK(done);
        REQUIRE_FALSE(late);
        CHECK(late.error().is(Errc::timeout));
        CHECK(folder.files().size() == count);
        keeper.withdraw(copy_of(folder, "virus-3"));
    }
    CHECK(folder.files().size() == count - 1);
    CHECK_FALSE(fs::exists(folder.path / "q/virus-3"));
}

}  // namespace
}  // namespace tamis::quarantine
