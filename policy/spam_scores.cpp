#include "policy/spam_scores.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace tamis::policy {

SpamScores spam_scores_named(std::string_view text) {
    if (text == "sum") return {};
    if (text == "maximum") return {SpamScores::Rule::maximum, {}};
    return {SpamScores::Rule::engine, std::string(text)};
}

void combine_scores(const mail::Evidence& evidence, const SpamScores& how, MessageFindings& findings) {
    struct Answer {
        const mail::ScanReport* report;
        const mail::Scored* scored;
    };
    std::vector<Answer> answers;
    for (const auto& report : evidence.scans)
        if (const auto* scored = std::get_if<mail::Scored>(&report.outcome)) answers.push_back({&report, scored});
    if (answers.size() < 2) return;
    const auto is_spam_engine = [](const Answer& answer) { return !answer.report->finds_viruses; };
    const bool has_engine =
        std::ranges::any_of(answers, [&](const Answer& answer) { return answer.report->scanner == how.engine; });
    std::optional<double> of_spam_engines;
    double others = 0;
    for (const auto& answer : answers) {
        const double score = answer.scored->score;
        if (!is_spam_engine(answer)) others += score;
        else if (how.rule == SpamScores::Rule::maximum) of_spam_engines = std::max(of_spam_engines.value_or(score), score);
        else if (how.rule == SpamScores::Rule::sum || !has_engine || answer.report->scanner == how.engine)
            of_spam_engines = of_spam_engines.value_or(0) + score;
    }
    findings.score = of_spam_engines.value_or(0) + others;
    findings.tests.clear();
    for (const auto& answer : answers)
        for (const auto& test : answer.scored->tests)
            findings.tests.push_back({answer.report->scanner + "." + test.name, test.score});
}

}  // namespace tamis::policy
