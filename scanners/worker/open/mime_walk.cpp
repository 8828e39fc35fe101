#include "scanners/worker/open/mime_walk.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/cms.h"
#include "scanners/worker/open/embedded.h"
#include "scanners/worker/open/entity.h"
#include "scanners/worker/open/mail_shape.h"
#include "scanners/worker/open/multipart.h"
#include "scanners/worker/open/openpgp.h"
#include "scanners/worker/open/readings.h"
#include "scanners/worker/open/transfer_decode.h"
#include "scanners/worker/open/writer_output.h"

namespace tamis::worker {
namespace {

using mail::AnomalyKind;
using mail::PartFlag;

constexpr std::string_view mbox_container = "mbox";

// Outer - boundaries of the multiparts around an entity
struct Outer {
    std::shared_ptr<const Outer> up;
    std::string boundary;
    ~Outer() = default;
};

enum class HeaderReading : std::uint8_t { first, ends_early, cr_ends_lines };

// Item - something that waits for its turn: an entity with its header, or a bare text (preamble, epilogue)
struct Item {
    std::uint32_t parent = 0;
    Blob bytes;
    std::string_view default_type = "text/plain";
    std::string_view text_name = {};  // not empty: a bare text of that name
    bool is_text = false;
    bool alternate = false;
    HeaderReading reading = HeaderReading::first;
    std::size_t early = 0;  // which of the places where the header may end
    std::shared_ptr<const Outer> outer = nullptr;
    bool texts_are_harmless = false;  // another reading, of which texts that are only shown do not count
};

class Walk {
public:
    // `quiet`: a text is read as a message on suspicion; what is odd about it is not told
    Walk(Opener& opener, bool quiet) : opener_(opener), quiet_(quiet) {}
    void run(Item first);

private:
    void entity(const Item& item);
    void other_headers(const Item& item, const Sections& sections);
    void other_views(const Item& item, const EntityHeader& header, const Blob& body, std::uint32_t number);
    void decoded_composite(const Item& item, const EntityHeader& header, const Blob& body, std::uint32_t number);
    void decoded_parts(const Item& item, const EntityHeader& header, const Blob& body, const Blob& decoded);
    std::uint32_t multipart(const Item& item, const EntityHeader& header, const Blob& body, std::string_view boundary,
                            bool alternate);
    void without_delimiter(const Item& item, std::uint32_t number, const Blob& body, bool alternate);
    void push_cuts(const Item& item, std::uint32_t number, const Blob& body, const Cuts& cuts, std::string_view type,
                   bool alternate, std::vector<Range>& known, const std::shared_ptr<const Outer>& outer);
    void push_text(std::uint32_t parent, const Blob& body, Range range, std::string_view name, bool alternate, bool is_harmless);
    std::uint32_t leaf(const Item& item, const EntityHeader& header, const Blob& body, Encoding encoding, bool alternate);
    std::uint32_t decoded_leaf(NewPart about, const Blob& body, Encoding encoding);
    void nested(const Item& item, std::uint32_t number, const Blob& body, bool alternate);
    NewPart about(const Item& item, const EntityHeader& header, bool alternate) const;
    void defect(AnomalyKind kind, std::uint32_t part, std::string_view detail);
    void oddity(AnomalyKind kind, std::uint32_t part, std::string_view detail);
    void damaged_base64(NewPart about, std::string_view text, const DecodeNotes& notes, std::uint32_t number);
    void damaged_quoted(NewPart about, std::string_view text, const DecodeNotes& notes, std::uint32_t number);
    std::uint32_t other_decoding(NewPart about, std::string_view text, Base64Reading reading);
    EntityHeader header_of(std::string_view bytes, const Section& section, std::string_view default_type,
                           std::string_view body) const;

