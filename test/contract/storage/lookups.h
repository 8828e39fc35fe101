// lookups - questions to a LookupStore, and its answers as texts
#pragma once

#include "policy/fields.h"
#include "test/contract/storage/suite.h"

namespace tamis::test {

inline std::shared_ptr<LookupStore> open_lookups(const Dsn& dsn, LookupOptions options = {}) {
    auto store = open_lookup_store({dsn}, std::move(options));
    INFO((store ? "" : store.error().detail));
    REQUIRE(store);
    return *store;
}
inline std::shared_ptr<LookupStore> open_lookups(const Place& place, LookupOptions options = {}) {
    return open_lookups(place.dsn(), std::move(options));
}

inline LookupAddress lookup_address(std::string_view text, bool is_local = true) {
    LookupAddress out;
    out.pieces = policy::address_pieces(text, {"+", false});
    out.keys = policy::sql_keys(out.pieces, {.with_bare_user = is_local});
    out.is_local = is_local;
    return out;
}

inline Result<LookupAnswer> try_look_up(LookupStore& store, const std::vector<std::string>& recipients,
                                        const std::vector<std::string>& senders = {}, Deadline deadline = Deadline::in(30s)) {
    LookupRequest request;
    for (const auto& each : recipients) request.recipients.push_back(lookup_address(each));
    for (const auto& each : senders) request.senders.push_back(lookup_address(each, false));
    return run<Result<LookupAnswer>>([&] { return store.look_up(request, deadline); });
}

using UserRows = std::vector<policy::UserRow>;
inline std::vector<UserRows> look_up(LookupStore& store, const std::vector<std::string>& recipients,
                                     const std::vector<std::string>& senders = {}) {
    auto answer = must(try_look_up(store, recipients, senders));
    REQUIRE(answer.rows.size() == recipients.size());
    return std::move(answer.rows);
}

// emails - users.email of the rows, in their order
inline std::string emails(const UserRows& rows) {
    std::string out;
    for (const auto& row : rows) out += (out.empty() ? "" : " ") + std::string(row.email());
    return out;
}
// value - of a field of policy/fields.h; blanks at its end are nothing
inline std::string value(const policy::UserRow& row, std::string_view field) {
    const auto* text = row.at(row.shape->column_of(policy::field_index(field).value()));
    return text == nullptr ? "NULL" : *text;
}
// hits - sender_hits of a row: "[W @.][-]"
inline std::string hits(const policy::UserRow& row) {
    std::string out;
    for (const auto& hit : row.sender_hits) out += hit ? "[" + hit->wb + " " + hit->key + "]" : "[-]";
    return out;
}

inline void add_policy(Place& place, int id, Fields fields = {}) {
    fields.insert(fields.begin(), {"id", std::to_string(id)});
    place.insert("policy", fields);
}
inline void add_user(Place& place, int id, int priority, int policy, const std::string& email) {
    place.insert("users", {{"id", std::to_string(id)},
                           {"priority", std::to_string(priority)},
                           {"policy_id", std::to_string(policy)},
                           {"email", email}});
}
inline void add_sender(Place& place, int id, int priority, const std::string& email) {
    place.insert("mailaddr", {{"id", std::to_string(id)}, {"priority", std::to_string(priority)}, {"email", email}});
}
inline void add_to_list(Place& place, int user, int sender, const std::string& wb) {
    place.insert("wblist", {{"rid", std::to_string(user)}, {"sid", std::to_string(sender)}, {"wb", wb}});
}

}  // namespace tamis::test
