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
#include "scanners/scanner.h"

namespace tamis::scanners {
namespace {

mail::ScanOutcome broken(const Scanner& scanner, std::string_view what) {
    std::string detail = fmt::format("{}: an exception left the scanner, please report: {}", scanner.name(),
                                     escaped(what));
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

// scan_into - one scan with its report; both live in scan_all's frame, which waits for it
Task<void> scan_into(Scanner& scanner, const ScanRequest& request, Deadline deadline, mail::ScanReport& report) {
    const auto begun = Deadline::Clock::now();
    report.scanner = scanner.name();
    report.required = scanner.is_required();
    report.finds_viruses = scanner.finds_viruses();
    report.outcome = co_await guarded_scan(scanner, request, deadline);
    report.elapsed = Deadline::Clock::now() - begun;
}

// Look - one engine at one thing
struct Look {
    Scanner*           scanner = nullptr;
    const ScanRequest* request = nullptr;
    mail::ScanReport*  report = nullptr;
};

Task<void> take_looks(const std::vector<Look>& looks, Deadline deadline) {
    for (const auto& look : looks) look.report->outcome = mail::Failed{{make_error_code(Errc::broken), "the scan did not end"}};
    if (looks.size() == 1) co_await scan_into(*looks[0].scanner, *looks[0].request, deadline, *looks[0].report);
    if (looks.size() < 2) co_return;
    const auto executor = co_await asio::this_coro::executor;
    const auto start = [&](const Look& look) {
        return asio::co_spawn(executor, scan_into(*look.scanner, *look.request, deadline, *look.report), asio::deferred);
    };
    std::vector<decltype(start(looks[0]))> running;
    for (const auto& look : looks) running.push_back(start(look));
    co_await asio::experimental::make_parallel_group(std::move(running))
        .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
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

Task<std::vector<mail::ScanReport>> scan_all(const ScannerList& scanners, const ScanRequest& request,
                                             Deadline deadline) {
    std::vector<mail::ScanReport> reports(scanners.size());
    std::vector<Look>             looks;
    for (std::size_t index = 0; index < scanners.size(); ++index)
        looks.push_back({scanners[index].get(), &request, &reports[index]});
    co_await take_looks(looks, deadline);
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

Task<void> scan_parts(const ScannerList& scanners, const ScanRequest& whole, const mail::Contents& contents,
                      std::vector<mail::ScanReport>& reports, Deadline deadline) {
    constexpr std::size_t at_once = 8;
    struct Job {
        std::size_t   scanner = 0;
        mail::Message message;
    };
    std::vector<Job> jobs;
    for (const auto& part : contents.parts) {
        if (part.extract < 0 || static_cast<std::size_t>(part.extract) >= contents.extracts.size()) continue;
        for (std::size_t i = 0; i < scanners.size(); ++i) {
            if (!scanners[i]->finds_viruses() || (scanners[i]->opens_containers() && !part.hidden)) continue;
            jobs.push_back({i, message_of_part(*whole.message, contents.extracts[static_cast<std::size_t>(part.extract)])});
        }
    }
    for (std::size_t first = 0; first < jobs.size(); first += at_once) {
        const std::size_t             count = std::min(at_once, jobs.size() - first);
        std::vector<ScanRequest>      requests(count, whole);
        std::vector<mail::ScanReport> found(count);
        std::vector<Look>             looks;
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
            merge_outcome(report.outcome, std::move(found[k].outcome));
        }
        if (is_infected) co_return;
    }
}

}  // namespace tamis::scanners
