#include "storage/address_key.h"

#include <catch2/catch.hpp>

using namespace tamis::storage;

TEST_CASE("addresses are normalised as amavisd does") {
    struct Row {
        std::string address, email, domain;
    };
    const auto row =
        GENERATE(Row{"", "", ""}, Row{"User@Sub.Example.COM", "user@sub.example.com", "com.example.sub"},
                 Row{"user@example.com...", "user@example.com", "com.example"},
                 Row{"\"A@b\"@Example.com", "\"a@b\"@example.com", "com.example"}, Row{"postmaster", "postmaster@", ""},
                 Row{"user@", "user@", ""}, Row{"@example.com", "@example.com", "com.example"},
                 Row{"u@[192.0.2.1]", "u@[192.0.2.1]", "1].2.0.[192"},
                 Row{"J\xc3\x96RG@example.com", "j\xc3\x96rg@example.com", "com.example"},
                 Row{"u@B\xc3\xbc"
                     "cher.example",
                     "u@xn--bcher-kva.example", "example.xn--bcher-kva"},
                 Row{"u@\xff.example", "u@\xff.example", "example.\xff"});
    const auto key = address_key(row.address);
    CHECK(key.email == row.email);
    CHECK(key.domain == row.domain);
}

TEST_CASE("local parts keep their letters where those matter") {
    CHECK(address_key("User+X@Example.COM", LocalCase::kept).email == "User+X@example.com");
    CHECK(address_key("User+X@Example.COM", LocalCase::lower).email == "user+x@example.com");
}

TEST_CASE("addresses and domains are cut to 255 bytes") {
    const auto key = address_key(std::string(300, 'a') + "@" + std::string(300, 'b') + ".c");
    CHECK(key.email == std::string(255, 'a'));
    CHECK(key.domain == "c." + std::string(253, 'b'));
}
