// names_probe DIRECTORY - opens every file of the directory, between two marks that strace shows
//
// test/hostile/names.py runs it under strace and looks at what happens between the marks. Exit status 1: a file gave no member.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "hostile/opening.h"

using namespace tamis::worker;

namespace {

struct File {
    std::string name;
    Blob bytes;
};

OpenerSetup as_attachment(OpenerSetup setup) {
    setup.limits.iso_images = true;
    setup.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .is_mime = true}, message, "message", false);
    };
    return setup;
}

}  // namespace

int main(int, char** arguments) {
    std::vector<File> files;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
        std::ifstream from(entry.path(), std::ios::binary);
        files.push_back({entry.path().filename(), Blob::of(std::string(std::istreambuf_iterator<char>(from), {}))});
    }
    auto opening = load_opening();
    if (!opening) return 2;
    const auto setup = as_attachment(opening->setup);
    open_message(setup, files.front().bytes);  // what is loaded at the first use is loaded now
    std::vector<std::size_t> members;
    ::access("/mark/begin", F_OK);
    for (const auto& file : files) members.push_back(open_message(setup, file.bytes).contents.parts.size() - 1);
    ::access("/mark/end", F_OK);
    int status = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
        std::printf("%-24s %zu members\n", files[i].name.c_str(), members[i]);
        if (members[i] == 0) status = 1;
    }
    return status;
}
