#include "test/contract/storage/memory/backend.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis::test::memory {
namespace {

using namespace storage;

constexpr std::string_view schemes[] = {"memory:"};
constexpr std::string_view examples[] = {"memory:name"};

Result<Dsn> parse(const DsnText& given) {
    if (given.rest.empty()) return fail(Errc::bad_input, "memory: the name is missing");
    Dsn dsn;
    dsn.backend = &backend;
    dsn.place = std::string(given.rest);
    dsn.is_private = true;
    dsn.shown = "memory:" + escaped(given.rest, 80);
    return dsn;
}

std::string text_of(const Dsn& dsn) { return "memory:" + dsn.place; }

std::unexpected<Fault> no_sql(const Dsn& dsn) { return fail(Errc::bad_input, dsn.named() + ": no statement is understood here"); }

}  // namespace

constinit const Backend backend{
    .name = "memory",
    .dsn = {.schemes = schemes,
            .drivers = {},
            .takes_words = false,
            .examples = examples,
            .driver_example = {},
            .brief = "memory:name",
            .driver_brief = {},
            .parse = parse,
            .text_of = text_of,
            .has_accounts = false,
            .in_directory = nullptr},
    .open = {.records = open_records,
             .lookups = open_lookups,
             .pen_pals = open_pen_pals,
             .quarantine = open_quarantine,
             .expiry = nullptr},
    .schema = {.steps = {},
               .installs_itself = true,
               .read_catalogue = [](const Dsn&, Deadline::Clock::duration) -> Result<Catalogue> { return Catalogue(); },
               .run_statements = [](const Dsn& dsn, const std::vector<std::string>&) -> Done { return no_sql(dsn); },
               .install = [](const Dsn&, Divided) -> Result<int> { return 0; },
               .rules = nullptr,
               .grants = nullptr,
               .instead_of_grants = "nothing to do"},
    .doctor = {.probe = nullptr, .reach = nullptr, .grant = nullptr, .allow_connections = nullptr, .make_writable = {}},
    .sql = nullptr,
};

}  // namespace tamis::test::memory
