// compound_file - OLE2 / compound file binary (MS-CFB): old office documents, .msi, .msg, vbaProject.bin
//
// Guarantees: every sector chain ends (a loop or a sector outside the file is damage), all tables are bounded by the size
// of the file, reading is linear. A directory entry that the tree does not reach is listed all the same. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

constexpr std::size_t most_compound_entries = 20'000;

struct CompoundEntry {
    std::string name;    // UTF-8
    std::string path;    // "Macros/VBA/ThisDocument", without the root
    std::string folder;  // "Macros/VBA"
    bool is_stream = false;
    bool is_reached = false;  // by the tree
    std::uint32_t start = 0;
    std::uint64_t size = 0;
};

class CompoundFile {
public:
    // the bytes must outlive it
    explicit CompoundFile(std::string_view bytes);

    bool is_open() const noexcept { return is_open_; }              // the header and the tables could be read
    const std::string& damage() const noexcept { return damage_; }  // "": none was met so far
    const std::vector<CompoundEntry>& entries() const noexcept { return entries_; }
    // used - the ranges of sectors that are in use, in order; the header is one
    struct Range {
        std::uint64_t begin = 0, end = 0;
    };
    std::vector<Range> used() const;
    // read - the first `most` bytes of a stream; fewer when its chain ends early (which is damage)
    std::string read(const CompoundEntry& entry, std::uint64_t most);

private:
    bool read_header();
    bool read_fat(std::uint32_t first_difat, std::uint32_t difat_sectors);
    void read_directory(std::uint32_t first);
    void name_paths(const std::vector<std::uint32_t>& links);
    void check_chains();
    std::string_view sector(std::uint32_t number) const;
    std::string read_chain(std::uint32_t first, std::uint64_t most);
    void damaged(std::string_view what);

    std::string_view bytes_;
    bool is_open_ = false;
    unsigned shift_ = 9;
    std::uint32_t mini_cutoff_ = 4096;
    std::vector<std::uint32_t> fat_, mini_fat_;
    std::string mini_;  // the mini stream
    std::vector<CompoundEntry> entries_;
    std::string damage_;
};

}  // namespace tamis::worker
