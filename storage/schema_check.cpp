#include "storage/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "storage/pg/dialect.h"
#include "storage/schema.h"

namespace tamis::storage {
namespace {

using Names = std::vector<std::string>;

constexpr std::array<std::string_view, 4> storage_tables{"maddr", "msgs", "msgrcpt", "quarantine"};
constexpr std::array<std::string_view, 4> lookup_tables{"policy", "users", "mailaddr", "wblist"};

// Wanted - a column of today's schema that an older one may lack, and since when amavisd knows it
struct Wanted {
    std::string_view table, column, definition, since, gain;
};
constexpr std::string_view kept = "what is written there is recorded";
constexpr std::array<Wanted, 29> wanted{{
    {"msgs", "am_id", "varchar(20) NOT NULL DEFAULT ''", "2.3", kept},
    {"msgs", "policy", "varchar(255) DEFAULT ''", "2.3", kept},
    {"msgs", "client_addr", "varchar(255) DEFAULT ''", "2.3", kept},
    {"msgs", "quar_type", "char(1)", "2.3", kept},
    {"msgs", "quar_loc", "varchar(255) DEFAULT ''", "2.4",
     "front ends such as MailZu find the quarantined copy; needed for quarantines in files"},
    {"msgs", "dsn_sent", "char(1)", "2.3", kept},
    {"msgs", "spam_level", "real", "2.3", kept},
    {"msgs", "message_id", "varchar(255) DEFAULT ''", "2.3", "pen pals by References"},
    {"msgs", "from_addr", "varchar(255) DEFAULT ''", "2.3", "listing by author"},
    {"msgs", "subject", "varchar(255) DEFAULT ''", "2.3", "listing by subject"},
    {"msgs", "host", "varchar(255) NOT NULL DEFAULT ''", "2.3", "telling the hosts of one database apart"},
    {"msgs", "originating", "char(1) NOT NULL DEFAULT ' '", "2.7", "telling outgoing mail from incoming"},
    {"msgrcpt", "content", "char(1) NOT NULL DEFAULT ' '", "2.7", "the verdict of each recipient"},
    {"msgrcpt", "is_local", "char(1) NOT NULL DEFAULT ' '", "2.7", "telling local recipients from foreign ones"},
    {"msgrcpt", "bl", "char(1) DEFAULT ' '", "2.3", kept},
    {"msgrcpt", "wl", "char(1) DEFAULT ' '", "2.3", kept},
    {"msgrcpt", "bspam_level", "real", "2.3", "the score of each recipient"},
    {"msgrcpt", "smtp_resp", "varchar(255) DEFAULT ''", "2.3", "the reply each recipient's mail got"},
    {"policy", "unchecked_lover", "char(1)", "2.7", "the setting of that name per policy"},
    {"policy", "unchecked_quarantine_to", "varchar(64)", "2.7", "the setting of that name per policy"},
    {"policy", "clean_quarantine_to", "varchar(64)", "2.4", "the setting of that name per policy"},
    {"policy", "archive_quarantine_to", "varchar(64)", "2.6", "the setting of that name per policy"},
    {"policy", "spam_tag3_level", "real", "2.7", "the setting of that name per policy"},
    {"policy", "spam_subject_tag3", "varchar(64)", "2.7", "the setting of that name per policy"},
    {"policy", "message_size_limit", "integer", "2.4", "the setting of that name per policy"},
    {"policy", "disclaimer_options", "varchar(64)", "2.7", "the setting of that name per policy"},
    {"policy", "forward_method", "varchar(64)", "2.7", "the setting of that name per policy"},
    {"policy", "sa_userconf", "varchar(64)", "2.7", "the setting of that name per policy"},
    {"policy", "sa_username", "varchar(64)", "2.7", "the setting of that name per policy"},
}};

struct WantedIndex {
    std::string_view name, table;
    std::string_view columns;  // it, or one that begins with these
    std::string_view gain;
};
constexpr std::array<WantedIndex, 6> wanted_indexes{{
    {"msgs_idx_sid_time", "msgs", "sid,time_num", "pen pals and listing by sender stay fast"},
    {"msgs_idx_mess_id", "msgs", "message_id", "pen pals by References stay fast"},
    {"msgs_idx_time_iso", "msgs", "time_iso", "listing by date stays fast"},
    {"msgs_idx_time_num", "msgs", "time_num", "listing by time and expiry stay fast"},
    {"msgrcpt_idx_mail_id", "msgrcpt", "mail_id", "the recipients of a message are found at once"},
    {"msgrcpt_idx_rid", "msgrcpt", "rid", "listing by recipient stays fast"},
}};

bool is_text(std::string_view type) { return type == "varchar" || type == "bpchar" || type == "text"; }

bool has_index(const Table& table, std::string_view columns, bool unique = false) {
    return std::ranges::any_of(table.indexes, [&](const Index& index) {
        const auto have = join(index.columns, ",");
        return unique ? index.is_unique && have == columns : have == columns || have.starts_with(std::string(columns) + ",");
    });
}

const Index* unique_index(const Table& table, std::string_view columns) {
    const auto found = std::ranges::find_if(
        table.indexes, [&](const Index& index) { return index.is_unique && join(index.columns, ",") == columns; });
    return found == table.indexes.end() ? nullptr : &*found;
}

// Checker - goes through the catalogue once and notes what it finds
class Checker {
public:
    Checker(const Catalogue& catalogue, Dsn::Kind kind, Needed needed)
        : catalogue_(catalogue), is_pg_(kind == Dsn::Kind::postgresql), kind_(kind), needed_(needed) {}

