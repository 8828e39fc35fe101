#include "base/file_rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>

namespace tamis {

bool find_person(const std::string& name, Person& into) {
    const passwd* account = ::getpwnam(name.c_str());
    if (account == nullptr) return false;
    into = {name, account->pw_uid, {}};
    const gid_t first = account->pw_gid;
    int count = 256;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgrouplist(name.c_str(), first, groups.data(), &count) < 0) count = static_cast<int>(groups.size());
    groups.resize(static_cast<std::size_t>(count));
    into.groups.assign(groups.begin(), groups.end());
    return true;
}

std::string obstacle(const Person& person, const std::vector<Step>& steps, unsigned wanted) {
    if (person.user == 0) return {};
    for (std::size_t at = 0; at < steps.size(); ++at) {
        const auto& step = steps[at];
        const unsigned need = at + 1 == steps.size() ? wanted : 1U;
        const unsigned shift = step.user == person.user ? 6U : std::ranges::count(person.groups, step.group) != 0 ? 3U : 0U;
        if (((step.mode >> shift) & need) != need) return step.path;
    }
    return {};
}

std::vector<Step> steps_of(const std::string& path) {
    std::vector<Step> out;
    const auto add = [&](const std::string& part) {
        struct stat about{};
        if (::stat(part.c_str(), &about) != 0) return false;
        out.push_back({part, about.st_mode, about.st_uid, about.st_gid});
        return true;
    };
    if (!path.starts_with('/') || !add("/")) return out;
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        if (!add(path.substr(0, slash))) return out;
    if (path.size() > 1) add(path);
    return out;
}

}  // namespace tamis
