// text_decode - uuencode, xxencode, yEnc and BinHex 4.0: files written as text inside a text
//
// POSIX uuencode, yEnc draft 1.3, RFC 1741, as lenient as the most lenient reader. Lines end with CRLF, LF or CR. Each decoder gets the text from the line behind the header line, stops where
// the data end, and says how far it read. Total, linear; damaged data give what could be decoded. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

struct TextNotes {
    std::size_t consumed = 0;  // characters of the text that belong to the data
    bool complete = true;      // false: the output ended it
    bool damaged = false;      // a line that is no data, a wrong count
    bool ended = false;        // the end line was there
};

// uu_begin - the name in a line "begin 644 name", "begin-base64 644 name" or "begin-base64-encoded 644 bmFtZQ=="; readers want
// three digits of mode, more, fewer, or none, and some no name: what follows decides. Nothing for another line.
struct UuBegin {
    std::string name;
    bool is_base64 = false;
    bool has_mode = false;
};
std::optional<UuBegin> uu_begin(std::string_view line);
// is_uu_line / is_xx_line - length character and characters agree; text may follow where readers count characters
bool is_uu_line(std::string_view line);
// is_short_uu_line - one that lost the blanks at its end (zeros of those who write them as blanks): no proof by itself
bool is_short_uu_line(std::string_view line);
bool is_xx_line(std::string_view line);
// is_base64_line - nothing but the alphabet, and at least one group of it
bool is_base64_line(std::string_view line);
TextNotes decode_uu(std::string_view text, Output& out);
TextNotes decode_xx(std::string_view text, Output& out);
TextNotes decode_uu_base64(std::string_view text, Output& out);

// yenc_name - of "=ybegin line=128 size=123 name=file.exe", of which any one will do; nothing for another line
std::optional<std::string> yenc_name(std::string_view line);
TextNotes decode_yenc(std::string_view text, Output& out);

// BinHex: the text from the ":" on. `name` and the type come from its header; one fork goes to the output.
bool is_binhex_line(std::string_view line);  // "(This file must be converted with BinHex 4.0)"
struct BinhexHeader {
    std::string name;
    std::uint32_t data_size = 0, resource_size = 0;
    bool is_sure = false;  // its checksum agrees: BinHex whatever stands before it
};
std::optional<BinhexHeader> binhex_header(std::string_view text);
TextNotes decode_binhex(std::string_view text, Output& out);
TextNotes decode_binhex_resource(std::string_view text, Output& out);

}  // namespace tamis::worker
