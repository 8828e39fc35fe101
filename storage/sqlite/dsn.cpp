// dsn - a file with an SQLite database, or one that lives in memory
#include "storage/sqlite/dsn.h"

#include <fmt/format.h>

#include "base/text.h"
#include "storage/sqlite/backend.h"

namespace tamis::storage::sqlite {
namespace {

Result<Dsn> at_path(std::string_view path) {
    if (path.starts_with("//")) path.remove_prefix(2);  // sqlite:///path
    if (path != ":memory:" && !path.starts_with('/'))
        return fail(Errc::bad_input,
                    fmt::format("sqlite:{}: the path must be absolute, as in sqlite:/var/lib/tamis/tamis.db", escaped(path)));
    if (path.find('\0') != std::string_view::npos) return fail(Errc::bad_input, "sqlite: a path cannot contain NUL");
    Dsn dsn;
    dsn.backend = &backend;
    dsn.place = std::string(path);
    dsn.is_private = path == ":memory:";
    if (!dsn.is_private) dsn.file = dsn.place;
    dsn.shown = "sqlite:" + escaped(path, 200);
    return dsn;
}

}  // namespace

Result<Dsn> parse_dsn(const DsnText& text) {
    if (text.form == DsnText::Form::scheme || text.rest.find('=') == std::string_view::npos) return at_path(text.rest);
    auto words = dbi_words(text.rest);
    if (!words) return std::unexpected(std::move(words.error()));
    return at_path((*words)["dbname"]);
}

std::string text_of(const Dsn& dsn) { return "sqlite:" + dsn.place; }

std::string in_directory(std::string_view directory) { return fmt::format("sqlite:{}/tamis.db", directory); }

}  // namespace tamis::storage::sqlite
