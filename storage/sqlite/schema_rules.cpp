#include "storage/sqlite/schema_rules.h"

#include <fmt/format.h>

namespace tamis::storage::sqlite {
namespace {

using Names = std::vector<std::string>;

class Rules final : public SchemaRules {
public:
    void after_columns(SchemaWork& work) override { number_recipients(work); }

    Names remember_first() const override { return {"PRAGMA user_version = 1"}; }

    Names run_step(const SchemaStep& step, bool is_done, const SchemaWork& work) const override {
        // done before, it is done for the new tables; there is no ADD COLUMN IF NOT EXISTS
        Names run = is_done && !work.creates("msgrcpt") ? index_statements(step) : Names{std::string(step.sql)};
        if (!is_done) run.push_back(fmt::format("PRAGMA user_version = {}", step.number));
        return run;
    }

private:
    // number_recipients - a key cannot be changed; the column is what matters
    void number_recipients(SchemaWork& work) {
        if (work.table("msgrcpt") == nullptr || work.has("msgrcpt", "rseqnum")) return;
        work.report.works.push_back("no column msgrcpt.rseqnum (amavisd 2.7): recipients are told apart by their addresses");
        work.change(
            "the recipients of a message have numbers",
            {"ALTER TABLE msgrcpt ADD COLUMN rseqnum integer NOT NULL DEFAULT 0",
             "UPDATE msgrcpt SET rseqnum = (SELECT count(*) FROM msgrcpt AS o WHERE o.mail_id = msgrcpt.mail_id AND o.rowid <= msgrcpt.rowid)"});
    }
};

}  // namespace

std::unique_ptr<SchemaRules> schema_rules() { return std::make_unique<Rules>(); }

}  // namespace tamis::storage::sqlite
