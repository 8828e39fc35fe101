// entity - the header section of one MIME entity, and every way in which mail programs may read it
//
// RFC 2045, 2046, 2183; docs/opening-mime.md. A header section gives one EntityHeader; where its lines themselves
// can be read in two ways (where it ends, what ends a line), other Sections are offered. Pure, total, linear.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mail/contents.h"
#include "mail/header.h"
#include "scanners/worker/open/limits.h"

namespace tamis::worker {

enum class Encoding : std::uint8_t { identity, base64, quoted_printable, uuencode, yenc, binhex };

struct Defect {
    mail::AnomalyKind kind = mail::AnomalyKind::other_reading;
    std::string detail;
    bool is_harmless = false;  // nobody is misled
};

// EntityHeader - readings are likeliest first, without doubles
struct EntityHeader {
    std::vector<std::string> types;       // "multipart/mixed"; never empty
    std::vector<std::string> boundaries;  // of Content-Type, also when the type is no multipart; at most 4
    std::vector<std::string>
        cut_boundaries;               // readings of a boundary that lacks its quotes: they count if they occur in the body
    std::vector<Encoding> encodings;  // never empty
    std::vector<std::string> names;
    std::string charset, second_charset;  // "": no charset, no second one that differs
    std::vector<Defect> defects;
    bool may_be_leaf = false;     // some reader sees no multipart here although the first reading is one
    bool lacks_quotes = false;    // the boundary has characters that are allowed in quotes only
    bool guesses_base64 = false;  // the encoding is unknown, base64 no more than a guess
    bool has_boundary_parameter = false;
    bool has_type = false;           // there is a Content-Type field
    bool is_plainly_encoded = true;  // no Content-Transfer-Encoding, or one that every program writes
    bool is_encrypted = false;       // PGP/MIME: unreadable for us
};

// Section - header fields and where the body begins
struct Section {
    mail::HeaderBlock block;
    std::size_t body = 0;
};

// Sections - the first reading, and the second if there is one
struct Sections {
    Section main;
    std::vector<Section> others;  // the header ends earlier; at most 3
    bool cr_ends_lines = false;   // a bare CR in it: with CR as line end it would read differently
    std::vector<Defect> defects;
};
Sections split_header(std::string_view entity);

// read_entity_header - `default_type` for an entity without Content-Type
EntityHeader read_entity_header(std::string_view entity, const mail::HeaderBlock& block, std::string_view default_type,
                                const Limits& limits);

inline bool is_multipart(std::string_view type) { return type.starts_with("multipart/"); }
inline bool is_message(std::string_view type) {
    return type == "message/rfc822" || type == "message/global" || type == "message/news";
}

}  // namespace tamis::worker
