// perl_text - Perl source as characters: blanks, comments, POD, here-documents, and everything between quotes
//
// A strict reader of the lexical level, which never runs anything. Its only fault is an end of the file inside of quotes or of
// a here-document; perl itself would not start with such a file. Linear in the text. Trusts nothing. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis::tools {

// Quoted - what stands between the delimiters, as written
struct Quoted {
    std::string body;
    char delimiter = '\'';  // the opening one
};

class PerlText {
public:
    // The text must outlive the object.
    explicit PerlText(std::string_view text);

    bool at_end() const noexcept { return at_ >= end_; }
    char peek(std::size_t ahead = 0) const noexcept { return at_ + ahead < end_ ? text_[at_ + ahead] : '\0'; }
    bool looking_at(std::string_view what) const noexcept { return text_.substr(at_, end_ - at_).starts_with(what); }
    std::size_t position() const noexcept { return at_; }
    // move_to - a position that position() gave earlier
    void move_to(std::size_t position) noexcept { at_ = position; }
    void advance(std::size_t count = 1) noexcept { at_ = at_ + count < end_ ? at_ + count : end_; }
    unsigned line() const noexcept { return line_of(at_); }
    unsigned line_of(std::size_t position) const noexcept;
    std::string_view between(std::size_t from, std::size_t to) const noexcept { return text_.substr(from, to - from); }

    // skip - blanks, comments, POD and the here-documents that were read
    void skip();
    // take - the text, when it stands here after blanks
    bool take(std::string_view what);
    // word - an identifier with package names ("Amavis::Conf"), "" when none stands here
    std::string word();

    // quoted - from the opening delimiter on; brackets may be nested
    Result<Quoted> quoted();
    // here_document - from "<<" on; nothing when that is no here-document. Its delimiter is '"' or '\''.
    Result<std::optional<Quoted>> here_document();

    // skip_statement - from the beginning of a statement to behind its end, whatever it is: a ";", or the "}" of a block that
    // belongs to it; stops before a "}" that closes what is around it
    Done skip_statement();
    // skip_block - from "{" to behind its "}"
    Done skip_block();

private:
    struct Document {
        std::size_t line_end, resume;  // the newline before its first line; where the text goes on
    };
    Done skip_quote_like(const std::string& name);
    Done skip_code(bool one_block);

    std::string_view text_;
    std::size_t end_;
    std::size_t at_ = 0;
    std::vector<std::size_t> line_starts_;
    std::vector<Document> documents_;
    bool is_open_ = false;  // skip_code met the end of the file inside of brackets
};

}  // namespace tamis::tools
