// sql_dialect - how SQL is written for one kind of database: what the shared statements ask instead of knowing
//
// A shared statement is plain SQL of what all have; it needs no RETURNING, no arrays and no SKIP LOCKED. What changed is told by
// SqlAnswer::changed. Whole statements that only one kind can write well stand in the backend's folder, behind an interface
// (ExpirySql, PartitionSql). An object has no state; any thread. Nothing here does I/O.
#pragma once

#include <string>
#include <string_view>

#include "storage/schema/catalogue.h"

namespace tamis::storage {

class SqlDialect {
public:
    virtual ~SqlDialect() = default;

    // placeholder - of the parameter with that number, from 1: "$1", "?1". Where all look the same ("?") the numbers mean
    // nothing to the server: SqlText then gives the values in the order in which they stand in the text.
    virtual std::string placeholder(std::size_t number) const = 0;
    virtual bool has_numbered_placeholders() const { return true; }

    // typed - a value that is compared with the column (may be null), where the server could not know its type
    virtual std::string typed(std::string value, const Column*) const { return value; }
    // keeps_octets - the column (may be null) holds any bytes, and may be compared with any; else only with texts
    virtual bool keeps_octets(const Column* column) const = 0;

    // Tags - every partition_tag of a table, in few steps of its index: the primary keys begin with the tag, so that a mail_id
    // or an address alone could not be looked up in them. `with` stands before the SELECT, `in` behind the column.
    struct Tags {
        std::string with, in;
    };
    virtual Tags tags_of(std::string_view table) const;

    // is_before - of two columns and two values, along an index of both columns
    virtual std::string is_before(std::string_view first, std::string_view second, std::string_view value,
                                  std::string_view second_value) const;
    // like - in any case; in the pattern a backslash takes "%" and "_" their meaning
    virtual std::string like(std::string_view column, std::string_view pattern) const = 0;
    // distinct_texts - an aggregate: the different texts of a group, one after the other, perhaps with "," between them
    virtual std::string distinct_texts(std::string_view text) const = 0;
    // chunk_bytes - an expression for the bytes of quarantine.mail_text of that alias
    virtual std::string chunk_bytes(const Catalogue& catalogue, std::string_view alias) const = 0;

    // merges_branches - (SELECT ... ORDER BY ... LIMIT n) UNION ALL (...) in one order is read along the indexes, hardly more of
    // it than is wanted
    virtual bool merges_branches() const = 0;
    // has_lateral - FROM (VALUES ...) AS k(...) CROSS JOIN LATERAL (SELECT ...) AS r
    virtual bool has_lateral() const = 0;

    // create_index - for an administrator, without locking anybody out if it can be done
    virtual std::string create_index(std::string_view name, std::string_view table, std::string_view columns) const;
};

}  // namespace tamis::storage
