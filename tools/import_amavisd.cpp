// import_amavisd - `tamis import-amavisd`: reads amavisd.conf without running it and prints the same as tamis.toml
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/text.h"
#include "config/settings.h"
#include "config/snapshot.h"
#include "config/start_checks.h"
#include "tools/command.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = 4U << 20;
constexpr int unreadable = 2;

struct Options {
    std::vector<std::string> files;
    std::string output, mydomain, myhostname;
    bool force = false, report_in_file = false;
};

std::string last_error() { return std::error_code(errno, std::generic_category()).message(); }

Result<std::string> read_text_file(const std::string& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) return fail(Errc::bad_input, path + " is a directory");
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return fail(Errc::unavailable, fmt::format("{} cannot be read: {}", path, last_error()));
    std::string text(largest_file + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (text.size() > largest_file)
        return fail(Errc::over_limit, fmt::format("{} is larger than {} MiB", path, largest_file >> 20));
    return text;
}

// file_names - the files of a directory as Debian's amavisd reads them: by name, those that begin with a digit
Result<std::vector<std::string>> file_names(const std::string& given) {
    std::error_code error;
    if (!fs::is_directory(given, error)) return std::vector<std::string>{given};
    std::vector<std::string> out;
    for (auto entry = fs::directory_iterator(given, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const auto name = entry->path().filename().string();
        const bool is_plain =
            std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
        if (is_plain && is_digit(name.front())) out.push_back(entry->path().string());
    }
    if (error) return fail(error, fmt::format("{} cannot be read: {}", given, error.message()));
    std::ranges::sort(out);
    if (out.empty()) return fail(Errc::not_found, fmt::format("{} holds no file such as 50-user", given));
    return out;
}

// usual_places - Debian's two directories, or the file of other systems
std::vector<std::string> usual_places() {
    constexpr std::array debian = {"/usr/share/amavis/conf.d", "/etc/amavis/conf.d"};
    std::error_code error;
    if (fs::is_directory(debian[1], error)) return {debian[0], debian[1]};
    for (const char* file : {"/etc/amavisd/amavisd.conf", "/etc/amavisd.conf", "/usr/local/etc/amavisd.conf"})
        if (fs::exists(file, error)) return {file};
    return {};
}

// full_host_name - what `hostname --fqdn` prints; "" when it is not known
std::string full_host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return {};
    addrinfo hints{};
    hints.ai_flags = AI_CANONNAME;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return {};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
    return found->ai_canonname == nullptr ? std::string() : found->ai_canonname;
}

bool is_program(const std::string& path) {
    struct stat about{};
    return path.starts_with('/') && ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

// Checked - what tamisd --check says about the result
struct Checked {
    std::vector<std::string> problems;        // of the text
    std::vector<std::string> here, warnings;  // what stands in its way on this machine, and what is hardly wanted
    std::string drop_in;                      // for the systemd unit that comes with Tamis; "": it fits
};

Checked check_result(const std::string& toml) {
    Problems problems("the result");
    const int file = ::memfd_create("tamis.toml", MFD_CLOEXEC);
    if (file < 0) return {{fmt::format("the result could not be checked: {}", last_error())}, {}, {}, {}};
    const bool is_written = ::write(file, toml.data(), toml.size()) == static_cast<ssize_t>(toml.size());
    const auto settings = config::load_settings_file(fmt::format("/proc/self/fd/{}", file), problems);
    ::close(file);
    if (!is_written) return {{"the result could not be checked: no memory"}, {}, {}, {}};
    if (problems.none()) config::make_snapshot(settings, problems);
    if (!problems.none()) return {problems.lines(), {}, {}, {}};
    const auto unit = config::read_unit({std::string(config::shipped_unit())});
    Problems here("the result"), unit_paths("the result");  // the drop-in says what the unit needs
    config::check_start(*settings, here, unit_paths);
    std::vector<std::string> warnings;
    for (const auto& line : settings->warnings)
        warnings.push_back("the result" + line.substr(std::min(line.size(), settings->file.size())));
    return {{}, here.lines(), warnings, config::unit_drop_in(*settings, unit)};
}

// write_output - the file is there complete or not at all; without `force` never in place of another
Done write_output(const std::string& path, const std::string& text, bool force) {
    const std::string temporary = fmt::format("{}.new-{}", path, ::getpid());
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) return fail(Errc::unavailable, fmt::format("{}: {}", temporary, last_error()));
    std::size_t at = 0;
    for (ssize_t count = 1; at < text.size() && count > 0; at += static_cast<std::size_t>(std::max<ssize_t>(count, 0)))
        count = ::write(file, text.data() + at, text.size() - at);
    const bool is_whole = at == text.size() && ::fsync(file) == 0;
    const bool is_closed = ::close(file) == 0;
    if (!is_whole || !is_closed) {
        const auto why = last_error();
        ::unlink(temporary.c_str());
        return fail(Errc::unavailable, fmt::format("{}: {}", path, why));
    }
    const bool is_there = (force ? ::rename(temporary.c_str(), path.c_str()) : ::link(temporary.c_str(), path.c_str())) == 0;
    const auto why = is_there ? std::string() : errno == EEXIST ? "it is there already; --force replaces it" : last_error();
    if (!force || !is_there) ::unlink(temporary.c_str());
    return is_there ? Done{} : fail(Errc::conflict, fmt::format("{}: {}", path, why));
}

