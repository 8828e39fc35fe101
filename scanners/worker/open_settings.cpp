#include "scanners/worker/open_settings.h"

namespace tamis::worker {

std::vector<Setting<OpenSettings>> open_rows() {
    using S = OpenSettings;
    return {
        {"enabled", &S::enabled, "messages are opened: MIME parts, archives, file kinds; off, only the raw message is scanned", 0,
         1, false},
        {"worker", &S::worker, "the program that opens messages; empty: tamis-worker in the folder of tamisd", 0, 0, false},
        {"namespaces", &S::namespaces,
         "workers get empty namespaces (users, network, processes, mounts ...) if the kernel allows it", 0, 1, false},
        {"workers", &S::workers, "worker processes kept running for each thread of the daemon", 1, 64},
        {"extra_workers", &S::extra_workers,
         "more of them for each thread, only while as many messages take long to open; such messages get low priority", 0, 64},
        {"jobs_per_worker", &S::jobs_per_worker, "a worker is replaced after that many messages", 1, 1e6},
        {"time", &S::time, "the longest that opening one message may take; then its worker is ended", 0.1, 3600},
        {"cpu", &S::cpu, "CPU time for opening one message; what was found until then stands and the message is unchecked", 0.1,
         600},
        {"memory", &S::memory, "private memory of one worker process", 64.0 * 1024 * 1024, 64.0 * 1024 * 1024 * 1024},
        {"mime_parts", &S::mime_parts, "most parts of the MIME structure of one message", 1, 100'000},
        {"mime_depth", &S::mime_depth, "deepest MIME structure, counting multiparts and attached messages", 1, 1000},
        {"levels", &S::levels, "archives within archives (amavisd's $MAXLEVELS)", 1, 100},
        {"members", &S::members, "most members of all archives of one message together (amavisd's $MAXFILES)", 1, 1e6},
        {"header_bytes", &S::header_bytes, "largest header section of one part", 1024, 64.0 * 1024 * 1024},
        {"parameters", &S::parameters, "most parameters of one MIME header field", 1, 100'000},
        {"minimum_quota", &S::minimum_quota,
         "decoded bytes that any message may have; a message may have max(minimum_quota, its size * minimum_factor, "
         "min(maximum_quota, its size * maximum_factor))"},
        {"maximum_quota", &S::maximum_quota, "see minimum_quota; also the largest decoded part", 1024, 64.0 * 1024 * 1024 * 1024},
        {"minimum_factor", &S::minimum_factor, "see minimum_quota", 0, 1e6},
        {"maximum_factor", &S::maximum_factor, "see minimum_quota", 0, 1e6},
        {"extracts", &S::extracts,
         "most parts of one message that are shown to the virus scanners one by one; a message with more is unchecked", 0, 1e6},
        {"extract_bytes", &S::extract_bytes, "and their bytes together"},
        {"iso_images", &S::iso_images, "open ISO 9660 images too"},
    };
}

OpenSettings load_open_settings(const ConfigTable* table, Problems& problems) {
    OpenSettings out;
    if (table == nullptr) return out;
    load_settings(*table, open_section, open_rows(), out, problems);
    if (out.minimum_quota.count > out.maximum_quota.count)
        problems.add(table->position, "open.minimum_quota is larger than open.maximum_quota");
    return out;
}

Limits limits_of(const OpenSettings& settings) {
    const auto narrow = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };  // the rows bound all of them
    Limits out;
    out.mime_parts = narrow(settings.mime_parts);
    out.mime_depth = narrow(settings.mime_depth);
    out.levels = narrow(settings.levels);
    out.members = narrow(settings.members);
    out.header_bytes = static_cast<std::uint32_t>(settings.header_bytes.count);
    out.parameters = narrow(settings.parameters);
    out.minimum_quota = settings.minimum_quota.count;
    out.maximum_quota = settings.maximum_quota.count;
    out.minimum_factor = narrow(settings.minimum_factor);
    out.maximum_factor = narrow(settings.maximum_factor);
    out.extracts = narrow(settings.extracts);
    out.extract_bytes = settings.extract_bytes.count;
    out.cpu = settings.cpu;
    out.wall = settings.time;
    out.iso_images = settings.iso_images;
    return out;
}

PoolOptions pool_options_of(const OpenSettings& settings) {
    PoolOptions out;
    out.workers = static_cast<std::uint32_t>(settings.workers);
    out.extra = static_cast<std::uint32_t>(settings.extra_workers);
    out.jobs_per_worker = static_cast<std::uint32_t>(settings.jobs_per_worker);
    out.memory = settings.memory.count;
    out.file = settings.maximum_quota.count;
    out.cpu = settings.cpu;
    out.time = settings.time;
    return out;
}

SpawnerOptions spawner_options_of(const OpenSettings& settings) {
    return {.worker = settings.worker, .namespaces = settings.namespaces};
}

}  // namespace tamis::worker
