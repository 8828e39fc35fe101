// databases - @lookup_sql_dsn, @storage_sql_dsn and statements of one's own
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "storage/backend.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// one_dsn - ['DBI:Pg:dbname=mail;host=db', 'user', 'password'] as a TOML value
Result<std::string> one_dsn(const AmavisdConf& conf, const PerlValue& given, bool& has_password) {
    const PerlValue entry = conf.followed(given);
    if (!entry.is_known()) return fail(Errc::bad_input, entry.text);
    std::array<std::string, 3> parts;
    if (entry.is(Kind::text)) parts[0] = entry.text;
    for (std::size_t i = 0; entry.is(Kind::list) && i < entry.items.size() && i < parts.size(); ++i) {
        const PerlValue part = conf.followed(entry.items[i]);
        const auto text = text_of(part);
        if (!text) return fail(Errc::bad_input, part.is_known() ? "not a text" : part.text);
        parts[i] = *text;
    }
    if (starts_with_fold(parts[0], "DBI:mysql") || starts_with_fold(parts[0], "DBI:MariaDB"))
        return fail(Errc::bad_input,
                    "MySQL is not supported: move the tables to PostgreSQL (`tamis schema install`), or use the embedded SQLite");
    auto dsn = storage::parse_dsn(parts[0]);
    if (!dsn) return fail(Errc::bad_input, dsn.error().detail);
    const auto& forms = dsn->backend->dsn;
    const auto place = toml_string(forms.text_of(*dsn));
    if (!forms.has_accounts) return place;
    if (parts[2].empty()) parts[2] = dsn->password.reveal();
    has_password = has_password || !parts[2].empty();
    std::string out = "{ dsn = " + place;
    if (!parts[1].empty()) out += ", user = " + toml_string(parts[1]);
    if (!parts[2].empty()) out += ", password = " + toml_string(parts[2]);
    return out + " }";
}

void dsns(Translation& into, std::string_view name, std::string_view key) {
    if (!into.is_assigned(name)) return;
    const PerlValue list = into.value(name);
    if (into.is_unknown(name, list)) return;
    std::vector<std::string> entries;
    std::vector<Place> from = into.places(name);
    bool has_password = false;
    into.settle(name, Outcome::translated);
    for (const auto& item : list.items) {
        auto entry = one_dsn(into.conf, item, has_password);
        if (!entry) {
            into.remark(item.place, name, Outcome::missing, entry.error().detail);
            continue;
        }
        entries.push_back(std::move(*entry));
        from.push_back(item.place);
    }
    if (entries.empty()) return;
    auto& table = into.toml.table("[storage]");
    if (has_password && table.remarks.empty())
        table.remarks = {"This file holds a password: let nobody read it but root and the user of tamisd",
                         "(chown root:GROUP FILE; chmod 0640 FILE)."};
    table.put(key, entries.size() == 1 ? entries.front() : "[" + join(entries, ", ") + "]", from);
}

std::string squeezed(std::string_view statement) {
    std::string out;
    for (const auto word : words(statement)) out += (out.empty() ? "" : " ") + to_lower(word);
    return out;
}

// statement - amavisd's own text needs no line; another one is taken as it is
void statement(Translation& into, std::string_view name, std::string_view key, std::string_view own, const PerlValue& given,
               const std::vector<Place>& from) {
    const PerlValue value = into.conf.followed(given);
    if (into.is_unknown(name, value)) return;
    const auto text = text_of(value).value_or("");
    const auto* storage = into.toml.find("[storage]");
    const bool has_database = storage != nullptr && storage->has("lookup_dsn");
    if (!text.empty() && !has_database) {  // for another database it would fail with every message
        const bool is_lost = into.is_assigned("@lookup_sql_dsn");
        auto& table = into.toml.table("[storage]");
        table.remarks.push_back(is_lost ? "For the database of @lookup_sql_dsn, which was not translated:"
                                        : "Without @lookup_sql_dsn it had no effect:");
        for (const auto line : split(fmt::format("{} = {}", key, toml_string(trim(text))), '\n'))
            table.remarks.emplace_back(line);
        return into.settle(name, is_lost ? Outcome::missing : Outcome::needless,
                           is_lost
                               ? "a comment in the result: the database of @lookup_sql_dsn, for which it is, was not translated"
                               : "no @lookup_sql_dsn: it had no effect");
    }
    if (squeezed(text) == squeezed(own))
        return into.settle(name, Outcome::needless, "it is amavisd's own statement; that of Tamis does the same");
    if (text.empty() && key == "select_policy")
        return into.settle(name, Outcome::missing, "users and policy are always asked when lookup_dsn is set");
    into.put("storage", key, toml_string(trim(text)), from);
    into.settle(name, Outcome::translated);
}

}  // namespace

void translate_databases(Translation& into) {
    constexpr std::string_view policy =
        "SELECT *,users.id FROM users LEFT JOIN policy ON users.policy_id=policy.id WHERE users.email IN (%k) ORDER BY users.priority DESC";
    constexpr std::string_view list =
        "SELECT wb FROM wblist JOIN mailaddr ON wblist.sid=mailaddr.id WHERE wblist.rid=? AND mailaddr.email IN (%k) ORDER BY mailaddr.priority DESC";
    dsns(into, "@lookup_sql_dsn", "lookup_dsn");
    dsns(into, "@storage_sql_dsn", "storage_dsn");
    // Tamis looks recipients up in storage_dsn when only that is given
    if (const auto* storage = into.toml.find("[storage]");
        storage != nullptr && storage->has("storage_dsn") && !storage->has("lookup_dsn"))
        into.put("storage", "lookup_dsn", "[]", into.places("@lookup_sql_dsn"),
                 into.is_assigned("@lookup_sql_dsn") ? "not translated" : "without @lookup_sql_dsn recipients are not looked up");
    if (into.is_assigned("$sql_select_policy"))
        statement(into, "$sql_select_policy", "select_policy", policy, into.conf.value("$sql_select_policy"),
                  into.places("$sql_select_policy"));
    if (into.is_assigned("$sql_select_white_black_list"))
        statement(into, "$sql_select_white_black_list", "select_wblist", list, into.conf.value("$sql_select_white_black_list"),
                  into.places("$sql_select_white_black_list"));
    if (!into.is_assigned("%sql_clause")) return;
    const PerlValue clauses = into.value("%sql_clause");
    for (std::size_t i = 0; i < clauses.keys.size(); ++i) {
        const auto& key = clauses.keys[i];
        if (key == "sel_policy" || key == "sel_wblist")
            statement(into, "%sql_clause", key == "sel_policy" ? "select_policy" : "select_wblist",
                      key == "sel_policy" ? policy : list, clauses.items[i], {clauses.items[i].place});
        else
            into.remark(clauses.items[i].place, "$sql_clause{'" + key + "'}", Outcome::missing,
                        "Tamis writes its statements itself, for the columns and types it finds (docs/storage.md)");
    }
    into.settle("%sql_clause", Outcome::translated);
}

}  // namespace tamis::tools
