// rows - the values of a MessageRecord as they are stored, for every backend (amavis-sql.md section 5): pure functions
//
// Texts may hold anything; what comes out always fits its column: valid in the database's encoding, without NUL, not
// wider than the column. Codes are one character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mail/record.h"
#include "storage/address_key.h"

namespace tamis::storage {

// TextRules - what a text column of the database can take
struct TextRules {
    enum class Charset {
        utf8,        // UTF8: any valid UTF-8; a width counts characters
        any_bytes,   // SQL_ASCII: stored as given, we give UTF-8; a width counts bytes
        ascii,       // LATIN1 and others: what is not ASCII becomes '?'
    };
    Charset charset = Charset::utf8;
    // 8-bit bytes of addresses: kept, or '?' as amavisd writes into varchar columns ($sql_allow_8bit_address = 0)
    bool eight_bit_addresses = true;
};

// fitted - the text as the column can take it, at most `width` wide
std::string fitted(std::string_view text, std::size_t width, const TextRules& rules);

struct RecipientRow {
    int         sequence = 0;  // rseqnum
    std::string email;         // refers to an address of MessageRows::addresses
    std::string is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp;
};

struct MessageRows {
    std::string partition_tag, mail_id, secret_id, am_id, time_num, time_iso, policy, client_addr, size, originating,
        content, quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host;
    bool                      has_content = true;  // false: NULL, the message is still being processed
    std::string               sender;     // maddr.email
    std::vector<RecipientRow> recipients; // those with an address; sequence counts all
    std::vector<AddressKey>   addresses;  // sorted by email, each once
};

// make_rows - everything that a record means in the tables. A record with content '\0' is still being processed.
MessageRows make_rows(const mail::MessageRecord& record, const TextRules& rules);

// in_full - the record on one line for the log, when it cannot be written anywhere else
std::string in_full(const mail::MessageRecord& record);

}  // namespace tamis::storage
