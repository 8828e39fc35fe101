#include "storage/pg/schema_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/pg/dialect.h"

namespace tamis::storage::pg {
namespace {

using Names = std::vector<std::string>;

const Index* unique_index(const Table& table, std::string_view columns) {
    const auto found = std::ranges::find_if(
        table.indexes, [&](const Index& index) { return index.is_unique && join(index.columns, ",") == columns; });
    return found == table.indexes.end() ? nullptr : &*found;
}

class Rules final : public SchemaRules {
public:
    void before_columns(SchemaWork& work) override {
        find_problems(work);
        free_foreign_keys(work);
    }
    void after_columns(SchemaWork& work) override {
        convert_types(work);
        widen(work);
    }
    void after_indexes(SchemaWork& work) override {
        replace_keys(work);
        restore_foreign_keys(work);
    }
    void at_end(SchemaWork& work) override { find_encoding(work); }

    Names remember_first() const override {
        return {
            "CREATE TABLE tamis_schema (step integer PRIMARY KEY, installed_at timestamp with time zone NOT NULL DEFAULT now())",
            "INSERT INTO tamis_schema (step) VALUES (1)"};
    }
    Names run_step(const SchemaStep& step, bool, const SchemaWork&) const override { return {std::string(step.sql)}; }

private:
    // find_problems - what the daemon itself would say
    void find_problems(SchemaWork& work) {
        if (work.table("msgs") == nullptr) return;
        if (auto dialect = dialect_of(work.catalogue, Use::write); !dialect)
            work.report.problems.push_back(dialect.error().detail);
        for (const auto& one : work.catalogue.tables)
            if (!one.is_owned) {
                work.report.remarks.push_back(
                    "an upgrade must be run as the owner of the tables (or as a superuser): the DSN's role does not own " +
                    one.name);
                break;
            }
    }