    SchemaReport run() {
        report_.is_empty = catalogue_.tables.empty();
        if (report_.is_empty) return std::move(report_);
        report_.era = era();
        find_groups();
        if (is_pg_) {
            find_problems();
            free_foreign_keys();
        }
        add_columns();
        add_partitions();
        if (is_pg_) {
            convert_types();
            widen();
        } else {
            number_recipients();
        }
        add_indexes();
        if (is_pg_) {
            replace_keys();
            restore_foreign_keys();
        }
        record_steps();
        find_encoding();
        return std::move(report_);
    }

private:
    const Table* table(std::string_view name) const { return catalogue_.table(name); }
    bool has(std::string_view of, std::string_view column) const { return catalogue_.column(of, column) != nullptr; }
    std::string type(std::string_view of, std::string_view column) const {
        const Column* found = catalogue_.column(of, column);
        return found == nullptr ? std::string() : found->type;
    }
    void change(std::string gain, Names statements, bool is_new = false) {
        report_.changes.push_back({std::move(gain), std::move(statements), is_new});
    }

    std::string era() const {
        if (table("msgs") == nullptr) {
            if (table("policy") == nullptr) return "a part of amavisd's tables";
            return has("policy", "unchecked_lover") ? "the lookup tables of amavisd-new 2.7 to 2.13"
                                                    : "the lookup tables of amavisd-new before 2.7";
        }
        const bool numbered = has("msgrcpt", "rseqnum") && has("msgs", "originating");
        if (catalogue_.has_steps || (!is_pg_ && catalogue_.last_step > 0))
            return fmt::format("Tamis, schema step {}", catalogue_.last_step);
        if (numbered) return "amavisd-new 2.7 to 2.13";
        if (has("msgs", "partition_tag")) return "amavisd-new 2.6 (2008)";
        if (!has("msgs", "quar_loc")) return "amavisd-new 2.3 (2005)";
        return is_text(type("quarantine", "mail_text")) ? "amavisd-new 2.4 (2006), before 2.4.4"
                                                        : "amavisd-new 2.4.4 to 2.5 (2006 to 2008)";
    }

