#include "test/contract/storage/place.h"
#include "test/lib/pg_server.h"

namespace tamis::test {

const std::vector<PlaceKind>& place_kinds() {
    static const std::vector<PlaceKind> all = [] {
        std::vector<PlaceKind> out{memory_places(), sqlite_places()};
        if (PgServer::is_wanted()) out.push_back(postgresql_places());
        return out;
    }();
    return all;
}

}  // namespace tamis::test
