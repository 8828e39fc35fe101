#include "scanners/message_scan.h"

#include <algorithm>

namespace tamis::scanners {

Task<bool> MessageScan::show(mail::ShownParts parts, InParts in_parts, Deadline deadline) {
    const auto begun = Deadline::Clock::now();
    const auto limit = deadline.sooner({begun + left_});
    const bool is_first = !std::exchange(is_begun_, true);
    if (is_first) {
        ScanRequest with_parts = whole_;
        with_parts.parts = &parts;
        with_parts.in_parts = in_parts == InParts::yes;
        reports_ = co_await scan_all(scanners_, with_parts, limit);
    }
    if (!has_found(reports_)) co_await scan_parts(scanners_, whole_, parts, is_first, reports_, limit);
    left_ -= std::min(left_, Deadline::Clock::now() - begun);
    co_return !has_found(reports_);
}

}  // namespace tamis::scanners
