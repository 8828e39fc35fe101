// message_scan - all scanners of one message, which is shown to them in pieces: itself first, then its parts as they are decoded
//
// show() is called for every batch of parts that comes while the message is still being opened (an ordinary message has
// none), and once at the end for the last parts, be there any or not. The first call shows the message itself to all scanners,
// together with that batch for engines that take both in one go. What a call has shown is no longer needed by anybody. The
// time limit counts what the engines take, not the opening in between. One coroutine at a time.
#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "scanners/scanner.h"

namespace tamis::scanners {

// InParts - whether the message's parts are shown, too: then an engine for which the whole is too large is not asked about that
// (ScanRequest::in_parts). An opening that fails or meets a limit later makes the message unchecked in any case.
enum class InParts : bool { no, yes };

class MessageScan {
public:
    // `whole` is about the message itself; what it points to outlives this. `limit`: for all calls together.
    MessageScan(ScannerList scanners, const ScanRequest& whole, std::chrono::milliseconds limit)
        : scanners_(std::move(scanners)), whole_(whole), left_(limit) {}

    // show - false: something was found, nothing more need be shown
    Task<bool> show(mail::ShownParts parts, InParts in_parts, Deadline deadline);
    // reports - one for each scanner, in their order; empty before the first show()
    const std::vector<mail::ScanReport>& reports() const noexcept { return reports_; }

private:
    ScannerList scanners_;
    ScanRequest whole_;
    Deadline::Clock::duration left_;
    std::vector<mail::ScanReport> reports_;
    bool is_begun_ = false;
};

}  // namespace tamis::scanners
