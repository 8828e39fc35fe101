#include "deliver/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

using namespace tamis;
using namespace tamis::deliver;

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
    const std::size_t size = GENERATE(std::size_t(0), std::size_t(1), std::size_t(10'000), spool_head_limit, spool_head_limit + 1,
                                      std::size_t(1024 * 1024), std::size_t(5 * 1024 * 1024));
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
        CHECK(memory.used() >= std::min(size, options.memory_limit >= size ? size : spool_head_limit));
        if (size > options.memory_limit) CHECK(memory.used() <= spool_head_limit);
    }
    CHECK(memory.used() == 0);
}

TEST_CASE("without more memory a large message goes to a file and is complete") {
    const Directory directory;
    const SpoolOptions options{directory.path, 1ULL << 40};
    Slots memory(2 * spool_head_limit + 10);
    const std::string bytes = random_bytes(3 * 1024 * 1024);
    SpoolWriter writer(options, memory, memory.try_take(2 * spool_head_limit));
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

TEST_CASE("what a message costs is what it takes: its octets, and its head once more") {
    const Directory directory;
    const SpoolOptions options{directory.path, 8 * 1024 * 1024};
    for (const std::size_t size : {std::size_t{1000}, std::size_t{350'000}, std::size_t{2'000'000}}) {
        Slots memory(64 * 1024 * 1024);
        SpoolWriter writer(options, memory, memory.try_take(4096));
        const std::string bytes = random_bytes(size);
        for (std::size_t at = 0; at < size; at += 3000) REQUIRE(writer.append(std::string_view(bytes).substr(at, 3000)));
        CHECK(memory.used() >= size);
        const auto sealed = writer.seal();
        REQUIRE(sealed.has_value());
        CHECK(memory.used() == size + (*sealed)->head().size());
        struct stat status{};
        REQUIRE(::fstat((*sealed)->descriptor(), &status) == 0);
        CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 <= size + 8192);
    }
}

TEST_CASE("room is made for the beginning of a message, and waited for") {
    const Directory directory;
    const SpoolOptions options{directory.path, 8 * 1024 * 1024};
    Slots memory(300'000);
    asio::io_context context;
    auto blocker = memory.try_take(290'000);
    SpoolWriter first(options, memory, memory.try_take(5000)), second(options, memory, memory.try_take(5000));
    std::vector<int> order;
    const auto receive = [](SpoolWriter& spool, int number, std::vector<int>& into) -> Task<void> {
        const std::string piece(20'000, 'x');
        for (int i = 0; i < 10; ++i) {
            if (!co_await spool.make_room(piece.size(), Deadline::in(std::chrono::seconds(10)))) co_return;
            if (!spool.append(piece)) co_return;
        }
        auto sealed = spool.seal();
        if (!sealed) co_return;
        sealed->reset();  // handed over: its memory goes back, and with it the right to go beyond the limit
        into.push_back(number);
    };
    asio::co_spawn(context, receive(first, 1, order), asio::detached);
    asio::co_spawn(context, receive(second, 2, order), asio::detached);
    context.run();
    CHECK(order == std::vector<int>{1, 2});
    blocker.release();
    CHECK(memory.used() == 0);
}
