#include "scanners/worker/tools.h"

#include <iconv.h>
#include <openssl/evp.h>

#include <array>
#include <clocale>
#include <ctime>
#include <stdexcept>

#include "scanners/worker/charsets.h"
#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"

namespace tamis::worker {
namespace {

// warm_up - libraries that load something at their first use do it now: exceptions, digests, the time zone, the locale
void warm_up() {
    std::setlocale(LC_ALL, "C.UTF-8");
    ::tzset();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest("", 0, digest.data(), &size, EVP_sha256(), nullptr);
    try {
        throw std::runtime_error("the unwinder");
    } catch (const std::exception&) {
        size = 0;
    }
}

}  // namespace

Result<Tools> load_tools() {
    warm_up();
    hold_charsets();
    prepare_archives();
    auto kinds = MagicKinds::load();
    if (!kinds) return std::unexpected(std::move(kinds.error()));
    Tools out;
    out.kinds = std::move(*kinds);
    out.setup.kinds = out.kinds.get();
    out.setup.open_message = open_mime;
    out.setup.decoders = mime_decoders();
    for (auto& decoder : archive_decoders()) out.setup.decoders.push_back(decoder);
    return out;
}

}  // namespace tamis::worker
