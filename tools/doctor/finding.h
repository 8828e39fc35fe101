// finding - what `tamis doctor` found at one place, and what to do about it; as text and as JSON. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::doctor {

enum class Level { ok, not_checked, warning, problem };  // worst last

struct Finding {
    Level level = Level::ok;
    std::string topic;             // one of topics()
    std::string what;              // one line; what strangers said in it is escaped
    std::vector<std::string> fix;  // commands or advice, a line each; for warnings and problems
};
using Findings = std::vector<Finding>;

// Report - collects the findings of one topic
class Report {
public:
    explicit Report(std::string topic) : topic_(std::move(topic)) {}
    void ok(std::string what) { add(Level::ok, std::move(what), {}); }
    void not_checked(std::string what) { add(Level::not_checked, std::move(what), {}); }
    void warning(std::string what, std::vector<std::string> fix) { add(Level::warning, std::move(what), std::move(fix)); }
    void problem(std::string what, std::vector<std::string> fix) { add(Level::problem, std::move(what), std::move(fix)); }
    void add(Level level, std::string what, std::vector<std::string> fix) {
        findings_.push_back({level, topic_, std::move(what), std::move(fix)});
    }
    // worst - of what was found so far
    Level worst() const;
    Findings take() { return std::move(findings_); }

private:
    std::string topic_;
    Findings findings_;
};

// topics - in the order in which they are shown
const std::vector<std::string>& topics();

// text_of - a line per finding, its fix below it, and a line with the sums at the end
std::string text_of(const Findings& findings);
// json_of - one object: "problems", "warnings", "not_checked", "ok" (numbers), "findings" (level, topic, what, fix)
std::string json_of(const Findings& findings);

// one_json / parse_one - a finding on its way between two processes, one line
std::string one_json(const Finding& finding);
bool parse_one(std::string_view line, Finding& into);

// exit_status - 2: a problem; 1: a warning and `strict`; else 0
int exit_status(const Findings& findings, bool strict);

}  // namespace tamis::doctor
