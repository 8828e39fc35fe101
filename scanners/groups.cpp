#include "scanners/groups.h"

#include <algorithm>

namespace tamis::scanners {
namespace {

bool has_failed(const mail::ScanReport& report) { return std::holds_alternative<mail::Failed>(report.outcome); }
bool was_asked(const mail::ScanReport& report) { return !std::holds_alternative<mail::NotAsked>(report.outcome); }

}  // namespace

bool needs_backups(const ScannerList& scanners, const std::vector<mail::ScanReport>& reports) {
    bool has_backup = false, is_answered = false, is_missed = false;
    for (std::size_t i = 0; i < scanners.size(); ++i) {
        if (!scanners[i]->finds_viruses()) continue;
        if (std::holds_alternative<mail::Infected>(reports[i].outcome)) return false;
        if (scanners[i]->is_backup()) {
            has_backup = has_backup || !was_asked(reports[i]);
        } else if (has_failed(reports[i])) {
            is_missed = is_missed || scanners[i]->is_required();
        } else {
            is_answered = true;
        }
    }
    return has_backup && (!is_answered || is_missed);
}

void settle_required(const ScannerList& scanners, std::vector<mail::ScanReport>& reports) {
    bool backup_answered = false;
    for (std::size_t i = 0; i < scanners.size(); ++i)
        backup_answered = backup_answered || (scanners[i]->finds_viruses() && scanners[i]->is_backup() && was_asked(reports[i]) &&
                                              !has_failed(reports[i]));
    for (std::size_t i = 0; i < scanners.size(); ++i)
        reports[i].required = scanners[i]->is_required() && !(scanners[i]->finds_viruses() && backup_answered);
}

}  // namespace tamis::scanners
