#include "scanners/worker/open/cms.h"

#include "scanners/worker/open/ber.h"
#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void cms(std::string_view bytes) {
    if (const auto element = worker::read_ber(bytes)) {
        must(element->size <= bytes.size() && element->size >= 2, "an element lies within its bytes");
        must(element->content.size() <= element->size, "a content lies within its element");
    }
    worker::is_cms(bytes);
    auto setup = full_setup();
    setup.open_message = [](worker::Opener& opener, std::uint32_t parent, const worker::Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .types = {"application/pkcs7-mime"}, .is_mime = true}, message,
                           "message", false);
    };
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
