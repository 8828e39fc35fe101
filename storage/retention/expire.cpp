#include "storage/retention/expire.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "storage/backend.h"
#include "storage/retention/expire_run.h"

namespace tamis::storage {
namespace {

constexpr int sessions = 3;                     // of one run, when the database goes away meanwhile
constexpr std::int64_t look_back = 2 * 86'400;  // records may be written long after their message came

}  // namespace

Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context& loop, std::vector<Dsn> dsns,
                                                                 Deadline deadline) {
    std::string troubles;
    auto code = make_error_code(Errc::unavailable);
    for (std::size_t i = 0; i < dsns.size(); ++i) {
        const auto& dsn = dsns[i];
        if (dsn.backend->open.expiry == nullptr)
            co_return fail(Errc::bad_input, fmt::format("{}: nothing expires in {}", dsn.named(), dsn.backend->name));
        auto session =
            co_await dsn.backend->open.expiry(loop, dsn, deadline.sooner(deadline.left() / static_cast<int>(dsns.size() - i)));
        if (session || session.error().is(Errc::not_found)) co_return session;
        troubles += (troubles.empty() ? "" : "; ") + session.error().detail;
        code = session.error().code;
    }
    co_return std::unexpected(Fault{code, std::move(troubles)});
}

std::string describe_report(const ExpireReport& report) {
    std::vector<std::string> parts;
    const auto add = [&](std::uint64_t count, std::string_view what, std::string_view many = {}) {
        if (count != 0) parts.push_back(counted(count, what, many));
    };
    add(report.records, "record");
    add(report.copies, "copy", "copies");
    add(report.incomplete, "incomplete record");
    add(report.recipients, "recipient's row", "recipients' rows");
    add(report.chunks, "chunk");
    add(report.orphan_recipients, "recipient's row without a message", "recipients' rows without a message");
    add(report.orphan_chunks, "chunk without a message", "chunks without a message");
    add(report.addresses, "unused address", "unused addresses");
    add(report.pages, "page given back", "pages given back");
    if (!report.dropped.empty()) parts.push_back("partitions " + join(report.dropped, ", "));
    auto line = parts.empty() ? std::string("nothing was due") : join(parts, ", ") + " went";
    if (!report.created.empty()) line += fmt::format("; partitions made: {}", join(report.created, ", "));
    line += fmt::format("; {:.1f} s, longest transaction {} ms", static_cast<double>(report.elapsed.count()) / 1000,
                        std::chrono::ceil<std::chrono::milliseconds>(report.longest_transaction).count());
    if (!report.is_complete) line += "; the rest next time";
    return line;
}

Task<Done> Expiry::once(ExpireRun& run, const std::vector<Walk>& walks, const ExpireOptions& options) {
    if (auto opened = co_await run.open(); !opened || run.report().is_elsewhere) co_return opened;
    if (auto kept = co_await run.keep_partitions(); !kept || !options.removes) co_return kept;
    for (const auto kind : {Walk::Kind::records, Walk::Kind::copies, Walk::Kind::deleted, Walk::Kind::incomplete}) {
        for (const auto& walk : walks) {
            if (walk.kind != kind) continue;
            const auto mark = std::ranges::find_if(marks_, [&](const Mark& one) {
                return one.walk.kind == walk.kind && one.walk.only == walk.only && one.walk.except == walk.except;
            });
            const auto from = options.is_full || mark == marks_.end() ? 0 : std::max<std::int64_t>(0, mark->until - look_back);
            if (auto walked = co_await run.walk(walk, from); !walked) co_return walked;
            if (run.is_over() || options.dry_run) continue;
            if (mark == marks_.end()) marks_.push_back({walk, walk.until});
            else mark->until = std::max(mark->until, walk.until);
        }
        if (kind == Walk::Kind::copies)
            if (auto dropped = co_await run.drop_copies(); !dropped) co_return dropped;
    }
    if (options.is_full) {
        for (const auto* table : {"quarantine", "msgrcpt"})
            if (auto removed = co_await run.remove_orphans(table); !removed) co_return removed;
        if (auto removed = co_await run.remove_addresses(); !removed) co_return removed;
    }
    if (auto found = co_await run.find_oldest(walks); !found) co_return found;
    co_return co_await run.free_pages();
}

Task<Result<ExpireReport>> Expiry::run(asio::io_context& loop, std::vector<Dsn> dsns, ExpireOptions options,
                                       const std::atomic<bool>& stop) {
    const auto begun = std::chrono::steady_clock::now();
    ExpireRun run(loop, std::move(dsns), options, stop);
    auto all = walks(options.rules, options.now);
    if (!options.removes) all.clear();
    Done done;
    for (int i = 0; i < sessions; ++i) {
        done = co_await once(run, all, options);
        if (done || !done.error().is(Errc::closed) || run.is_over() || options.dry_run) break;
    }
    co_await run.close();
    auto& report = run.report();
    report.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    if (!done && done.error().is(Errc::conflict)) {  // behind a pooler: another host took its turn
        report.is_elsewhere = true;
        report.is_complete = false;
    } else if (!done) {
        if (!report.is_empty()) done.error().detail += fmt::format("; until then {}", describe_report(report));
        co_return std::unexpected(std::move(done.error()));
    }
    co_return std::move(report);
}

}  // namespace tamis::storage
