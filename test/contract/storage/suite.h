// suite - what the cases of the contract have in common: a place of each backend in turn, questions to the stores, what is stored
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <initializer_list>
#include <thread>

#include "base/log.h"
#include "storage/kept/quarantine_store.h"
#include "storage/lookups/lookup_store.h"
#include "storage/retention/expire.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_check.h"
#include "storage/schema/schema_tool.h"
#include "test/contract/storage/place.h"
#include "test/unit/storage/fixture.h"

namespace tamis::test {

using namespace tamis::storage;

inline std::vector<const PlaceKind*> those_that(std::initializer_list<Can> needs) {
    std::vector<const PlaceKind*> out;
    for (const auto& backend : place_kinds())
        if (std::ranges::all_of(needs, [&](Can can) { return backend.abilities.contains(can); })) out.push_back(&backend);
    return out;
}

// each_backend - those that can what is needed, one after the other: the case is run for each. Null when there is none.
inline const PlaceKind* each_backend(std::initializer_list<Can> needs = {}) {
    auto fitting = those_that(needs);
    if (fitting.empty()) fitting.push_back(nullptr);
    return GENERATE_COPY(from_range(fitting));
}

// Tried - a new place of a backend; whatever fails while it lives says which backend it was. False when there is none.
class Tried {
public:
    explicit Tried(const PlaceKind* backend, Tables tables = Tables::today)
        : message_(Catch::MessageBuilder("INFO", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info)
                   << (backend == nullptr ? "no backend" : backend->name)) {
        if (backend != nullptr) place_ = backend->make(tables);
    }
    Tried(const PlaceKind* backend, std::string_view era)
        : message_(Catch::MessageBuilder("INFO", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info)
                   << (backend == nullptr ? "no backend" : backend->name) << ", " << era) {
        if (backend != nullptr) place_ = backend->make_era(era);
    }
    explicit operator bool() const { return place_ != nullptr; }
    Place* operator->() const { return place_.get(); }
    Place& operator*() const { return *place_; }

private:
    Catch::ScopedMessage message_;
    std::unique_ptr<Place> place_;
};

// Captured - warnings of a case are expected
struct Captured {
    Captured() { log::capture(true); }
    ~Captured() { log::capture(false); }
};

inline constexpr const char* all_eras[] = {"amavisd-2.3", "amavisd-2.4", "amavisd-2.6", "amavisd-2.13"};

// lines - rows as "a|b", sorted; blanks at the end of a cell are nothing (char(1) and varchar differ there)
inline std::vector<std::string> lines(const Place& place, const std::string& table, const std::vector<std::string>& columns) {
    std::vector<std::string> out;
    for (const auto& row : place.rows(table, columns)) {
        auto& line = out.emplace_back();
        for (std::size_t i = 0; i < row.size(); ++i) {
            auto text = row[i].value_or("(null)");
            while (text.ends_with(' ')) text.pop_back();
            line += (i == 0 ? "" : "|") + text;
        }
    }
    std::ranges::sort(out);
    return out;
}

inline std::size_t count(const Place& place, const std::string& table) { return place.rows(table, {"mail_id"}).size(); }

// counts - rows of msgs, msgrcpt, quarantine
inline std::string counts(const Place& place) {
    return fmt::format("{}|{}|{}", count(place, "msgs"), count(place, "msgrcpt"), count(place, "quarantine"));
}

inline std::shared_ptr<RecordStore> open_records(const Dsn& dsn, StoreOptions options = {}) {
    auto store = open_record_store({dsn}, options);
    INFO((store ? "" : store.error().detail));
    REQUIRE(store);
    return *store;
}
inline std::shared_ptr<RecordStore> open_records(const Place& place, StoreOptions options = {}) {
    return open_records(place.dsn(), options);
}
inline std::shared_ptr<QuarantineStore> open_quarantine(const Dsn& dsn, QuarantineStoreOptions options = {}) {
    auto store = open_quarantine_store({dsn}, options);
    INFO((store ? "" : store.error().detail));
    REQUIRE(store);
    return *store;
}
inline std::shared_ptr<QuarantineStore> open_quarantine(const Place& place, QuarantineStoreOptions options = {}) {
    return open_quarantine(place.dsn(), options);
}

// must - the value of a Result; the case ends when it is a Fault
template <class T>
T must(Result<T> result) {
    INFO((result ? "" : result.error().detail));
    REQUIRE(result);
    return std::move(*result);
}
inline void must(Done done) {
    INFO((done ? "" : done.error().detail));
    REQUIRE(done);
}

inline Done finish(RecordStore& store, const mail::MessageRecord& record) {
    return run<Done>([&] { return store.finish(record, Deadline::in(30s)); });
}
inline std::size_t drain(RecordStore& store, Deadline deadline = Deadline::in(30s)) {
    return run<std::size_t>([&] { return store.drain(deadline); });
}

using Found = std::vector<QuarantineItem>;
inline Result<Found> try_find(QuarantineStore& store, const std::string& mail_id, std::optional<std::int64_t> tag = {},
                              Deadline deadline = Deadline::in(30s)) {
    return run<Result<Found>>([&] { return store.find(mail_id, tag, deadline); });
}
inline Found find(QuarantineStore& store, const mail::MailId& mail_id, std::optional<std::int64_t> tag = {}) {
    return must(try_find(store, mail_id.get(), tag));
}
inline std::vector<Chunk> read_chunks(QuarantineStore& store, const MessageKey& key, std::int64_t after = -1) {
    return must(run<Result<std::vector<Chunk>>>([&] { return store.read_chunks(key, after, Deadline::in(30s)); }));
}
// read_copy - the whole stored text; "" when there is none
inline std::string read_copy(QuarantineStore& store, const MessageKey& key) {
    std::string text;
    for (std::int64_t last = -1;;) {
        const auto chunks = read_chunks(store, key, last);
        if (chunks.empty()) return text;
        for (const auto& chunk : chunks) text += chunk.text;
        last = chunks.back().number;
    }
}
inline std::string read_copy(QuarantineStore& store, const mail::MessageRecord& record) {
    return read_copy(store, {record.partition_tag, record.mail_id.get()});
}
inline Result<StateNow> change_state(QuarantineStore& store, const StateChange& change) {
    return run<Result<StateNow>>([&] { return store.change_state(change, Deadline::in(30s)); });
}
inline Done remove(QuarantineStore& store, const MessageKey& key) {
    return run<Done>([&] { return store.remove(key, Deadline::in(30s)); });
}

inline mail::QuarantineCopy copy_of(const std::string& text, std::string prefix = "X-Quarantine-ID: <x>\n") {
    return {std::move(prefix), make_spool(text)};
}

}  // namespace tamis::test
