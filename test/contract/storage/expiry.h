// expiry - runs of storage/retention/expire.h on a place
#pragma once

#include <atomic>

#include "storage/retention/expiry_session.h"
#include "test/contract/storage/suite.h"

namespace tamis::test {

constexpr std::int64_t expiry_now = 1'800'000'000;
constexpr std::int64_t day = 86'400;

// put - a message of that age in seconds, with a copy of that size or none
inline mail::MessageRecord put(RecordStore& store, char content, std::int64_t age, std::optional<std::size_t> copy,
                               std::string sender = "a@one.example.org", std::string recipient = "bob@example.com") {
    auto record = make_record(std::move(sender), std::move(recipient));
    record.received_at = std::chrono::sys_seconds(std::chrono::seconds(expiry_now - age));
    record.content = content;
    record.quarantine_type = copy ? 'Q' : ' ';
    if (copy) record.size = *copy;
    else record.quarantine_location.clear();
    must(keep(store, record, copy ? std::optional(copy_of(std::string(*copy, 'x'))) : std::nullopt));
    return record;
}

inline ExpireOptions expire_options() {
    ExpireOptions out;
    out.rules.general = {90 * 24h, 30 * 24h};
    out.rules.of_category['C'] = {14 * 24h, 14 * 24h};
    out.now = expiry_now;
    out.pause = 0ms;
    out.share = 1;
    return out;
}

inline Result<ExpireReport> try_expire(Expiry& expiry, const Dsn& dsn, ExpireOptions how = expire_options(),
                                       bool is_stopped = false) {
    asio::io_context loop(1);
    const std::atomic<bool> stop{is_stopped};
    std::optional<Result<ExpireReport>> out;
    asio::co_spawn(loop, expiry.run(loop, {dsn}, std::move(how), stop),
                   [&](std::exception_ptr trouble, Result<ExpireReport> report) {
                       if (trouble) std::rethrow_exception(trouble);
                       out = std::move(report);
                   });
    loop.run();
    return std::move(*out);
}

inline ExpireReport expire(const Place& place, ExpireOptions how = expire_options()) {
    Expiry expiry;
    auto report = must(try_expire(expiry, place.dsn(), std::move(how)));
    for (const auto& remark : report.remarks) UNSCOPED_INFO(remark);
    return report;
}

}  // namespace tamis::test
