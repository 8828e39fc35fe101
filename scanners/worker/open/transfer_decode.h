// transfer_decode - base64 and quoted-printable, in the two readings mail programs have of damaged data
//
// RFC 2045 section 6. Total and linear; output goes out in chunks of at most 64 KiB. Notes say what was odd, so that the
// caller knows whether the second reading is needed. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tamis::worker {

// Output - where decoded bytes go. put() answers false to end the decoding (the budget is spent).
class Output {
public:
    virtual ~Output() = default;
    virtual bool put(std::string_view bytes) = 0;
};

class StringOutput final : public Output {
public:
    bool put(std::string_view more) override {
        bytes.append(more);
        return true;
    }
    std::string bytes;
};

struct DecodeNotes {
    bool complete = true;        // false: the output ended it
    bool junk = false;           // base64: characters outside the alphabet (blanks and line ends apart);
                                 // quoted-printable: "=" without two hex digits or a line end
    bool after_padding = false;  // base64: data behind the padding
    bool wrong_length = false;   // base64: padding missing, or one character left over
    bool soft_breaks = false;    // quoted-printable: "=" and blanks before the line end
    bool is_odd() const noexcept { return junk || after_padding || wrong_length || soft_breaks; }
    // differs - the second reading gives other bytes
    bool differs() const noexcept { return after_padding || wrong_length || junk || soft_breaks; }
};

enum class Base64Reading : std::uint8_t {
    skip_padding,   // padding ends a group of four, decoding goes on behind it; junk is skipped
    stop,           // padding that completes a group ends the data, other padding is forgotten (Python); junk is skipped
    first_padding,  // any "=" ends the data; without one, what is left of a group is dropped (GMime)
    first_junk,     // as skip_padding, up to the first character that does not belong there
};
DecodeNotes decode_base64(std::string_view text, Base64Reading reading, Output& out);

enum class QuotedReading : std::uint8_t {
    literal,   // "=" that is no escape stays; blanks after "=" make it no soft line break (Python, GMime)
    tolerant,  // "=" that is no escape vanishes; blanks between "=" and the line end are part of a soft line break
};
DecodeNotes decode_quoted(std::string_view text, QuotedReading reading, Output& out);

// text_behind_base64 - where a text begins that somebody (a mailing list, a virus scanner) put behind the last line of base64;
// npos when there is none. Short, on lines of its own, of words: no long run in it could be more data.
std::size_t text_behind_base64(std::string_view text);

// looks_like_base64 - at least 60 characters, all of them of the alphabet, blanks and line ends
bool looks_like_base64(std::string_view text);

}  // namespace tamis::worker
