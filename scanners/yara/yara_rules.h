// yara_rules - compiled YARA rules, and what it means when one matches
//
// The metadata of a rule says what it stands for: `virus = "NAME"`, or `score = N` (a whole number or a decimal in
// quotes) with an optional `test = "NAME"`; a rule with neither is a virus called like the rule, or ignored, as wanted.
// Matching is safe from any thread at the same time. Blocks for as long as the scan takes. Exceptions never pass
// through libyara.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/evidence.h"
#include "mail/message.h"

struct YR_RULES;
struct YR_SCAN_CONTEXT;

namespace tamis::scanners {

enum class Unmarked { virus, ignore };

struct YaraFindings {
    std::vector<std::string>    viruses;
    std::vector<mail::SpamTest> tests;
};

class YaraRules {
public:
    // compile - "builtin" or the paths of rule files, each a namespace of its own. The fault names file and line.
    static Result<std::unique_ptr<YaraRules>> compile(const std::vector<std::string>& sources, Unmarked unmarked);
    ~YaraRules();
    YaraRules(const YaraRules&) = delete;
    YaraRules& operator=(const YaraRules&) = delete;

    // match - the whole message: from memory when it is all there, else mapped. Errc::timeout after `limit` (rounded
    // up to whole seconds); any other trouble is a fault, never an empty finding.
    Result<YaraFindings> match(const mail::SealedSpool& spool, std::chrono::milliseconds limit);

private:
    struct DropRules {
        void operator()(YR_RULES* rules) const noexcept;
    };
    struct DropScanner {
        void operator()(YR_SCAN_CONTEXT* scanner) const noexcept;
    };
    using ScannerHandle = std::unique_ptr<YR_SCAN_CONTEXT, DropScanner>;

    YaraRules(std::unique_ptr<YR_RULES, DropRules> rules, Unmarked unmarked);
    Done                  check_metadata() const;
    Result<ScannerHandle> take_scanner();

    std::unique_ptr<YR_RULES, DropRules> rules_;
    Unmarked                             unmarked_;
    std::mutex                           mutex_;
    std::vector<ScannerHandle>           idle_;  // of the rules; each used by one thread at a time
};

}  // namespace tamis::scanners