    void find_groups() {
        const auto missing = [&](const auto& names) {
            Names out;
            for (const auto name : names)
                if (table(name) == nullptr) out.emplace_back(name);
            return out;
        };
        for (const auto& [group, what, use, is_needed] :
             {std::tuple{storage_tables, "records and quarantine", "storage_dsn", needed_.records},
              std::tuple{lookup_tables, "policies", "lookup_dsn", needed_.policies}}) {
            const auto lacks = missing(group);
            if (lacks.empty()) continue;
            const bool is_new = lacks.size() == group.size();
            if (is_needed || !is_new) create(lacks, what, is_new);
            const bool optional = lacks.size() <= 2 && std::ranges::all_of(lacks, [](const auto& name) {
                                      return name == "wblist" || name == "mailaddr";
                                  });
            if (is_new && is_needed)
                report_.problems.push_back(
                    fmt::format("no tables for {} here ({}); `tamis schema install` creates them", what, join(lacks, ", ")));
            else if (is_new)
                report_.remarks.push_back(
                    fmt::format("no tables for {} here ({}): to make this database the {}, `tamis schema install` creates them",
                                what, join(lacks, ", "), use));
            else if (optional)
                report_.works.push_back(fmt::format("no table {}: senders are not looked up there", join(lacks, " and ")));
            else
                report_.problems.push_back(fmt::format(
                    "the tables for {} are not complete, there is no {}; `tamis schema upgrade` creates what is missing", what,
                    join(lacks, ", ")));
        }
    }

    // create - as step 1 does, before anything else is changed
    void create(const Names& names, std::string_view what, bool is_new) {
        for (const auto& name : names) {
            created_.push_back(name);
            change(fmt::format("the table {} for {}", name, what), table_statements(kind_, name), is_new);
        }
    }
    bool creates(std::string_view name) const { return std::ranges::find(created_, name) != created_.end(); }

    // find_problems - what the daemon itself would say
    void find_problems() {
        if (table("msgs") == nullptr) return;
        if (auto dialect = pg::dialect_of(catalogue_, pg::Use::write); !dialect)
            report_.problems.push_back(dialect.error().detail);
        for (const auto& one : catalogue_.tables)
            if (!one.is_owned) {
                report_.remarks.push_back(
                    "an upgrade must be run as the owner of the tables (or as a superuser): the DSN's role does not own " +
                    one.name);
                break;
            }
    }

