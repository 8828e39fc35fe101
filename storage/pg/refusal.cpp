#include "storage/pg/refusal.h"

#include <algorithm>
#include <array>

namespace tamis::storage::pg {

Refusal refusal_of(std::string_view sqlstate) {
    if (sqlstate == "23505") return Refusal::duplicate;
    if (sqlstate == "40001" || sqlstate == "40P01") return Refusal::again;
    constexpr std::array<std::string_view, 6> elsewhere{"25006", "26000", "57P01", "57P02", "57P03", "57P05"};
    if (std::ranges::find(elsewhere, sqlstate) != elsewhere.end() || sqlstate.starts_with("08")) return Refusal::reconnect;
    // data, constraints, limits; and what triggers of the administrator's say: in SQL, PL/pgSQL and other languages
    constexpr std::array<std::string_view, 11> about_data{"09", "21", "22", "23", "27", "2F", "38", "39", "44", "54", "P0"};
    if (std::ranges::any_of(about_data, [&](auto group) { return sqlstate.starts_with(group); })) return Refusal::message;
    // disk_full, out_of_memory, configuration_limit_exceeded (temp_file_limit), io_error
    constexpr std::array<std::string_view, 4> room{"53100", "53200", "53400", "58030"};
    if (std::ranges::find(room, sqlstate) != room.end()) return Refusal::no_room;
    return Refusal::trouble;
}

// XX000: what a trigger in Perl or Python says when it cannot decode something; it can be the server's own trouble, too.
// 42601 and others of syntax and names: of a trigger that puts a text into a statement of its own.
bool may_blame_data(std::string_view sqlstate, bool is_in_function) {
    return refusal_of(sqlstate) == Refusal::message || sqlstate == "XX000" || (is_in_function && sqlstate.starts_with("42"));
}

bool may_pass(std::string_view sqlstate) { return sqlstate == "XX000" || sqlstate.starts_with("42"); }

}  // namespace tamis::storage::pg
