#include "config/running_settings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"

namespace tamis::config {
namespace {

// written - a value in one form, whatever the file looked like; lengths keep texts apart
void written(const ConfigValue& value, std::string& out);

void written(const ConfigTable& table, std::string& out) {
    out += '{';
    for (const auto& [key, value] : table.entries) {
        out += fmt::format("{}:{}=", key.size(), key);
        written(value, out);
    }
    out += '}';
}

void written(const ConfigValue& value, std::string& out) {
    struct Visitor {
        std::string& out;
        void operator()(bool yes) const { out += yes ? "y" : "n"; }
        void operator()(std::int64_t number) const { out += fmt::format("i{};", number); }
        void operator()(double number) const { out += fmt::format("d{};", number); }
        void operator()(const std::string& text) const { out += fmt::format("{}:{}", text.size(), text); }
        void operator()(const ConfigArray& list) const {
            out += '[';
            for (const auto& each : list) written(each, out);
            out += ']';
        }
        void operator()(const ConfigTable& table) const { written(table, out); }
    };
    std::visit(Visitor{out}, value.value);
}

std::string path_of(const std::string& state_dir) { return state_dir + "/running"; }

}  // namespace

std::string settings_digest(const ConfigTable& config) {
    std::string text;
    written(config, text);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
    std::string out;
    for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest.at(i));
    return out;
}

std::string running_text(const RunningSettings& running) {
    return fmt::format("pid {}\nloaded_at {}\ndigest {}\nfile {}\n", running.pid, running.loaded_at, running.digest,
                       escaped(running.file, 4096));
}

std::optional<RunningSettings> parse_running(std::string_view text) {
    RunningSettings out;
    for (const auto line : split(text, '\n')) {
        const auto blank = line.find(' ');
        if (blank == std::string_view::npos) continue;
        const auto key = line.substr(0, blank);
        const auto value = line.substr(blank + 1);
        constexpr std::uint64_t most = INT64_MAX;
        if (key == "pid") out.pid = static_cast<std::int64_t>(parse_unsigned(value, INT32_MAX).value_or(0));
        if (key == "loaded_at") out.loaded_at = static_cast<std::int64_t>(parse_unsigned(value, most).value_or(0));
        if (key == "digest") out.digest = value;
        if (key == "file") out.file = value;
    }
    if (out.pid <= 0 || out.digest.empty()) return {};
    return out;
}

void note_running(const std::string& state_dir, const std::string& file, const ConfigTable& config) {
    const RunningSettings running{::getpid(), std::time(nullptr), file, settings_digest(config)};
    const std::string path = path_of(state_dir);
    const std::string next = path + ".new";
    ::unlink(next.c_str());
    const int descriptor =
        ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP);
    const std::string text = running_text(running);
    const bool is_written = descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (descriptor >= 0) ::close(descriptor);
    if (!is_written || ::rename(next.c_str(), path.c_str()) != 0)
        log::warning({}, "{} cannot be written: {}; tamis doctor will not know which settings are in force", path,
                     std::error_code(errno, std::generic_category()).message());
}

std::optional<RunningSettings> read_running(const std::string& state_dir) {
    std::ifstream stream(path_of(state_dir), std::ios::binary);
    if (!stream) return {};
    std::ostringstream text;
    text << stream.rdbuf();
    auto running = parse_running(text.str());
    if (!running || (::kill(static_cast<pid_t>(running->pid), 0) != 0 && errno == ESRCH)) return {};
    std::ifstream name(fmt::format("/proc/{}/comm", running->pid));
    std::string comm;
    std::getline(name, comm);
    if (!comm.empty() && comm != "tamisd") return {};  // the number was given to another process
    return running;
}

}  // namespace tamis::config
