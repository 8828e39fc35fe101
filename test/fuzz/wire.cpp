#include "scanners/worker/wire.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// what a worker says, and what it is told: the worker may be in an attacker's hands
void wire(std::string_view bytes) {
    (void)worker::parse_setup(bytes);
    (void)worker::parse_hello(bytes);
    (void)worker::parse_job(bytes);
    (void)worker::parse_long_job(bytes);
    (void)worker::parse_elsewhere(bytes);
    (void)worker::parse_wish(bytes);
    (void)worker::parse_go_on(bytes);
    (void)worker::parse_death(bytes);
    worker::Limits limits;
    const auto check_shown = [&](const std::vector<worker::PartBytes>& shown) {
        std::uint64_t total = 0;
        for (const auto& each : shown) {
            must(each.size <= limits.extract_bytes - total, "bytes of shown parts are limited");
            total += each.size;
            must(!each.is_inline || each.bytes.size() == each.size, "inline bytes are there");
        }
        must(shown.size() <= worker::shown_most, "shown parts are limited");
    };
    if (const auto batch = worker::parse_batch(bytes, limits)) check_shown(batch->shown);
    if (const auto answer = worker::parse_answer(bytes, limits)) {
        std::uint32_t number = 0;
        check_shown(answer->shown);
        for (const auto& part : answer->contents.parts) {
            must(part.number == ++number && part.parent < part.number, "parts are in order");
        }
        must(answer->contents.parts.size() <= limits.members + limits.mime_parts, "parts are limited");
    }
}

}  // namespace tamis::fuzz
