#include "storage/schema/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "storage/backend.h"
#include "storage/schema/schema_rules.h"

namespace tamis::storage {
namespace {

using Names = std::vector<std::string>;

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

std::string era(const SchemaWork& work) {
    if (work.table("msgs") == nullptr) {
        if (work.table("policy") == nullptr) return "a part of amavisd's tables";
        return work.has("policy", "unchecked_lover") ? "the lookup tables of amavisd-new 2.7 to 2.13"
                                                     : "the lookup tables of amavisd-new before 2.7";
    }
    const bool numbered = work.has("msgrcpt", "rseqnum") && work.has("msgs", "originating");
    if (work.catalogue.has_steps) return fmt::format("Tamis, schema step {}", work.catalogue.last_step);
    if (numbered) return "amavisd-new 2.7 to 2.13";
    if (work.has("msgs", "partition_tag")) return "amavisd-new 2.6 (2008)";
    if (!work.has("msgs", "quar_loc")) return "amavisd-new 2.3 (2005)";
    return is_text(work.type("quarantine", "mail_text")) ? "amavisd-new 2.4 (2006), before 2.4.4"
                                                         : "amavisd-new 2.4.4 to 2.5 (2006 to 2008)";
}

// create - as step 1 does, before anything else is changed
void create(SchemaWork& work, const Backend& backend, const Names& names, std::string_view what, bool is_new) {
    for (const auto& name : names) {
        work.created.push_back(name);
        work.change(fmt::format("the table {} for {}", name, what), table_statements(backend, name), is_new);
    }
}

void find_groups(SchemaWork& work, const Backend& backend, Needed needed) {
    const auto missing = [&](const auto& names) {
        Names out;
        for (const auto name : names)
            if (work.table(name) == nullptr) out.emplace_back(name);
        return out;
    };
    for (const auto& [group, what, use, is_needed] :
         {std::tuple{storage_tables, "records and quarantine", "storage_dsn", needed.records},
          std::tuple{lookup_tables, "policies", "lookup_dsn", needed.policies}}) {
        const auto lacks = missing(group);
        if (lacks.empty()) continue;
        const bool is_new = lacks.size() == group.size();
        if (is_needed || !is_new) create(work, backend, lacks, what, is_new);
        const bool optional = lacks.size() <= 2 &&
                              std::ranges::all_of(lacks, [](const auto& name) { return name == "wblist" || name == "mailaddr"; });
        if (is_new && is_needed)
            work.report.problems.push_back(
                fmt::format("no tables for {} here ({}); `tamis schema install` creates them", what, join(lacks, ", ")));
        else if (is_new)
            work.report.remarks.push_back(
                fmt::format("no tables for {} here ({}): to make this database the {}, `tamis schema install` creates them", what,
                            join(lacks, ", "), use));
        else if (optional)
            work.report.works.push_back(fmt::format("no table {}: senders are not looked up there", join(lacks, " and ")));
        else
            work.report.problems.push_back(
                fmt::format("the tables for {} are not complete, there is no {}; `tamis schema upgrade` creates what is missing",
                            what, join(lacks, ", ")));
    }
}

void add_columns(SchemaWork& work) {
    for (const auto& column : wanted) {
        if (work.table(column.table) == nullptr || work.has(column.table, column.column)) continue;
        work.report.works.push_back(
            fmt::format("no column {}.{} (amavisd {}): left out", column.table, column.column, column.since));
        work.change(std::string(column.gain),
                    {fmt::format("ALTER TABLE {} ADD COLUMN {} {}", column.table, column.column, column.definition)});
    }
}

void add_partitions(SchemaWork& work) {
    Names lacking;
    for (const auto name : storage_tables)
        if (work.table(name) != nullptr && !work.has(name, "partition_tag")) lacking.emplace_back(name);
    if (lacking.empty()) return;
    work.report.works.push_back(fmt::format("no column partition_tag in {} (amavisd 2.6): one partition", join(lacking, ", ")));
    Names statements;
    for (const auto& name : lacking)
        statements.push_back(fmt::format("ALTER TABLE {} ADD COLUMN partition_tag integer DEFAULT 0", name));
    work.change("old mail can be expired by the week", std::move(statements));
}

void add_indexes(SchemaWork& work) {
    for (const auto& index : wanted_indexes) {
        const Table* one = work.table(index.table);
        if (one == nullptr || has_index(*one, index.columns)) continue;
        work.change(std::string(index.gain), {fmt::format("CREATE INDEX {} ON {} ({})", index.name, index.table, index.columns)});
    }
}

// record_steps - from amavisd's tables on, the numbered steps of schema/ are remembered in the database
void record_steps(SchemaWork& work, const Backend& backend, const SchemaRules& rules) {
    if (work.table("msgs") == nullptr && !work.creates("msgs")) return;
    const bool is_new = std::ranges::all_of(storage_tables, [&](const auto name) { return work.table(name) == nullptr; });
    if (!work.catalogue.has_steps) work.change("later upgrades know where to begin", rules.remember_first(), is_new);
    for (const auto& step : schema_steps(backend)) {
        const bool is_done = step.number <= std::max(1, work.catalogue.last_step);
        if (step.number == 1 || (is_done && !work.creates("msgs") && !work.creates("msgrcpt"))) continue;
        work.change(fmt::format("step {} of schema/", step.name), rules.run_step(step, is_done, work), is_new);
    }
}

}  // namespace

std::vector<std::string> SchemaReport::statements() const {
    std::vector<std::string> all;
    for (const auto& change : changes) all.insert(all.end(), change.statements.begin(), change.statements.end());
    return all;
}

SchemaReport check_schema(const Catalogue& catalogue, const Backend& backend, Needed needed) {
    SchemaWork work(catalogue);
    work.report.is_empty = catalogue.tables.empty();
    if (work.report.is_empty) return std::move(work.report);
    const auto rules = backend.schema.rules();
    work.report.era = era(work);
    find_groups(work, backend, needed);
    rules->before_columns(work);
    add_columns(work);
    add_partitions(work);
    rules->after_columns(work);
    add_indexes(work);
    rules->after_indexes(work);
    record_steps(work, backend, *rules);
    rules->at_end(work);
    return std::move(work.report);
}

}  // namespace tamis::storage
