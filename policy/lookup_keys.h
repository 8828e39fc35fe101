// lookup_keys - under which keys an address is looked up in tables, most specific first (docs/amavis/policy.md 5)
//
// Total and pure: any bytes give keys, at most 27 of them, each about as long as the address. Trusts nothing: a key is
// data for a table, it is never put into the text of a statement.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::policy {

struct KeyOptions {
    std::string recipient_delimiter;            // as Postfix's: any of these characters; empty: no extensions
    bool local_part_is_case_sensitive = false;  // amavisd's $localpart_is_case_sensitive
};

// AddressPieces - an envelope address taken apart for lookups
struct AddressPieces {
    std::string full;       // without RFC 5321 quoting, case as given: "User+Ext@Sub.Example.com"; "" is the null sender
    std::string local;      // "User+Ext"
    std::string user;       // "user", lower case unless local parts are case sensitive
    std::string extension;  // "+ext" with its delimiter, or ""
    std::string domain;     // "sub.example.com": lower case, A-labels, no dots at its end; "" when there is none
    bool has_at = false;

    bool is_null() const noexcept { return full.empty(); }
    // normal - "user+ext@sub.example.com", the form compared with lists such as local_domains
    std::string normal() const { return has_at ? user + extension + "@" + domain : user + extension; }
};

// address_pieces - of an address as the dialogue gave it. The delimiter splits as in Postfix: at the first of its
// characters that is not the first of the local part; postmaster, mailer-daemon and double-bounce are never split, and
// with "-" neither are owner-x and x-request. A domain that is no valid IDN stays as it is, in lower case.
AddressPieces address_pieces(std::string_view address, const KeyOptions& options);

// ascii_domain - in lower case and A-labels (RFC 5891 with the mapping of UTS 46), without dots at its end; what is no valid IDN
// stays as it is, in lower case
std::string ascii_domain(std::string_view domain);

// table_keys - for the tables of the configuration: user+ext@sub.example.com, user@sub.example.com, user+ext@, user@,
// sub.example.com, .sub.example.com, .example.com, .com, "." (the catch-all). The address as given comes first.
std::vector<std::string> table_keys(const AddressPieces& address);

// SqlKeyOptions - which forms of keys the tables of the database hold
struct SqlKeyOptions {
    bool with_bare_user = false;      // user+ext and user without a domain: only for local addresses
    bool no_at_means_domain = false;  // amavisd's $sql_lookups_no_at_means_domain: the forms of table_keys instead
};

// sql_keys - for users.email and mailaddr.email: user+ext@sub.example.com, user@sub.example.com, user+ext, user,
// @sub.example.com, @.sub.example.com, @.example.com, @.com, "@." (the catch-all)
std::vector<std::string> sql_keys(const AddressPieces& address, SqlKeyOptions options);

// key_limit - no address has more keys
constexpr std::size_t key_limit = 27;

// sql_catch_all - the key that every address has last
constexpr std::string_view sql_catch_all = "@.";

}  // namespace tamis::policy
