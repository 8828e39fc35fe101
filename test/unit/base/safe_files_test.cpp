#include "base/safe_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace tamis;

namespace {

struct Folder {
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tamis-safe-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

std::string text_of(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

}  // namespace

TEST_CASE("where others can write, root makes nothing") {
    CHECK(only_root_writes("/tamis.pid"));
    CHECK(only_root_writes("/usr/lib/tamis.pid"));
    CHECK_FALSE(only_root_writes("/tmp/tamis.pid"));
    CHECK_FALSE(only_root_writes("/usr/../tmp/tamis.pid"));
    CHECK_FALSE(only_root_writes("tamis.pid"));
    CHECK_FALSE(only_root_writes("/nonexistent/tamis.pid"));
    const Folder folder;  // below /tmp, in which everybody writes
    CHECK_FALSE(only_root_writes(folder.path + "/x"));
}

TEST_CASE("a file is written anew, and never through a link or over a second name") {
    const Folder folder;
    const auto file = folder.path + "/pid", link = folder.path + "/link", second = folder.path + "/second";
    REQUIRE(write_file(file, "12345\n"));
    REQUIRE(write_file(file, "7\n"));
    CHECK(text_of(file) == "7\n");
    struct stat status{};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0644);
    std::filesystem::create_symlink(file, link);
    const auto followed = write_file(link, "bad\n");
    REQUIRE_FALSE(followed);
    CHECK(followed.error().detail.find("symbolic link") != std::string::npos);
    CHECK_FALSE(make_log_file(link, ::geteuid(), ::getegid()));
    std::filesystem::create_hard_link(file, second);
    CHECK_FALSE(write_file(second, "bad\n"));
    CHECK_FALSE(make_log_file(second, ::geteuid(), ::getegid()));
    CHECK(text_of(file) == "7\n");
}

TEST_CASE("a directory that is there stays as it is") {
    const Folder folder;
    const auto made = folder.path + "/a/b/state";
    REQUIRE(make_directory(made, static_cast<uid_t>(-1), static_cast<gid_t>(-1)));
    struct stat status{};
    REQUIRE(::stat(made.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0750);
    REQUIRE(::chmod(made.c_str(), 0700) == 0);
    REQUIRE(make_directory(made, static_cast<uid_t>(-1), static_cast<gid_t>(-1)));
    REQUIRE(::stat(made.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
}
