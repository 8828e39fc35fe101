// plain_kinds - texts, HTML and the few signatures that need no libmagic
//
// Most parts of mail are plain text or HTML: they are recognised here in some microseconds. What is told is what
// amavisd's table says for libmagic's description. Conservative: whatever may be more than a text is left to libmagic.
// Pure; trusts nothing; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// plain_kind - of the first bytes of a part; nothing: ask libmagic
std::optional<Kind> plain_kind(std::string_view head, std::uint64_t size);

// is_html - what libmagic and browsers take for HTML: a known tag within the first 4 KiB
bool is_html(std::string_view head);
// is_hta - HTML that Windows runs as a program
bool is_hta(std::string_view head);
// is_tar - the first header block of a tar archive with its right checksum, of whatever variant
bool is_tar(std::string_view head);

// is_pdf - "%PDF-" at the beginning, or within the first kilobyte where readers look for it, and an object behind it
bool is_pdf(std::string_view head);

}  // namespace tamis::worker
