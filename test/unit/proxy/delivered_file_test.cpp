#include "proxy/delivered_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "proxy/delivered_journal.h"

using namespace tamis;
using namespace tamis::proxy;

namespace {

// Folder - of one test
struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "tamis-delivered-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
    }
    std::string path;
};

DeliveredNote note(unsigned char first, std::int64_t at = 1'800'000'000) {
    DeliveredNote out;
    out.key[0] = first;
    out.at = at;
    out.outcome = {{250, "2.0.0", "from MTA(x): 250 Ok: queued as Q1"},
                   true,
                   "Q1",
                   "mta.example.org",
                   "250 Ok: queued as Q1",
                   "u+ext@example.com",
                   true};
    return out;
}

void check_same(const DeliveredNote& got, const DeliveredNote& want) {
    CHECK(got.key == want.key);
    CHECK(got.at == want.at);
    CHECK(got.outcome.response.line() == want.outcome.response.line());
    CHECK(got.outcome.relayed == want.outcome.relayed);
    CHECK(got.outcome.takes_dsn == want.outcome.takes_dsn);
    CHECK(got.outcome.queued_as == want.outcome.queued_as);
    CHECK(got.outcome.remote_mta == want.outcome.remote_mta);
    CHECK(got.outcome.remote_reply == want.outcome.remote_reply);
    CHECK(got.outcome.final_address == want.outcome.final_address);
}

mail::Envelope envelope() {
    mail::Envelope out;
    out.sender = "a@example.net";
    out.client.ident = "4F2A1B3C4D";
    return out;
}
const policy::RecipientOutcome relayed{{250, "2.0.0", "from MTA(x): 250 Ok: queued as Q1"}, true, "Q1"};

}  // namespace

TEST_CASE("a note reads back as it was written, and one of overlong texts is cut, never refused") {
    const auto slot = encode_note(note(1));
    const auto back = decode_note({slot.data(), slot.size()});
    REQUIRE(back.has_value());
    check_same(*back, note(1));

    auto large = note(2);
    std::string much(5000, 'x');
    for (auto* text : {&large.outcome.response.enhanced, &large.outcome.response.text, &large.outcome.queued_as,
                       &large.outcome.remote_mta, &large.outcome.remote_reply, &large.outcome.final_address})
        *text = much;
    const auto cut = encode_note(large);
    const auto read = decode_note({cut.data(), cut.size()});
    REQUIRE(read.has_value());
    CHECK(read->outcome.response.text == much.substr(0, read->outcome.response.text.size()));
    CHECK(read->outcome.response.text.size() >= 100);
    CHECK(read->outcome.response.code == 250);
}

TEST_CASE("a slot in which any octet has changed is no note") {
    const auto whole = encode_note(note(1));
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto slot = whole;
        slot[i] = static_cast<char>(slot[i] ^ 1);
        CHECK_FALSE(decode_note({slot.data(), slot.size()}).has_value());
    }
    CHECK_FALSE(decode_note(std::string(delivered_slot_size, '\0')).has_value());
    CHECK_FALSE(decode_note({whole.data(), whole.size() - 1}).has_value());
}

TEST_CASE("what a process has noted is there after SIGKILL, and its file is free to be taken over") {
    const Folder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        auto file = DeliveredFile::create(folder.path);
        if (!file) ::_exit(1);
        for (unsigned char i = 1; i <= 5; ++i)
            if (!(*file)->write(note(i))) ::_exit(1);
        (*file)->erase(1);
        ::raise(SIGKILL);
        ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    auto others = other_delivered_files(folder.path, "");
    REQUIRE(others.size() == 1);
    CHECK(others[0]->is_abandoned());
    CHECK(others[0]->notes().size() == 4);
    CHECK(others[0]->find(note(1).key).has_value());
    CHECK_FALSE(others[0]->find(note(2).key).has_value());
    check_same(others[0]->find(note(5).key).value(), note(5));
    others[0]->remove();
    CHECK(folder.files() == 0);
}

TEST_CASE("the file of a process that runs is read and left alone; one without notes goes with its process") {
    const Folder folder;
    {
        auto file = DeliveredFile::create(folder.path);
        REQUIRE(file.has_value());
        REQUIRE((*file)->write(note(7)).has_value());
        auto others = other_delivered_files(folder.path, "");
        REQUIRE(others.size() == 1);
        CHECK_FALSE(others[0]->is_abandoned());
        CHECK(others[0]->find(note(7).key).has_value());
        (*file)->erase(0);
        CHECK_FALSE(others[0]->find(note(7).key).has_value());
    }
    CHECK(folder.files() == 0);
}

TEST_CASE("slots that were given back are used again first: a busy server touches few pages") {
    const Folder folder;
    auto file = DeliveredFile::create(folder.path);
    REQUIRE(file.has_value());
    for (int round = 0; round < 10'000; ++round) {
        const auto slot = (*file)->write(note(1));
        REQUIRE(slot.has_value());
        CHECK(*slot == 0);
        (*file)->erase(*slot);
    }
    CHECK(std::filesystem::file_size((*file)->path()) == delivered_slot_size * delivered_segment_slots);
}

TEST_CASE("no link is followed, and what is no file of ours is let be") {
    const Folder folder;
    std::filesystem::create_symlink("/etc/passwd", folder.path + "/1-0.v1.delivered");
    std::filesystem::create_directory(folder.path + "/2-0.v1.delivered");
    CHECK(other_delivered_files(folder.path, "").empty());
}

TEST_CASE("a journal knows what the one before it had noted, also while that one still runs") {
    const Folder folder;
    const mail::Message message;
    DeliveredJournal next;
    {
        DeliveredJournal before;
        REQUIRE(before.open(folder.path).has_value());
        before.remember(envelope(), message, "u@example.com", relayed);
        before.remember(envelope(), message, "v@example.com", relayed);
        before.forget(envelope(), message, "v@example.com");
        REQUIRE(next.open(folder.path).has_value());
        CHECK(next.find(envelope(), message, "u@example.com").has_value());
        CHECK_FALSE(next.find(envelope(), message, "v@example.com").has_value());
        before.remember(envelope(), message, "w@example.com", relayed);  // after the other has begun
        CHECK(next.find(envelope(), message, "w@example.com").has_value());
        CHECK(next.empty());
    }
    CHECK(next.find(envelope(), message, "u@example.com").has_value());  // taken over now
    CHECK(next.size() == 2);
    CHECK(folder.files() == 1);
}

TEST_CASE("what is too old is not taken over") {
    const Folder folder;
    DeliveredJournal journal;
    {
        auto file = DeliveredFile::create(folder.path);
        REQUIRE(file.has_value());
        REQUIRE((*file)->write(note(1, 1000)).has_value());
    }
    REQUIRE(journal.open(folder.path).has_value());
    CHECK(journal.empty());
    CHECK(folder.files() == 1);
}

TEST_CASE("a folder that cannot be made leaves the journal in memory, and it works") {
    DeliveredJournal journal;
    const mail::Message message;
    CHECK_FALSE(journal.open("/nonexistent/folder").has_value());
    journal.remember(envelope(), message, "u@example.com", relayed);
    CHECK(journal.find(envelope(), message, "u@example.com").has_value());
    journal.forget(envelope(), message, "u@example.com");
    CHECK(journal.empty());
}
