#include "scanners/worker/open/vba.h"

#include "scanners/worker/open/lzop.h"
#include "scanners/worker/open/rar_headers.h"
#include "scanners/worker/open/zip_structure.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// the parsers of our own under the archive decoders, reached directly
void vba(std::string_view bytes) {
    constexpr std::size_t most = 1 << 20;
    if (const auto text = open::decompress_vba(bytes, most)) {
        must(text->size() <= most, "VBA source is limited");
        open::read_vba_modules(*text);
        open::signs_in(*text);
        open::has_code(*text);
    }
    open::has_compiled_code(bytes);
    open::read_vba_modules(bytes);
    open::decompress_lzo1x(bytes, 1 << 16);
    open::read_rar5_headers(bytes, 100);
    open::read_zip(bytes, 100);
}

}  // namespace tamis::fuzz
