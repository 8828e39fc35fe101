// rar_headers - what the headers of a RAR 5 archive say that libarchive does not: encryption
//
// The RAR 5.0 archive format, "technote". Linear, strict, pure; trusts nothing.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tamis::worker {

struct RarHeaders {
    bool are_encrypted = false;                    // the archive hides even its names
    bool is_volume = false;                        // one of several
    std::set<std::string, std::less<>> encrypted;  // names of members with encrypted data
};

bool is_rar5(std::string_view bytes);
// read_rar5_headers - until the end of the archive, or until the headers cannot be read any more
RarHeaders read_rar5_headers(std::string_view bytes, std::uint32_t most_members);

}  // namespace tamis::worker
