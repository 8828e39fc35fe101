#include "storage/pg/backend.h"

#include "storage/pg/dsn.h"
#include "storage/pg/expiry_session.h"
#include "storage/pg/lookups.h"
#include "storage/pg/probe.h"
#include "storage/pg/records.h"
#include "storage/pg/runner.h"
#include "storage/pg/schema.h"
#include "storage/pg/schema_rules.h"
#include "storage/pg/sql_dialect.h"

namespace tamis::storage::pg {
namespace {

constexpr std::string_view schemes[] = {"postgresql://", "postgres://"};
constexpr std::string_view drivers[] = {"Pg"};
constexpr std::string_view examples[] = {"postgresql://user:password@host/database",
                                         "\"host=... dbname=... user=... password=...\""};

std::shared_ptr<QuarantineStore> open_quarantine(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return quarantine_over(open_runner(std::move(dsns), options));
}

}  // namespace

constinit const Backend backend{
    .name = "PostgreSQL",
    .dsn = {.schemes = schemes,
            .drivers = drivers,
            .takes_words = true,
            .examples = examples,
            .driver_example = "\"DBI:Pg:dbname=...;host=...;port=...\"",
            .brief = "postgresql://..., \"host=... dbname=...\"",
            .driver_brief = "DBI:Pg:...",
            .parse = parse_dsn,
            .text_of = text_of,
            .has_accounts = true,
            .in_directory = nullptr},
    .open = {.records = open_records,
             .lookups = open_lookups,
             .pen_pals = open_pen_pals,
             .quarantine = open_quarantine,
             .expiry = open_expiry_session},
    .schema = {.steps = "postgresql",
               .installs_itself = false,
               .read_catalogue = read_catalogue,
               .run_statements = run_statements,
               .install = install_schema,
               .rules = schema_rules,
               .grants = grant_statements,
               .instead_of_grants = {}},
    .doctor = {.probe = probe,
               .reach = reach,
               .grant = grant,
               .allow_connections = allow_connections,
               .make_writable = "SELECT pg_promote(), or ALTER SYSTEM RESET default_transaction_read_only"},
    .sql = sql_dialect,
};

}  // namespace tamis::storage::pg
