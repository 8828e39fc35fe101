#include "config/unit_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/text.h"

namespace tamis::config {
namespace {

namespace fs = std::filesystem;

// of systemd.unit(5), the most important one first
constexpr std::array<std::string_view, 5> folders = {"/etc/systemd/system", "/run/systemd/system",
                                                     "/usr/local/lib/systemd/system", "/lib/systemd/system",
                                                     "/usr/lib/systemd/system"};

bool is_below(std::string_view path, std::string_view folder) {
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    return path == folder || folder == "/" || (path.starts_with(folder) && path[folder.size()] == '/');
}

// with_run - /var/run is a link to /run
std::string with_run(std::string_view path) {
    constexpr std::string_view old = "/var/run/";
    return path.starts_with(old) ? "/run/" + std::string(path.substr(old.size())) : std::string(path);
}

void add_paths(std::vector<std::string>& into, std::string_view value, std::string_view folder) {
    if (value.empty()) return into.clear();
    for (auto word : words(value)) {
        if (folder.empty()) {
            while (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
            into.emplace_back(word.substr(0, word.find(':')));  // BindPaths=source:destination
        } else {
            into.push_back(fmt::format("{}/{}", folder, word.substr(0, word.find(':'))));
        }
    }
}

std::string config_of(std::string_view command) {
    const auto parts = words(command);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
        if (parts[i] == "-c" || parts[i] == "--config") return std::string(parts[i + 1]);
    return "/etc/tamis/tamis.toml";
}

std::string text_of_file(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace

bool UnitPlaces::may_write(std::string_view given) const {
    const std::string path = with_run(given);
    if (!may_read(path)) return false;
    if (!is_strict) return true;
    if (has_own_tmp && (is_below(path, "/tmp") || is_below(path, "/var/tmp"))) return true;
    for (const std::string_view always : {"/dev", "/proc", "/sys"})
        if (is_below(path, always)) return true;
    return std::ranges::any_of(writable, [&](const std::string& each) { return is_below(path, with_run(each)); });
}

bool UnitPlaces::may_read(std::string_view given) const {
    const std::string path = with_run(given);
    return !hides_homes || !(is_below(path, "/home") || is_below(path, "/root") || is_below(path, "/run/user"));
}

UnitPlaces read_unit(const std::vector<std::string>& texts) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> made = {{{"StateDirectory", "/var/lib"},
                                                                                           {"RuntimeDirectory", "/run"},
                                                                                           {"LogsDirectory", "/var/log"},
                                                                                           {"CacheDirectory", "/var/cache"},
                                                                                           {"ReadWritePaths", ""},
                                                                                           {"BindPaths", ""}}};
    UnitPlaces out;
    std::map<std::string_view, std::vector<std::string>> paths;
    for (const auto& text : texts) {
        bool is_service = false;
        for (const auto raw : split(text, '\n')) {
            const auto line = trim(raw);
            if (line.starts_with('[')) is_service = line == "[Service]";
            const auto equals = line.find('=');
            if (!is_service || line.starts_with('#') || line.starts_with(';') || equals == std::string_view::npos) continue;
            const auto key = trim(line.substr(0, equals));
            const auto value = trim(line.substr(equals + 1));
            const bool is_on = value == "yes" || value == "true" || value == "on" || value == "1";
            if (key == "User") out.user = value;
            if (key == "Group") out.group = value;
            if (key == "ProtectSystem") out.is_strict = value == "strict";
            if (key == "ProtectHome") out.hides_homes = is_on || value == "tmpfs";
            if (key == "PrivateTmp") out.has_own_tmp = is_on;
            if (key == "ExecStart" && !value.empty()) out.config = config_of(value);
            for (const auto& [name, folder] : made)
                if (key == name) add_paths(paths[name], value, folder);
        }
    }
    for (const auto& [name, list] : paths) out.writable.insert(out.writable.end(), list.begin(), list.end());
    return out;
}

std::string_view shipped_unit() noexcept {
    return "[Service]\n"
           "ExecStart=/usr/sbin/tamisd -c /etc/tamis/tamis.toml\n"
           "User=tamis\n"
           "Group=tamis\n"
           "StateDirectory=tamis\n"
           "RuntimeDirectory=tamis\n"
           "PrivateTmp=yes\n"
           "ProtectSystem=strict\n"
           "ProtectHome=yes\n";
}

UnitPlaces unit_places() {
    constexpr std::string_view name = "tamis.service";
    std::error_code error;
    for (const auto folder : folders) {
        const fs::path file = fs::path(folder) / name;
        if (!fs::exists(file, error)) continue;
        std::map<std::string, fs::path> drop_ins;  // by name; of equal names that of the most important folder counts
        for (const auto other : folders)
            for (auto entry = fs::directory_iterator(fs::path(other) / fmt::format("{}.d", name), error);
                 !error && entry != fs::directory_iterator(); entry.increment(error))
                if (entry->path().extension() == ".conf") drop_ins.emplace(entry->path().filename().string(), entry->path());
        std::vector<std::string> texts = {text_of_file(file)};
        for (const auto& [_, path] : drop_ins) texts.push_back(text_of_file(path));
        auto out = read_unit(texts);
        out.file = file.string();
        return out;
    }
    return read_unit({std::string(shipped_unit())});
}

}  // namespace tamis::config
