// expiry_sql - what the retention changes in SQLite: rows by their rowid; nobody else writes meanwhile
#pragma once

#include "storage/retention/expiry_sql.h"

namespace tamis::storage::sqlite {

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

private:
    std::string row_address(std::string_view alias) const override;
    std::string delete_rows_of(std::string_view table, std::string_view messages) const;
    std::string no_message(std::string_view alias, std::string_view table) const;
};

}  // namespace tamis::storage::sqlite
