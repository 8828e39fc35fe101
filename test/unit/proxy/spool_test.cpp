#include "proxy/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

using namespace tamis;
using namespace tamis::proxy;

namespace {

std::string random_bytes(std::size_t size) {
    std::mt19937 random(static_cast<unsigned>(size));
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

std::string read_all(const mail::SealedSpool& spool) {
    std::string out;
    std::string buffer(10'000, '\0');
    while (out.size() < spool.size()) {
        const auto got = spool.view(out.size(), buffer);
        REQUIRE(got.has_value());
        REQUIRE_FALSE(got->empty());
        out += *got;
    }
    return out;
}

struct Directory {
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tamis-spool-XXXXXX").string();
        path = ::mkdtemp(pattern.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string path;
};

}  // namespace

TEST_CASE("a message comes back byte for byte, from memory and from a file, and nobody can change it") {
    const Directory directory;
    const SpoolOptions options{directory.path, 1024 * 1024};
    const std::size_t size = GENERATE(std::size_t(0), std::size_t(1), std::size_t(10'000), spool_head_limit,
                                      spool_head_limit + 1, std::size_t(1024 * 1024), std::size_t(5 * 1024 * 1024));
    Slots memory(64 * 1024 * 1024);
    const std::string bytes = random_bytes(size);
    {
        SpoolWriter writer(options, memory, memory.try_take(spool_head_limit));
        for (std::size_t at = 0; at < size; at += 7000) REQUIRE(writer.append(std::string_view(bytes).substr(at, 7000)));
        const auto sealed = writer.seal();
        REQUIRE(sealed.has_value());
        CHECK((*sealed)->size() == size);
        CHECK(read_all(**sealed) == bytes);
        CHECK(::pwrite((*sealed)->descriptor(), "x", 1, 0) == -1);
        CHECK(::ftruncate((*sealed)->descriptor(), static_cast<off_t>(size) + 1) == -1);
        CHECK(std::filesystem::is_empty(directory.path));
        CHECK(memory.used() <= size + spool_head_limit);
        if (size > options.memory_limit) CHECK(memory.used() <= spool_head_limit);
    }
    CHECK(memory.used() == 0);
}

TEST_CASE("without more memory a large message goes to a file and is complete") {
    const Directory directory;
    const SpoolOptions options{directory.path, 1ULL << 40};
    Slots memory(spool_head_limit + 10);
    const std::string bytes = random_bytes(3 * 1024 * 1024);
    SpoolWriter writer(options, memory, memory.try_take(spool_head_limit));
    REQUIRE(writer.append(bytes));
    const auto sealed = writer.seal();
    REQUIRE(sealed.has_value());
    CHECK(read_all(**sealed) == bytes);
    CHECK(memory.used() <= spool_head_limit);
}

TEST_CASE("a spool directory that is not there is a fault that names it") {
    const SpoolOptions options{"/nonexistent/spool", 1024 * 1024};
    Slots memory(64 * 1024 * 1024);
    SpoolWriter writer(options, memory, memory.try_take(spool_head_limit));
    const std::string bytes = random_bytes(3 * 1024 * 1024);
    const bool stored = writer.append(bytes);
    CHECK_FALSE((stored && writer.seal().has_value()));
    CHECK(writer.fault().detail.find("/nonexistent/spool") != std::string::npos);
}
