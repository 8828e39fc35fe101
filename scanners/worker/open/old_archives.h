// old_archives - ARJ, LHA, ARC and zoo, which mail still carries because few filters open them
//
// Guarantees: linear in the archive; a member whose checksum is wrong, whose method is unknown or whose header is damaged is told; an
// archive counts as one only with a sound first header, so that two letters at the beginning of a file are none. Trusts nothing.
#pragma once

#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// is_arj, is_lha, is_arc, is_zoo - the bytes begin with a sound header of such an archive; `size` is what there is at least, with `head`
bool is_arj(std::string_view head);
bool is_lha(std::string_view head);
bool is_arc(std::string_view head, std::uint64_t size);
bool is_zoo(std::string_view head);

// The decoders' `open` functions
void open_arj(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_lha(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_arc(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_zoo(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
