#include "scanners/worker/open/mime_walk.h"

#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// a whole message through the MIME walker alone: no archives, no libmagic
void mime(std::string_view bytes) {
    worker::OpenerSetup setup;
    setup.limits = small_limits();
    setup.open_message = worker::open_mime;
    setup.decoders = worker::mime_decoders();
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
