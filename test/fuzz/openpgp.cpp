#include "scanners/worker/open/openpgp.h"

#include "scanners/worker/open/openpgp_packets.h"
#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void openpgp(std::string_view bytes) {
    const auto found = worker::read_pgp(bytes);
    must(found.size <= bytes.size() && found.contents.size() <= worker::most_pgp_contents,
         "packets lie within their bytes, and are limited");
    for (const auto& content : found.contents) {
        must(content.at + content.packet.size <= bytes.size(), "a packet lies within the bytes");
        must(worker::whole_body(bytes.substr(content.at, content.packet.size)).size() <= bytes.size(),
             "a body is not larger than its pieces");
    }
    for (auto block = worker::find_armor(bytes, 0, "PGP MESSAGE"); block;
         block = worker::find_armor(bytes, block->end, "PGP MESSAGE"))
        must(block->begin < block->end && block->end <= bytes.size(), "a block of armor lies within the text");
    auto setup = full_setup();
    setup.open_message = [](worker::Opener& opener, std::uint32_t parent, const worker::Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .types = {"application/octet-stream"}, .is_mime = true}, message,
                           "message", false);
    };
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
