#include "scanners/worker/match_wire.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// what a worker that matches YARA rules says, and what it is told: the first byte chooses how many rules and things there are
void matches(std::string_view bytes) {
    (void)worker::parse_match_setup(bytes);
    if (const auto job = worker::parse_match_job(bytes)) {
        must(!job->items.empty() && job->items.size() <= worker::match_items_most, "things of a job are limited");
        must(worker::parse_match_job(worker::encode_match_job(*job)).has_value(), "a job that was read can be written");
    }
    if (bytes.empty()) return;
    const auto first = static_cast<unsigned char>(bytes.front());
    const std::size_t items = first % 4;
    const std::uint32_t rules = first / 4 * 300;
    const auto answer = worker::parse_match_answer(bytes.substr(1), items, rules);
    if (!answer) return;
    must(answer->results.size() == items, "one result for each thing");
    std::size_t named = 0;
    for (const auto& result : answer->results) {
        must(result.end == worker::MatchEnd::done || result.rules.empty(), "only who has looked names rules");
        named += result.rules.size();
        for (std::size_t i = 0; i < result.rules.size(); ++i)
            must(result.rules[i] < rules && (i == 0 || result.rules[i - 1] < result.rules[i]), "rules exist and are in order");
    }
    must(named <= worker::match_rules_most, "rules named are limited");
    must(worker::encode_match_answer(*answer) == bytes.substr(1), "an answer has one form");
}

}  // namespace tamis::fuzz
