// members - what the decoders of archives have in common: names and marks
//
// Names are data from a stranger: they are kept as they are, never used as a path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

constexpr std::size_t decode_chunk = 64 * 1024;  // decoded bytes at once

// mark_damaged - the archive cannot be read to its end: a bad_archive anomaly, and undecipherable, for something may be missing
void mark_damaged(Opener& opener, std::uint32_t part, std::string_view detail);
// mark_unread - the format or a method in it is known, and not read here: a bad_archive anomaly with the reason, and undecipherable
void mark_unread(Opener& opener, std::uint32_t part, std::string_view detail);
// mark_encrypted - the bytes (or an archive's whole directory) cannot be read without a password
void mark_encrypted(Opener& opener, std::uint32_t part);
// mark_unreadable - this member's method is one that we do not know
void mark_unreadable(Opener& opener, std::uint32_t part);

// add_empty - a member without bytes: a directory, a link, an encrypted file; its number, 0 without budget
std::uint32_t add_empty(Opener& opener, std::uint32_t parent, std::string_view container, std::vector<std::string> names,
                        std::uint8_t flags, const char* who);

// member_names - the UTF-8 form first, then the raw bytes where they differ
std::vector<std::string> member_names(std::string_view raw, bool is_utf8);
// unpacked_names - "report.txt.gz" is "report.txt" inside, "x.tgz" is "x.tar"; no name: none
std::vector<std::string> unpacked_names(const mail::Part& packed);
// utf8_of_utf16 - little-endian; unpaired surrogates become U+FFFD; ends at `limit` bytes
std::string utf8_of_utf16(std::string_view bytes, std::size_t limit);

bool has_kind(const mail::Part& part, std::string_view kind);
void add_kind(mail::Part& part, std::string_view kind);

}  // namespace tamis::worker
