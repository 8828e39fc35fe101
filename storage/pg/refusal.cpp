#include "storage/pg/refusal.h"

#include <algorithm>
#include <array>

namespace tamis::storage::pg {

Refusal refusal_of(std::string_view sqlstate) {
    if (sqlstate == "23505") return Refusal::duplicate;
    if (sqlstate == "40001" || sqlstate == "40P01") return Refusal::again;
    constexpr std::array<std::string_view, 6> elsewhere{"25006", "26000", "57P01", "57P02", "57P03", "57P05"};
    if (std::ranges::find(elsewhere, sqlstate) != elsewhere.end() || sqlstate.starts_with("08")) return Refusal::reconnect;
    if (sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("54") || sqlstate == "P0001")
        return Refusal::message;  // P0001: a trigger of the administrator's
    // disk_full, out_of_memory, configuration_limit_exceeded (temp_file_limit), io_error
    constexpr std::array<std::string_view, 4> room{"53100", "53200", "53400", "58030"};
    if (std::ranges::find(room, sqlstate) != room.end()) return Refusal::no_room;
    return Refusal::trouble;
}

}  // namespace tamis::storage::pg
