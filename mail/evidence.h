// evidence - what the scanners found, before anybody judges it
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "mail/contents.h"

namespace tamis::mail {

struct SpamTest {
    std::string name;  // printable ASCII without blanks, comma or "="
    double score = 0;
};

struct Clean {};
struct Infected {
    std::vector<std::string> names;  // printable ASCII, at least one, each at most 200 characters
};
struct Scored {
    double score = 0;                // finite; exactly as the engine gave it
    std::vector<SpamTest> tests;     // exactly as given, at most 1000
    std::optional<double> required;  // the engine's own threshold
    std::string action;              // rspamd: "no action", "reject", ...
    std::string report;              // spamd's text report, UTF-8, at most 64 KiB
};
struct Failed {
    Fault fault;  // names the engine, the address and why
};
// NotAsked - a backup engine whose turn did not come: no answer, and nothing is missing
struct NotAsked {};
using ScanOutcome = std::variant<Clean, Infected, Scored, Failed, NotAsked>;

struct ScanReport {
    std::string scanner;  // "clamd"
    std::chrono::nanoseconds elapsed{};
    ScanOutcome outcome;
    bool required = false;       // a failure matters: `unchecked` or 451 by setting; false when another of
                                 // its group answered for it (scanners/groups.h)
    bool finds_viruses = false;  // an antivirus engine: its failure leaves viruses unchecked
};

struct Evidence {
    Contents contents;
    std::vector<ScanReport> scans;
};

}  // namespace tamis::mail
