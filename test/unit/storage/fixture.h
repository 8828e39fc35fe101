// fixture - records, spools and a loop for the tests of the stores
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "mail/record.h"
#include "storage/dsn.h"
#include "storage/kept/quarantine_store.h"
#include "storage/records/store.h"

namespace tamis::test {

using namespace std::chrono_literals;

inline std::shared_ptr<const mail::SealedSpool> make_spool(const std::string& text, std::size_t head = 4096) {
    const int descriptor = memfd_create("spool", MFD_CLOEXEC);
    for (std::size_t done = 0; done < text.size();) {
        const auto wrote = ::write(descriptor, text.data() + done, text.size() - done);
        if (wrote <= 0) throw std::runtime_error("memfd");
        done += static_cast<std::size_t>(wrote);
    }
    return std::make_shared<mail::SealedSpool>(descriptor, text.size(), text.substr(0, head));
}

inline mail::MessageRecord make_record(std::string sender = "Sender@Example.ORG", std::string recipient = "user@example.com") {
    const auto ids = mail::draw_message_ids();
    mail::MessageRecord record;
    record.mail_id = ids.mail_id;
    record.secret_id = ids.secret_id;
    record.log_id = mail::LogId("12345-01");
    record.received_at = std::chrono::sys_seconds(std::chrono::seconds(1'673'000'100));  // 2023-01-06 10:15:00 UTC
    record.sender = std::move(sender);
    record.policy_path = "MYNETS";
    record.client_address = "192.0.2.1";
    record.size = 1234;
    record.originating = true;
    record.content = 'S';
    record.quarantine_type = 'Q';
    record.quarantine_location = record.mail_id.get();
    record.spam_level = 7.25;
    record.message_id = "<a@b>";
    record.from = "A <a@b>";
    record.subject = "subject";
    record.host = "filter.example.com";
    mail::RecipientRecord to;
    to.address = std::move(recipient);
    to.is_local = true;
    to.content = 'S';
    to.disposition = 'D';
    to.score = 7.25;
    to.response = "250 2.7.0 Ok, discarded, id=12345-01 - spam";
    record.recipients.push_back(std::move(to));
    return record;
}

// LoopThread - runs coroutines of a test to their end, each on the test's own thread
template <class T>
T run(std::function<Task<T>()> make) {
    asio::io_context loop(1);
    std::optional<T> result;
    std::exception_ptr trouble;
    asio::co_spawn(loop, make(), [&](std::exception_ptr error, T value) {
        trouble = error;
        result.emplace(std::move(value));
    });
    loop.run();
    if (trouble) std::rethrow_exception(trouble);
    return std::move(*result);
}

inline Done keep(storage::RecordStore& store, mail::MessageRecord record, std::optional<mail::QuarantineCopy> copy = {},
                 Deadline deadline = Deadline::in(30s)) {
    return run<Done>([&] { return store.keep(record, copy, deadline); });
}

// stored_copy - the quarantined text of a message in that database, chunks in order; a Fault (not_found) when there is none
inline Result<std::string> stored_copy(const storage::Dsn& dsn, const mail::MailId& mail_id) {
    auto store = storage::open_quarantine_store({dsn}, {});
    if (!store) return std::unexpected(store.error());
    std::string text;
    for (std::int64_t after = -1;;) {
        const auto chunks = run<Result<std::vector<storage::Chunk>>>(
            [&] { return (*store)->read_chunks({0, mail_id.get()}, after, Deadline::in(30s)); });
        if (!chunks) return std::unexpected(chunks.error());
        if (chunks->empty()) break;
        for (const auto& chunk : *chunks) text += chunk.text;
        after = chunks->back().number;
    }
    if (text.empty()) return fail(Errc::not_found, "no copy of " + mail_id.get());
    return text;
}

// keep_all - at the same time on one loop; the answers in order
inline std::vector<Done> keep_all(storage::RecordStore& store, const std::vector<mail::MessageRecord>& records,
                                  std::optional<mail::QuarantineCopy> copy = {}, Deadline deadline = Deadline::in(30s)) {
    asio::io_context loop(1);
    std::vector<Done> answers(records.size());
    for (std::size_t i = 0; i < records.size(); ++i)
        asio::co_spawn(loop, store.keep(records[i], copy, deadline),
                       [&answers, i](const std::exception_ptr&, Done done) { answers[i] = std::move(done); });
    loop.run();
    return answers;
}

// wait_until - polls a condition that another thread or process brings about; false after 20 s
inline bool wait_until(const std::function<bool()>& holds) {
    for (const auto end = Deadline::in(20s); !end.passed(); usleep(5000))
        if (holds()) return true;
    return holds();
}

}  // namespace tamis::test
