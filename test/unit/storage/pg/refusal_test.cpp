#include "storage/pg/refusal.h"

#include <catch2/catch.hpp>

#include "storage/pg/transaction.h"

using namespace tamis::storage;
using namespace tamis::storage::pg;

TEST_CASE("an SQLSTATE decides what becomes of the transaction") {
    struct Row {
        const char* code;
        Refusal want;
    };
    const auto row = GENERATE(Row{"23505", Refusal::duplicate}, Row{"23514", Refusal::message}, Row{"22021", Refusal::message},
                              Row{"40P01", Refusal::again}, Row{"40001", Refusal::again}, Row{"25006", Refusal::reconnect},
                              Row{"57P01", Refusal::reconnect}, Row{"08006", Refusal::reconnect},
                              Row{"26000", Refusal::reconnect}, Row{"53100", Refusal::no_room}, Row{"58030", Refusal::no_room},
                              Row{"53300", Refusal::trouble}, Row{"57014", Refusal::trouble}, Row{"42P01", Refusal::trouble},
                              Row{"22P05", Refusal::message}, Row{"22001", Refusal::message}, Row{"38000", Refusal::message},
                              Row{"P0004", Refusal::message}, Row{"42501", Refusal::trouble}, Row{"XX000", Refusal::trouble});
    INFO(row.code);
    CHECK(refusal_of(row.code) == row.want);
    CHECK(may_blame_data(row.code, false) == (row.want == Refusal::message || row.code == std::string("XX000")));
    CHECK(may_blame_data("42601", true));
    CHECK_FALSE(may_blame_data("57014", true));
}

TEST_CASE("arrays hold any address") {
    CHECK(array_literal({}, true) == "{}");
    CHECK(array_literal({"", "a\xff"}, true) == "{\"\\\\x\",\"\\\\x61ff\"}");
    CHECK(array_literal({"", "a\"\\,{}"}, false) == "{\"\",\"a\\\"\\\\,{}\"}");
}
