#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/mime_header.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// structured MIME fields in all their readings, encoded words, charsets
void fields(std::string_view bytes) {
    constexpr std::size_t most = 256;
    const auto field = worker::parse_structured(bytes, most);
    for (const auto* name : {"boundary", "name", "filename", "charset"}) {
        worker::readings_of(field, name);
        worker::names_of(field, bytes, name);
        worker::naive_parameter(bytes, name);
    }
    must(worker::decode_words(bytes).size() <= 4 * bytes.size() + 64, "decoded words are limited");
    const auto cut = bytes.find('\n');
    if (cut == std::string_view::npos) return;
    if (const auto text = worker::to_utf8(bytes.substr(cut + 1), bytes.substr(0, cut)))
        must(text->size() <= 4 * bytes.size() + 64, "converted text is limited");
}

}  // namespace tamis::fuzz
