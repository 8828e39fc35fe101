// address_key - how an envelope address is stored in maddr (docs/amavis/sql.md 5): pure functions
//
// The local part in lower case (ASCII) or as it came, the domain in lower case and A-labels, without dots at its end, joined
// with "@", cut to 255 bytes. The null sender is "" with the domain "". An address without "@"
// gets an empty domain, as with amavisd ("postmaster" is stored as "postmaster@").
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace tamis::storage {

constexpr std::size_t address_width = 255;

struct AddressKey {
    std::string email;   // any bytes
    std::string domain;  // labels reversed ("com.example.sub"), as in email
    auto operator<=>(const AddressKey&) const = default;
};

// LocalCase - what becomes of the letters of a local part; kept with policy.local_part_is_case_sensitive
enum class LocalCase : bool { lower, kept };

AddressKey address_key(std::string_view address, LocalCase local_case = LocalCase::lower);

// written_key - AddressKey::email as it was stored before domains were stored as A-labels: the domain as written, in lower case
std::string written_key(std::string_view address, LocalCase local_case);

// reversed_labels - "sub.example.com" as "com.example.sub", cut to 255 bytes
std::string reversed_labels(std::string_view domain);

}  // namespace tamis::storage
