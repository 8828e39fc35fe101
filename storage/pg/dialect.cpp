#include "storage/pg/dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "storage/pg/catalogue.h"
#include "storage/pg/connect_advice.h"
#include "storage/pg/statements.h"

namespace tamis::storage::pg {
namespace {

// What every era has and nothing works without.
struct Needed {
    std::string_view table;
    std::vector<std::string_view> columns;
};
const std::vector<Needed>& needed() {
    static const std::vector<Needed> tables{{"maddr", {"id", "email"}},
                                            {"msgs", {"mail_id", "secret_id", "time_num", "sid", "content"}},
                                            {"msgrcpt", {"mail_id", "rid", "ds", "rs"}},
                                            {"quarantine", {"mail_id", "chunk_ind", "mail_text"}}};
    return tables;
}

// fills_itself - the row can be inserted without naming this column
bool fills_itself(const Column& column) { return !column.is_not_null || column.has_default; }

Done check_table(const Table& table, const Needed& need, Use use) {
    if (use == Use::write ? !table.may_write : !table.may_read)
        return fail(Errc::unavailable, fmt::format("no permission to {} the table \"{}\": {}",
                                                   use == Use::write ? "write" : "read", table.name, statement_advice("42501")));
    for (const auto name : need.columns)
        if (table.column(name) == nullptr)
            return fail(Errc::unavailable, fmt::format("no column \"{}.{}\": {}", table.name, name, statement_advice("42703")));
    if (use == Use::read) return {};
    const auto written = written_columns(table.name);
    for (const auto& column : table.columns)
        if (!fills_itself(column) && std::ranges::find(written, column.name) == written.end())
            return fail(
                Errc::unavailable,
                fmt::format("the column \"{0}.{1}\" must not be NULL and has no default, and it is none of amavisd's, so no "
                            "row can be inserted: ALTER TABLE {0} ALTER {1} SET DEFAULT ..., or ALTER TABLE {0} ALTER {1} "
                            "DROP NOT NULL",
                            table.name, column.name));
    return {};
}

// widths_of - what the columns have room for, where that is less than what amavisd stores
TextRules::Widths widths_of(const Catalogue& catalogue) {
    TextRules::Widths widths;
    const auto narrow = [&](std::size_t& width, std::string_view table, std::string_view name) {
        const Column* column = catalogue.column(table, name);
        if (column != nullptr && column->width > 0) width = std::min(width, static_cast<std::size_t>(column->width));
    };
    narrow(widths.email, "maddr", "email");
    narrow(widths.domain, "maddr", "domain");
    for (const auto* table : {"msgs", "msgrcpt", "quarantine"}) narrow(widths.mail_id, table, "mail_id");
    narrow(widths.secret_id, "msgs", "secret_id");
    narrow(widths.am_id, "msgs", "am_id");
    narrow(widths.policy, "msgs", "policy");
    narrow(widths.client_addr, "msgs", "client_addr");
    narrow(widths.quar_loc, "msgs", "quar_loc");
    narrow(widths.message_id, "msgs", "message_id");
    narrow(widths.from_addr, "msgs", "from_addr");
    narrow(widths.subject, "msgs", "subject");
    narrow(widths.host, "msgs", "host");
    narrow(widths.smtp_resp, "msgrcpt", "smtp_resp");
    return widths;
}

std::string dotted(std::string_view alias, std::string_view name) {
    return alias.empty() ? std::string(name) : fmt::format("{}.{}", alias, name);
}

}  // namespace

std::string Dialect::type(std::string_view table, std::string_view column) const {
    const Column* found = catalogue.column(table, column);
    return found == nullptr ? std::string() : found->type;
}

std::string Dialect::column(std::string_view alias, std::string_view table, std::string_view name,
                            std::string_view otherwise) const {
    return has(table, name) ? dotted(alias, name) : std::string(otherwise);
}

std::string Dialect::same_partition(std::string_view alias, std::string_view table, std::string_view other_alias,
                                    std::string_view other_table) const {
    if (!has(table, "partition_tag") || !has(other_table, "partition_tag")) return {};
    return fmt::format("{}.partition_tag = {}.partition_tag AND ", alias, other_alias);
}

std::string Dialect::in_partition(std::string_view alias, std::string_view table, std::string_view value) const {
    if (!has(table, "partition_tag")) return {};
    return fmt::format("{} = {} AND ", dotted(alias, "partition_tag"), value);
}

std::string mail_text(const Catalogue& catalogue, std::string_view alias) {
    const auto column = dotted(alias, "mail_text");
    const Column* found = catalogue.column("quarantine", "mail_text");
    if (found != nullptr && found->type == "bytea") return column;
    std::string mark;
    for (const char c : escape_mark) mark += c == '\'' ? "''" : std::string(1, c);
    return fmt::format(
        "CASE WHEN left({0}, {1}) = '{2}' THEN decode(substr({0}, {3}), 'escape') "
        "ELSE convert_to({0}, getdatabaseencoding()) END",
        column, escape_mark.size(), mark, escape_mark.size() + 1);
}

std::string Dialect::stored_text(std::string_view bytes, std::string_view as_is) const {
    std::string mark;
    for (const char c : escape_mark) mark += c == '\'' ? "''" : std::string(1, c);
    return fmt::format(
        "CASE WHEN {1}::boolean THEN convert_from({0}::bytea, getdatabaseencoding()) "
        "ELSE '{2}' || encode({0}::bytea, 'escape') END",
        bytes, as_is, mark);
}

bool Dialect::is_plain(std::string_view bytes) const {
    if (bytes.find('\0') != std::string_view::npos || bytes.starts_with(escape_mark)) return false;
    // every byte is a character of LATIN1; here the bytes are given as they are, not as UTF-8
    return text.charset == TextRules::Charset::latin1 || can_hold(bytes, text.charset);
}

Result<Dialect> dialect_of(Catalogue catalogue, Use use) {
    for (const auto& need : needed()) {
        const Table* table = catalogue.table(need.table);
        if (table == nullptr)
            return fail(Errc::unavailable, fmt::format("no table \"{}\": {}", need.table, statement_advice("42P01")));
        if (auto fine = check_table(*table, need, use); !fine) return std::unexpected(std::move(fine.error()));
    }
    Dialect dialect;
    dialect.text.charset = charset_of(catalogue.encoding);
    dialect.text.widths = widths_of(catalogue);
    dialect.text.eight_bit_addresses = catalogue.column("maddr", "email")->type == "bytea";
    dialect.catalogue = std::move(catalogue);
    return dialect;
}

Task<Result<Dialect>> detect(Connection& connection, Use use) {
    auto reply = co_await connection.run(catalogue_query());
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    auto dialect = dialect_of(catalogue_of(reply->get()), use);
    if (!dialect) co_return fail(dialect.error().code, fmt::format("{}: {}", connection.dsn().named(), dialect.error().detail));
    co_return dialect;
}

}  // namespace tamis::storage::pg
