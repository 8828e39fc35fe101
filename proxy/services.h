// services - what the threads of the daemon share: the settings snapshot, scanners, stores, admission, the journal
//
// A message takes one Snapshot at its beginning and keeps it to its end, whatever SIGHUP does meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

#include "base/slots.h"
#include "config/snapshot.h"
#include "proxy/delivered_journal.h"
#include "proxy/seen_names.h"
#include "quarantine/copy_reader.h"
#include "quarantine/file_keeper.h"
#include "scanners/scanner.h"
#include "scanners/worker/spawner.h"
#include "storage/lookups/lookup_store.h"
#include "storage/records/store.h"

namespace tamis::proxy {

// Quiet - for lines that would otherwise come with every connection
class Quiet {
public:
    // begin_quiet - true when nobody has said it within `span`; from now on it is said
    bool begin_quiet(std::chrono::steady_clock::duration span) {
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        auto until = until_.load(std::memory_order_relaxed);
        return now >= until && until_.compare_exchange_strong(until, now + span.count());
    }

private:
    std::atomic<std::chrono::steady_clock::rep> until_{0};
};

class Services {
public:
    Services(std::uint64_t memory_limit, std::uint64_t connection_limit) : memory(memory_limit), serving(connection_limit) {}

    std::shared_ptr<const config::Snapshot> snapshot() const {
        const std::lock_guard lock(mutex_);
        return snapshot_;
    }
    void swap(std::shared_ptr<const config::Snapshot> next) {
        const std::lock_guard lock(mutex_);
        snapshot_ = std::move(next);
    }

    Slots memory;   // limits.memory: bytes we hold at once, for mail, sessions and records
    Slots serving;  // limits.connections
    std::shared_ptr<storage::RecordStore> records;
    std::shared_ptr<storage::LookupStore> lookups;   // null: no lookup_dsn
    std::shared_ptr<storage::PenPalStore> pen_pals;  // null: off, or no storage_dsn
    std::unique_ptr<worker::Spawner> spawner;        // null: mail is not opened, and no scanner program can be run
    DeliveredJournal delivered;
    quarantine::FileKeeper files;                          // quarantine copies in files
    std::shared_ptr<storage::QuarantineStore> quarantine;  // null: no storage_dsn, or nobody can ask
    std::unique_ptr<quarantine::CopyReader> copies;        // null: nobody can ask
    Quiet told_waiting;                                    // that connections wait
    SeenNames seen_viruses;
    SeenNames told_columns;  // columns without effect that were told of
    std::atomic<bool> stopping{false};
    std::atomic<std::uint64_t> connections{0};  // ever accepted; part of the log ids

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const config::Snapshot> snapshot_;
};

}  // namespace tamis::proxy
