// address - envelope addresses as the dialogue gave them, without angle brackets: "user+ext@example.com", "" (null)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::mail {

struct AddressParts {
    std::string_view local;   // as written, quotes included
    std::string_view domain;  // without "@"; empty when there is none
};

// split_address - at the last "@" outside a quoted string; views into the argument
AddressParts split_address(std::string_view address) noexcept;

// unquoted_local - the local part without RFC 5321 quoting
std::string unquoted_local(std::string_view local);

// smtp_form - "<address>"; a character that cannot stand on an SMTP line or in a log is shown as \xHH
std::string smtp_form(std::string_view address);

// matches_address_list - amavisd's ARRAY tables (docs/amavis/policy.md 5): entries in order, first match decides,
// each leading "!" negates; with "@" the whole address, ".dom" the domain and its subdomains, "dom" that domain, "."
// everything. Comparison ignores ASCII case. No match is false.
bool matches_address_list(const std::vector<std::string>& list, std::string_view address);

}  // namespace tamis::mail
