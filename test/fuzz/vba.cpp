#include "scanners/worker/open/vba.h"

#include "scanners/worker/open/lzop.h"
#include "scanners/worker/open/rar_headers.h"
#include "scanners/worker/open/zip_structure.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// the parsers of our own under the archive decoders, reached directly
void vba(std::string_view bytes) {
    constexpr std::size_t most = 1 << 20;
    if (const auto text = worker::decompress_vba(bytes, most)) {
        must(text->size() <= most, "VBA source is limited");
        worker::read_vba_modules(*text);
        worker::signs_in(*text);
        worker::has_code(*text);
    }
    worker::has_compiled_code(bytes);
    worker::read_vba_modules(bytes);
    worker::decompress_lzo1x(bytes, 1 << 16);
    worker::read_rar5_headers(bytes, 100);
    worker::read_zip(bytes, 100);
}

}  // namespace tamis::fuzz
