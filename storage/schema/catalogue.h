// catalogue - which tables, columns, keys and encoding a database has: plain facts, whatever the kind of database
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::storage {

struct Column {
    std::string name;
    std::string type;  // as the backend names it: PostgreSQL's typname (varchar, bpchar, bytea, ...), SQLite's declared type
    int width = 0;     // of varchar(n) and char(n); 0: no limit
    bool is_not_null = false;
    bool has_default = false;  // or fills itself (serial, identity, generated)
};

struct Index {
    std::string name;
    std::vector<std::string> columns;  // in their order; only indexes of plain columns over all rows
    bool is_unique = false;
    bool is_primary = false;
    bool is_constraint = false;  // a PRIMARY KEY or UNIQUE constraint of that name
};

struct ForeignKey {
    std::string name;
    std::string definition;  // as in ALTER TABLE ... ADD CONSTRAINT name <definition>
};

struct Table {
    std::string name;
    std::vector<Column> columns;
    std::vector<Index> indexes;
    std::vector<ForeignKey> foreign_keys;
    bool may_read = true;   // SELECT
    bool may_write = true;  // SELECT and INSERT, and UPDATE where we update
    bool is_owned = true;   // by the role that asks: it may ALTER the table

    const Column* column(std::string_view wanted) const {
        const auto found = std::ranges::find(columns, wanted, &Column::name);
        return found == columns.end() ? nullptr : &*found;
    }
};

struct Catalogue {
    std::vector<Table> tables;  // those of amavisd that are there
    std::string encoding;       // UTF8, SQL_ASCII, LATIN1, ...
    bool is_writable = true;    // false: a standby, or default_transaction_read_only
    int server_version = 0;     // as the backend numbers it: 150004; 0: it has none
    bool has_steps = false;     // it remembers the steps of schema/
    int last_step = 0;          // of schema/, as it remembers; read by read_catalogue() and for `tamis doctor` only

    const Table* table(std::string_view wanted) const {
        const auto found = std::ranges::find(tables, wanted, &Table::name);
        return found == tables.end() ? nullptr : &*found;
    }
    // addresses_by_partition - whether maddr has a row per partition_tag and address; else one per address
    bool addresses_by_partition() const {
        const Table* maddr = table("maddr");
        return maddr != nullptr && maddr->column("partition_tag") != nullptr &&
               std::ranges::none_of(maddr->indexes, [](const Index& index) {
                   return index.is_unique && index.columns == std::vector<std::string>{"email"};
               });
    }
    const Column* column(std::string_view of, std::string_view wanted) const {
        const Table* found = table(of);
        return found == nullptr ? nullptr : found->column(wanted);
    }
};

}  // namespace tamis::storage
