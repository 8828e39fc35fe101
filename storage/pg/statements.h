// statements - the SQL of the record store, built for the dialect of the database: pure
//
// A statement knows where each of its parameters comes from, so that the code that binds them is the same in every era.
// Addresses are referred to by value: a message's row looks up maddr.id itself, so that a whole batch is one round trip.
// maddr is read before it is written (no sequence value is burned for a known address) and written in the order of the
// addresses (two hosts that insert the same ones cannot deadlock).
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/pg/connection.h"
#include "storage/records/rows.h"

namespace tamis::storage::pg {

struct Dialect;

// Parameter - a member of the message's row or of a recipient's
struct Parameter {
    std::string MessageRows::* of_message = nullptr;
    std::string RecipientRow::* of_recipient = nullptr;
    bool is_bytes = false;  // the column is bytea: nothing in it is an escape
};

struct Statement {
    const char* name = "";
    std::string sql;
    std::vector<Parameter> parameters;
};

struct RecordStatements {
    // $1 partition_tag (only where maddr has one), emails and (where it has that) domains: arrays
    Statement insert_addresses;
    bool address_has_partition = true, address_has_domain = true, domain_is_bytea = false;
    Statement insert_message, insert_recipient;
    // after its parameters: chunk_ind, the bytes, and where chunk_has_flag a boolean, Dialect::is_plain of the bytes
    Statement insert_chunk;
    bool chunk_has_flag = false;
    Statement update_message, update_recipient;
    Statement select_secret;
    std::vector<const Statement*> all() const;
};

RecordStatements record_statements(const Dialect& dialect);

// written_columns - those of a table that the record store fills, in any era
std::span<const std::string_view> written_columns(std::string_view table);

// Bound - the values of a statement's parameters, and up to four more; refers to the rows
class Bound {
public:
    Bound(const Statement& statement, const MessageRows& row, const RecipientRow* recipient = nullptr);
    void add(Value value) { values_.at(count_++) = value; }
    std::span<const Value> values() const { return {values_.data(), count_}; }

private:
    std::array<Value, 32> values_{};
    std::size_t count_ = 0;
};

namespace statement {
constexpr const char* begin = "tamis_begin";
constexpr const char* commit = "tamis_commit";
constexpr const char* rollback = "tamis_rollback";
constexpr const char* settings = "tamis_settings";  // of the transaction, where a pooler forgets those of the session
}  // namespace statement

}  // namespace tamis::storage::pg