    // Foreign keys are bound to types and keys: those to msgs.mail_id are taken off before these change, and put back.
    void free_foreign_keys() {
        const Table* msgs = table("msgs");
        if (msgs == nullptr || (has_index(*msgs, "partition_tag,mail_id", true) && !is_text(type("msgs", "mail_id")))) return;
        for (const auto name : storage_tables)
            if (const Table* one = table(name))
                for (const auto& key : one->foreign_keys)
                    if (const auto anew = new_foreign_key(key); anew != key.definition)
                        foreign_.push_back({one->name, key.name, anew});
        for (const auto& key : foreign_)
            change("(a foreign key is taken off while its columns change)",
                   {fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", key.table, key.name)});
    }

    static std::string new_foreign_key(const ForeignKey& key) {
        constexpr std::string_view old = "FOREIGN KEY (mail_id) REFERENCES msgs(mail_id)";
        if (key.definition.starts_with(old))
            return "FOREIGN KEY (partition_tag, mail_id) REFERENCES msgs(partition_tag, mail_id)" +
                   key.definition.substr(old.size());
        return key.definition;
    }

    void restore_foreign_keys() {
        for (const auto& key : foreign_)
            change("what belongs to a message still goes with it",
                   {fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}", key.table, key.name, key.definition)});
    }

    void add_columns() {
        for (const auto& column : wanted) {
            if (table(column.table) == nullptr || has(column.table, column.column)) continue;
            report_.works.push_back(
                fmt::format("no column {}.{} (amavisd {}): left out", column.table, column.column, column.since));
            change(std::string(column.gain),
                   {fmt::format("ALTER TABLE {} ADD COLUMN {} {}", column.table, column.column, column.definition)});
        }
    }

    void add_partitions() {
        Names lacking;
        for (const auto name : storage_tables)
            if (table(name) != nullptr && !has(name, "partition_tag")) lacking.emplace_back(name);
        if (lacking.empty()) return;
        report_.works.push_back(fmt::format("no column partition_tag in {} (amavisd 2.6): one partition", join(lacking, ", ")));
        Names statements;
        for (const auto& name : lacking)
            statements.push_back(fmt::format("ALTER TABLE {} ADD COLUMN partition_tag integer DEFAULT 0", name));
        change("old mail can be expired by the week", std::move(statements));
    }

    // stored_bytes - how a text column's content becomes the bytes that were given to the database
    std::string stored_bytes(std::string_view column) const {
        const auto* encoding = catalogue_.encoding == "SQL_ASCII" ? "'SQL_ASCII'" : "'UTF8'";
        return fmt::format("convert_to({}, {})", column, encoding);
    }

    void convert_types() {
        struct Bytes {
            std::string_view table, column, gain;
        };
        for (const auto& [of, column, gain] :
             {Bytes{"maddr", "email", "addresses with any byte are kept as they are"},
              Bytes{"users", "email", "the same as in maddr"}, Bytes{"mailaddr", "email", "the same as in maddr"},
              Bytes{"msgs", "mail_id", "ids are case-sensitive everywhere and may be longer"},
              Bytes{"msgs", "secret_id", "the same as mail_id"}, Bytes{"msgrcpt", "mail_id", "the same as in msgs"},
              Bytes{"quarantine", "mail_id", "the same as in msgs"}}) {
            if (!is_text(type(of, column))) continue;
            report_.works.push_back(fmt::format("{}.{} is {}: served as it is", of, column, type(of, column)));
            const bool has_default = catalogue_.column(of, column)->has_default;
            change(std::string(gain),
                   {fmt::format("ALTER TABLE {0} {1}ALTER {2} TYPE bytea USING {3}{4}", of,
                                has_default ? fmt::format("ALTER {} DROP DEFAULT, ", column) : "", column, stored_bytes(column),
                                has_default ? fmt::format(", ALTER {} SET DEFAULT ''", column) : "")});
            if (column == "email" && !told_of_flag_) {
                told_of_flag_ = true;
                report_.remarks.push_back(
                    "after the upgrade an amavisd that still uses this database needs $sql_allow_8bit_address = 1");
            }
        }
        if (is_text(type("quarantine", "mail_text"))) {
            pg::Dialect dialect;
            dialect.catalogue = catalogue_;
            report_.works.push_back(
                "quarantine.mail_text is text: mail is stored as it is where the encoding allows, else escaped");
            change("any byte of any mail is stored as it is, at half the work",
                   {fmt::format("ALTER TABLE quarantine ALTER mail_text TYPE bytea USING {}", dialect.mail_text(""))});
        }
        const auto time = type("msgs", "time_iso");
        if (is_text(time) || time == "timestamp") {
            report_.works.push_back(fmt::format("msgs.time_iso is {}: written as text", time));
            change("dates are compared as dates",
                   {fmt::format("ALTER TABLE msgs ALTER time_iso TYPE timestamp with time zone USING {}",
                                is_text(time) ? "to_timestamp(time_num)" : "time_iso AT TIME ZONE 'UTC'")});
        }
    }

    void widen() {
        for (const auto& [of, columns] : std::initializer_list<std::pair<std::string_view, std::vector<std::string_view>>>{
                 {"maddr", {"domain"}},
                 {"msgs", {"policy", "client_addr", "quar_loc", "message_id", "from_addr", "subject", "host"}},
                 {"msgrcpt", {"smtp_resp"}}})
            for (const auto column : columns) {
                const Column* found = catalogue_.column(of, column);
                if (found == nullptr || found->width == 0 || found->width >= 255) continue;
                report_.works.push_back(
                    fmt::format("{}.{} has {} characters: longer texts are cut there", of, column, found->width));
                change("longer texts are kept", {fmt::format("ALTER TABLE {} ALTER {} TYPE varchar(255)", of, column)});
            }
        // a char(1) of policy that a site made wider keeps its texts, we read their first letter
        if (const Table* policy = table("policy"))
            for (const auto& column : policy->columns)
                if ((column.name.ends_with("_lover") || column.name.starts_with("bypass_")) &&
                    !(column.type == "bpchar" && column.width == 1))
                    report_.works.push_back(fmt::format("policy.{} is {}{}: read as it is", column.name, column.type,
                                                        column.width > 0 ? fmt::format("({})", column.width) : ""));
    }

    void add_indexes() {
        for (const auto& index : wanted_indexes) {
            const Table* one = table(index.table);
            if (one == nullptr || has_index(*one, index.columns)) continue;
            change(std::string(index.gain), {fmt::format("CREATE INDEX {} ON {} ({})", index.name, index.table, index.columns)});
        }
    }

    void replace_keys() {
        if (const Table* one = table("maddr"); one != nullptr && !has_index(*one, "partition_tag,email", true)) {
            const Index* old = unique_index(*one, "email");
            if (old != nullptr) report_.works.push_back("an address stands in maddr once, whatever the partition");
            replace_key(*one, old, "part_email", false, "partition_tag, email",
                        "each partition has its own addresses and can be dropped whole");
        }
        if (const Table* one = table("msgs"); one != nullptr && !has_index(*one, "partition_tag,mail_id", true))
            replace_key(*one, unique_index(*one, "mail_id"), "msgs_partition_mail", true, "partition_tag, mail_id",
                        "partitions; amavisd 2.6 and later expect it");
        if (const Table* one = table("quarantine"); one != nullptr && !has_index(*one, "partition_tag,mail_id,chunk_ind", true))
            replace_key(*one, unique_index(*one, "mail_id,chunk_ind"), "quarantine_pkey", true,
                        "partition_tag, mail_id, chunk_ind", "the same for the quarantined texts");
        const Table* one = table("msgrcpt");
        if (one == nullptr || has_index(*one, "partition_tag,mail_id,rseqnum", true)) return;
        Names statements;
        if (!has("msgrcpt", "rseqnum")) {
            report_.works.push_back("no column msgrcpt.rseqnum (amavisd 2.7): recipients are told apart by their addresses");
            statements.push_back("ALTER TABLE msgrcpt ADD COLUMN rseqnum integer NOT NULL DEFAULT 0");
        }
        statements.push_back(
            "UPDATE msgrcpt SET rseqnum = numbered.place FROM (SELECT ctid AS row_id, row_number() OVER "
            "(PARTITION BY partition_tag, mail_id ORDER BY rseqnum, ctid) AS place FROM msgrcpt) AS numbered "
            "WHERE msgrcpt.ctid = numbered.row_id");
        change("the recipients of a message have numbers", std::move(statements));
        replace_key(*one, nullptr, "msgrcpt_partition_mail_rseq", true, "partition_tag, mail_id, rseqnum",
                    "each of them is found by its number");
    }

    // number_recipients - SQLite cannot change a key; the column is what matters
    void number_recipients() {
        if (table("msgrcpt") == nullptr || has("msgrcpt", "rseqnum")) return;
        report_.works.push_back("no column msgrcpt.rseqnum (amavisd 2.7): recipients are told apart by their addresses");
        change(
            "the recipients of a message have numbers",
            {"ALTER TABLE msgrcpt ADD COLUMN rseqnum integer NOT NULL DEFAULT 0",
             "UPDATE msgrcpt SET rseqnum = (SELECT count(*) FROM msgrcpt AS o WHERE o.mail_id = msgrcpt.mail_id AND o.rowid <= msgrcpt.rowid)"});
    }

    void replace_key(const Table& one, const Index* old, std::string_view name, bool primary, std::string_view columns,
                     std::string_view gain) {
        Names statements;
        if (old != nullptr)
            statements.push_back(old->is_constraint ? fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", one.name, old->name)
                                                    : fmt::format("DROP INDEX {}", old->name));
        const bool other_primary =
            std::ranges::any_of(one.indexes, [&](const Index& index) { return index.is_primary && &index != old; });
        statements.push_back(fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {} ({})", one.name, name,
                                         primary && !other_primary ? "PRIMARY KEY" : "UNIQUE", columns));
        change(std::string(gain), std::move(statements));
    }

    // record_steps - from amavisd's tables on, the numbered steps of schema/ are remembered in the database
    void record_steps() {
        if (table("msgs") == nullptr && !creates("msgs")) return;
        const bool is_new = table("msgs") == nullptr && table("msgrcpt") == nullptr && table("quarantine") == nullptr &&
                            table("maddr") == nullptr;
        Names statements;
        if (is_pg_ && !catalogue_.has_steps) {
            statements.push_back(
                "CREATE TABLE tamis_schema (step integer PRIMARY KEY, installed_at timestamp with time zone NOT NULL DEFAULT now())");
            statements.push_back("INSERT INTO tamis_schema (step) VALUES (1)");
        }
        if (!is_pg_ && catalogue_.last_step == 0) statements.push_back("PRAGMA user_version = 1");
        if (!statements.empty()) change("later upgrades know where to begin", std::move(statements), is_new);
        for (const auto& step : schema_steps(kind_)) {
            const bool is_done = step.number <= std::max(1, catalogue_.last_step);
            if (step.number == 1 || (is_done && !creates("msgs") && !creates("msgrcpt"))) continue;
            // done before, it is done for the new tables; SQLite has no ADD COLUMN IF NOT EXISTS
            Names run = is_done && !is_pg_ && !creates("msgrcpt") ? index_statements(step) : Names{std::string(step.sql)};
            if (!is_pg_ && !is_done) run.push_back(fmt::format("PRAGMA user_version = {}", step.number));
            change(fmt::format("step {} of schema/", step.name), std::move(run), is_new);
        }
    }

    void find_encoding() {
        if (!is_pg_ || catalogue_.encoding == "UTF8") return;
        if (catalogue_.encoding == "SQL_ASCII")
            report_.works.push_back(
                "the encoding is SQL_ASCII: texts are stored as UTF-8, which no program is told; any byte is kept");
        else
            report_.works.push_back(fmt::format(
                "the encoding is {}: what it does not have becomes \"?\" in subjects and names, the mail itself is kept byte for byte",
                catalogue_.encoding));
        report_.remarks.push_back(
            "an encoding cannot be changed in place; a new database with encoding UTF8 and pg_dump would do it, and nothing needs it");
    }

    struct Foreign {
        std::string table, name, definition;
    };
    const Catalogue& catalogue_;
    const bool is_pg_;
    const Dsn::Kind kind_;
    const Needed needed_;
    Names created_;
    SchemaReport report_;
    std::vector<Foreign> foreign_;
    bool told_of_flag_ = false;
};

}  // namespace

std::vector<std::string> SchemaReport::statements() const {
    std::vector<std::string> all;
    for (const auto& change : changes) all.insert(all.end(), change.statements.begin(), change.statements.end());
    return all;
}

SchemaReport check_schema(const Catalogue& catalogue, Dsn::Kind kind, Needed needed) {
    return Checker(catalogue, kind, needed).run();
}

std::vector<std::string> grant_statements(std::string_view role) {
    std::string quoted = "\"";
    for (const char c : role) quoted += c == '"' ? "\"\"" : std::string(1, c);
    quoted += '"';
    return {fmt::format("GRANT SELECT ON policy, users, mailaddr, wblist, tamis_schema TO {}", quoted),
            fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON maddr, msgs, msgrcpt, quarantine TO {}", quoted),
            fmt::format("GRANT USAGE, UPDATE ON maddr_id_seq TO {}", quoted)};
}

}  // namespace tamis::storage
