// embedded - what lies inside a text: uuencoded, xxencoded, yEnc and BinHex files, and the header section of another message
//
// Decoder for text parts. One pass over the lines. Each file found becomes a part below the text; the text is then
// ambiguous, for some mail programs show an attachment and others the text. Header sections are noted for the bounce
// killer (docs/amavis/policy.md 6). Trusts nothing; the budget bounds what is decoded.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// quoted_container - Part::container of a message whose header section stands in the middle of a text
constexpr std::string_view quoted_container = "text";

// is_text - a MIME part that a reader shows as text, or a file whose kind is one of those encodings
bool is_text(const mail::Part& part);
// may_hold_files - is_text, and every other part that a reader may take for text and find such files in: by its kind, or by its
// name when it lay in an archive
bool may_hold_files(const mail::Part& part);
// begins_with_file - the text is nothing but such a file, whatever its declared type
bool begins_with_file(std::string_view text);
void open_text(Opener& opener, std::uint32_t part, const Blob& bytes);

// note_attached_header - the header section at the beginning of `text`, if it is one
void note_attached_header(Opener& opener, std::uint32_t part, std::string_view text, bool is_whole_message);

}  // namespace tamis::worker
