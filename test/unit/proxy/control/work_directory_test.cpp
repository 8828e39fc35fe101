#include "proxy/control/work_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace tamis;
using namespace tamis::proxy;
namespace fs = std::filesystem;

namespace {

// Folder - a fresh one with work/email.txt
struct Folder {
    Folder() {
        std::string text = (fs::temp_directory_path() / "tamis-work-XXXXXX").string();
        path = ::mkdtemp(text.data());
        fs::create_directory(work());
        std::ofstream(mail()) << "mail\n";
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string work() const { return path + "/work"; }
    std::string mail() const { return work() + "/email.txt"; }
    std::string path;
};

struct Opened {
    explicit Opened(const std::string& file) : number(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) { REQUIRE(number >= 0); }
    ~Opened() { ::close(number); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    int number;
};

}  // namespace

TEST_CASE("the mail file and its directory are removed, once") {
    const Folder folder;
    const Opened mail(folder.mail());
    WorkDirectory work(folder.work() + "/", folder.mail(), mail.number);
    CHECK(work.remove());
    CHECK_FALSE(fs::exists(folder.work()));
    CHECK(work.remove());
    CHECK(WorkDirectory().remove());
}

TEST_CASE("a directory with other files stays") {
    const Folder folder;
    std::ofstream(folder.work() + "/other") << "x";
    const Opened mail(folder.mail());
    CHECK_FALSE(WorkDirectory(folder.work(), folder.mail(), mail.number).remove());
    CHECK_FALSE(fs::exists(folder.mail()));
    CHECK(fs::exists(folder.work() + "/other"));
}

TEST_CASE("a file that is not in the directory, or only by detours, stays") {
    const Folder folder;
    const Opened mail(folder.mail());
    for (const auto& [directory, file] :
         {std::pair{folder.path, folder.mail()}, std::pair{std::string("/"), folder.mail()},
          std::pair{std::string("work"), std::string("work/email.txt")},
          std::pair{folder.work(), folder.work() + "/../work/email.txt"}, std::pair{folder.work() + "/x", folder.mail()}}) {
        CHECK(WorkDirectory(directory, file, mail.number).remove());
        CHECK(fs::exists(folder.mail()));
    }
}

TEST_CASE("what was put in the file's or the directory's place meanwhile stays") {
    const Folder folder;
    const Opened mail(folder.mail());
    fs::create_directory(folder.path + "/ours");
    std::ofstream(folder.path + "/ours/email.txt") << "precious\n";
    SECTION("another file") {
        WorkDirectory work(folder.work(), folder.mail(), mail.number);
        fs::rename(folder.path + "/ours/email.txt", folder.mail());
        CHECK_FALSE(work.remove());
        CHECK(fs::exists(folder.mail()));
    }
    SECTION("a link to another directory") {
        WorkDirectory work(folder.work(), folder.mail(), mail.number);
        fs::rename(folder.work(), folder.path + "/aside");
        fs::create_directory_symlink(folder.path + "/ours", folder.work());
        CHECK_FALSE(work.remove());
        CHECK(fs::exists(folder.path + "/ours/email.txt"));
    }
    SECTION("a link further up") {
        fs::create_directory_symlink(folder.path, folder.path + "/up");
        WorkDirectory work(folder.path + "/up/work", folder.path + "/up/work/email.txt", mail.number);
        fs::remove(folder.path + "/up");
        fs::create_directory(folder.path + "/else");
        fs::rename(folder.path + "/ours", folder.path + "/else/work");
        fs::create_directory_symlink(folder.path + "/else", folder.path + "/up");
        CHECK_FALSE(work.remove());
        CHECK(fs::exists(folder.path + "/else/work/email.txt"));
    }
}
