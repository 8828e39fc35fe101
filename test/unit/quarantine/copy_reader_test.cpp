#include "quarantine/copy_reader.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "unit/quarantine/fixture.h"
#include "unit/storage/fixture.h"

using namespace tamis;
using namespace tamis::quarantine;
using test::Folder;
using test::run;
using namespace std::chrono_literals;

namespace {

std::string gzip(const std::string& text) {
    std::string out(compressBound(text.size()) + 100, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string in = text;
    stream.next_in = static_cast<unsigned char*>(static_cast<void*>(in.data()));
    stream.avail_in = static_cast<unsigned>(in.size());
    stream.next_out = static_cast<unsigned char*>(static_cast<void*>(out.data()));
    stream.avail_out = static_cast<unsigned>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct Reader {
    Slots memory{64 << 20};
    Folder folder;
    CopyReader copies{{folder.path, 1 << 20}, memory};

    Result<StoredText> file(const std::string& name) {
        return run<Result<StoredText>>([&] { return copies.from_file(folder.path, name, Deadline::in(30s)); });
    }
};

// Chunks - a store that has nothing but these chunks
class Chunks final : public test::EmptyStore {
public:
    std::map<std::int64_t, std::string> chunks;
    Task<Result<std::vector<storage::Chunk>>> read_chunks(storage::MessageKey, std::int64_t after, Deadline) override {
        std::vector<storage::Chunk> out;
        for (auto next = chunks.upper_bound(after); next != chunks.end() && out.size() < 2; ++next)
            out.push_back({next->first, next->second});
        co_return out;
    }
};

std::string all(const StoredText& text) {
    std::string out(text.spool->size(), '\0');
    REQUIRE(text.spool->read(0, out).value() == out.size());
    return out;
}

}  // namespace

TEST_CASE("a quarantine file is read, plain and compressed, also a large one") {
    Reader reader;
    std::string large = "Subject: x\n\n";
    while (large.size() < 3'000'000) large += "line of a large message gr\xc3\xbc\xc3\x9f\n";
    reader.folder.put("plain", "Subject: x\n\nbody\n");
    reader.folder.put("v/virus-a.gz", gzip("Subject: x\n\nbody\n") + gzip("second member\n"));
    reader.folder.put("large.gz", gzip(large));
    CHECK(all(*reader.file("plain")) == "Subject: x\r\n\r\nbody\r\n");
    CHECK(all(*reader.file(reader.folder.path + "/plain")) == "Subject: x\r\n\r\nbody\r\n");
    CHECK(all(*reader.file("v/virus-a.gz")) == "Subject: x\r\n\r\nbody\r\nsecond member\r\n");
    const auto text = reader.file("large.gz");
    REQUIRE(text);
    CHECK(text->has_8bit);
    CHECK(text->spool->size() == large.size() + static_cast<std::size_t>(std::ranges::count(large, '\n')));
}

TEST_CASE("a damaged or truncated gzip file, and what is no file of the quarantine, are clear faults") {
    Reader reader;
    const auto packed = gzip(std::string(200'000, 'x') + "\n");
    auto damaged = gzip("some text that is long enough to be damaged in its middle\n");
    damaged[15] = static_cast<char>(damaged[15] ^ 0x55);
    reader.folder.put("short.gz", packed.substr(0, packed.size() / 2));
    reader.folder.put("damaged.gz", damaged);
    const auto secret = reader.folder.put("outside/secret", "secret\n");
    std::filesystem::create_symlink(secret, reader.folder.path + "/link");
    std::filesystem::create_directory_symlink(reader.folder.path + "/outside", reader.folder.path + "/dir");
    std::filesystem::create_directory(reader.folder.path + "/folder");
    REQUIRE(mkfifo((reader.folder.path + "/pipe").c_str(), 0600) == 0);
    struct Row {
        std::string name, why;
    };
    for (const auto& row : {Row{"short.gz", "ends in the middle"}, Row{"damaged.gz", "gzip file is damaged"},
                            Row{"missing", "no such file"}, Row{"../x", "no name below"}, Row{"a/../../x", "no name below"},
                            Row{"/etc/passwd", "no name below"}, Row{"", "no name below"}, Row{"link", "symbolic link"},
                            Row{"dir/secret", "symbolic link"}, Row{"folder", "is not a file"}, Row{"pipe", "is not a file"}}) {
        const auto text = reader.file(row.name);
        INFO(row.name);
        REQUIRE_FALSE(text);
        INFO(text.error().detail);
        CHECK(text.error().detail.find(row.why) != std::string::npos);
    }
}

TEST_CASE("a copy in the table must have all its chunks") {
    Reader reader;
    Chunks store;
    const auto read = [&] {
        return run<Result<StoredText>>([&] { return reader.copies.from_table(store, {0, "abc"}, Deadline::in(30s)); });
    };
    CHECK(read().error().is(Errc::not_found));
    store.chunks = {{1, "Subject: x\n"}, {2, "\nbo"}, {3, "dy\n"}, {4, "end"}};
    CHECK(all(*read()) == "Subject: x\r\n\r\nbody\r\nend\r\n");
    store.chunks.erase(3);
    CHECK(read().error().detail.find("chunk 3 is missing") != std::string::npos);
    store.chunks.erase(1);
    CHECK(read().error().detail.find("chunk 1 is missing") != std::string::npos);
}
