#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// the bytes as one attachment, undisguised: archives, compressed data, documents, TNEF
void archive(std::string_view bytes) {
    auto setup = full_setup();
    setup.open_message = [](worker::Opener& opener, std::uint32_t parent, const worker::Blob& message) {
        worker::NewPart part;
        part.parent = parent;
        part.types = {"application/octet-stream"};
        part.is_mime = true;
        opener.new_part_of(std::move(part), message, "mime", false);
    };
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
