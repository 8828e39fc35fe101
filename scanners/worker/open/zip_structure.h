// zip_structure - the members of a zip archive as its central directory tells them and as its local headers tell them
//
// A zip archive says everything twice, and programs differ in whom they believe (docs/opening-archives.md). Here both are
// read and compared: where they disagree, overlap or hide something, `oddities` says so and both readings are returned.
// APPNOTE.TXT 6.3.10. Guarantees: linear in the size of the archive, at most `most_members` members. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

struct ZipMember {
    std::string_view name;          // raw bytes, within the archive
    std::string_view unicode_name;  // extra field 0x7075 (UTF-8), if there is one
    std::uint64_t header_at = 0;    // of the local header
    std::uint64_t data_at = 0;      // 0: there is no local header
    std::uint64_t compressed = 0;   // bytes
    std::uint64_t size = 0;
    std::uint32_t crc = 0;
    std::uint32_t attributes = 0;  // external; only in the central directory
    std::uint16_t method = 0, flags = 0;
    std::uint8_t made_by = 0;     // 3: unix
    bool is_size_known = true;    // false: a data descriptor follows (streamed)
    bool is_overlapping = false;  // shares bytes with another member: not decoded

    bool is_encrypted() const noexcept { return (flags & 0x2041) != 0; }
    bool is_utf8() const noexcept { return (flags & 0x0800) != 0; }
};

struct ZipReading {
    bool has_directory = false;
    std::vector<ZipMember> members;         // by the central directory; by the local headers when there is none
    std::vector<ZipMember> others;          // local headers that the directory does not name or describes differently
    std::vector<std::string> oddities;      // two programs may read it differently
    std::string damage;                     // something is missing; "": nothing
    bool is_hidden = false;                 // the directory itself is encrypted
    bool is_too_many = false;               // more than `most_members`
    bool is_tight = false;                  // every byte is a member's data or a header without room for anything else
    std::uint64_t begin = 0;                // where the archive begins: bytes before it belong to something else
    std::uint64_t directory = 0, stop = 0;  // where the central directory begins, and where the archive ends with its comment
};

// read_zip - the structure of `bytes`
ZipReading read_zip(std::string_view bytes, std::uint32_t most_members);

// find_zip_end - where the end-of-central-directory record of an archive begins that ends these bytes (whatever lies before
// it), npos: there is none that holds together
std::size_t find_zip_end(std::string_view bytes);

// zip_size - of the archive whose first local header is at `begin`: up to the end record that belongs to it, and its comment. 0:
// there is no such header; npos: no end record belongs to it
std::size_t zip_size(std::string_view bytes, std::size_t begin);

// local_member - the local header at `at`; data_at is 0 when there is none
ZipMember local_member(std::string_view bytes, std::uint64_t at);

}  // namespace tamis::worker
