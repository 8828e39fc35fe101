// reading_session - a PostgreSQL session that only reads, and what texts its database can take
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/pg/connection.h"
#include "storage/records/rows.h"

namespace tamis::storage::pg {

// reading_settings - the name of that statement
constexpr const char* reading_settings = "tamis_reading_settings";

struct ReadingSession {
    TextRules::Charset charset = TextRules::Charset::utf8;

    // set_up - read-only, with a statement timeout, and with plans that never scan a large table. Behind a pooler that can
    // only be set for each transaction: Questions sends the statement `reading_settings` before each question.
    static Task<Result<ReadingSession>> set_up(Connection& connection);

    // can_hold - whether the text can be compared with a text column: valid in the database's encoding, without NUL
    bool can_hold(std::string_view text) const { return storage::can_hold(text, charset); }
    // array - of that type in PostgreSQL's text form. For text columns what cannot be held is left out: it cannot be in
    // the table either.
    std::string array(std::vector<std::string_view> values, Oid type) const;
    std::string array(const std::vector<std::string>& values, Oid type) const {
        return array(std::vector<std::string_view>(values.begin(), values.end()), type);
    }
};

}  // namespace tamis::storage::pg
