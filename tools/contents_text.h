// contents_text - what opening a message showed, as text for a person and as JSON for a program; pure
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mail/contents.h"
#include "policy/unchecked_causes.h"

namespace tamis::tools {

// OpenReport - the contents, and what the rules say about them
struct OpenReport {
    const mail::Contents* contents = nullptr;
    std::uint64_t size = 0;
    std::map<std::uint32_t, std::string> banned;               // part number -> the rule that would ban it, in words
    std::vector<policy::UncheckedCause> unchecked;             // why the message would be unchecked whatever the scanners say
    std::string banned_reason;                                 // as in log, reply and header; "": nothing is banned
    std::vector<std::pair<int, std::string>> header_problems;  // minor and text (docs/amavis/policy.md 7.1)
};

// tree_text - one line per part, indented by its depth: path, kinds, size, names, flags; then anomalies, limits, problems.
// Bytes of the message are escaped.
std::string tree_text(const OpenReport& report);
// tree_json - the same as one JSON object; docs/opening.md lists its fields
std::string tree_json(const OpenReport& report);

}  // namespace tamis::tools
