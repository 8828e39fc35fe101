#include "storage/pg/dialect.h"

#include <catch2/catch.hpp>

#include "storage/pg/statements.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::storage::pg;

namespace {

// The least that any era has; every column may be NULL here.
Catalogue smallest() {
    Catalogue catalogue;
    catalogue.encoding = "UTF8";
    const auto table = [&](std::string name, std::vector<std::string> columns) {
        Table& added = catalogue.tables.emplace_back();
        added.name = std::move(name);
        for (auto& column : columns) added.columns.push_back({column, column == "id" ? "int4" : "varchar", 0, false, false});
    };
    table("maddr", {"id", "email"});
    table("msgs", {"mail_id", "secret_id", "time_num", "sid", "content"});
    table("msgrcpt", {"mail_id", "rid", "ds", "rs"});
    table("quarantine", {"mail_id", "chunk_ind", "mail_text"});
    return catalogue;
}

Table& table_of(Catalogue& catalogue, std::string_view name) { return *std::ranges::find(catalogue.tables, name, &Table::name); }

std::string fault(Catalogue catalogue, Use use = Use::write) {
    const auto dialect = dialect_of(std::move(catalogue), use);
    if (dialect) return {};
    CHECK(dialect.error().is(Errc::unavailable));
    return dialect.error().detail;
}

}  // namespace

TEST_CASE("what a database lacks is named, with what to do") {
    using Catch::Contains;
    CHECK_THAT(fault({}), Contains("no table \"maddr\"") && Contains("schema/postgresql"));
    auto catalogue = smallest();
    CHECK(fault(catalogue).empty());
    table_of(catalogue, "msgs").may_write = false;
    CHECK_THAT(fault(catalogue), Contains("no permission to write the table \"msgs\"") && Contains("grant"));
    CHECK(fault(catalogue, Use::read).empty());
    catalogue = smallest();
    std::erase_if(table_of(catalogue, "msgrcpt").columns, [](const Column& column) { return column.name == "rid"; });
    CHECK_THAT(fault(catalogue), Contains("no column \"msgrcpt.rid\"") && Contains("tamis schema check"));
    catalogue = smallest();
    table_of(catalogue, "msgs").columns.push_back({"tenant", "int4", 0, true, false});
    CHECK_THAT(fault(catalogue),
               Contains("\"msgs.tenant\" must not be NULL") && Contains("ALTER TABLE msgs ALTER tenant DROP NOT NULL"));
    CHECK(fault(catalogue, Use::read).empty());
    table_of(catalogue, "msgs").columns.back().has_default = true;
    CHECK(fault(catalogue).empty());
}

TEST_CASE("statements name only what is there") {
    const auto dialect = dialect_of(smallest(), Use::write);
    REQUIRE(dialect);
    const auto statements = record_statements(*dialect);
    CHECK(
        statements.insert_message.sql ==
        "INSERT INTO msgs (mail_id, secret_id, time_num, content, sid) VALUES ($1, $2, $3, $4, (SELECT id FROM maddr WHERE email = $5 LIMIT 1))");
    CHECK(statements.update_recipient.sql ==
          "UPDATE msgrcpt SET ds = $1 WHERE mail_id = $2 AND rid IN ((SELECT id FROM maddr WHERE email = $3 LIMIT 1), "
          "(SELECT id FROM maddr WHERE email = $4 LIMIT 1))");
    CHECK(statements.insert_recipient.sql ==
          "INSERT INTO msgrcpt (mail_id, ds, rs, rid) VALUES ($1, $2, $3, (SELECT id FROM maddr WHERE email = $4 LIMIT 1))");
    for (const auto* statement : statements.all()) CHECK(statement->sql.find("partition_tag") == std::string::npos);
    CHECK(dialect->column("m", "msgs", "quar_loc", "''") == "''");
    CHECK(dialect->same_partition("m", "msgs", "r", "msgrcpt").empty());
}

TEST_CASE("addresses that are unique by themselves are not looked for by partition") {
    auto catalogue = smallest();
    table_of(catalogue, "maddr").columns.push_back({"partition_tag", "int4", 0, false, true});
    CHECK(dialect_of(catalogue, Use::write)->catalogue.addresses_by_partition());
    table_of(catalogue, "maddr").indexes.push_back({"maddr_email_key", {"email"}, true, false, true});
    const auto dialect = dialect_of(catalogue, Use::write);
    CHECK_FALSE(dialect->catalogue.addresses_by_partition());
    CHECK(record_statements(*dialect).insert_addresses.sql.find("AND maddr.email") == std::string::npos);
}

TEST_CASE("narrow columns are known, wide ones change nothing") {
    auto catalogue = smallest();
    for (auto& [name, width] : std::vector<std::pair<std::string, int>>{{"subject", 40}, {"from_addr", 1000}})
        table_of(catalogue, "msgs").columns.push_back({name, "varchar", width, false, false});
    const auto widths = dialect_of(catalogue, Use::write)->text.widths;
    CHECK(widths.subject == 40);
    CHECK(widths.from_addr == 255);
    CHECK(widths.mail_id == 16);
}

TEST_CASE("a text column takes what is text in its encoding; the rest, and what looks like it, is escaped") {
    struct Row {
        const char* encoding;
        std::string bytes;
        bool want;
    };
    const auto row = GENERATE(Row{"UTF8", "plain \\ text", true}, Row{"UTF8", "\xc3\xbc", true}, Row{"UTF8", "\xff", false},
                              Row{"UTF8", std::string("a\0b", 3), false}, Row{"SQL_ASCII", "\xff\\", true},
                              Row{"SQL_ASCII", std::string("\0", 1), false}, Row{"LATIN1", "\xff\x80", true},
                              Row{"LATIN1", std::string("\0", 1), false}, Row{"KOI8R", "\xc3\xbc", false},
                              Row{"KOI8R", "plain", true}, Row{"SQL_ASCII", std::string(escape_mark) + "x", false});
    auto catalogue = smallest();
    catalogue.encoding = row.encoding;
    INFO(row.encoding);
    CHECK(dialect_of(catalogue, Use::write)->is_plain(row.bytes) == row.want);
}
