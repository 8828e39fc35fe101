#include "scanners/worker/open/cms.h"

#include "scanners/worker/open/ber.h"
#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void cms(std::string_view bytes) {
    if (const auto element = open::read_ber(bytes)) {
        must(element->size <= bytes.size() && element->size >= 2, "an element lies within its bytes");
        must(element->content.size() <= element->size, "a content lies within its element");
    }
    open::is_cms(bytes);
    auto setup = full_setup();
    setup.open_message = [](open::Opener& opener, std::uint32_t parent, const open::Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .types = {"application/pkcs7-mime"}, .is_mime = true}, message,
                           "message", false);
    };
    check_opened(open::open_message(setup, open::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
