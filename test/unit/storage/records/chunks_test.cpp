#include "storage/records/chunks.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace tamis::storage;

namespace {

// chunked - `text` given in pieces of `piece` bytes
std::vector<std::string> chunked(std::string_view text, std::size_t piece, std::size_t size) {
    Chunker chunker(size);
    std::vector<std::string> chunks;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
        chunker.add(text.substr(0, piece));
        while (chunker.next()) chunks.emplace_back(chunker.chunk());
    }
    if (chunker.finish()) chunks.emplace_back(chunker.chunk());
    CHECK_FALSE(chunker.finish());
    return chunks;
}

std::string converted(std::string text) {
    for (std::size_t at = 0; (at = text.find("\r\n", at)) != std::string::npos;) text.erase(at, 1);
    return text;
}

}  // namespace

TEST_CASE("CR LF becomes LF and nothing else changes, whatever the pieces and chunks") {
    // every text of up to six letters of this alphabet
    constexpr std::string_view alphabet = "\r\na";
    for (std::size_t length = 0; length <= 6; ++length) {
        std::size_t count = 1;
        for (std::size_t i = 0; i < length; ++i) count *= alphabet.size();
        for (std::size_t n = 0; n < count; ++n) {
            std::string text;
            for (std::size_t i = 0, rest = n; i < length; ++i, rest /= alphabet.size()) text += alphabet[rest % alphabet.size()];
            const auto want = converted(text);
            for (std::size_t piece = 1; piece <= 4; ++piece)
                for (std::size_t size = 1; size <= 3; ++size) {
                    std::string joined;
                    const auto chunks = chunked(text, piece, size);
                    for (const auto& chunk : chunks) joined += chunk;
                    REQUIRE(joined == want);
                    REQUIRE(chunks.size() == (want.size() + size - 1) / size);
                }
        }
    }
}

TEST_CASE("chunks have 16384 bytes, the last one what is left") {
    CHECK(chunked("", 100, chunk_size).empty());
    CHECK(chunked(std::string(16384, 'x'), 70000, chunk_size).size() == 1);
    const auto chunks = chunked(std::string(16383, 'x') + "\r\n" + "y", 70000, chunk_size);
    REQUIRE(chunks.size() == 2);
    CHECK(chunks[0] == std::string(16383, 'x') + "\n");
    CHECK(chunks[1] == "y");
}
