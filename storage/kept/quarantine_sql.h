// quarantine_sql - the statements of the quarantine store for a database of any era; pure
//
// A page is read along one index (the stream), newest first: the recipient's rows, the rows of a state, the sender's, a
// category's, or all quarantined messages. What the stream does not say is looked at row by row, for at most
// scan_limit() rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/kept/quarantine_store.h"
#include "storage/sql/sql_text.h"

namespace tamis::storage {

// PageRequest - a filter whose addresses were looked up
struct PageRequest {
    QuarantineFilter filter;
    std::optional<PageKey> after;
    std::size_t limit = 50;
    std::vector<std::int64_t> recipient_ids, sender_ids;  // maddr.id of an exact address
};

constexpr std::size_t recipients_shown = 10;  // of each message of a page

// scan_limit - how many rows of the stream one page may look at
std::size_t scan_limit(const PageRequest& request, const SqlTarget& target);

SqlQuery address_query(const SqlTarget& target, std::string_view address);
SqlQuery page_query(const SqlTarget& target, const PageRequest& request);
// end_query - the key of the last row that page_query looked at; none when it saw the end of the stream
SqlQuery end_query(const SqlTarget& target, const PageRequest& request);
SqlQuery find_query(const SqlTarget& target, std::string_view mail_id, std::optional<std::int64_t> partition_tag);
// recipients_queries - of these messages, at most `most` of each (0: all); the rows begin with the message's index
std::vector<SqlQuery> recipients_queries(const SqlTarget& target, const std::vector<MessageKey>& messages, std::size_t most);
SqlQuery chunks_query(const SqlTarget& target, const MessageKey& message, std::int64_t after, std::size_t most);
std::vector<SqlQuery> change_queries(const SqlTarget& target, const StateChange& change);
std::vector<SqlQuery> remove_queries(const SqlTarget& target, const MessageKey& message);
std::vector<SqlQuery> stats_queries(const SqlTarget& target, std::int64_t since, std::int64_t until);

// item_of / recipient_of - from the rows of page_query, find_query and recipients_queries
QuarantineItem item_of(const SqlRow& row);
RecipientState recipient_of(const SqlRow& row);

}  // namespace tamis::storage
