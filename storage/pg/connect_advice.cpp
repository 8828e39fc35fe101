#include "storage/pg/connect_advice.h"

#include <fmt/format.h>

#include "storage/pg/connection.h"

namespace tamis::storage::pg {

std::string connect_advice(const PGconn* failed) {
    const std::string message = one_line(PQerrorMessage(failed));
    const auto has = [&](std::string_view part) { return message.find(part) != std::string::npos; };
    const char* user = PQuser(failed);
    const char* database = PQdb(failed);
    const std::string who = user != nullptr ? user : "";
    if (PQconnectionNeedsPassword(failed) == 1)
        return fmt::format(
            "no password supplied: the server asks for the password of user \"{}\"; put it into the DSN "
            "(postgresql://{}:PASSWORD@host/database, or password=... in a key=value text), or write "
            "{{ dsn = \"...\", user = \"{}\", password = \"...\" }}",
            who, who, who);
    if (has("password authentication failed"))
        return fmt::format(
            "wrong password for user \"{}\", or no such user; correct the DSN, or set it by: ALTER ROLE \"{}\" "
            "LOGIN PASSWORD '...' ({})",
            who, who, message);
    if (has("database \"") && has("does not exist"))
        return fmt::format("no database \"{}\" there; create it (createdb -O {} {}) and load schema/postgresql/ ({})",
                           database != nullptr ? database : "", who, database != nullptr ? database : "", message);
    if (has("role \"") && has("does not exist"))
        return fmt::format("no user \"{}\" there; create it: createuser --pwprompt {} ({})", who, who, message);
    if (has("no pg_hba.conf entry"))
        return fmt::format("the server's pg_hba.conf does not admit user \"{}\" from this host ({})", who, message);
    if (has("too many clients") || has("remaining connection slots"))
        return fmt::format("the server has no free connection; raise its max_connections ({})", message);
    return message;
}

std::string_view statement_advice(std::string_view sqlstate) {
    if (sqlstate == "42P01" || sqlstate == "3F000")
        return "load schema/postgresql/ into the database, or correct the search_path of the role";
    if (sqlstate == "42703") return "the table is not one of amavisd-new 2.3 or later; `tamis schema check` tells what it lacks";
    if (sqlstate == "42501") return "grant the rights listed at the end of schema/postgresql/0001-amavis.sql";
    if (sqlstate == "53100") return "the database server's disk is full";
    if (sqlstate == "57014") return "the statement took longer than the limit; look for locks and a slow disk";
    return {};
}

}  // namespace tamis::storage::pg
