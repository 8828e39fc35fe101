#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// a whole message through everything that tamis-worker does, and its answer through the wire's limits
void opener(std::string_view bytes) {
    const auto setup = full_setup();
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
