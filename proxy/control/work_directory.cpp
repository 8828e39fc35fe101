#include "proxy/control/work_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace tamis::proxy {
namespace {

std::unexpected<Fault> left(const std::string& path, int error) {
    return fail(std::error_code(error, std::system_category()), fmt::format("{} could not be removed", escaped(path, 200)));
}

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

}  // namespace

WorkDirectory::WorkDirectory(std::string directory, const std::string& file, int descriptor) : directory_(std::move(directory)) {
    while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
    if (!directory_.starts_with('/') || directory_.size() == 1 || !file.starts_with(directory_ + "/")) return;
    auto name = file.substr(directory_.size() + 1);
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) return;
    mail_ = worker::Descriptor(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (mail_) name_ = std::move(name);
}

Done WorkDirectory::remove() {
    if (name_.empty()) return {};
    const std::string name = std::exchange(name_, {});
    const worker::Descriptor mail = std::move(mail_);
    constexpr int how = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const worker::Descriptor inside(::open(directory_.c_str(), how | O_NOFOLLOW));
    if (!inside) return left(directory_, errno);
    struct stat opened{}, there{}, directory{};
    if (::fstat(mail.get(), &opened) != 0 || ::fstatat(inside.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
        return left(directory_ + "/" + name, errno);
    if (!is_same(opened, there))
        return fail(Errc::refused,
                    fmt::format("{}/{} is not the file that was read; it stays", escaped(directory_, 200), escaped(name)));
    if (::unlinkat(inside.get(), name.c_str(), 0) != 0) return left(directory_ + "/" + name, errno);
    const auto slash = directory_.rfind('/');
    const std::string last = directory_.substr(slash + 1);
    const worker::Descriptor above(::open(slash == 0 ? "/" : directory_.substr(0, slash).c_str(), how));
    if (!above || ::fstat(inside.get(), &directory) != 0 ||
        ::fstatat(above.get(), last.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
        return left(directory_, errno);
    if (!is_same(directory, there))
        return fail(Errc::refused, fmt::format("{} is another directory now; it stays", escaped(directory_, 200)));
    if (::unlinkat(above.get(), last.c_str(), AT_REMOVEDIR) != 0) return left(directory_, errno);
    return {};
}

}  // namespace tamis::proxy
