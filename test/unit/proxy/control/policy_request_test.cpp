#include "proxy/control/policy_request.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace tamis;
using namespace tamis::proxy;

namespace {

struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "tamis-milter-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string put(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name, std::ios::binary) << text;
        return path + "/" + name;
    }
    std::string path;
};

}  // namespace

TEST_CASE("a milter's file must belong to whoever asks and be a plain file") {
    Folder folder;
    const auto file = folder.put("email.txt", "x\n");
    std::filesystem::create_symlink(file, folder.path + "/link");
    const auto user = ::geteuid();
    const auto opened = open_mail_file(file, user);
    REQUIRE(opened);
    ::close(*opened);
    CHECK(open_mail_file(file, user + 1).error().is(Errc::refused));
    CHECK_FALSE(open_mail_file(folder.path + "/link", user));
    CHECK_FALSE(open_mail_file(folder.path, user));
    CHECK_FALSE(open_mail_file("email.txt", user));
    CHECK_FALSE(open_mail_file(folder.path + "/missing", user));
}

TEST_CASE("header edits are told to a milter: delete from the last one up, the topmost field last") {
    const std::string text = "X-Spam-Flag: NO\r\nSubject: x\r\nX-Spam-Flag: MAYBE\r\nSubject: y\r\n\r\nbody\r\n";
    mail::Message message;
    message.spool = std::make_shared<mail::SealedSpool>(-1, text.size(), text);
    message.header = mail::parse_header(text);
    mail::HeaderEdits edits;
    edits.prepend("X-Virus-Scanned", "Tamis");
    edits.prepend("Received", "by us");
    edits.prepend("X-Spam-Status", "Yes,\n\tscore=9");
    edits.remove("X-Spam-Flag");
    edits.replace_next("Subject", "***SPAM*** x");
    edits.replace_next("Subject", "***SPAM*** y");
    AmpdpAnswer answer;
    add_edits(answer, edits, message);
    CHECK(answer.lines() == std::vector<std::string>{"delheader=2 X-Spam-Flag", "delheader=1 X-Spam-Flag",
                                                     "chgheader=1 Subject ***SPAM***%20x", "chgheader=2 Subject ***SPAM***%20y",
                                                     "insheader=0 X-Spam-Status Yes,%0a%09score=9",
                                                     "insheader=0 X-Virus-Scanned Tamis"});
}
