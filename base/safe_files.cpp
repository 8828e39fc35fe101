#include "base/safe_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <filesystem>

#include "base/text.h"

namespace tamis {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

// File - owns a descriptor
struct File {
    explicit File(int descriptor) : number(descriptor) {}
    ~File() {
        if (number >= 0) ::close(number);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int number;
};

bool is_roots_alone(const std::string& directory) {
    struct stat status{};
    return ::lstat(directory.empty() ? "/" : directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::unexpected<Fault> cannot(std::string_view what, const std::string& path) {
    const auto error = last_error();
    if (error.value() == ELOOP)
        return fail(error, fmt::format("cannot {} {}: it is a symbolic link, and none is followed", what, path));
    return fail(error, fmt::format("cannot {} {}", what, path));
}

}  // namespace

bool only_root_writes(const std::string& path) {
    if (!path.starts_with('/')) return false;
    std::deque<std::string> ahead;
    for (const auto part : words(path, "/")) ahead.emplace_back(part);
    std::string current;  // without links; "" is the root directory
    for (int links = 0; !ahead.empty();) {
        if (!is_roots_alone(current)) return false;
        const auto next = ahead.front();
        ahead.pop_front();
        if (next == "." || next == "..") return false;  // not worth understanding
        if (ahead.empty()) return true;
        const auto full = current + "/" + next;
        std::array<char, PATH_MAX> target{};
        const auto length = ::readlink(full.c_str(), target.data(), target.size());
        if (length < 0) {
            current = full;
            continue;
        }
        if (++links > 40) return false;
        const std::string_view link(target.data(), static_cast<std::size_t>(length));
        if (link.starts_with('/')) current.clear();
        auto parts = words(link, "/");
        for (auto part = parts.rbegin(); part != parts.rend(); ++part) ahead.emplace_front(*part);
    }
    return true;
}

Done write_file(const std::string& path, const std::string& text) {
    constexpr int how = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int number = ::open(path.c_str(), how, 0644);
    if (number < 0 && errno == EACCES && ::unlink(path.c_str()) == 0)
        number = ::open(path.c_str(), how | O_EXCL, 0644);  // root's, of an earlier start
    const File file(number);
    if (file.number < 0) return cannot("write", path);
    struct stat status{};
    if (::fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)
        return fail(Errc::conflict, fmt::format("cannot write {}: it is no ordinary file of one name", path));
    if (::fchmod(file.number, 0644) != 0 || ::ftruncate(file.number, 0) != 0 ||
        ::write(file.number, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return cannot("write", path);
    return {};
}

Done make_log_file(const std::string& path, uid_t user, gid_t group) {
    const File file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640));
    if (file.number < 0) return cannot("open", path);
    struct stat status{};
    if (::fstat(file.number, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1)
        return fail(Errc::conflict, fmt::format("{} is no ordinary file of one name", path));
    if (status.st_uid == 0 && ::fchown(file.number, user, group) != 0) return cannot("give away", path);
    return {};
}

Done make_directory(const std::string& path, uid_t user, gid_t group) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return {};
    if (const auto above = std::filesystem::path(path).parent_path(); !above.empty())
        std::filesystem::create_directories(above, error);
    if (::mkdir(path.c_str(), 0750) != 0) return fail(last_error(), fmt::format("cannot create directory {}", path));
    const File made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (made.number < 0 || ::fchmod(made.number, 0750) != 0 ||
        (user != static_cast<uid_t>(-1) && ::fchown(made.number, user, group) != 0))
        return cannot("set up directory", path);
    return {};
}

}  // namespace tamis
