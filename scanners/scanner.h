// scanner - the one interface of every engine
//
// An adapter is one folder: settings, dialogue (sans-io parsing) and I/O. It registers itself by one line in
// scanners/registry.cpp. A Scanner object is shared by all threads of the daemon: scan() may be called from any
// io_context at the same time and runs on the caller's executor; per-thread connections are the adapter's business.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/setting.h"
#include "mail/envelope.h"
#include "mail/evidence.h"
#include "mail/message.h"

namespace tamis::worker {
class Spawner;  // scanners/worker/spawner.h
}

namespace tamis::scanners {

// ScanRequest - valid until scan() has returned
struct ScanRequest {
    const mail::Message* message = nullptr;
    const mail::Envelope* envelope = nullptr;
    std::string_view hostname;                // ours
    std::string_view client_address;          // of the original client (XFORWARD), may be empty
    bool is_part = false;                     // the message is one decoded part of the mail; only antivirus engines see parts.
                                              // For an engine that takes parts too: the message itself was shown before
    bool in_parts = false;                    // of the message itself: every part of it that has bytes is shown, too
    std::string_view user = {};               // whose preferences a spam scanner applies, as the recipients agree; may be empty
    const mail::ShownParts* parts = nullptr;  // for engines that take parts too; null: the message was not opened
};

// Surroundings - what engines that run in processes of their own need of the daemon
struct Surroundings {
    worker::Spawner* spawner = nullptr;  // outlives every scanner; null: nothing can be run, only checked
    std::string state_dir;               // full path; a folder of its own is made in it
    std::uint64_t worker_memory = 0;     // private memory of a worker process (open.memory); 0: the default
    std::uint64_t message_size = 0;      // limits.message_size; 0: no limit
    bool is_opened = true;               // open.enabled: engines are shown decoded parts
};

class Scanner {
public:
    virtual ~Scanner() = default;
    virtual std::string_view name() const noexcept = 0;
    virtual bool finds_viruses() const noexcept = 0;
    // opens_plain_mail - it opens plain text mail exactly as we do (mail::Shown::in_plain_mail), so that it need not be shown the
    // text again. Every other part is shown to every antivirus engine.
    virtual bool opens_plain_mail() const noexcept { return false; }
    // takes_parts_too - it takes the message and the decoded parts in one go (ScanRequest::parts)
    virtual bool takes_parts_too() const noexcept { return false; }
    // is_required - a failure makes the message `unchecked` or tempfails it, by setting
    virtual bool is_required() const noexcept = 0;
    // is_backup - of an antivirus engine: asked only when the others could not answer (groups.h)
    virtual bool is_backup() const noexcept { return false; }
    // max_size - the largest message or part that it takes, in octets; 0: any. An antivirus engine is not shown a larger message
    // whose parts it is shown; a larger part is Failed, over a limit
    virtual std::uint64_t max_size() const noexcept { return 0; }
    // introduce - says in the log, once at start, what the engine will not look at, as far as that can be known. May read small
    // files: not for a thread that serves connections.
    virtual Task<void> introduce(Deadline) { co_return; }
    // scan - never throws, ends by the deadline, and answers Failed for everything it is not sure of
    virtual Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) = 0;
    // health - one line for the operator: "ok", or which address failed, why and since when
    virtual std::string health() const = 0;
};

using ScannerList = std::vector<std::shared_ptr<Scanner>>;

// open_scanners - one scanner per table under [scanners] of the whole configuration; problems go to `problems`
ScannerList open_scanners(const ConfigTable& config, Problems& problems, const Surroundings& around = {});
// scanner_setting_lines - every setting of every adapter, for --print-config and docs/settings.md
std::vector<SettingLine> scanner_setting_lines(const ConfigTable* config);

// scan_all - all of them at the same time under one deadline, the backup engines after them when they are needed; one report
// each, in the order of the list, NotAsked for a backup that was not needed
Task<std::vector<mail::ScanReport>> scan_all(const ScannerList& scanners, const ScanRequest& request, Deadline deadline);

// scan_parts - shows decoded parts to the antivirus engines among `scanners`, a few at a time, and stops when something is found.
// `reports` are what was said until now of the whole message (`whole`) with those scanners; what the parts bring is merged into
// them: infected beats failed beats clean, and a test that was not known adds its score. When an engine fails on a part, the
// backups are asked about the message and all parts from here on; those before had their answer. Engines that take parts too
// have had them with the message when `is_first`.
Task<void> scan_parts(const ScannerList& scanners, const ScanRequest& whole, const mail::ShownParts& parts, bool is_first,
                      std::vector<mail::ScanReport>& reports, Deadline deadline);
// has_found - one of them says infected
bool has_found(const std::vector<mail::ScanReport>& reports);
// merge_outcome - what one more look at the same message with the same engine changes
void merge_outcome(mail::ScanOutcome& into, mail::ScanOutcome from);

}  // namespace tamis::scanners
