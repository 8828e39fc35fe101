#include "scanners/worker/open/mime_walk.h"

#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// a whole message through the MIME walker alone: no archives, no libmagic
void mime(std::string_view bytes) {
    open::OpenerSetup setup;
    setup.limits = small_limits();
    setup.open_message = open::open_mime;
    setup.decoders = open::mime_decoders();
    check_opened(open::open_message(setup, open::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
