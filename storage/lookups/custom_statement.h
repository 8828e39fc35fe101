// custom_statement - a SELECT of the site's own with amavisd's placeholders (docs/amavis/sql.md 4)
//
// %k all lookup keys as a list, %a the address, %l its local part, %u the user in lower case without extension, %e the
// extension with its delimiter, %d the domain, %L whether it is local (1 or 0), ? the argument (users.id in
// select_wblist; elsewhere empty). Each becomes one or more parameters of a prepared statement: what stands in an
// address never becomes SQL. Inside quotes and comments nothing is a placeholder. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/lookups/lookup_store.h"

namespace tamis::storage {

class CustomStatement {
public:
    // parse - the Fault names the setting. At least one placeholder that depends on the address is needed, at most 100
    // parameters may come of it.
    static Result<CustomStatement> parse(std::string_view text, std::string_view setting);

    // sql - with the backend's parameters, numbered from 1: "$1" or "?1"
    std::string sql(const std::function<std::string(std::size_t)>& parameter) const;
    // values - one per parameter. %k always gives policy::key_limit values, the last one repeated.
    std::vector<std::string> values(const LookupAddress& address, std::string_view argument) const;

    const std::string& setting() const noexcept { return setting_; }

private:
    struct Piece {
        std::string text;      // literal
        char placeholder = 0;  // or a letter of the list above
    };
    std::string setting_;
    std::vector<Piece> pieces_;
};

// CustomLookups - the site's own statements; nothing is ours
struct CustomLookups {
    std::optional<CustomStatement> policy, wblist;
    bool asks_wblist = true;
};

}  // namespace tamis::storage
