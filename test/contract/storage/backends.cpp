// backends - the table of this program: what storage/backends.cpp has, and the backend in memory
//
// It is found by the linker before that of the library, which is then left out: no other program knows "memory:".
#include <array>

#include "storage/backend.h"
#include "storage/pg/backend.h"
#include "storage/sqlite/backend.h"
#include "test/contract/storage/memory/backend.h"

namespace tamis::storage {

std::span<const Backend* const> backends() {
    static constexpr std::array rows{
        &pg::backend,
        &sqlite::backend,
        &test::memory::backend,
    };
    return rows;
}

}  // namespace tamis::storage