std::string as_comment(const std::string& text) {
    std::string out = "\n";
    for (const auto line : split(std::string_view(text).substr(0, text.size() - 1), '\n'))
        out += fmt::format("#{}{}\n", line.empty() ? "" : " ", line);
    return out;
}

int complain(const Fault& why, int status) {
    fmt::print(stderr, "tamis: {}\n", why.detail);
    return status;
}

Result<std::vector<Source>> read_sources(const std::vector<std::string>& given) {
    std::vector<Source> out;
    for (const auto& one : given) {
        auto names = file_names(one);
        if (!names) return std::unexpected(std::move(names.error()));
        for (const auto& name : *names) {
            auto text = read_text_file(name);
            if (!text) return std::unexpected(std::move(text.error()));
            out.push_back({name, std::move(*text)});
        }
    }
    return out;
}

int run(Options options) {
    if (options.files.empty()) options.files = usual_places();
    if (options.files.empty())
        return complain({make_error_code(Errc::not_found), "no amavisd.conf in the usual places; name it"}, unreadable);
    const auto sources = read_sources(options.files);
    if (!sources) return complain(sources.error(), unreadable);
    const Surroundings around{read_text_file, full_host_name, is_program, options.mydomain, options.myhostname};
    const auto imported = import_amavisd(*sources, around);
    if (!imported) return complain(imported.error(), unreadable);
    std::string report = report_text(*imported);
    const bool has_debian = std::ranges::find(options.files, "/etc/amavis/conf.d") != options.files.end();
    if (has_debian && options.files.size() == 1)
        report += "\nDebian's amavisd also reads /usr/share/amavis/conf.d, before /etc/amavis/conf.d: name both.\n";
    const auto checked = check_result(imported->toml);
    const auto& problems = checked.problems;
    const auto add = [&](std::string_view head, const std::vector<std::string>& lines) {
        if (!lines.empty()) report += fmt::format("\n{}\n{}\n", head, join(lines, "\n"));
    };
    add("tamisd would not start with it, correct this first:", problems);
    add("On this machine tamisd would not start with it:", checked.here);
    add("Look at this:", checked.warnings);
    if (!checked.drop_in.empty())
        report += fmt::format(
            "\nThe systemd unit that comes with Tamis needs a drop-in for it, /etc/systemd/system/tamis.service.d/import.conf:\n{}",
            checked.drop_in);
    std::string text =
        fmt::format(
            "# made by `tamis import-amavisd` from {}\n# Behind each setting: where it comes from. Check it with `tamisd --check`.\n\n",
            join(options.files, ", ")) +
        imported->toml;
    if (options.report_in_file) text += as_comment(report);
    if (options.output.empty()) fmt::print("{}", text);
    else if (auto done = write_output(options.output, text, options.force); !done) return complain(done.error(), unreadable);
    if (!options.report_in_file) fmt::print(stderr, "{}", report);
    return imported->count(Outcome::missing) == 0 && problems.empty() ? 0 : 1;
}

}  // namespace

std::function<int()> configure_import_amavisd(CLI::App& options) {
    const auto given = std::make_shared<Options>();
    options.add_option(
        "FILE", given->files,
        "files and directories in the order in which amavisd reads them; default: /usr/share/amavis/conf.d and /etc/amavis/conf.d, or amavisd.conf");
    options.add_option("-o,--output", given->output, "write there, readable by the owner only, instead of to standard output");
    options.add_flag("--force", given->force, "replace that file");
    options.add_flag("--report-in-file", given->report_in_file, "the report as comments at the end, not on standard error");
    options.add_option("--mydomain", given->mydomain, "what $mydomain is, when a program would have to say it");
    options.add_option("--myhostname", given->myhostname, "what $myhostname is");
    options.footer("Exit status: 0 everything was translated, 1 something was not, 2 a file cannot be read.");
    return [given] { return run(*given); };
}

}  // namespace tamis::tools
