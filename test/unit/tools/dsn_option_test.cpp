#include "tools/dsn_option.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using tamis::tools::dsn_of;
using tamis::tools::DsnOption;

TEST_CASE("a DSN is read from a file, and a password too") {
    std::string name = (std::filesystem::temp_directory_path() / "tamis-dsn-XXXXXX").string();
    const int file = ::mkstemp(name.data());
    REQUIRE(file >= 0);
    std::ofstream(name) << "postgresql://tamis:s3cret@db/mail\nmore\n";
    const auto read = dsn_of({"@" + name, {}, {}});
    REQUIRE(read);
    CHECK(read->password.reveal() == "s3cret");
    CHECK(read->shown.find("s3cret") == std::string::npos);
    std::ofstream(name) << "other\n";
    const auto beside = dsn_of({"postgresql://tamis@db/mail", {}, "@" + name});
    REQUIRE(beside);
    CHECK(beside->password.reveal() == "other");
    ::close(file);
    std::filesystem::remove(name);
    const auto missing = dsn_of({"@" + name, {}, {}});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().detail == "--dsn: cannot read " + name);
}

TEST_CASE("without --dsn the environment is asked") {
    ::setenv("TAMIS_DSN", "sqlite:/nonexistent/tamis.db", 1);
    CLI::App app;
    DsnOption given;
    tamis::tools::add_dsn_option(app, given, "a database", true);
    std::vector<std::string> none;
    app.parse(none);
    CHECK(given.is_given());
    const auto dsn = dsn_of(given);
    REQUIRE(dsn);
    CHECK(dsn->file == "/nonexistent/tamis.db");
    ::unsetenv("TAMIS_DSN");
    DsnOption nothing;
    CLI::App other;
    tamis::tools::add_dsn_option(other, nothing, "a database", true);
    other.parse(none);
    CHECK_FALSE(nothing.is_given());
}
