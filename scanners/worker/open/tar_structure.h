// tar_structure - the headers of a tar archive as they stand, where readers of tar differ or stop
//
// libarchive ends at a header whose checksum is wrong and calls the archive whole; it gives a hard link no bytes, where others write the
// bytes behind it to a file; and of two sizes, one in the header and one in a pax record, each program believes its own. Here the
// headers are walked once, and what is so is told. POSIX.1-2018 pax; GNU tar's manual. Linear; pure; trusts nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

struct TarLink {
    std::string_view name;
    std::uint64_t data_at = 0, size = 0;
};

struct TarReading {
    std::vector<TarLink> links;         // links, directories and devices with bytes: some programs write them to a file
    std::vector<std::string> oddities;  // two programs may read it differently
    std::string damage;                 // something is missing; "": nothing
};

// read_tar - at most `most_members` headers
TarReading read_tar(std::string_view bytes, std::uint32_t most_members);

}  // namespace tamis::worker
