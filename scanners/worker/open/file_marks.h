// file_marks - finds files by the marks at their beginning, with as much of the header as tells a file from a chance
//
// Pure, total, linear: one look at each byte, a constant number of steps for each mark, a search to the end only for zip
// archives (which say at their end how long they are). Trusts nothing; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tamis::worker {

struct FoundFile {
    std::string_view kind;  // amavisd's short type: "zip", "pdf", "exe"; "": nothing was found
    std::size_t begin = 0;
    std::size_t size = 0;  // npos: not known, it may reach to the end
    std::size_t mark = 0;  // where its mark stands: the search goes on behind it
    bool is_weak = false;  // programs open it only at the beginning of a file: not as what lies somewhere in other bytes
    explicit operator bool() const noexcept { return !kind.empty(); }
};

// find_file - the first one whose mark is in [from, until) and which begins at `lowest` or later; it may reach beyond `until`
FoundFile find_file(std::string_view bytes, std::size_t lowest, std::size_t from, std::size_t until);

// find_zip_by_end - an end record of a zip archive in [from, until) whose members lie anywhere before it. Each record that is looked at
// costs a look at the whole archive: `tries` are left, and counted down.
FoundFile find_zip_by_end(std::string_view bytes, std::size_t from, std::size_t until, unsigned& tries);

}  // namespace tamis::worker
