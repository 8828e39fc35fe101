// expiry_sql - what the retention changes in PostgreSQL: keys as arrays, what others hold is passed over (SKIP LOCKED)
#pragma once

#include "storage/retention/expiry_sql.h"

namespace tamis::storage::pg {

class RetentionSql final : public ExpirySql {
public:
    explicit RetentionSql(const Catalogue& catalogue);

    std::vector<SqlQuery> delete_records(std::span<const Candidate> messages, const Walk& walk) const override;
    std::vector<SqlQuery> count_rows(std::span<const Candidate> messages) const override;
    std::vector<SqlQuery> expire_copies(std::span<const Candidate> messages, bool chunks) const override;
    Counts counts_of(const std::vector<SqlAnswer>& answers, Asked asked) const override;
    SqlQuery delete_some_chunks(const Candidate& message, std::size_t most) const override;
    SqlQuery pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const override;
    SqlQuery delete_orphans(std::string_view table, std::span<const Piece> orphans) const override;
    std::vector<SqlQuery> delete_addresses(std::span<const std::int64_t> ids) const override;
    SqlQuery oldest_transaction() const override;
    SqlQuery used_addresses(std::span<const Address> deleted) const override;
    std::vector<SqlQuery> restore_address(const Address& address) const override;

private:
    std::string keys(std::span<const Candidate> messages, SqlQuery& query, bool with_places = false) const;
    std::string type_of(std::string_view table, std::string_view column) const;
    std::string no_message(std::string_view alias, std::string_view table) const;
};

}  // namespace tamis::storage::pg
