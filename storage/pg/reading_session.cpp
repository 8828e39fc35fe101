#include "storage/pg/reading_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/pg/questions.h"
#include "storage/pg/transaction.h"

namespace tamis::storage::pg {
namespace {

// Our statements touch single rows by index; a plan made when a table was empty must not scan it when it is large.
std::string settings_sql(std::string_view local, int statement_timeout) {
    return fmt::format(
        "SELECT set_config('statement_timeout', '{1}', {0}), set_config('enable_seqscan', 'off', {0}), "
        "set_config('jit', 'off', {0})",
        local, statement_timeout);
}
constexpr const char* read_only_sql = "SELECT set_config('default_transaction_read_only', 'on', false)";

// Planning the lookup of every message anew costs the server more than running it (PostgreSQL 12 and later).
constexpr const char* plan_sql =
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'";

}  // namespace

Task<Result<ReadingSession>> ReadingSession::set_up(Connection& connection) {
    ReadingSession session;
    session.charset = charset_of(connection.parameter("server_encoding"));
    if (connection.is_pooled()) {
        auto prepared = co_await prepare_all(connection, {{reading_settings, settings_sql("true", 5000), ""}});
        if (!prepared) co_return std::unexpected(std::move(prepared.error()));
        co_return session;
    }
    for (const auto& sql : {settings_sql("false", 20000), std::string(read_only_sql), std::string(plan_sql)})
        if (auto set = co_await connection.run(sql); !set) co_return std::unexpected(std::move(set.error()));
    co_return session;
}

std::string ReadingSession::array(std::vector<std::string_view> values, Oid type) const {
    const bool bytes = type == oid_bytea_array;
    if (!bytes) std::erase_if(values, [this](const auto value) { return !can_hold(value); });
    return array_of(values, bytes);
}

}  // namespace tamis::storage::pg
