#include "scanners/worker/charsets.h"

#include <iconv.h>

#include <string>

#include "scanners/worker/open/charset.h"

namespace tamis::worker {

std::size_t hold_charsets() {
    std::size_t known = 0;
    for (const auto view : charset_names_to_preopen()) {
        const std::string name(view);
        // never closed: iconv forgets a conversion that nobody holds, and could not load it again. Both directions:
        // libarchive converts the names of members too.
        if (const iconv_t held = ::iconv_open("UTF-8", name.c_str()); held != reinterpret_cast<iconv_t>(-1)) ++known;
        if (const iconv_t held = ::iconv_open(name.c_str(), "UTF-8"); held != reinterpret_cast<iconv_t>(-1)) ++known;
    }
    preopen_charsets();
    return known;
}

}  // namespace tamis::worker
