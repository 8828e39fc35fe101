// scan_all - runs the scanners of a message at the same time and reports on each
//
// A scanner that breaks the rules by throwing is reported as Failed and never ends the session.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "base/text.h"
#include "scanners/groups.h"
#include "scanners/scanner.h"

namespace tamis::scanners {
namespace {

mail::ScanOutcome broken(const Scanner& scanner, std::string_view what) {
    std::string detail = fmt::format("{}: an exception left the scanner, please report: {}", scanner.name(), escaped(what));
    log::error("", "{}", detail);
    return mail::Failed{{make_error_code(Errc::broken), std::move(detail)}};
}

Task<mail::ScanOutcome> guarded_scan(Scanner& scanner, const ScanRequest& request, Deadline deadline) {
    try {
        co_return co_await scanner.scan(request, deadline);
    } catch (const std::exception& trouble) {
        co_return broken(scanner, trouble.what());
    }
}

// is_shown_in_parts - the message as a whole is too large for the engine, which is shown every part of it instead
bool is_shown_in_parts(const Scanner& scanner, const ScanRequest& request) {
    return request.in_parts && !request.is_part && scanner.finds_viruses() && scanner.max_size() != 0 &&
           request.message->spool->size() > scanner.max_size();
}

// scan_into - one scan with its report; both live in scan_all's frame, which waits for it
Task<void> scan_into(Scanner& scanner, const ScanRequest& request, Deadline deadline, mail::ScanReport& report) {
    const auto begun = Deadline::Clock::now();
    report.scanner = scanner.name();
    report.required = scanner.is_required();
    report.finds_viruses = scanner.finds_viruses();
    if (is_shown_in_parts(scanner, request)) {
        report.outcome = mail::Clean{};  // what its parts bring is added
        co_return;
    }
    report.outcome = co_await guarded_scan(scanner, request, deadline);
    report.elapsed = Deadline::Clock::now() - begun;
}

// Look - one engine at one thing
struct Look {
    Scanner* scanner = nullptr;
    const ScanRequest* request = nullptr;
    mail::ScanReport* report = nullptr;
};

// run_together - all of them to their end
Task<void> run_together(std::vector<Task<void>> tasks) {
    if (tasks.size() == 1) co_await std::move(tasks[0]);
    if (tasks.size() < 2) co_return;
    const auto executor = co_await asio::this_coro::executor;
    const auto start = [&](Task<void> task) { return asio::co_spawn(executor, std::move(task), asio::deferred); };
    std::vector<decltype(start(std::move(tasks[0])))> running;
    for (auto& task : tasks) running.push_back(start(std::move(task)));
    co_await asio::experimental::make_parallel_group(std::move(running))
        .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
}

Task<void> take_looks(const std::vector<Look>& looks, Deadline deadline) {
    std::vector<Task<void>> tasks;
    for (const auto& look : looks) {
        look.report->outcome = mail::Failed{{make_error_code(Errc::broken), "the scan did not end"}};
        tasks.push_back(scan_into(*look.scanner, *look.request, deadline, *look.report));
    }
    co_await run_together(std::move(tasks));
}

bool is_backup(const Scanner& scanner) { return scanner.finds_viruses() && scanner.is_backup(); }

// ask_backups - about the whole message, when the primaries' answers are not enough
Task<void> ask_backups(const ScannerList& scanners, const ScanRequest& request, std::vector<mail::ScanReport>& reports,
                       Deadline deadline) {
    if (!needs_backups(scanners, reports)) co_return;
    std::vector<Look> looks;
    for (std::size_t i = 0; i < scanners.size(); ++i)
        if (is_backup(*scanners[i]) && std::holds_alternative<mail::NotAsked>(reports[i].outcome))
            looks.push_back({scanners[i].get(), &request, &reports[i]});
    co_await take_looks(looks, deadline);
}

// ask_antivirus - the primaries, then perhaps the backups, for which half of the time is kept
Task<void> ask_antivirus(const ScannerList& scanners, const ScanRequest& request, std::vector<mail::ScanReport>& reports,
                         Deadline deadline) {
    std::vector<Look> primaries;
    bool has_backups = false;
    for (std::size_t i = 0; i < scanners.size(); ++i) {
        if (!scanners[i]->finds_viruses()) continue;
        if (!is_backup(*scanners[i])) {
            primaries.push_back({scanners[i].get(), &request, &reports[i]});
            continue;
        }
        has_backups = true;
        reports[i].scanner = scanners[i]->name();
        reports[i].finds_viruses = true;
        reports[i].outcome = mail::NotAsked{};
    }
    co_await take_looks(primaries, has_backups ? deadline.sooner(deadline.left() / 2) : deadline);
    co_await ask_backups(scanners, request, reports, deadline);
}

mail::Message message_of_part(const mail::Message& whole, const std::shared_ptr<const mail::SealedSpool>& bytes) {
    mail::Message part;
    part.mail_id = whole.mail_id;
    part.secret_id = whole.secret_id;
    part.log_id = whole.log_id;
    part.spool = bytes;
    part.size = bytes->size();
    part.received_at = whole.received_at;
    return part;
}

}  // namespace

Task<std::vector<mail::ScanReport>> scan_all(const ScannerList& scanners, const ScanRequest& request, Deadline deadline) {
    std::vector<mail::ScanReport> reports(scanners.size());
    std::vector<Task<void>> tasks;
    tasks.push_back(ask_antivirus(scanners, request, reports, deadline));
    for (std::size_t i = 0; i < scanners.size(); ++i)
        if (!scanners[i]->finds_viruses()) tasks.push_back(scan_into(*scanners[i], request, deadline, reports[i]));
    co_await run_together(std::move(tasks));
    settle_required(scanners, reports);
    co_return reports;
}

void merge_outcome(mail::ScanOutcome& into, mail::ScanOutcome from) {
    if (const auto* infected = std::get_if<mail::Infected>(&from)) {
        if (auto* known = std::get_if<mail::Infected>(&into)) {
            for (const auto& name : infected->names)
                if (std::ranges::find(known->names, name) == known->names.end()) known->names.push_back(name);
        } else {
            into = std::move(from);
        }
    } else if (std::holds_alternative<mail::NotAsked>(into)) {
        into = std::move(from);
    } else if (std::holds_alternative<mail::Failed>(from)) {
        if (!std::holds_alternative<mail::Infected>(into) && !std::holds_alternative<mail::Failed>(into)) into = std::move(from);
    } else if (const auto* scored = std::get_if<mail::Scored>(&from)) {
        if (std::holds_alternative<mail::Clean>(into)) {
            into = std::move(from);
        } else if (auto* known = std::get_if<mail::Scored>(&into)) {
            for (const auto& test : scored->tests) {
                if (std::ranges::find(known->tests, test.name, &mail::SpamTest::name) != known->tests.end()) continue;
                known->tests.push_back(test);
                known->score += test.score;
            }
        }
    }
}

namespace {

// PartJob - one engine is to see one part, or all of them at once
struct PartJob {
    std::size_t scanner = 0;
    mail::Message message;
    std::string_view path;
};

// takes_part - clamd and the like see the text of plain mail in the message; the matrix of test/e2e/test_plain_mail.py proves it
bool takes_part(const Scanner& scanner, const mail::ShownPart& part) { return !part.is_plain || !scanner.opens_plain_mail(); }

std::vector<PartJob> part_jobs(const ScannerList& scanners, const ScanRequest& whole, const mail::ShownParts& parts,
                               const std::vector<bool>& asked) {
    std::vector<PartJob> jobs;
    for (std::size_t i = 0; i < scanners.size(); ++i)
        if (asked[i] && scanners[i]->takes_parts_too() && !parts.empty()) jobs.push_back({i, *whole.message, {}});
    for (const auto& part : parts)
        for (std::size_t i = 0; i < scanners.size(); ++i)
            if (asked[i] && !scanners[i]->takes_parts_too() && takes_part(*scanners[i], part))
                jobs.push_back({i, message_of_part(*whole.message, part.bytes), part.path});
    return jobs;
}

// about_part - a failure says which part it is about
mail::ScanOutcome about_part(mail::ScanOutcome outcome, std::string_view path) {
    if (auto* failure = std::get_if<mail::Failed>(&outcome); failure != nullptr && !path.empty())
        failure->fault.detail = fmt::format("part {}: {}", path, failure->fault.detail);
    return outcome;
}

// do_part_jobs - a few at a time; stops when something is found
Task<void> do_part_jobs(const std::vector<PartJob>& jobs, const ScannerList& scanners, const ScanRequest& whole,
                        std::vector<mail::ScanReport>& reports, Deadline deadline) {
    constexpr std::size_t at_once = 8;
    for (std::size_t first = 0; first < jobs.size(); first += at_once) {
        const std::size_t count = std::min(at_once, jobs.size() - first);
        std::vector<ScanRequest> requests(count, whole);
        std::vector<mail::ScanReport> found(count);
        std::vector<Look> looks;
        for (std::size_t k = 0; k < count; ++k) {
            requests[k].message = &jobs[first + k].message;
            requests[k].is_part = true;
            looks.push_back({scanners[jobs[first + k].scanner].get(), &requests[k], &found[k]});
        }
        co_await take_looks(looks, deadline);
        bool is_infected = false;
        for (std::size_t k = 0; k < count; ++k) {
            auto& report = reports[jobs[first + k].scanner];
            report.elapsed += found[k].elapsed;
            is_infected = is_infected || std::holds_alternative<mail::Infected>(found[k].outcome);
            merge_outcome(report.outcome, about_part(std::move(found[k].outcome), jobs[first + k].path));
        }
        if (is_infected) co_return;
    }
}

}  // namespace

Task<void> scan_parts(const ScannerList& scanners, const ScanRequest& whole, const mail::ShownParts& parts, bool is_first,
                      std::vector<mail::ScanReport>& reports, Deadline deadline) {
    ScanRequest with_parts = whole;
    with_parts.parts = &parts;
    const auto was_asked = [&](std::size_t i) { return !std::holds_alternative<mail::NotAsked>(reports[i].outcome); };
    // an engine whose answer another one has given already is away: nothing is gained by asking it again
    const auto is_replaced = [&](std::size_t i) {
        return std::holds_alternative<mail::Failed>(reports[i].outcome) && scanners[i]->is_required() && !reports[i].required;
    };
    std::vector<bool> first(scanners.size()), later(scanners.size());
    bool is_kept_for_backups = false;
    for (std::size_t i = 0; i < scanners.size(); ++i) {
        first[i] = scanners[i]->finds_viruses() && was_asked(i) && !is_replaced(i);
        first[i] = first[i] && !(is_first && scanners[i]->takes_parts_too());
        is_kept_for_backups = is_kept_for_backups || (is_backup(*scanners[i]) && !was_asked(i));
        later[i] = is_backup(*scanners[i]) && !was_asked(i) && !scanners[i]->takes_parts_too();
    }
    const auto jobs = part_jobs(scanners, whole, parts, first);
    co_await do_part_jobs(jobs, scanners, with_parts, reports,
                          is_kept_for_backups ? deadline.sooner(deadline.left() / 2) : deadline);
    if (!jobs.empty() && needs_backups(scanners, reports)) {
        co_await ask_backups(scanners, with_parts, reports, deadline);
        const auto more = part_jobs(scanners, whole, parts, later);
        if (!has_found(reports)) co_await do_part_jobs(more, scanners, with_parts, reports, deadline);
    }
    settle_required(scanners, reports);
}

bool has_found(const std::vector<mail::ScanReport>& reports) {
    return std::ranges::any_of(reports,
                               [](const auto& report) { return std::holds_alternative<mail::Infected>(report.outcome); });
}

}  // namespace tamis::scanners
