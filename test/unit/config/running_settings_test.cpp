#include "config/running_settings.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace tamis;
using namespace tamis::config;

namespace {

ConfigTable parsed(std::string_view text) {
    Problems problems("t.toml");
    return parse_config(text, problems);
}

}  // namespace

TEST_CASE("the digest is one of the settings, not of how they are written") {
    const auto digest = settings_digest(parsed("[a]\nx = 1\ny = [\"p\", \"q\"]\n"));
    CHECK(digest.size() == 64);
    CHECK(digest == settings_digest(parsed("# said again\n[a]\ny = ['p',\n 'q']\nx = 1\n")));
    for (const auto* other : {"[a]\nx = 2\ny = [\"p\", \"q\"]\n", "[a]\nx = 1\ny = [\"pq\"]\n",
                              "[a]\nx = \"1\"\ny = [\"p\", \"q\"]\n", "[b]\nx = 1\ny = [\"p\", \"q\"]\n"})
        CHECK(digest != settings_digest(parsed(other)));
}

TEST_CASE("what was noted is read again, as long as the process is there") {
    const RunningSettings one{7, 1'700'000'000, "/etc/tamis/tamis.toml", "ab12"};
    CHECK(parse_running(running_text(one)) == one);
    for (const auto* bad : {"", "pid x\ndigest a\n", "pid 7\n", "digest a\n"}) CHECK_FALSE(parse_running(bad));
    const auto folder = std::filesystem::temp_directory_path() / ("tamis-running-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    note_running(folder.string(), "t.toml", parsed("[a]\nx = 1\n"));
    CHECK(std::filesystem::exists(folder / "running"));
    std::ofstream(folder / "running") << running_text({INT32_MAX, 1, "f", "d"});
    CHECK_FALSE(read_running(folder.string()));
    std::filesystem::remove_all(folder);
    CHECK_FALSE(read_running(folder.string()));
}
