// contents - what opening a message showed: its parts, what was odd about it, which limits it met
//
// Written by tamis-worker (scanners/worker), which decodes hostile bytes: everything here is data from a stranger. Texts
// are raw bytes as declared, cut to the limits named below; whoever shows them escapes them. Pure data, no I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/message.h"

namespace tamis::mail {

constexpr std::size_t part_name_limit = 1024;  // bytes kept of a declared name (its end is kept: that is where the extension is)
constexpr std::size_t part_names_limit = 16;   // names kept of one part
constexpr std::size_t anomalies_limit = 100;   // anomalies kept of one message

// PartFlag - amavisd's attribute letters (docs/amavis/scanners.md 1) and two of ours
enum class PartFlag : std::uint8_t {
    undecipherable = 1,  // U: cannot be decoded
    encrypted = 2,       // C
    ambiguous = 4,       // B: can be read in more than one way
    directory = 8,       // D: an archive's entry for a directory; it has no bytes
    special = 16,        // S: device, fifo, socket; it has no bytes
    link = 32,           // L: symbolic or hard link; its target is only a name
    alternate = 64,      // another reading of bytes that already are a part
};

// Macros - executable content of an office document (OLE2 or OOXML)
struct Macros {
    bool present = false;
    bool auto_exec = false;   // runs when the document is opened, closed, ...
    bool suspicious = false;  // calls the shell, downloads, writes files, ...
    std::string stream;       // where: "VBA/ThisDocument", "word/vbaProject.bin"
    auto operator<=>(const Macros&) const = default;
};

// Shown - whether the antivirus engines are shown the bytes of a part (docs/opening.md, "What the engines are shown")
enum class Shown : std::uint8_t {
    no,             // it has no bytes of its own, or no engine is to be shown anything
    by_its_parts,   // a pure container: each of its bytes is accounted for by parts that are shown
    in_plain_mail,  // the text of plain text mail: engines that open such mail see it there, the others are shown it
    yes,
    kept_back,  // it should be and is not: Contents::limit says why
};

// Part - one node of the tree: an entity of the MIME structure, a member of an archive
struct Part {
    std::uint32_t number = 0;        // its place in Contents::parts plus 1 (amavisd's p001 is 1)
    std::uint32_t parent = 0;        // number of the container; 0: the message itself
    std::string path;                // "1/2/1": the place in the tree, counted from 1
    std::string container;           // how it lay in its parent: "mime", "zip", "tar", "uuencode", ...; "" for the root
    std::vector<std::string> names;  // declared: decoded UTF-8 first, then raw spellings that differ
    std::vector<std::string> types;  // declared MIME types, lower case, effective one last if it differs
    std::vector<std::string> kinds;  // detected: amavisd's short types without the dot: "exe", "exe-ms"
    std::string description;         // of libmagic, at most 200 bytes
    std::string charset;             // declared, lower case
    std::uint64_t size = 0;          // bytes after decoding, as far as it was decoded
    std::string sha256;              // lower-case hex of the decoded bytes; "" when not all of them were seen
    std::uint8_t flags = 0;          // PartFlag
    Macros macros;
    Shown shown = Shown::no;

