#include "scanners/worker/wire.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// what a worker says, and what it is told: the worker may be in an attacker's hands
void wire(std::string_view bytes) {
    (void)open::parse_setup(bytes);
    (void)open::parse_hello(bytes);
    (void)open::parse_job(bytes);
    (void)open::parse_long_job(bytes);
    (void)open::parse_answer_elsewhere(bytes);
    (void)open::parse_death(bytes);
    open::Limits limits;
    if (const auto answer = open::parse_answer(bytes, limits)) {
        std::uint32_t number = 0;
        for (const auto& part : answer->contents.parts) {
            must(part.number == ++number && part.parent < part.number, "parts are in order");
            must(part.extract < static_cast<std::int32_t>(answer->extracts.size()), "an extract exists");
        }
        must(answer->contents.parts.size() <= limits.members + limits.mime_parts, "parts are limited");
    }
}

}  // namespace tamis::fuzz
