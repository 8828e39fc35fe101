// backends - every kind of database there is, one line each
#include <array>

#include "storage/backend.h"
#include "storage/pg/backend.h"
#include "storage/sqlite/backend.h"

namespace tamis::storage {

std::span<const Backend* const> backends() {
    static constexpr std::array rows{
        &pg::backend,
        &sqlite::backend,
    };
    return rows;
}

}  // namespace tamis::storage
