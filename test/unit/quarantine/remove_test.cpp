#include "quarantine/remove.h"

#include <catch2/catch.hpp>

#include "unit/quarantine/fixture.h"
#include "unit/storage/fixture.h"

using namespace tamis;
using namespace std::chrono_literals;
using test::Folder;

namespace {

// Store - counts what is removed, or refuses
class Store final : public test::EmptyStore {
public:
    int removed = 0;
    std::optional<Fault> refusal;
    Task<Done> remove(storage::MessageKey, Deadline) override {
        if (refusal) co_return std::unexpected(*refusal);
        ++removed;
        co_return Done{};
    }
};

storage::QuarantineItem item(std::string type, std::string location) {
    storage::QuarantineItem out;
    out.key = {0, "abcdefghijkl"};
    out.host = "here.example.com";
    out.type = std::move(type);
    out.location = std::move(location);
    return out;
}

Result<quarantine::Removal> remove(Store& store, const storage::QuarantineItem& what, const Folder& folder) {
    return test::run<Result<quarantine::Removal>>(
        [&] { return quarantine::remove(store, what, {folder.path, "here.example.com", "root@here"}, Deadline::in(30s)); });
}

}  // namespace

TEST_CASE("a removed message has neither rows that can be released nor a file") {
    Folder folder;
    Store store;
    const auto file = folder.put("spam-abc.gz", "Subject: x\n");
    const auto done = remove(store, item("Z", "spam-abc.gz"), folder);
    REQUIRE(done);
    CHECK(done->is_removed);
    CHECK(done->file);
    CHECK(store.removed == 1);
    CHECK_FALSE(std::filesystem::exists(file));
    REQUIRE(remove(store, item("Q", "abcdefghijkl"), folder));  // in the database: no file to look for
    CHECK(store.removed == 2);
}

TEST_CASE("what stays of a removed message is said, and nothing goes when the rows cannot") {
    Folder folder;
    Store store;
    const auto mbox = folder.put("box", "From a@b Mon Nov 30\nSubject: x\n");
    auto done = remove(store, item("F", "box"), folder);
    REQUIRE(done);
    CHECK(done->is_removed);
    CHECK_THAT(done->file.error().detail, Catch::Contains("mailbox file"));
    CHECK(std::filesystem::exists(mbox));
    done = remove(store, item("F", "gone"), folder);  // somebody was here before
    REQUIRE(done);
    CHECK(done->is_removed);
    CHECK_FALSE(done->file);
    const auto file = folder.put("spam", "Subject: x\n");
    store.refusal = Fault{make_error_code(Errc::unavailable), "the database is away"};
    CHECK(remove(store, item("F", "spam"), folder).error().is(Errc::unavailable));
    CHECK(std::filesystem::exists(file));
}

TEST_CASE("the file of another host is removed there, and its rows stay until then") {
    Folder folder;
    Store store;
    auto theirs = item("F", "spam");
    theirs.host = "there.example.com";
    CHECK_THAT(remove(store, theirs, folder).error().detail, Catch::Contains("a file on the host there.example.com"));
    CHECK(store.removed == 0);
    folder.put("spam", "Subject: x\n");  // a directory that both hosts see
    REQUIRE(remove(store, theirs, folder));
    CHECK(store.removed == 1);
}
