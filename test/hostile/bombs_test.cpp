// bombs_test - every file of the bomb collection, opened as tamis-worker does, within 2 s of CPU and 64 MB
//
// TAMIS_BOMBS is the directory that test/corpus/bombs/make.py filled (test/lib/with_bombs). Each bomb is opened in a child
// process of its own, so that its memory and its CPU time are its own.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "hostile/opening.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

// as in the report of a sanitizer's build: it is several times slower and larger
#if defined(__has_feature)
constexpr bool is_sanitized = __has_feature(address_sanitizer);
#else
constexpr bool is_sanitized = false;
#endif

struct Seen {
    char verdict[160] = {};  // "" : nothing was noticed
    std::uint32_t parts = 0;
    double cpu_seconds = 0;
    std::int64_t grown_kb = 0;
};

std::int64_t status_kb(const char* field) {
    std::ifstream from("/proc/self/status");
    for (std::string line; std::getline(from, line);)
        if (line.starts_with(field)) return std::strtoll(line.c_str() + std::strlen(field), nullptr, 10);
    return -1;
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& at) { return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Blob as_message(const std::filesystem::path& file) {
    std::ifstream from(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(from), {}};
    if (file.extension() == ".eml") return Blob::of(std::move(bytes));
    return Blob::of(
        "From: a@example.org\r\nSubject: bomb\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=\"" +
        file.filename().string() + "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64_encode(bytes) + "\r\n");
}

// verdict_of - why the message is not simply clean
std::string verdict_of(const mail::Contents& contents) {
    if (!contents.limit.empty()) return contents.limit;
    if (contents.is_ambiguous()) return "ambiguous";
    if (contents.is_undecipherable()) return "undecipherable";
    return {};
}

Seen open_here(const std::filesystem::path& file, const Opening& tools) {
    Seen out;
    const auto message = as_message(file);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins now
    const auto before = status_kb("VmRSS:");
    const auto begin = cpu_seconds();
    const auto opened = open_message(tools.setup, message);
    out.cpu_seconds = cpu_seconds() - begin;
    out.grown_kb = status_kb("VmHWM:") - before;
    out.parts = static_cast<std::uint32_t>(opened.contents.parts.size());
    verdict_of(opened.contents).copy(out.verdict, sizeof out.verdict - 1);
    return out;
}

// open_apart - in a child process; its answer comes through a pipe
Seen open_apart(const std::filesystem::path& file, const Opening& tools) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const auto seen = open_here(file, tools);
        const bool told = ::write(ends[1], &seen, sizeof seen) == static_cast<ssize_t>(sizeof seen);
        ::_exit(told ? 0 : 1);
    }
    ::close(ends[1]);
    Seen out;
    const auto got = ::read(ends[0], &out, sizeof out);
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO(file.filename().string());
    CHECK(status == 0);
    CHECK(got == static_cast<ssize_t>(sizeof out));
    return out;
}

}  // namespace

TEST_CASE("every bomb is defused within 2 s of CPU and 64 MB, and noticed") {
    const char* folder = std::getenv("TAMIS_BOMBS");
    REQUIRE(folder != nullptr);
    auto tools = load_opening();
    REQUIRE(tools);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files);
    REQUIRE(files.size() >= 40);
    for (const auto& file : files) {
        const auto seen = open_apart(file, *tools);
        std::printf("%-32s %5.2f s %7.1f MB %6u parts  %s\n", file.filename().c_str(), seen.cpu_seconds,
                    static_cast<double>(seen.grown_kb) / 1024, seen.parts, seen.verdict);
        std::fflush(stdout);
        INFO(file.filename().string() << ": " << seen.cpu_seconds << " s, " << seen.grown_kb << " kB, " << seen.parts
                                      << " parts, " << seen.verdict);
        if (file.filename() != "gzip-members-50000.gz") CHECK(seen.verdict[0] != '\0');  // that one is read to its end
        if (is_sanitized) continue;
        CHECK(seen.cpu_seconds < 2.3);  // the limit itself is 2 s; it is looked at between two chunks
        CHECK(seen.grown_kb < 64 * 1024);
    }
}
