// yara_rules - compiled YARA rules on their way to the processes that match them, and what it means when one matches
//
// The rules are the administrator's and are compiled here, in the daemon; no message is ever matched here. The metadata of a
// rule says what it stands for: `virus = "NAME"`, or `score = N` (a whole number or a decimal in quotes) with an optional
// `test = "NAME"`; a rule with neither is a virus called like the rule, or ignored, as wanted. Nothing changes after
// compile(): any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/evidence.h"
#include "scanners/worker/packet.h"

namespace tamis::scanners {

enum class Unmarked { virus, ignore };

struct YaraFindings {
    std::vector<std::string> viruses;
    std::vector<mail::SpamTest> tests;
};

class YaraRules {
public:
    // compile - "builtin" or the paths of rule files, each a namespace of its own. The fault names file and line.
    static Result<std::unique_ptr<YaraRules>> compile(const std::vector<std::string>& sources, Unmarked unmarked);

    // descriptor - a sealed memfd with the rules as libyara writes them, `size` bytes
    int descriptor() const noexcept { return bytes_.get(); }
    std::uint64_t size() const noexcept { return size_; }
    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(meanings_.size()); }
    // meaning_of - the rules that matched, by number; numbers that are none of ours mean nothing
    YaraFindings meaning_of(std::span<const std::uint32_t> matched) const;

private:
    struct Meaning {
        enum class Kind { nothing, virus, test } kind = Kind::nothing;
        std::string name;
        double score = 0;
    };
    struct Reading;
    YaraRules() = default;

    worker::Descriptor bytes_;
    std::uint64_t size_ = 0;
    std::vector<Meaning> meanings_;  // of each rule
};

}  // namespace tamis::scanners
