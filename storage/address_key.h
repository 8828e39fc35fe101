// address_key - how an envelope address is stored in maddr (amavis-sql.md section 5): pure functions
//
// Local part and domain in lower case (ASCII; the domain is expected as the envelope has it), trailing dots of the
// domain removed, joined with "@", cut to 255 bytes. The null sender is "" with the domain "". An address without "@"
// gets an empty domain, as with amavisd ("postmaster" is stored as "postmaster@").
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace tamis::storage {

constexpr std::size_t address_width = 255;

struct AddressKey {
    std::string email;   // any bytes
    std::string domain;  // labels reversed ("com.example.sub"), printable ASCII and UTF-8 as given
    auto operator<=>(const AddressKey&) const = default;
};

AddressKey address_key(std::string_view address);

// reversed_labels - "sub.example.com" as "com.example.sub", cut to 255 bytes
std::string reversed_labels(std::string_view domain);

}  // namespace tamis::storage
