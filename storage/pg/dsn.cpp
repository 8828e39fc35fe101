// dsn - every form in which a PostgreSQL database may be named: libpq's own, and DBD::Pg's
#include "storage/pg/dsn.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <memory>

#include "base/text.h"
#include "storage/pg/backend.h"

namespace tamis::storage::pg {
namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;
using Words = DsnWords;  // libpq keyword to value

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
                             dsn_expected(), encode_hint)};
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
        return fail(Errc::bad_input,
                    fmt::format("{}; {}", libpq_complaint(complaint != nullptr ? complaint : ""), dsn_expected()));
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
    dsn.backend = &backend;
    if (const auto found = words->find("password"); found != words->end()) {
        dsn.password = Secret(found->second);
        words->erase(found);
    }
    if (!password.empty()) dsn.password = Secret(std::string(password));
    if (!user.empty()) (*words)["user"] = std::string(user);
    dsn.place = conninfo_of(*words);
    dsn.shown = shown_of(*words);
    return dsn;
}

}  // namespace

Result<Dsn> parse_dsn(const DsnText& text) {
    if (text.form == DsnText::Form::words) return postgresql(std::string(text.text), text.user, text.password);
    if (text.form == DsnText::Form::driver) {
        auto words = dbi_words(text.rest);
        if (!words) return std::unexpected(std::move(words.error()));
        return postgresql(conninfo_of(*words), text.user, text.password);
    }
    if (auto trouble = misplaced_at(text.text)) return std::unexpected(std::move(*trouble));
    const auto scheme = text.text.size() - text.rest.size();
    return postgresql(to_lower(text.text.substr(0, scheme)) + std::string(text.rest), text.user, text.password);
}

std::string text_of(const Dsn& dsn) { return dsn.place; }

}  // namespace tamis::storage::pg