    // Foreign keys are bound to types and keys: those to msgs.mail_id are taken off before these change, and put back.
    void free_foreign_keys(SchemaWork& work) {
        const Table* msgs = work.table("msgs");
        if (msgs == nullptr || (has_index(*msgs, "partition_tag,mail_id", true) && !is_text(work.type("msgs", "mail_id"))))
            return;
        for (const auto name : storage_tables)
            if (const Table* one = work.table(name))
                for (const auto& key : one->foreign_keys)
                    if (const auto anew = new_foreign_key(key); anew != key.definition)
                        foreign_.push_back({one->name, key.name, anew});
        for (const auto& key : foreign_)
            work.change("(a foreign key is taken off while its columns change)",
                        {fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", key.table, key.name)});
    }

    static std::string new_foreign_key(const ForeignKey& key) {
        constexpr std::string_view old = "FOREIGN KEY (mail_id) REFERENCES msgs(mail_id)";
        if (key.definition.starts_with(old))
            return "FOREIGN KEY (partition_tag, mail_id) REFERENCES msgs(partition_tag, mail_id)" +
                   key.definition.substr(old.size());
        return key.definition;
    }

    void restore_foreign_keys(SchemaWork& work) {
        for (const auto& key : foreign_)
            work.change("what belongs to a message still goes with it",
                        {fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}", key.table, key.name, key.definition)});
    }

    // stored_bytes - how a text column's content becomes the bytes that were given to the database
    static std::string stored_bytes(const SchemaWork& work, std::string_view column) {
        const auto* encoding = work.catalogue.encoding == "SQL_ASCII" ? "'SQL_ASCII'" : "'UTF8'";
        return fmt::format("convert_to({}, {})", column, encoding);
    }

    void convert_types(SchemaWork& work) {
        struct Bytes {
            std::string_view table, column, gain;
        };
        for (const auto& [of, column, gain] :
             {Bytes{"maddr", "email", "addresses with any byte are kept as they are"},
              Bytes{"users", "email", "the same as in maddr"}, Bytes{"mailaddr", "email", "the same as in maddr"},
              Bytes{"msgs", "mail_id", "ids are case-sensitive everywhere and may be longer"},
              Bytes{"msgs", "secret_id", "the same as mail_id"}, Bytes{"msgrcpt", "mail_id", "the same as in msgs"},
              Bytes{"quarantine", "mail_id", "the same as in msgs"}}) {
            if (!is_text(work.type(of, column))) continue;
            work.report.works.push_back(fmt::format("{}.{} is {}: served as it is", of, column, work.type(of, column)));
            const bool has_default = work.catalogue.column(of, column)->has_default;
            work.change(std::string(gain), {fmt::format("ALTER TABLE {0} {1}ALTER {2} TYPE bytea USING {3}{4}", of,
                                                        has_default ? fmt::format("ALTER {} DROP DEFAULT, ", column) : "", column,
                                                        stored_bytes(work, column),
                                                        has_default ? fmt::format(", ALTER {} SET DEFAULT ''", column) : "")});
            if (column == "email" && !told_of_flag_) {
                told_of_flag_ = true;
                work.report.remarks.push_back(
                    "after the upgrade an amavisd that still uses this database needs $sql_allow_8bit_address = 1");
            }
        }
        if (is_text(work.type("quarantine", "mail_text"))) {
            work.report.works.push_back(
                "quarantine.mail_text is text: mail is stored as it is where the encoding allows, else escaped");
            work.change(
                "any byte of any mail is stored as it is, at half the work",
                {fmt::format("ALTER TABLE quarantine ALTER mail_text TYPE bytea USING {}", mail_text(work.catalogue, ""))});
        }
        const auto time = work.type("msgs", "time_iso");
        if (is_text(time) || time == "timestamp") {
            work.report.works.push_back(fmt::format("msgs.time_iso is {}: written as text", time));
            work.change("dates are compared as dates",
                        {fmt::format("ALTER TABLE msgs ALTER time_iso TYPE timestamp with time zone USING {}",
                                     is_text(time) ? "to_timestamp(time_num)" : "time_iso AT TIME ZONE 'UTC'")});
        }
    }

    void widen(SchemaWork& work) {
        for (const auto& [of, columns] : std::initializer_list<std::pair<std::string_view, std::vector<std::string_view>>>{
                 {"maddr", {"domain"}},
                 {"msgs", {"policy", "client_addr", "quar_loc", "message_id", "from_addr", "subject", "host"}},
                 {"msgrcpt", {"smtp_resp"}}})
            for (const auto column : columns) {
                const Column* found = work.catalogue.column(of, column);
                if (found == nullptr || found->width == 0 || found->width >= 255) continue;
                work.report.works.push_back(
                    fmt::format("{}.{} has {} characters: longer texts are cut there", of, column, found->width));
                work.change("longer texts are kept", {fmt::format("ALTER TABLE {} ALTER {} TYPE varchar(255)", of, column)});
            }
        // a char(1) of policy that a site made wider keeps its texts, we read their first letter
        if (const Table* policy = work.table("policy"))
            for (const auto& column : policy->columns)
                if ((column.name.ends_with("_lover") || column.name.starts_with("bypass_")) &&
                    !(column.type == "bpchar" && column.width == 1))
                    work.report.works.push_back(fmt::format("policy.{} is {}{}: read as it is", column.name, column.type,
                                                            column.width > 0 ? fmt::format("({})", column.width) : ""));
    }

    void replace_keys(SchemaWork& work) {
        if (const Table* one = work.table("maddr"); one != nullptr && !has_index(*one, "partition_tag,email", true)) {
            const Index* old = unique_index(*one, "email");
            if (old != nullptr) work.report.works.push_back("an address stands in maddr once, whatever the partition");
            replace_key(work, *one, old, "part_email", false, "partition_tag, email",
                        "each partition has its own addresses and can be dropped whole");
        }
        if (const Table* one = work.table("msgs"); one != nullptr && !has_index(*one, "partition_tag,mail_id", true))
            replace_key(work, *one, unique_index(*one, "mail_id"), "msgs_partition_mail", true, "partition_tag, mail_id",
                        "partitions; amavisd 2.6 and later expect it");
        if (const Table* one = work.table("quarantine");
            one != nullptr && !has_index(*one, "partition_tag,mail_id,chunk_ind", true))
            replace_key(work, *one, unique_index(*one, "mail_id,chunk_ind"), "quarantine_pkey", true,
                        "partition_tag, mail_id, chunk_ind", "the same for the quarantined texts");
        const Table* one = work.table("msgrcpt");
        if (one == nullptr || has_index(*one, "partition_tag,mail_id,rseqnum", true)) return;
        Names statements;
        if (!work.has("msgrcpt", "rseqnum")) {
            work.report.works.push_back("no column msgrcpt.rseqnum (amavisd 2.7): recipients are told apart by their addresses");
            statements.push_back("ALTER TABLE msgrcpt ADD COLUMN rseqnum integer NOT NULL DEFAULT 0");
        }
        statements.push_back(
            "UPDATE msgrcpt SET rseqnum = numbered.place FROM (SELECT ctid AS row_id, row_number() OVER "
            "(PARTITION BY partition_tag, mail_id ORDER BY rseqnum, ctid) AS place FROM msgrcpt) AS numbered "
            "WHERE msgrcpt.ctid = numbered.row_id");
        work.change("the recipients of a message have numbers", std::move(statements));
        replace_key(work, *one, nullptr, "msgrcpt_partition_mail_rseq", true, "partition_tag, mail_id, rseqnum",
                    "each of them is found by its number");
    }

    void replace_key(SchemaWork& work, const Table& one, const Index* old, std::string_view name, bool primary,
                     std::string_view columns, std::string_view gain) {
        Names statements;
        if (old != nullptr)
            statements.push_back(old->is_constraint ? fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", one.name, old->name)
                                                    : fmt::format("DROP INDEX {}", old->name));
        const bool other_primary =
            std::ranges::any_of(one.indexes, [&](const Index& index) { return index.is_primary && &index != old; });
        statements.push_back(fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {} ({})", one.name, name,
                                         primary && !other_primary ? "PRIMARY KEY" : "UNIQUE", columns));
        work.change(std::string(gain), std::move(statements));
    }

    void find_encoding(SchemaWork& work) {
        if (work.catalogue.encoding == "UTF8") return;
        if (work.catalogue.encoding == "SQL_ASCII")
            work.report.works.push_back(
                "the encoding is SQL_ASCII: texts are stored as UTF-8, which no program is told; any byte is kept");
        else
            work.report.works.push_back(fmt::format(
                "the encoding is {}: what it does not have becomes \"?\" in subjects and names, the mail itself is kept byte for byte",
                work.catalogue.encoding));
        work.report.remarks.push_back(
            "an encoding cannot be changed in place; a new database with encoding UTF8 and pg_dump would do it, and nothing needs it");
    }

    struct Foreign {
        std::string table, name, definition;
    };
    std::vector<Foreign> foreign_;
    bool told_of_flag_ = false;
};

}  // namespace

std::unique_ptr<SchemaRules> schema_rules() { return std::make_unique<Rules>(); }

}  // namespace tamis::storage::pg
