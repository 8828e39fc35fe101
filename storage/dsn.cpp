#include "storage/dsn.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <map>
#include <memory>

#include "base/text.h"

namespace tamis::storage {
namespace {

constexpr std::string_view expected =
    "expected postgresql://user:password@host/database, \"host=... dbname=... user=... password=...\", "
    "sqlite:/path/to/file, sqlite::memory:, or \"DBI:Pg:dbname=...;host=...;port=...\"";

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;
using Words = std::map<std::string, std::string, std::less<>>;  // libpq keyword to value

// quoted - a value in libpq's keyword=value syntax
std::string quoted(std::string_view value) {
    std::string out = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + '\'';
}

std::string conninfo_of(const Words& words) {
    std::string out;
    for (const auto& [keyword, value] : words) {
        if (!out.empty()) out += ' ';
        out += keyword + '=' + quoted(value);
    }
    return out;
}

std::vector<std::string> libpq_keywords() {
    std::vector<std::string> names;
    const Options defaults(PQconndefaults());
    for (const auto* option = defaults.get(); option != nullptr && option->keyword != nullptr; ++option)
        names.emplace_back(option->keyword);
    return names;
}

// libpq_complaint - what is wrong in our words: libpq's own message may quote a piece of the password
std::string libpq_complaint(std::string_view message) {
    const auto has = [&](std::string_view part) { return message.find(part) != std::string_view::npos; };
    if (has("missing \"=\"")) return "a word without \"=\" (a value with blanks needs quotes: password='two words')";
    if (has("percent-encoded") || has("%00")) return "a bad %-escape (write % itself as %25)";
    if (has("IPv6")) return "a bad IPv6 address (write it as [::1])";
    if (has("unterminated")) return "a quoted value without its closing quote";
    if (has("option") || has("query parameter")) {
        const auto open = message.find('"');
        const auto close = message.find('"', open + 1);
        if (open != std::string_view::npos && close != std::string_view::npos)
            if (const auto near = nearest(message.substr(open + 1, close - open - 1), libpq_keywords()))
                return fmt::format("an unknown keyword, did you mean \"{}\"?", *near);
        return "an unknown keyword";
    }
    return "libpq does not understand it";
}

constexpr std::string_view encode_hint =
    "percent-encode these in user and password: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25; "
    "or write { dsn = \"...\", user = \"...\", password = \"...\" }";

// misplaced_at - what libpq would take for a host although it is a piece of a password: it ends the password at the first "@"
// and looks for none behind a "/" or "?". Nothing of the text is ever shown, not even by libpq at the first connect.
std::optional<Fault> misplaced_at(std::string_view url) {
    const auto rest = url.substr(url.find("://") + 3);
    const auto at = rest.rfind('@');
    if (at == std::string_view::npos || (rest.find('@') == at && rest.find_first_of("/?") > at)) return {};
    return Fault{make_error_code(Errc::bad_input), fmt::format("an \"@\" that does not end user and password; {}", encode_hint)};
}

// bad_port - "user:password/database" without a host: the password stands where the port belongs
std::optional<Fault> bad_port(const Words& words) {
    const auto port = words.find("port");
    if (port == words.end() || port->second.find_first_not_of("0123456789,") == std::string::npos) return {};
    return Fault{make_error_code(Errc::bad_input),
                 fmt::format("what stands where the port belongs is no number (not shown, it may be a password); {}; {}",
                             expected, encode_hint)};
}

std::string shown_of(const Words& words) {
    const auto value = [&](std::string_view name) {
        const auto found = words.find(name);
        return found == words.end() ? std::string() : found->second;
    };
    std::string host = value("host").empty() ? value("hostaddr") : value("host");
    if (host.find(':') != std::string::npos && host.find(',') == std::string::npos) host = '[' + host + ']';
    if (!value("port").empty()) host += ':' + value("port");
    const std::string user = value("user").empty() ? "" : value("user") + '@';
    return escaped(fmt::format("postgresql://{}{}/{}", user, host, value("dbname")), 200);
}

Result<Words> parse_libpq(const std::string& text) {
    char* complaint = nullptr;
    const Options options(PQconninfoParse(text.c_str(), &complaint));
    const std::unique_ptr<char, void (*)(void*)> owned(complaint, PQfreemem);
    if (!options)
        return fail(Errc::bad_input, fmt::format("{}; {}", libpq_complaint(complaint != nullptr ? complaint : ""), expected));
    Words words;
    for (const auto* option = options.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr) words[option->keyword] = option->val;
    return words;
}

Result<Dsn> postgresql(const std::string& text, std::string_view user, std::string_view password) {
    auto words = parse_libpq(text);
    if (!words) return std::unexpected(std::move(words.error()));
    if (auto trouble = bad_port(*words)) return std::unexpected(std::move(*trouble));
    Dsn dsn;
    dsn.kind = Dsn::Kind::postgresql;
    if (const auto found = words->find("password"); found != words->end()) {
        dsn.password = Secret(found->second);
        words->erase(found);
    }
    if (!password.empty()) dsn.password = Secret(std::string(password));
    if (!user.empty()) (*words)["user"] = std::string(user);
    dsn.conninfo = conninfo_of(*words);
    dsn.shown = shown_of(*words);
    return dsn;
}

Result<Dsn> sqlite(std::string_view path) {
    if (path.starts_with("//")) path.remove_prefix(2);  // sqlite:///path
    if (path != ":memory:" && !path.starts_with('/'))
        return fail(Errc::bad_input,
                    fmt::format("sqlite:{}: the path must be absolute, as in sqlite:/var/lib/tamis/tamis.db", escaped(path)));
    if (path.find('\0') != std::string_view::npos) return fail(Errc::bad_input, "sqlite: a path cannot contain NUL");
    Dsn dsn;
    dsn.kind = Dsn::Kind::sqlite;
    dsn.path = std::string(path);
    dsn.shown = "sqlite:" + escaped(path, 200);
    return dsn;
}

// dbi_words - "dbname=x;host=y;port=z" of a DBI string
Result<Words> dbi_words(std::string_view text) {
    Words words;
    for (const auto part : split(text, ';')) {
        const auto piece = trim(part);
        if (piece.empty()) continue;
        const auto equal = piece.find('=');
        if (equal == std::string_view::npos)
            return fail(Errc::bad_input, "a part without \"=\"; expected DBI:Pg:dbname=...;host=...;port=...");
        std::string keyword = to_lower(trim(piece.substr(0, equal)));
        if (keyword == "db" || keyword == "database") keyword = "dbname";
        words[keyword] = std::string(trim(piece.substr(equal + 1)));
    }
    return words;
}

Result<Dsn> dbi(std::string_view text, std::string_view user, std::string_view password) {
    text.remove_prefix(4);
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return fail(Errc::bad_input, fmt::format("a DBI string without driver; {}", expected));
    const auto driver = text.substr(0, colon);
    const auto rest = text.substr(colon + 1);
    if (equal_fold(driver, "SQLite")) {
        if (rest.find('=') == std::string_view::npos) return sqlite(rest);
        auto words = dbi_words(rest);
        if (!words) return std::unexpected(std::move(words.error()));
        return sqlite((*words)["dbname"]);
    }
    if (!equal_fold(driver, "Pg"))
        return fail(Errc::bad_input,
                    fmt::format("the database driver \"{}\" is not supported; {}", escaped(driver, 20), expected));
    auto words = dbi_words(rest);
    if (!words) return std::unexpected(std::move(words.error()));
    return postgresql(conninfo_of(*words), user, password);
}

std::optional<Dsn> load_one(const ConfigValue& from, std::string_view setting, Problems& problems) {
    const auto report = [&](Result<Dsn> dsn) -> std::optional<Dsn> {
        if (dsn) return std::move(*dsn);
        problems.add(from.position, fmt::format("{}: {}", setting, dsn.error().detail));
        return {};
    };
    if (const auto* text = from.text()) return report(parse_dsn(*text));
    const auto* table = from.table();
    if (table == nullptr) {
        problems.add(from.position, fmt::format("{}: expected a text, a table {{ dsn = \"...\", user = \"...\", password = "
                                                "\"...\" }}, or a list of these",
                                                setting));
        return {};
    }
    static const std::vector<std::string> known{"dsn", "user", "password"};
    std::array<std::string, 3> values;
    bool good = true;
    for (const auto& [key, value] : table->entries) {
        const auto at = std::ranges::find(known, key);
        if (at == known.end()) {
            const auto position = table->keys.find(key);
            detail::unknown_key(setting, key, position == table->keys.end() ? value.position : position->second, known, problems);
            good = false;
        } else if (value.text() == nullptr) {
            problems.add(value.position, fmt::format("{}.{}: expected a text", setting, key));
            good = false;
        } else {
            values[static_cast<std::size_t>(at - known.begin())] = *value.text();
        }
    }
    if (table->find("dsn") == nullptr) {
        problems.add(from.position, fmt::format("{}: the table lacks \"dsn\"", setting));
        good = false;
    }
    if (!good) return {};
    return report(parse_dsn(values[0], values[1], values[2]));
}

}  // namespace

Result<Dsn> parse_dsn(std::string_view text, std::string_view user, std::string_view password) {
    text = trim(text);
    if (text.empty()) return fail(Errc::bad_input, fmt::format("empty; {}", expected));
    if (text.find('\0') != std::string_view::npos) return fail(Errc::bad_input, fmt::format("contains NUL; {}", expected));
    if (starts_with_fold(text, "sqlite:")) return sqlite(text.substr(7));
    if (starts_with_fold(text, "dbi:")) return dbi(text, user, password);
    const auto scheme = text.find("://");
    const bool is_url = scheme != std::string_view::npos && text.substr(0, scheme).find_first_of(" =") == std::string_view::npos;
    if (is_url && !starts_with_fold(text, "postgresql://") && !starts_with_fold(text, "postgres://"))
        return fail(Errc::bad_input,
                    fmt::format("the scheme \"{}\" is not supported; {}", escaped(text.substr(0, scheme), 20), expected));
    if (is_url)
        if (auto trouble = misplaced_at(text)) return std::unexpected(std::move(*trouble));
    if (is_url) return postgresql(to_lower(text.substr(0, scheme)) + std::string(text.substr(scheme)), user, password);
    if (text.find('=') == std::string_view::npos) return fail(Errc::bad_input, std::string(expected));
    return postgresql(std::string(text), user, password);
}

void name_entries(std::vector<Dsn>& dsns, std::string_view setting) {
    for (std::size_t i = 0; i < dsns.size(); ++i)
        dsns[i].use = dsns.size() == 1 ? std::string(setting) : fmt::format("{} entry {} of {}", setting, i + 1, dsns.size());
}

std::vector<Dsn> load_dsns(const ConfigValue& from, std::string_view setting, Problems& problems) {
    std::vector<Dsn> dsns;
    const auto add = [&](const ConfigValue& value, std::string_view name) {
        if (auto dsn = load_one(value, name, problems)) dsns.push_back(std::move(*dsn));
    };
    const auto* list = from.array();
    if (list == nullptr) {
        add(from, setting);
    } else {
        std::size_t number = 0;
        for (const auto& value : *list)
            add(value,
                list->size() == 1 ? std::string(setting) : fmt::format("{} entry {} of {}", setting, ++number, list->size()));
        if (list->empty()) problems.add(from.position, fmt::format("{}: the list is empty", setting));
    }
    for (const auto& dsn : dsns)
        if (dsn.kind != dsns.front().kind) {
            problems.add(from.position, fmt::format("{}: all entries of a list must be of the same kind of database", setting));
            return {};
        }
    name_entries(dsns, setting.substr(setting.find('.') + 1));
    return dsns;
}

}  // namespace tamis::storage
