#include "storage/sqlite/backend.h"

#include "storage/sqlite/dsn.h"
#include "storage/sqlite/expiry_session.h"
#include "storage/sqlite/lookups.h"
#include "storage/sqlite/probe.h"
#include "storage/sqlite/records.h"
#include "storage/sqlite/runner.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/schema_rules.h"
#include "storage/sqlite/sql_dialect.h"

namespace tamis::storage::sqlite {
namespace {

constexpr std::string_view schemes[] = {"sqlite:"};
constexpr std::string_view drivers[] = {"SQLite"};
constexpr std::string_view examples[] = {"sqlite:/path/to/file", "sqlite::memory:"};

std::shared_ptr<QuarantineStore> open_quarantine(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return quarantine_over(open_runner(std::move(dsns), options));
}

}  // namespace

constinit const Backend backend{
    .name = "SQLite",
    .dsn = {.schemes = schemes,
            .drivers = drivers,
            .takes_words = false,
            .examples = examples,
            .driver_example = {},
            .brief = "sqlite:/path",
            .driver_brief = {},
            .parse = parse_dsn,
            .text_of = text_of,
            .has_accounts = false,
            .in_directory = in_directory},
    .open = {.records = open_records,
             .lookups = open_lookups,
             .pen_pals = open_pen_pals,
             .quarantine = open_quarantine,
             .expiry = open_expiry_session},
    .schema = {.steps = "sqlite",
               .installs_itself = true,
               .read_catalogue = read_catalogue,
               .run_statements = run_statements,
               .install = install_schema,
               .rules = schema_rules,
               .grants = nullptr,
               .instead_of_grants = "give the file to the user instead"},
    .doctor = {.probe = probe, .reach = reach, .grant = nullptr, .allow_connections = nullptr, .make_writable = {}},
    .sql = sql_dialect,
};

}  // namespace tamis::storage::sqlite
