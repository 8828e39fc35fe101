#include "storage/pg/statements.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/pg/dialect.h"

namespace tamis::storage::pg {
namespace {

struct Written {
    std::string_view column;
    std::string MessageRows::* from;
};
constexpr std::array<Written, 19> message_columns{{{"partition_tag", &MessageRows::partition_tag},
                                                   {"mail_id", &MessageRows::mail_id},
                                                   {"secret_id", &MessageRows::secret_id},
                                                   {"am_id", &MessageRows::am_id},
                                                   {"time_num", &MessageRows::time_num},
                                                   {"time_iso", &MessageRows::time_iso},
                                                   {"policy", &MessageRows::policy},
                                                   {"client_addr", &MessageRows::client_addr},
                                                   {"size", &MessageRows::size},
                                                   {"originating", &MessageRows::originating},
                                                   {"content", &MessageRows::content},
                                                   {"quar_type", &MessageRows::quar_type},
                                                   {"quar_loc", &MessageRows::quar_loc},
                                                   {"dsn_sent", &MessageRows::dsn_sent},
                                                   {"spam_level", &MessageRows::spam_level},
                                                   {"message_id", &MessageRows::message_id},
                                                   {"from_addr", &MessageRows::from_addr},
                                                   {"subject", &MessageRows::subject},
                                                   {"host", &MessageRows::host}}};

struct WrittenRecipient {
    std::string_view column;
    std::string RecipientRow::* from;
};
constexpr std::array<WrittenRecipient, 9> recipient_columns{{{"rseqnum", &RecipientRow::sequence},
                                                             {"is_local", &RecipientRow::is_local},
                                                             {"content", &RecipientRow::content},
                                                             {"ds", &RecipientRow::ds},
                                                             {"rs", &RecipientRow::rs},
                                                             {"bl", &RecipientRow::bl},
                                                             {"wl", &RecipientRow::wl},
                                                             {"bspam_level", &RecipientRow::bspam_level},
                                                             {"smtp_resp", &RecipientRow::smtp_resp}}};
// what finish() brings to its final state
constexpr std::array<std::string_view, 5> final_of_message{"content", "quar_type", "quar_loc", "dsn_sent", "spam_level"};
constexpr std::array<std::string_view, 3> final_of_recipient{"content", "ds", "smtp_resp"};

template <std::size_t count>
bool is_among(const std::array<std::string_view, count>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// Builder - numbers the parameters of a statement; partition_tag and mail_id stand in it once
class Builder {
public:
    explicit Builder(const Dialect& dialect) : dialect_(dialect) {}

    std::string message(std::string_view table, std::string_view column, std::string MessageRows::* from) {
        for (std::size_t i = 0; i < out.parameters.size(); ++i)
            if (out.parameters[i].of_message == from) return fmt::format("${}", i + 1);
        return add({from, nullptr, dialect_.is_bytea(table, column)});
    }
    std::string recipient(std::string_view table, std::string_view column, std::string RecipientRow::* from) {
        return add({nullptr, from, dialect_.is_bytea(table, column)});
    }
    // address - the id of an address that insert_addresses put there
    std::string address(Parameter from) {
        from.is_bytes = dialect_.is_bytea("maddr", "email");
        std::string partition;
        if (dialect_.catalogue.addresses_by_partition())
            partition = fmt::format("partition_tag = {} AND ", message("maddr", "partition_tag", &MessageRows::partition_tag));
        return fmt::format("(SELECT id FROM maddr WHERE {}email = {} LIMIT 1)", partition, add(from));
    }
    // key - the condition that finds the rows of a message
    std::string key(std::string_view table) {
        std::string partition;
        if (dialect_.has(table, "partition_tag"))
            partition = fmt::format("partition_tag = {} AND ", message(table, "partition_tag", &MessageRows::partition_tag));
        return partition + "mail_id = " + message(table, "mail_id", &MessageRows::mail_id);
    }

    Statement out;

private:
    std::string add(Parameter parameter) {
        out.parameters.push_back(parameter);
        return fmt::format("${}", out.parameters.size());
    }
    const Dialect& dialect_;
};

std::string insert_into(std::string_view table, const std::vector<std::string>& columns, const std::vector<std::string>& values) {
    return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, join(columns, ", "), join(values, ", "));
}

// LATERAL with LIMIT makes every planner look each address up in the index; a plain anti-join, planned while the table is
// small, compares every address with every row.
void add_addresses(RecordStatements& all, const Dialect& dialect) {
    all.address_has_partition = dialect.has("maddr", "partition_tag");
    all.address_has_domain = dialect.has("maddr", "domain");
    all.domain_is_bytea = dialect.is_bytea("maddr", "domain");
    const int emails = all.address_has_partition ? 2 : 1;
    const std::string domain_array =
        all.address_has_domain ? fmt::format("${}::{}[]", emails + 1, dialect.type("maddr", "domain")) : "";
    all.insert_addresses.name = "tamis_insert_addresses";
    all.insert_addresses.sql = fmt::format(
        "INSERT INTO maddr ({0}email{1}) SELECT {2}n.email{3} FROM unnest(${4}::{5}[]{6}) AS n(email{1}) "
        "LEFT JOIN LATERAL (SELECT id FROM maddr WHERE {7}maddr.email = n.email LIMIT 1) AS known ON true "
        "WHERE known.id IS NULL ORDER BY n.email ON CONFLICT DO NOTHING",
        all.address_has_partition ? "partition_tag, " : "", all.address_has_domain ? ", domain" : "",
        all.address_has_partition ? "$1::integer, " : "", all.address_has_domain ? ", n.domain" : "", emails,
        dialect.type("maddr", "email"), domain_array.empty() ? "" : ", " + domain_array,
        dialect.catalogue.addresses_by_partition() ? "partition_tag = $1::integer AND " : "");
}

void add_inserts(RecordStatements& all, const Dialect& dialect) {
    Builder message(dialect);
    std::vector<std::string> columns, values;
    for (const auto& [column, from] : message_columns) {
        if (!dialect.has("msgs", column)) continue;
        columns.emplace_back(column);
        values.push_back(message.message("msgs", column, from));
    }
    columns.emplace_back("sid");
    values.push_back(message.address({&MessageRows::sender, nullptr, false}));
    all.insert_message = std::move(message.out);
    all.insert_message.name = "tamis_insert_message";
    all.insert_message.sql = insert_into("msgs", columns, values);

    Builder recipient(dialect);
    columns = {"mail_id"};
    values = {recipient.message("msgrcpt", "mail_id", &MessageRows::mail_id)};
    if (dialect.has("msgrcpt", "partition_tag")) {
        columns.emplace_back("partition_tag");
        values.push_back(recipient.message("msgrcpt", "partition_tag", &MessageRows::partition_tag));
    }
    for (const auto& [column, from] : recipient_columns) {
        if (!dialect.has("msgrcpt", column)) continue;
        columns.emplace_back(column);
        values.push_back(recipient.recipient("msgrcpt", column, from));
    }
    if (dialect.has("msgrcpt", "time_num")) {  // of schema step 0002; its trigger serves those who do not know it
        columns.emplace_back("time_num");
        values.push_back(recipient.message("msgrcpt", "time_num", &MessageRows::time_num));
    }
    columns.emplace_back("rid");
    values.push_back(recipient.address({nullptr, &RecipientRow::email, false}));
    all.insert_recipient = std::move(recipient.out);
    all.insert_recipient.name = "tamis_insert_recipient";
    all.insert_recipient.sql = insert_into("msgrcpt", columns, values);

    Builder chunk(dialect);
    columns = {"mail_id"};
    values = {chunk.message("quarantine", "mail_id", &MessageRows::mail_id)};
    if (dialect.has("quarantine", "partition_tag")) {
        columns.emplace_back("partition_tag");
        values.push_back(chunk.message("quarantine", "partition_tag", &MessageRows::partition_tag));
    }
    const auto next = chunk.out.parameters.size() + 1;
    all.chunk_has_flag = !dialect.is_bytea("quarantine", "mail_text");
    columns.insert(columns.end(), {"chunk_ind", "mail_text"});
    values.push_back(fmt::format("${}", next));
    const auto bytes = fmt::format("${}", next + 1);
    values.push_back(all.chunk_has_flag ? dialect.stored_text(bytes, fmt::format("${}", next + 2)) : bytes);
    all.insert_chunk = std::move(chunk.out);
    all.insert_chunk.name = "tamis_insert_chunk";
    all.insert_chunk.sql = insert_into("quarantine", columns, values);
}

void add_updates(RecordStatements& all, const Dialect& dialect) {
    Builder message(dialect);
    std::vector<std::string> sets;
    for (const auto& [column, from] : message_columns)
        if (is_among(final_of_message, column) && dialect.has("msgs", column))
            sets.push_back(fmt::format("{} = {}", column, message.message("msgs", column, from)));
    const auto message_key = message.key("msgs");
    all.update_message = std::move(message.out);
    all.update_message.name = "tamis_update_message";
    all.update_message.sql = fmt::format("UPDATE msgs SET {} WHERE {}", join(sets, ", "), message_key);

    Builder recipient(dialect);
    sets.clear();
    for (const auto& [column, from] : recipient_columns)
        if (is_among(final_of_recipient, column) && dialect.has("msgrcpt", column))
            sets.push_back(fmt::format("{} = {}", column, recipient.recipient("msgrcpt", column, from)));
    const auto recipient_key = recipient.key("msgrcpt");
    // before 2.7 recipients of a message had no numbers, only their addresses, which may have been refused as they are
    const auto which = dialect.has("msgrcpt", "rseqnum")
                           ? "rseqnum = " + recipient.recipient("msgrcpt", "rseqnum", &RecipientRow::sequence)
                           : fmt::format("rid IN ({}, {})", recipient.address({nullptr, &RecipientRow::email, false}),
                                         recipient.address({nullptr, &RecipientRow::printable, false}));
    all.update_recipient = std::move(recipient.out);
    all.update_recipient.name = "tamis_update_recipient";
    all.update_recipient.sql = fmt::format("UPDATE msgrcpt SET {} WHERE {} AND {}", join(sets, ", "), recipient_key, which);
}

void add_select(RecordStatements& all, const Dialect& dialect) {
    Builder secret(dialect);
    const auto secret_key = secret.key("msgs");
    all.select_secret = std::move(secret.out);
    all.select_secret.name = "tamis_select_secret";
    all.select_secret.sql = "SELECT secret_id FROM msgs WHERE " + secret_key;
}

}  // namespace

std::vector<const Statement*> RecordStatements::all() const {
    return {&insert_addresses, &insert_message,   &insert_recipient, &insert_chunk,
            &update_message,   &update_recipient, &select_secret};
}

RecordStatements record_statements(const Dialect& dialect) {
    RecordStatements all;
    add_addresses(all, dialect);
    add_inserts(all, dialect);
    add_updates(all, dialect);
    add_select(all, dialect);
    return all;
}

std::span<const std::string_view> written_columns(std::string_view table) {
    static const auto names = [](const auto& written, std::vector<std::string_view> others) {
        for (const auto& row : written) others.push_back(row.column);
        return others;
    };
    static const std::vector<std::string_view> addresses{"partition_tag", "email", "domain"};
    static const std::vector<std::string_view> messages = names(message_columns, {"sid"});
    static const std::vector<std::string_view> recipients = names(recipient_columns, {"partition_tag", "mail_id", "rid"});
    static const std::vector<std::string_view> chunks{"partition_tag", "mail_id", "chunk_ind", "mail_text"};
    if (table == "maddr") return addresses;
    if (table == "msgs") return messages;
    if (table == "msgrcpt") return recipients;
    if (table == "quarantine") return chunks;
    return {};
}

Bound::Bound(const Statement& statement, const MessageRows& row, const RecipientRow* recipient) {
    for (const auto& parameter : statement.parameters) {
        if (parameter.of_message == &MessageRows::content && !row.has_content) {
            add(Value::null());
            continue;
        }
        const std::string& value =
            parameter.of_message != nullptr ? row.*parameter.of_message : recipient->*parameter.of_recipient;
        add(parameter.is_bytes ? Value::bytes(value) : Value::text(value));
    }
}

}  // namespace tamis::storage::pg
