// charset - text of any declared charset to UTF-8, by iconv, with descriptors that were opened before the sandbox closed
//
// A charset's name from a message never reaches iconv_open: it is looked up in our own table of names. In the sandbox
// there is no file system, so whoever starts a worker calls preopen_charsets() first; a charset that was not opened
// then is unknown. Total: bytes that do not fit their charset become U+FFFD. Nothing is kept between two calls: a text gives
// the same whatever was converted before it. One thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tamis::worker {

// charset_names_to_preopen - the names iconv is asked for (not the aliases of them that messages use)
std::span<const std::string_view> charset_names_to_preopen();

// preopen_charsets - opens all of them; returns how many this machine knows. Later calls open nothing and say the same.
std::size_t preopen_charsets();

// is_known_charset - whether to_utf8 can read it; any case
bool is_known_charset(std::string_view charset);

// hides_ascii - bytes below 128 do not stand for ASCII characters in it (UTF-16, UTF-7, EBCDIC ...): whoever looks for
// words in such text must convert it first
bool hides_ascii(std::string_view charset);

// wide_charset_of - UTF-16 or UTF-32, either order, by the mark at the beginning of a text or by the zeros in it; "" when it is
// neither
std::string_view wide_charset_of(std::string_view text);

// to_utf8 - nothing when the charset is unknown. Output is at most 4 times the input plus a few bytes.
std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset);

// decode_words - RFC 2047 encoded words to UTF-8, in every charset above. What cannot be decoded stays as it is; blanks
// between two words vanish; the bytes of neighbouring words of one charset are joined before they are converted (a
// character may be split between them). Linear.
std::string decode_words(std::string_view text);

}  // namespace tamis::worker