    Opener& opener_;
    std::deque<Item> items_;
    bool quiet_;
};

std::uint8_t alternate_flag(bool alternate) {
    return alternate ? static_cast<std::uint8_t>(PartFlag::alternate) : std::uint8_t{0};
}

// is_plain_text, is_plain_multipart - as programs write plain mail (Opener::is_plain_mail). A part without Content-Type is none:
// there are engines that do not open it.
bool is_plain_text(const Item& item, const EntityHeader& header) {
    const bool is_text =
        header.types.size() == 1 && (header.types.front() == "text/plain" || header.types.front() == "text/html");
    return is_text && header.names.empty() && header.boundaries.empty() && header.encodings.size() == 1 &&
           header.is_plainly_encoded && (header.has_type || item.parent == 0);
}

bool is_plain_multipart(const EntityHeader& header) {
    constexpr std::string_view usual[] = {"multipart/mixed", "multipart/alternative", "multipart/related"};
    return header.types.size() == 1 && std::ranges::find(usual, header.types.front()) != std::end(usual) &&
           header.boundaries.size() == 1 && header.is_plainly_encoded;
}

void Walk::run(Item first) {
    items_.push_back(std::move(first));
    while (!items_.empty() && !opener_.budget().is_spent()) {
        const auto item = std::move(items_.front());
        items_.pop_front();
        if (!item.is_text) {
            entity(item);
            continue;
        }
        NewPart text{.parent = item.parent, .container = "mime", .types = {"text/plain"}};
        if (!item.text_name.empty()) text.names.emplace_back(item.text_name);
        text.flags = alternate_flag(item.alternate);
        text.is_mime = true;
        const auto number = opener_.new_part_of(std::move(text), item.bytes, "mime", false);
        if (number != 0 && item.texts_are_harmless && is_only_shown(opener_.part(number))) opener_.add_harmless_reading(number);
    }
}

void Walk::defect(AnomalyKind kind, std::uint32_t part, std::string_view detail) {
    if (quiet_) return;
    opener_.add_anomaly(kind, part, detail);
    opener_.add_mime_error(kind, part, detail);
}

// oddity - what would be a defect if it could mislead anybody here
void Walk::oddity(AnomalyKind kind, std::uint32_t part, std::string_view detail) {
    if (!quiet_) opener_.add_oddity(kind, part, detail);
}

NewPart Walk::about(const Item& item, const EntityHeader& header, bool alternate) const {
    NewPart out{.parent = item.parent,
                .container = item.parent == 0 ? "" : "mime",
                .names = header.names,
                .types = header.types,
                .charset = header.charset};
    mail::Part flags;
    flags.flags = alternate_flag(alternate);
    if (header.is_encrypted) {
        flags.set(PartFlag::encrypted);
        flags.set(PartFlag::undecipherable);
    }
    // the other pieces, or the bytes themselves, are somewhere else
    for (const auto& type : header.types)
        if (type == "message/partial" || type == "message/external-body") flags.set(PartFlag::undecipherable);
    out.flags = flags.flags;
    out.is_mime = true;
    return out;
}

void Walk::entity(const Item& item) {
    if (!opener_.budget().check_time()) return;
    const auto bytes = item.bytes.bytes();
    auto sections = split_header(bytes);
    if (item.reading == HeaderReading::ends_early && item.early < sections.others.size())
        sections.main = sections.others[item.early];
    const auto& section = sections.main;
    const auto body = item.bytes.slice(section.body, bytes.size());
    const auto header = header_of(bytes, section, item.default_type, body.bytes());
    std::uint32_t number = 0;
    if (is_multipart(header.types.front())) {
        number = multipart(item, header, body, header.boundaries.empty() ? std::string_view() : header.boundaries.front(),
                           item.alternate);
    } else {
        number = leaf(item, header, body, header.encodings.front(), item.alternate);
    }
    if (number == 0) return;
    if (item.texts_are_harmless && !is_multipart(header.types.front()) && is_only_shown(opener_.part(number)))
        opener_.add_harmless_reading(number);
    if (item.reading == HeaderReading::first) {
        for (const auto& found : sections.defects) defect(found.kind, number, found.detail);
        other_headers(item, sections);
    }
    for (const auto& found : header.defects) {
        if (found.kind == AnomalyKind::bad_encoding && header.guesses_base64 && !looks_like_base64(body.bytes())) {
            defect(AnomalyKind::misplaced_parameter, number, found.detail);  // no reader can make anything else of it
            continue;
        }
        if (found.is_harmless) oddity(found.kind, number, found.detail);
        else defect(found.kind, number, found.detail);
    }
    other_views(item, header, body, number);
}

// header_of - what its fields say, and what only the body decides: whether a second reading of a boundary or a charset is one
EntityHeader Walk::header_of(std::string_view bytes, const Section& section, std::string_view default_type,
                             std::string_view body) const {
    auto out = read_entity_header(bytes, section.block, default_type, opener_.limits());
    bool some_occur = false;
    for (const auto& cut : out.cut_boundaries) {
        if (!scan_multipart(body, cut, opener_.limits().mime_parts).found) continue;
        out.boundaries.push_back(cut);
        out.may_be_leaf = some_occur = true;
    }
    if (out.lacks_quotes) out.defects.push_back({AnomalyKind::bad_parameter, "a boundary that needs quotes", !some_occur});
    if (out.second_charset.empty()) return out;
    constexpr std::size_t enough = 1 << 20;
    const auto text = body.substr(0, enough);
    const bool same =
        to_utf8(text, out.charset) == to_utf8(text, out.second_charset) && out.encodings.front() == Encoding::identity;
    out.defects.push_back({AnomalyKind::duplicate_parameter, "charset given more than once", same});
    return out;
}

// other_headers - the same bytes with the header section read in another way
void Walk::other_headers(const Item& item, const Sections& sections) {
    for (std::size_t i = 0; i < sections.others.size(); ++i) {
        Item other = item;
        other.alternate = true;
        other.reading = HeaderReading::ends_early;
        other.early = i;
        items_.push_back(std::move(other));
    }
    if (!sections.cr_ends_lines) return;
    const auto bytes = item.bytes.bytes();
    if (!opener_.budget().take_bytes(bytes.size(), "mime")) return;
    std::string copy;
    copy.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\r' && i < sections.main.body && !(i + 1 < bytes.size() && bytes[i + 1] == '\n')) copy += "\r\n";
        else copy += bytes[i];
    }
    Item other = item;
    other.bytes = Blob::of(std::move(copy));
    other.alternate = true;
    other.reading = HeaderReading::cr_ends_lines;
    items_.push_back(std::move(other));
}

// other_views - the same header and body with another type, boundary or encoding
void Walk::other_views(const Item& item, const EntityHeader& header, const Blob& body, std::uint32_t number) {
    const bool is_container = is_multipart(header.types.front());
    const bool some_multipart = std::ranges::any_of(header.types, is_multipart);
    const bool some_leaf = !std::ranges::all_of(header.types, is_multipart);
    if (some_multipart) {
        for (std::size_t i = is_container ? 1 : 0; i < header.boundaries.size(); ++i)
            multipart(item, header, body, header.boundaries[i], true);
        if (header.boundaries.empty() && !is_container) multipart(item, header, body, {}, true);
        decoded_composite(item, header, body, number);
    } else {
        for (const auto& boundary : header.boundaries) {  // no multipart by its type, but with a boundary that occurs
            if (!scan_multipart(body.bytes(), boundary, opener_.limits().mime_parts).found) continue;
            defect(AnomalyKind::other_reading, number, "a boundary occurs although the type is no multipart");
            multipart(item, header, body, boundary, true);
        }
    }
    if (is_container &&
        (header.may_be_leaf || some_leaf || header.lacks_quotes)) {  // some miss the boundary and show the source text
        auto as_text = header;
        std::erase_if(as_text.types, is_multipart);
        if (as_text.types.empty()) as_text.types.emplace_back("text/plain");
        for (const auto encoding : header.encodings) {
            const auto text = leaf(item, as_text, body, encoding, true);
            if (text != 0 && !header.may_be_leaf && !some_leaf) opener_.add_harmless_reading(text);
        }
    }
    if (is_container) return;
    for (std::size_t i = 1; i < header.encodings.size(); ++i) {
        if (header.encodings[i] == Encoding::base64 && header.guesses_base64 && !looks_like_base64(body.bytes())) continue;
        leaf(item, header, body, header.encodings[i], true);
    }
    // encoded messages (RFC 2046 section 5.2.1 forbids it): some readers decode them, others do not
    const auto encoding = header.encodings.front();
    if (!std::ranges::any_of(header.types, is_message) || encoding == Encoding::identity || header.encodings.size() > 1) return;
    if (encoding == Encoding::base64 && looks_like_base64(body.bytes())) return;
    leaf(item, header, body, Encoding::identity, true);
}

void Walk::decoded_composite(const Item& item, const EntityHeader& header, const Blob& body, std::uint32_t number) {
    for (const auto encoding : header.encodings) {
        if (encoding != Encoding::base64 && encoding != Encoding::quoted_printable) continue;
        if (encoding == Encoding::quoted_printable && body.bytes().find('=') == std::string_view::npos) continue;
        defect(AnomalyKind::encoding_of_composite, number, "a multipart with a Content-Transfer-Encoding");
        for (const auto literally : {true, false}) {
            if (encoding == Encoding::base64 && !literally) break;
            if (!opener_.budget().take_bytes(body.bytes().size(), "mime")) return;
            StringOutput out;
            if (encoding == Encoding::base64) decode_base64(body.bytes(), Base64Reading::skip_padding, out);
            else decode_quoted(body.bytes(), literally ? QuotedReading::literal : QuotedReading::tolerant, out);
            decoded_parts(item, header, body, Blob::of(std::move(out.bytes)));
        }
    }
}

// decoded_parts - whoever decodes the body of a multipart and finds no part in it any more, while there are some without
// decoding, sees nothing that could do harm
void Walk::decoded_parts(const Item& item, const EntityHeader& header, const Blob& body, const Blob& decoded) {
    const auto shows_parts = [&](const Blob& bytes) {
        return std::ranges::any_of(header.boundaries, [&](const auto& boundary) {
            return scan_multipart(bytes.bytes(), boundary, opener_.limits().mime_parts).found;
        });
    };
    auto lenient = item;
    lenient.texts_are_harmless = shows_parts(body);
    if (lenient.texts_are_harmless && !shows_parts(decoded)) return;
    if (header.boundaries.empty()) multipart(lenient, header, decoded, {}, true);
    for (const auto& boundary : header.boundaries) multipart(lenient, header, decoded, boundary, true);
}

std::uint32_t Walk::multipart(const Item& item, const EntityHeader& header, const Blob& body, std::string_view boundary,
                              bool alternate) {
    auto structure = about(item, header, alternate);
    structure.may_be_plain = !alternate && is_plain_multipart(header);
    const auto number = opener_.new_structure(std::move(structure));
    auto& budget = opener_.budget();
    if (number == 0 || !budget.check_time() || !budget.check_mime_depth(opener_.mime_depth(number) + 1)) return number;
    if (boundary.empty() && !header.has_boundary_parameter) {
        without_delimiter(item, number, body, alternate);
        return number;
    }
    const auto lines_limit = std::size_t{opener_.limits().mime_parts} * 2;
    const auto scan = scan_multipart(body.bytes(), boundary, lines_limit);
    if (scan.too_many)
        budget.give_up("Maximum number of MIME parts (" + std::to_string(opener_.limits().mime_parts) + ") exceeded");
    if (!scan.found) defect(AnomalyKind::unclosed_multipart, number, "a multipart whose boundary does not occur");
    else if (!scan.main.closed) defect(AnomalyKind::unclosed_multipart, number, "a multipart without closing boundary");
    if (scan.lookalikes) defect(AnomalyKind::boundary_lookalike, number, "a line that resembles a boundary");
    if (scan.padded) {  // RFC 2046 section 5.1.1 wants readers to pass over them; who does not sees parts of source text
        if (scan.padded_matters) defect(AnomalyKind::boundary_lookalike, number, "a boundary followed by blanks");
        else oddity(AnomalyKind::boundary_lookalike, number, "a boundary followed by blanks");
    }
    if (scan.mixed_line_ends) defect(AnomalyKind::bad_line_ends, number, "boundaries with different line ends");
    if (scan.after_closing) defect(AnomalyKind::text_after_epilogue, number, "a boundary behind the closing one");
    for (auto* outer = item.outer.get(); outer != nullptr; outer = outer->up.get())
        if (outer->boundary.starts_with(boundary) || boundary.starts_with(outer->boundary)) {
            defect(AnomalyKind::boundary_reuse, number, "an inner boundary like an outer one");
            break;
        }
    if (!scan.found) without_delimiter(item, number, body, alternate);
    const auto outer = std::make_shared<const Outer>(item.outer, std::string(boundary));
    const bool is_digest = header.types.front() == "multipart/digest";
    std::vector<Range> known;
    const std::string_view type = is_digest ? "message/rfc822" : "text/plain";
    if (scan.found) push_cuts(item, number, body, scan.main, type, alternate, known, outer);
    auto lenient = item;
    lenient.texts_are_harmless |= scan.padded && !scan.lookalikes && !scan.after_closing && !scan.goes_on_behind_padded;
    for (const auto& cuts : scan.others) push_cuts(lenient, number, body, cuts, type, true, known, outer);
    return number;
}

// without_delimiter - a multipart that names no boundary or one that does not occur: text for some; others guess
void Walk::without_delimiter(const Item& item, std::uint32_t number, const Blob& body, bool alternate) {
    if (!trim(body.bytes().substr(0, 65536)).empty() || body.bytes().size() > 65536)
        items_.push_back({.parent = number, .bytes = body, .is_text = true, .alternate = alternate});
    const auto guess = guess_boundary(body.bytes());
    if (guess.empty()) return;
    defect(AnomalyKind::bad_boundary, number, "a boundary that the header does not name");
    const auto outer = std::make_shared<const Outer>(item.outer, std::string(guess));
    const auto scan = scan_multipart(body.bytes(), guess, std::size_t{opener_.limits().mime_parts} * 2);
    std::vector<Range> known;
    push_cuts(item, number, body, scan.main, "text/plain", true, known, outer);
}

void Walk::push_cuts(const Item& item, std::uint32_t number, const Blob& body, const Cuts& cuts, std::string_view type,
                     bool alternate, std::vector<Range>& known, const std::shared_ptr<const Outer>& outer) {
    const auto is_new = [&](Range range) {
        const auto place = std::ranges::lower_bound(known, range);
        if (place != known.end() && *place == range) return false;
        known.insert(place, range);
        return true;
    };
    const bool texts_are_harmless = alternate && item.texts_are_harmless;
    if (is_new(cuts.preamble)) push_text(number, body, cuts.preamble, "preamble", alternate, texts_are_harmless);
    for (const auto range : cuts.parts)
        if (is_new(range))
            items_.push_back({.parent = number,
                              .bytes = body.slice(range.begin, range.size()),
                              .default_type = type,
                              .alternate = alternate,
                              .outer = outer,
                              .texts_are_harmless = texts_are_harmless});
    if (cuts.closed && is_new(cuts.epilogue)) push_text(number, body, cuts.epilogue, "epilogue", alternate, texts_are_harmless);
}

// push_text - a preamble or epilogue, if it is more than the usual words (docs/amavis/scanners.md 1)
void Walk::push_text(std::uint32_t parent, const Blob& body, Range range, std::string_view name, bool alternate,
                     bool is_harmless) {
    constexpr int usual_lines = 5;
    const auto text = body.bytes().substr(range.begin, range.size());
    const auto is_usual = [](char c) {
        return is_alpha(c) || is_digit(c) || std::string_view("/@:;,. \t\r\n_-").find(c) != std::string_view::npos;
    };
    const bool has_field = starts_with_fold(trim(text), "content-");
    if (!has_field && text.size() < 1000 && std::ranges::count(text, '\n') <= usual_lines && std::ranges::all_of(text, is_usual))
        return;
    items_.push_back({.parent = parent,
                      .bytes = body.slice(range.begin, range.size()),
                      .text_name = name,
                      .is_text = true,
                      .alternate = alternate,
                      .texts_are_harmless = is_harmless});
}

std::uint32_t Walk::leaf(const Item& item, const EntityHeader& header, const Blob& body, Encoding encoding, bool alternate) {
    auto part = about(item, header, alternate);
    part.may_be_plain = !alternate && is_plain_text(item, header);
    const bool is_nested = std::ranges::any_of(header.types, is_message);
    if (encoding == Encoding::base64 || encoding == Encoding::quoted_printable)
        return decoded_leaf(std::move(part), body, encoding);
    part.is_opened = is_nested;
    const auto number = opener_.new_part_of(std::move(part), body, "mime", false);
    if (number == 0) return 0;
    if (is_nested) nested(item, number, body, alternate);
    else if ((encoding != Encoding::identity || begins_with_file(body.bytes())) && !may_hold_files(opener_.part(number)))
        open_text(opener_, number, body);
    return number;
}

std::uint32_t Walk::decoded_leaf(NewPart part, const Blob& body, Encoding encoding) {
    auto other = part;
    auto writer = opener_.new_part(std::move(part), "mime");
    const auto number = writer.number();
    if (number == 0) return 0;
    WriterOutput out(writer);
    const bool is_base64 = encoding == Encoding::base64;
    const auto text = body.bytes();
    const auto footer = is_base64 ? text_behind_base64(text) : std::string_view::npos;
    const auto notes = is_base64 ? decode_base64(text.substr(0, footer), Base64Reading::skip_padding, out)
                                 : decode_quoted(text, QuotedReading::literal, out);
    if (!notes.complete) return number;
    writer.finish();
    other.flags |= alternate_flag(true);
    if (footer != std::string_view::npos) {  // readers show the data, or the data and a few odd characters
        oddity(AnomalyKind::bad_base64, number, "text behind base64");
        for (const auto reading : {Base64Reading::skip_padding, Base64Reading::first_padding, Base64Reading::stop})
            if (const auto with_footer = other_decoding(other, text, reading)) opener_.add_harmless_reading(with_footer);
    }
    if (!notes.is_odd()) return number;
    if (is_base64) damaged_base64(std::move(other), text.substr(0, footer), notes, number);
    else damaged_quoted(std::move(other), text, notes, number);
    return number;
}

// other_decoding - the number of its part, 0 without budget
std::uint32_t Walk::other_decoding(NewPart about, std::string_view text, Base64Reading reading) {
    auto writer = opener_.new_part(std::move(about), "mime");
    if (!writer) return 0;
    const auto number = writer.number();
    WriterOutput out(writer);
    if (decode_base64(text, reading, out).complete) writer.finish();
    return number;
}

void Walk::damaged_base64(NewPart about, std::string_view text, const DecodeNotes& notes, std::uint32_t number) {
    if (!notes.after_padding && !notes.junk) {  // padding is missing: the last byte or two are there, or are not
        oddity(AnomalyKind::bad_base64, number, "base64 of a wrong length");
        if (const auto shorter = other_decoding(std::move(about), text, Base64Reading::first_padding))
            opener_.add_harmless_reading(shorter);
        return;
    }
    defect(AnomalyKind::bad_base64, number,
           notes.after_padding ? "data behind the padding of base64" : "characters in base64 that do not belong there");
    for (const auto reading : {Base64Reading::stop, Base64Reading::first_padding, Base64Reading::first_junk}) {
        const bool differs = reading == Base64Reading::stop            ? notes.after_padding
                             : reading == Base64Reading::first_padding ? notes.after_padding || notes.wrong_length
                                                                       : notes.junk;
        const auto other = differs ? other_decoding(about, text, reading) : 0;
        if (differs && other == 0) return;
        // of a text that is shown and no more, less of it; with data behind padding nobody knows which piece is meant
        const bool is_less =
            differs && !notes.after_padding && is_only_shown(opener_.part(number)) && is_only_shown(opener_.part(other));
        if (is_less) opener_.add_harmless_reading(other);
    }
}

// damaged_quoted - of a text that is shown and no more, a few "=" more or less are the reader's nuisance: URLs that were not
// encoded, blanks behind soft line breaks
void Walk::damaged_quoted(NewPart about, std::string_view text, const DecodeNotes& notes, std::uint32_t number) {
    const char* detail = notes.junk ? "quoted-printable with bad escapes" : "blanks in a soft line break";
    const bool is_harmless = is_only_shown(opener_.part(number));
    if (is_harmless) oddity(AnomalyKind::bad_quoted_printable, number, detail);
    else defect(AnomalyKind::bad_quoted_printable, number, detail);
    auto writer = opener_.new_part(std::move(about), "mime");
    if (!writer) return;
    if (is_harmless) opener_.add_harmless_reading(writer.number());
    WriterOutput out(writer);
    if (decode_quoted(text, QuotedReading::tolerant, out).complete) writer.finish();
}

// nested - a message that lies in this one as it is
void Walk::nested(const Item& item, std::uint32_t number, const Blob& body, bool alternate) {
    note_attached_header(opener_, number, body.bytes(), true);
    if (!opener_.budget().check_mime_depth(opener_.mime_depth(number) + 1)) return;
    items_.push_back({.parent = number, .bytes = body, .alternate = alternate, .outer = item.outer});
}

bool has_kind_of(const mail::Part& part, std::string_view kind) {
    return std::ranges::find(part.kinds, kind) != part.kinds.end();
}

bool is_nested_message(const mail::Part& part) {
    if (std::ranges::any_of(part.types, is_message)) return true;
    const bool in_text = std::ranges::any_of(part.types, [](const auto& type) { return type.starts_with("text/"); });
    return !in_text && has_kind_of(part, "mail");
}

// is_shown_as_mail - a mail program shows it as a message of its own, so that its oddities count; what only looks like a mail is
// opened as one more reading
bool is_shown_as_mail(const mail::Part& part) {
    constexpr std::string_view endings[] = {".eml", ".mht", ".mhtml", ".nws", ".email"};
    if (part.container == quoted_container || part.container == mbox_container) return false;
    return std::ranges::any_of(part.types, is_message) || part.container == cms_container ||
           std::ranges::any_of(part.names, [&](const auto& name) {
               return std::ranges::any_of(endings, [&](std::string_view ending) {
                   return name.size() > ending.size() &&
                          equal_fold(std::string_view(name).substr(name.size() - ending.size()), ending);
               });
           });
}

void open_nested(Opener& opener, std::uint32_t number, const Blob& bytes) {
    const auto container = opener.part(number).container;
    opener.own(number, 0, bytes.bytes().size(), Owned::read);
    if (container != quoted_container && container != cms_container) note_attached_header(opener, number, bytes.bytes(), true);
    if (!opener.budget().check_mime_depth(opener.mime_depth(number) + 1)) return;
    // blank lines and a byte order mark before the first field are forgiven where the shape made it a mail
    const auto begin = has_kind_of(opener.part(number), "mail") ? mail_begin(bytes.bytes()) : 0;
    open_mime(opener, number, begin == 0 ? bytes : bytes.slice(begin, bytes.bytes().size()));
}

bool is_mbox(const mail::Part& part) { return has_kind_of(part, "mbox"); }

// open_mbox - each mail becomes a part that is opened in turn
void open_mbox(Opener& opener, std::uint32_t number, const Blob& bytes) {
    const auto messages = mbox_messages(bytes.bytes(), opener.limits().members);
    opener.own(number, 0, bytes.bytes().size(), Owned::read);
    for (const auto range : messages)
        if (opener.new_part_of({.parent = number, .container = mbox_container, .types = {"message/rfc822"}},
                               bytes.slice(range.begin, range.size()), "mbox", false) == 0)
            return;
}

}  // namespace

void open_mime(Opener& opener, std::uint32_t parent, const Blob& message) {
    const bool alternate = parent != 0 && opener.part(parent).has(PartFlag::alternate);
    const bool quiet = parent != 0 && !is_shown_as_mail(opener.part(parent));
    Walk(opener, quiet).run({.parent = parent, .bytes = message, .alternate = alternate});
}

std::vector<Decoder> mime_decoders() {
    return {{.name = "mime", .wants = is_nested_message, .open = open_nested, .may_account = false, .is_archive = false},
            {.name = "mbox", .wants = is_mbox, .open = open_mbox, .may_account = false},
            {.name = "cms", .wants = is_cms_part, .open = open_cms, .may_account = false},
            {.name = "pgp", .wants = may_be_openpgp, .open = open_openpgp, .may_account = false, .is_archive = false},
            {.name = "text", .wants = may_hold_files, .open = open_text, .may_account = false, .is_archive = false}};
}

}  // namespace tamis::worker
