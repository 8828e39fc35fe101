#include "storage/pg/reading_session.h"

#include <algorithm>

#include "base/text.h"
#include "storage/pg/questions.h"
#include "storage/pg/transaction.h"

namespace tamis::storage::pg {
namespace {

// Our statements touch single rows by index; a plan made when a table was empty must not scan it when it is large.
constexpr const char* session_sql =
    "SELECT set_config('statement_timeout', '20000', false), set_config('default_transaction_read_only', 'on', false), "
    "set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)";

// Planning the lookup of every message anew costs the server more than running it (PostgreSQL 12 and later).
constexpr const char* plan_sql =
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false) FROM pg_settings WHERE name = 'plan_cache_mode'";

}  // namespace

Task<Result<ReadingSession>> ReadingSession::set_up(Connection& connection) {
    if (auto set = co_await connection.run(session_sql); !set) co_return std::unexpected(std::move(set.error()));
    if (auto set = co_await connection.run(plan_sql); !set) co_return std::unexpected(std::move(set.error()));
    const auto encoding = connection.parameter("server_encoding");
    ReadingSession session;
    session.charset = encoding == "UTF8"        ? TextRules::Charset::utf8
                      : encoding == "SQL_ASCII" ? TextRules::Charset::any_bytes
                                                : TextRules::Charset::ascii;
    co_return session;
}

bool ReadingSession::can_hold(std::string_view text) const {
    if (text.find('\0') != std::string_view::npos) return false;
    switch (charset) {
        case TextRules::Charset::utf8: return is_utf8(text);
        case TextRules::Charset::any_bytes: return true;
        case TextRules::Charset::ascii: return is_ascii(text);
    }
    return false;
}

std::string ReadingSession::array(std::vector<std::string> values, Oid type) const {
    const bool bytes = type == oid_bytea_array;
    if (!bytes) std::erase_if(values, [this](const auto& value) { return !can_hold(value); });
    return array_literal(values, bytes);
}

}  // namespace tamis::storage::pg
