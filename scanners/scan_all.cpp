// scan_all - runs the scanners of a message at the same time and reports on each
//
// A scanner that breaks the rules by throwing is reported as Failed and never ends the session.
#include <fmt/format.h>

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

}  // namespace

Task<std::vector<mail::ScanReport>> scan_all(const ScannerList& scanners, const ScanRequest& request,
                                             Deadline deadline) {
    std::vector<mail::ScanReport> reports(scanners.size());
    for (auto& report : reports) report.outcome = mail::Failed{{make_error_code(Errc::broken), "the scan did not end"}};
    if (scanners.size() == 1) co_await scan_into(*scanners[0], request, deadline, reports[0]);
    if (scanners.size() < 2) co_return reports;
    const auto executor = co_await asio::this_coro::executor;
    const auto start = [&](std::size_t index) {
        return asio::co_spawn(executor, scan_into(*scanners[index], request, deadline, reports[index]), asio::deferred);
    };
    std::vector<decltype(start(0))> running;
    for (std::size_t index = 0; index < scanners.size(); ++index) running.push_back(start(index));
    co_await asio::experimental::make_parallel_group(std::move(running))
        .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    co_return reports;
}

}  // namespace tamis::scanners