    bool has(PartFlag flag) const noexcept { return (flags & static_cast<std::uint8_t>(flag)) != 0; }
    void set(PartFlag flag) noexcept { flags |= static_cast<std::uint8_t>(flag); }
};

// AnomalyKind - what was odd. Those from `duplicate_boundary` to `other_reading` make the message ambiguous: two programs may
// read it differently (docs/opening-mime.md). The others are defects that leave one reading; they are MIME errors.
enum class AnomalyKind : std::uint8_t {
    duplicate_boundary,         // two boundary parameters, or two Content-Type fields with one each
    duplicate_type,             // two Content-Type fields
    duplicate_encoding,         // two Content-Transfer-Encoding fields
    duplicate_name,             // two filenames that differ
    duplicate_parameter,        // another parameter twice
    encoded_word_in_structure,  // an RFC 2047 word in a boundary, type or encoding
    encoding_of_composite,      // base64 or quoted-printable on a multipart
    bad_boundary,               // missing, empty, too long, or with forbidden characters
    boundary_reuse,             // an inner multipart uses the outer one's boundary, or one is a prefix of the other
    boundary_lookalike,         // a line that some readers take for a boundary
    text_after_epilogue,        // a part after the closing boundary
    bad_base64,                 // characters that do not belong, padding in the middle, wrong length
    bad_quoted_printable,       // "=" without two hex digits, soft line break variants
    bad_encoding,               // an unknown or oddly written Content-Transfer-Encoding
    bad_header,                 // NUL, blank before the colon, lines that are no field, odd line ends inside an entity's header
    comment_in_structure,       // a comment inside type, boundary or encoding
    bad_parameter,              // a parameter that cannot be read: quotes, RFC 2231 pieces missing or mixed
    bad_line_ends,              // bare CR or LF within the entity
    hidden_header,              // something before the header section or between header and body
    embedded_encoding,          // uuencode, yEnc or binhex data in a text part: some readers show it as an attachment
    mismatched_archive,         // central directory and local headers disagree, overlapping members, data around the archive
    polyglot,                   // the bytes are two kinds at once
    other_reading,              // none of the above, and two readings differ
    // from here on: one reading only
    unclosed_multipart,   // the closing boundary is missing
    unknown_charset,      // the text cannot be converted
    bad_uuencode,         // damaged uuencode, yEnc or binhex data
    bad_archive,          // damaged archive
    misplaced_parameter,  // a harmless oddity in a header field
};
constexpr bool is_ambiguous(AnomalyKind kind) noexcept { return kind <= AnomalyKind::other_reading; }
// anomaly_name - "duplicate-boundary"; as in logs, JSON and docs/opening.md
std::string_view anomaly_name(AnomalyKind kind) noexcept;

struct Anomaly {
    AnomalyKind kind = AnomalyKind::other_reading;
    std::uint32_t part = 0;    // number of the part, 0: the message
    std::string detail;        // one line, at most 200 bytes, may hold the stranger's bytes
    bool is_harmless = false;  // its readings give the same parts, or differ in nothing that is shown or saved
};
inline bool is_ambiguous(const Anomaly& anomaly) noexcept { return is_ambiguous(anomaly.kind) && !anomaly.is_harmless; }

// AttachedHeader - the header section of another message found inside this one; the bounce killer wants it
struct AttachedHeader {
    std::uint32_t part = 0;         // the part that holds it: message/rfc822, text/rfc822-headers or a text
    std::uint32_t fields = 0;       // how many well-formed header fields
    std::string message_id;         // with angle brackets, at most 998 bytes
    std::string from;               // raw value, at most 998 bytes
    bool is_whole_message = false;  // not only the header section
};

// ShownPart - decoded bytes on their way to the antivirus engines
struct ShownPart {
    std::uint32_t part = 0;  // its number; 0: one of those that are not told of
    std::string path;        // as Part::path
    bool is_plain = false;   // Shown::in_plain_mail
    std::shared_ptr<const SealedSpool> bytes;
};
using ShownParts = std::vector<ShownPart>;

// Contents - parts in breadth-first order (amavisd's numbering): a container stands before what it holds
struct Contents {
    std::vector<Part> parts;
    std::vector<Anomaly> anomalies;
    std::vector<AttachedHeader> attached_headers;
    ShownParts shown;                 // the last of the parts that the engines are to be shown besides the message
    std::string limit;                // "Maximum decoding depth (14) exceeded"; "": no limit was met
    std::uint32_t limit_part = 0;     // number of the part that was being opened then; 0: the message itself
    std::string failure;              // the message could not be opened: worker crashed, time, no worker; "": it was
    std::string mime_error;           // the MIME defects in words joined by "; ", at most 250 bytes
    bool is_to_blame = false;         // of a failure: the message did it, twice; else it is trouble of ours
    bool was_opened = false;          // false: opening is switched off or failed
    std::chrono::microseconds cpu{};  // of the worker

    bool is_encrypted() const noexcept;
    bool is_undecipherable() const noexcept;
    bool is_ambiguous() const noexcept;  // any ambiguous anomaly
    // find - by number; null when there is none
    const Part* find(std::uint32_t number) const noexcept {
        return number == 0 || number > parts.size() ? nullptr : &parts[number - 1];
    }
    // is_leaf - nothing was found inside it
    bool is_leaf(std::uint32_t number) const noexcept;
    // way_to - from the root's part down to this one
    std::vector<const Part*> way_to(std::uint32_t number) const;
};

}  // namespace tamis::mail
