#include "storage/sql/sql_text.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::storage;

namespace {

// Plain - a dialect whose placeholders all look the same, or have numbers
class Plain final : public SqlDialect {
public:
    explicit Plain(bool numbered) : numbered_(numbered) {}
    std::string placeholder(std::size_t number) const override { return numbered_ ? "$" + std::to_string(number) : "?"; }
    bool has_numbered_placeholders() const override { return numbered_; }
    bool keeps_octets(const Column*) const override { return true; }
    std::string like(std::string_view, std::string_view) const override { return {}; }
    std::string distinct_texts(std::string_view) const override { return {}; }
    std::string chunk_bytes(const Catalogue&, std::string_view) const override { return {}; }
    bool merges_branches() const override { return false; }
    bool has_lateral() const override { return false; }

private:
    bool numbered_;
};

std::string values_of(const SqlQuery& query) {
    std::string out;
    for (const auto& value : query.values) out += value.value + (value.is_bytes ? "* " : " ");
    return out;
}

}  // namespace

TEST_CASE("a value is bound to its placeholder, wherever and however often that stands in the text") {
    const Catalogue catalogue;
    for (const bool numbered : {true, false}) {
        const Plain dialect(numbered);
        const SqlTarget target{catalogue, dialect};
        SqlText text(target);
        const auto last = text.text("last");
        const auto twice = text.bytes("twice");
        const auto unused = text.text("unused");
        text << "a = " << twice << " AND b = " << last << " OR c = " << twice;
        const auto query = text.take();
        CHECK(query.sql == (numbered ? "a = $2 AND b = $1 OR c = $2" : "a = ? AND b = ? OR c = ?"));
        CHECK(values_of(query) == (numbered ? "last twice* unused " : "twice* last twice* "));
    }
}

TEST_CASE("columns are asked for by table and name") {
    Catalogue catalogue;
    catalogue.tables.emplace_back().name = "msgs";
    catalogue.tables.back().columns.push_back({"quar_loc", "varchar"});
    const Plain dialect(true);
    const SqlTarget target{catalogue, dialect};
    CHECK(target.has("msgs.quar_loc"));
    CHECK(target.column("msgs.quar_loc")->type == "varchar");
    CHECK_FALSE(target.has("msgs.quar"));
    CHECK_FALSE(target.has("msgrcpt.quar_loc"));
}
