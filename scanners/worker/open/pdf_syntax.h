// pdf_syntax - tokens, dictionaries and objects of a PDF file
//
// ISO 32000-1 section 7. The cross-reference table is not believed: every object in the bytes is listed, the older ones of a
// file that was saved again too. Pure, linear, total; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tamis::worker {

struct PdfToken {
    enum class Kind : std::uint8_t { end, name, number, text, hex_text, dictionary, end_dictionary, array, end_array, word };
    Kind kind = Kind::end;
    std::string_view bytes;  // with its delimiters
};

// PdfLexer - one token after the other
class PdfLexer {
public:
    explicit PdfLexer(std::string_view bytes) : bytes_(bytes) {}
    PdfToken next();
    std::size_t at() const noexcept { return at_; }

private:
    void skip_blanks();
    PdfToken text(std::size_t begin);
    PdfToken take(PdfToken::Kind kind, std::size_t begin) { return {kind, bytes_.substr(begin, at_ - begin)}; }

    std::string_view bytes_;
    std::size_t at_ = 0;
};

// pdf_name - "/Embedded#46ile" is "EmbeddedFile"
std::string pdf_name(std::string_view token);
// pdf_text - the bytes of a literal or hexadecimal string
std::string pdf_text(std::string_view token);

// PdfDictionary - keys without their slash, and the bytes of their values, which may be dictionaries themselves
class PdfDictionary {
public:
    PdfDictionary() = default;
    explicit PdfDictionary(std::string_view bytes);    // from "<<" on
    std::string_view get(std::string_view key) const;  // "": it is not there
    std::string name(std::string_view key) const;
    std::optional<std::int64_t> number(std::string_view key) const;
    std::string text(std::string_view key) const;
    bool is_dictionary(std::string_view key) const { return get(key).starts_with("<<"); }
    bool has(std::string_view key) const { return !get(key).empty(); }
    std::size_t size() const noexcept { return size_; }            // of its bytes; 0: there is none
    std::size_t looked_at() const noexcept { return looked_at_; }  // bytes read to learn that

private:
    std::vector<std::pair<std::string, std::string_view>> entries_;
    std::size_t size_ = 0, looked_at_ = 0;
};

struct PdfReference {
    std::uint32_t number = 0, generation = 0;
    auto operator<=>(const PdfReference&) const = default;
};
// pdf_references - every "12 0 R" in these bytes, in order
std::vector<PdfReference> pdf_references(std::string_view bytes);

struct PdfObject {
    PdfReference id;
    std::size_t begin = 0, end = 0;  // with "obj" and "endobj"
    std::string_view value;          // a dictionary, or the first bytes of something else
    std::size_t data = 0, data_size = 0;
    bool is_stream = false, is_cut = false;
};

struct PdfFile {
    std::vector<PdfObject> objects;
    std::vector<std::string_view> trailers;  // their dictionaries
    bool is_too_many = false;
};
PdfFile read_pdf(std::string_view bytes, std::size_t most_objects);

// PdfAttachment - a file specification: the streams with the file, and its names
struct PdfAttachment {
    std::vector<PdfReference> streams;
    std::vector<std::string> names;
};
// pdf_attachments - of every dictionary in these bytes that has an /EF
std::vector<PdfAttachment> pdf_attachments(std::string_view bytes);

}  // namespace tamis::worker
