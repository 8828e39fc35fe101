// statements - the SQL of the record store: name, text by dialect; parameters are numbered as the records code binds them
//
// Addresses are referred to by value: a message's row looks up maddr.id itself, so that a whole batch is one round trip.
// maddr is read before it is written (no sequence value is burned for a known address) and written in the order of the
// addresses (two hosts that insert the same ones cannot deadlock).
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>

#include "storage/pg/dialect.h"

namespace tamis::storage::pg {

struct StatementText {
    const char* name;
    std::string sql;
};

namespace statement {
constexpr const char* begin = "tamis_begin";
constexpr const char* commit = "tamis_commit";
constexpr const char* rollback = "tamis_rollback";
constexpr const char* insert_addresses = "tamis_insert_addresses";
constexpr const char* insert_message = "tamis_insert_message";
constexpr const char* insert_recipient = "tamis_insert_recipient";
constexpr const char* insert_chunk = "tamis_insert_chunk";
constexpr const char* update_message = "tamis_update_message";
constexpr const char* update_recipient = "tamis_update_recipient";
constexpr const char* select_secret = "tamis_select_secret";
constexpr const char* select_chunks = "tamis_select_chunks";
}  // namespace statement

inline std::vector<StatementText> record_statements(const Dialect& dialect) {
    return {
        {statement::begin, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"},
        {statement::commit, "COMMIT"},
        {statement::rollback, "ROLLBACK"},
        // $1 partition_tag, $2 emails, $3 domains (arrays). LATERAL with LIMIT makes every planner look each address up in
        // the index; a plain anti-join, planned while the table is small, compares every address with every row.
        {statement::insert_addresses,
         fmt::format("INSERT INTO maddr (partition_tag, email, domain) "
                     "SELECT $1::integer, n.email, n.domain FROM unnest($2::{0}[], $3::varchar[]) AS n(email, domain) "
                     "LEFT JOIN LATERAL (SELECT id FROM maddr WHERE partition_tag = $1::integer AND maddr.email = n.email "
                     "LIMIT 1) AS known ON true WHERE known.id IS NULL ORDER BY n.email ON CONFLICT DO NOTHING",
                     dialect.address_type)},
        {statement::insert_message,
         "INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, policy, client_addr, size, "
         "originating, content, quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host, sid) "
         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
         "(SELECT id FROM maddr WHERE partition_tag = $1 AND email = $20))"},
        {statement::insert_recipient,
         "INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp, "
         "rid) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
         "(SELECT id FROM maddr WHERE partition_tag = $1 AND email = $12))"},
        {statement::insert_chunk,
         "INSERT INTO quarantine (partition_tag, mail_id, chunk_ind, mail_text) VALUES ($1, $2, $3, $4)"},
        {statement::update_message,
         "UPDATE msgs SET content = $3, quar_type = $4, quar_loc = $5, dsn_sent = $6, spam_level = $7 "
         "WHERE partition_tag = $1 AND mail_id = $2"},
        {statement::update_recipient,
         "UPDATE msgrcpt SET content = $4, ds = $5, smtp_resp = $6 "
         "WHERE partition_tag = $1 AND mail_id = $2 AND rseqnum = $3"},
        {statement::select_secret, "SELECT secret_id FROM msgs WHERE partition_tag = $1 AND mail_id = $2"},
        {statement::select_chunks,
         "SELECT mail_text FROM quarantine WHERE partition_tag = $1 AND mail_id = $2 ORDER BY chunk_ind"},
    };
}

}  // namespace tamis::storage::pg
