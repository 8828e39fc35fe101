// What a confined process can do: one probe per row of test/fakes/sandbox_probe.cpp
#include <fmt/format.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

std::pair<std::string, int> output_of(const std::string& command) {
    std::string out;
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    for (int byte = 0; (byte = std::fgetc(pipe)) != EOF;) out.push_back(static_cast<char>(byte));
    return {out, ::pclose(pipe)};
}

}  // namespace

TEST_CASE("sandbox: every way out is closed, and what decoding needs works") {
    const std::string probe = TAMIS_SANDBOX_PROBE;
    const auto list = output_of(probe + " --list").first;
    std::size_t rows = 0;
    for (std::size_t at = 0; at < list.size(); ++rows) {
        const auto end = list.find('\n', at);
        const auto line = list.substr(at, end - at);
        at = end + 1;
        const auto name = line.substr(0, line.find(' ')), want = line.substr(line.find(' ') + 1);
        INFO(line);
        // the shell tells of a death by signal n as exit code 128 + n
        const int status = output_of(fmt::format("{} {} 2>&1; exit $?", probe, name)).second;
        REQUIRE(WIFEXITED(status));
        const int code = WEXITSTATUS(status);
        if (want == "dies") CHECK(code == 128 + SIGSYS);
        if (want == "refused") CHECK(code == 1);
        if (want == "works") CHECK(code == 0);
    }
    CHECK(rows > 35);
}

TEST_CASE("sandbox: a process that matches rules makes no files either, and can do nothing that one that opens mail cannot") {
    const std::string probe = TAMIS_SANDBOX_PROBE;
    const auto list = output_of(probe + " --list").first;
    for (std::size_t at = 0; at < list.size();) {
        const auto end = list.find('\n', at);
        const auto line = list.substr(at, end - at);
        at = end + 1;
        INFO(line);
        const auto name = line.substr(0, line.find(' ')), want = line.substr(line.find(' ') + 1);
        const int status = output_of(fmt::format("{} {} match 2>&1; exit $?", probe, name)).second;
        REQUIRE(WIFEXITED(status));
        const int code = WEXITSTATUS(status);
        if (want == "dies" || name == "sealed_memfd") CHECK(code == 128 + SIGSYS);
        if (want == "refused") CHECK(code != 0);
        if (want == "works" && name != "sealed_memfd") CHECK(code == 0);
    }
}
