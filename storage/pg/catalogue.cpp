#include "storage/pg/catalogue.h"

#include "base/text.h"

namespace tamis::storage::pg {
namespace {

// Seven texts a row; the first says what the rest means. to_jsonb() hides columns that older servers do not have.
constexpr const char* query_text =
    "WITH t AS (SELECT c.oid, c.relname, c.relowner FROM pg_class c WHERE c.oid IN (to_regclass('maddr'), to_regclass('msgs'), "
    "to_regclass('msgrcpt'), to_regclass('quarantine'), to_regclass('users'), to_regclass('policy'), to_regclass('mailaddr'), "
    "to_regclass('wblist'))) "
    "SELECT 'server' AS kind, getdatabaseencoding()::text AS a, current_setting('server_version_num') AS b, "
    "(pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on')::text AS c, ''::text AS d, ''::text AS e, ''::text AS f, "
    "0 AS place "
    "UNION ALL SELECT 'table', t.relname, has_table_privilege(t.oid, 'SELECT')::text, "
    "(has_table_privilege(t.oid, 'SELECT') AND has_table_privilege(t.oid, 'INSERT') AND "
    "(t.relname NOT IN ('msgs', 'msgrcpt') OR has_table_privilege(t.oid, 'UPDATE')))::text, "
    "pg_has_role(t.relowner, 'USAGE')::text, '', '', 1 FROM t "
    "UNION ALL SELECT 'column', t.relname, a.attname, coalesce(base.typname, y.typname), "
    "(CASE WHEN y.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 "
    "WHEN base.typname IN ('varchar', 'bpchar') AND y.typtypmod > 4 THEN y.typtypmod - 4 ELSE 0 END)::text, a.attnotnull::text, "
    "(a.atthasdef OR coalesce(to_jsonb(a)->>'attidentity', '') <> '')::text, 10 + a.attnum "
    "FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_type base ON y.typtype = 'd' AND base.oid = y.typbasetype "
    "UNION ALL SELECT 'index', t.relname, i.relname, "
    "(SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place) "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number), x.indisunique::text, x.indisprimary::text, "
    "(EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = x.indexrelid AND o.contype IN ('p', 'u')))::text, 2000 "
    "FROM t JOIN pg_index x ON x.indrelid = t.oid AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL "
    "JOIN pg_class i ON i.oid = x.indexrelid "
    "UNION ALL SELECT 'foreign', t.relname, o.conname, pg_get_constraintdef(o.oid), '', '', '', 2001 "
    "FROM t JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype = 'f' "
    "ORDER BY place, 2, 3";

}  // namespace

const std::string& catalogue_query() {
    static const std::string text(query_text);
    return text;
}

Catalogue catalogue_of(const PGresult* rows) {
    Catalogue catalogue;
    const auto table = [&](const std::string& name) -> Table& {
        const auto found = std::ranges::find(catalogue.tables, name, &Table::name);
        if (found != catalogue.tables.end()) return *found;
        Table& added = catalogue.tables.emplace_back();
        added.name = name;
        return added;
    };
    for (int row = 0; row < PQntuples(rows); ++row) {
        const auto text = [&](int column) { return std::string(PQgetvalue(rows, row, column)); };
        const auto yes = [&](int column) { return text(column) == "true"; };
        const auto number = [&](int column) { return static_cast<int>(parse_unsigned(text(column)).value_or(0)); };
        const auto kind = text(0);
        if (kind == "server") {
            catalogue.encoding = text(1);
            catalogue.server_version = number(2);
            catalogue.is_writable = !yes(3);
            continue;
        }
        Table& of = table(text(1));
        if (kind == "table") {
            of.may_read = yes(2);
            of.may_write = yes(3);
            of.is_owned = yes(4);
        } else if (kind == "column") {
            of.columns.push_back({text(2), text(3), number(4), yes(5), yes(6)});
        } else if (kind == "index") {
            Index& index = of.indexes.emplace_back();
            index.name = text(2);
            for (const auto name : split(text(3), ',')) index.columns.emplace_back(name);
            index.is_unique = yes(4);
            index.is_primary = yes(5);
            index.is_constraint = yes(6);
        } else {
            of.foreign_keys.push_back({text(2), text(3)});
        }
    }
    return catalogue;
}

}  // namespace tamis::storage::pg
