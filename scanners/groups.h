// groups - primary and backup antivirus engines: when the backups are asked, and whose failure then still matters
//
// amavisd's @av_scanners and @av_scanners_backup (docs/amavis/scanners.md 4.1): all primaries are asked; the backups are
// asked when no primary gave an answer, and, what amavisd does not do, when a primary that is `required` gave none: a required
// engine is one the site does not want to be without. What one backup says stands for every failed engine of both groups. When
// none of the backups answers either, each failure counts as its engine's `required` says. An infection needs no second
// opinion. Pure.
#pragma once

#include <vector>

#include "mail/evidence.h"
#include "scanners/scanner.h"

namespace tamis::scanners {

// needs_backups - what was reported so far leaves the question open. `reports` belong to `scanners`, in the same order.
bool needs_backups(const ScannerList& scanners, const std::vector<mail::ScanReport>& reports);

// settle_required - ScanReport::required of every report, now that all engines have been asked that will be
void settle_required(const ScannerList& scanners, std::vector<mail::ScanReport>& reports);

}  // namespace tamis::scanners
