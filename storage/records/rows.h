// rows - the values of a MessageRecord as they are stored, for every backend (docs/amavis/sql.md 5): pure functions
//
// Texts may hold anything; what comes out always fits its column: valid in the database's encoding, without NUL, not
// wider than the column. Codes are one character.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/record.h"
#include "storage/address_key.h"

namespace tamis::storage {

// Concession - what a record gives up because the database refused it: a trigger, a check or a function of the site's own may
// take less than the columns do
struct Concession {
    enum class Octets {
        all,
        utf8_addresses,  // an address that is no UTF-8 gets "?" for every octet that is no printable ASCII, as amavisd writes it
        ascii,           // all addresses and texts do
        plain,           // quotes, backslashes and other signs of SQL become "?", too
    };
    Octets octets = Octets::all;
    std::size_t most = 255;  // octets of an address or a text
    auto operator<=>(const Concession&) const = default;
};

// next_concession - the next step, which gives up more; nothing after the last one. `is_too_long`: it was refused for its length.
std::optional<Concession> next_concession(Concession before, bool is_too_long);

// printable_address - how an address is stored where it cannot be as it is
std::string printable_address(std::string_view email);
// plain_text - with "?" for everything but letters, digits, blanks and the signs that addresses and sentences have
std::string plain_text(std::string_view text);

// TextRules - what the text columns of the database can take
struct TextRules {
    enum class Charset {
        utf8,       // UTF8: any valid UTF-8; a width counts characters
        any_bytes,  // SQL_ASCII: stored as given, we give UTF-8; a width counts bytes
        latin1,     // LATIN1: what is beyond U+00FF becomes '?'
        ascii,      // any other: what is not ASCII becomes '?'
    };
    // Widths - of the columns, in characters (bytes with `any_bytes`); amavisd's own unless the database has less
    struct Widths {
        std::size_t email = 255, domain = 255, mail_id = 16, secret_id = 16, am_id = 20, policy = 255, client_addr = 255,
                    quar_loc = 255, message_id = 255, from_addr = 255, subject = 255, host = 255, smtp_resp = 255;
    };
    Charset charset = Charset::utf8;
    // addresses are byte strings: stored as they are. Else they are texts, and one that is no text of that charset gets
    // '?' for every byte that is not printable ASCII.
    bool eight_bit_addresses = true;
    Widths widths = {};
    Concession concession = {};
};

// charset_of - by PostgreSQL's name of an encoding
TextRules::Charset charset_of(std::string_view encoding);

// can_hold - whether the text can stand in a text column: valid in the database's encoding, without NUL
bool can_hold(std::string_view text, TextRules::Charset charset);

// fitted - the text as the column can take it, at most `width` wide
std::string fitted(std::string_view text, std::size_t width, const TextRules& rules);

struct RecipientRow {
    std::string sequence;   // rseqnum: 1, 2, ...
    std::string email;      // refers to an address of MessageRows::addresses
    std::string printable;  // the same as printable_address(): it may be stored so already
    std::string is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp;
    bool operator==(const RecipientRow&) const = default;
};

struct MessageRows {
    std::string partition_tag, mail_id, secret_id, am_id, time_num, time_iso, policy, client_addr, size, originating, content,
        quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host;
    bool has_content = true;               // false: NULL, the message is still being processed
    std::string sender;                    // maddr.email
    std::vector<RecipientRow> recipients;  // those with an address; sequence counts all
    std::vector<AddressKey> addresses;     // sorted by email, each once
    bool operator==(const MessageRows&) const = default;
};

// stored_message_id - as msgs.message_id of that width has it
std::string stored_message_id(std::string_view message_id, std::size_t width);

// make_rows - everything that a record means in the tables. A record with content '\0' is still being processed.
MessageRows make_rows(const mail::MessageRecord& record, const TextRules& rules);

// in_full - the record on one line for the log, when it cannot be written anywhere else
std::string in_full(const mail::MessageRecord& record);

}  // namespace tamis::storage
