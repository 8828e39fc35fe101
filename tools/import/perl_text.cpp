#include "tools/import/perl_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace tamis::tools {
namespace {

bool is_word(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

char closing(char open) {
    switch (open) {
        case '(': return ')';
        case '[': return ']';
        case '{': return '}';
        case '<': return '>';
        default: return open;
    }
}

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

PerlText::PerlText(std::string_view text) : text_(text), end_(text.size()), line_starts_{0} {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '\n') line_starts_.push_back(i + 1);
    // what stands behind __END__ or __DATA__ is no program
    for (const auto start : line_starts_)
        for (const std::string_view mark : {"__END__", "__DATA__"})
            if (text.substr(start).starts_with(mark)) end_ = std::min(end_, start);
}

unsigned PerlText::line_of(std::size_t position) const noexcept {
    return static_cast<unsigned>(std::ranges::upper_bound(line_starts_, position) - line_starts_.begin());
}

void PerlText::skip() {
    while (!at_end()) {
        const char c = text_[at_];
        if (c == '\n') {
            const auto document = std::ranges::find(documents_, at_, &Document::line_end);
            at_ = document == documents_.end() ? at_ + 1 : document->resume;
        } else if (is_blank(c) || c == '\r' || c == '\f') {
            ++at_;
        } else if (c == '#') {
            at_ = std::min(text_.find('\n', at_), end_);
        } else if (c == '=' && (at_ == 0 || text_[at_ - 1] == '\n') && is_alpha(peek(1))) {
            const auto cut = text_.find("\n=cut", at_);
            at_ = cut == std::string_view::npos ? end_ : std::min(text_.find('\n', cut + 1), end_);
        } else {
            return;
        }
    }
}

bool PerlText::take(std::string_view what) {
    skip();
    if (!looking_at(what)) return false;
    advance(what.size());
    return true;
}

std::string PerlText::word() {
    std::string out;
    if (!is_alpha(peek()) && peek() != '_') return out;
    while (is_word(peek()) || (looking_at("::") && is_word(peek(2)))) {
        const std::size_t count = is_word(peek()) ? 1 : 2;
        out += text_.substr(at_, count);
        advance(count);
    }
    return out;
}

Result<Quoted> PerlText::quoted() {
    const std::size_t start = at_;
    const char open = peek();
    const char close = closing(open);
    Quoted out{{}, open};
    std::size_t depth = 1;
    for (advance(); !at_end(); advance()) {
        const char c = peek();
        if (c == '\\') {
            out.body += c;
            advance();
            if (at_end()) break;
            out.body += peek();
            continue;
        }
        if (c == close && --depth == 0) {
            advance();
            return out;
        }
        if (c == open && open != close) ++depth;
        out.body += c;
    }
    return fail(Errc::bad_input, fmt::format("line {}: a text that begins with {} has no end", line_of(start), open));
}

Result<std::optional<Quoted>> PerlText::here_document() {
    const std::size_t start = at_;
    advance(2);
    const bool is_indented = peek() == '~';
    if (is_indented) advance();
    Quoted out{{}, '"'};
    std::string name;
    if (peek() == '"' || peek() == '\'') {
        out.delimiter = peek();
        auto quote = quoted();
        if (!quote) return std::unexpected(std::move(quote.error()));
        name = std::move(quote->body);
    } else {
        name = word();
    }
    if (name.empty()) {
        at_ = start;
        return std::nullopt;
    }
    const auto line_end = std::min(text_.find('\n', at_), end_);
    const auto known = std::ranges::find(documents_, line_end, &Document::line_end);
    std::size_t body = known == documents_.end() ? std::min(line_end + 1, end_) : known->resume;  // a second one on this line
    for (std::size_t from = body; from < end_;) {
        const auto to = std::min(text_.find('\n', from), end_);
        const auto line = text_.substr(from, to - from);
        const auto next = std::min(to + 1, end_);
        if ((is_indented ? trim(line) : line.ends_with('\r') ? line.substr(0, line.size() - 1) : line) == name) {
            out.body = text_.substr(body, from - body);
            if (known == documents_.end()) documents_.push_back({line_end, next});
            else known->resume = next;
            return out;
        }
        from = next;
    }
    return fail(Errc::bad_input,
                fmt::format("line {}: the here-document has no line \"{}\" at its end", line_of(start), escaped(name)));
}

Done PerlText::skip_quote_like(const std::string& name) {
    skip();
    const bool has_two = is_one_of(name, {"s", "tr", "y"});
    const char open = peek();
    if (auto first = quoted(); !first) return std::unexpected(std::move(first.error()));
    if (!has_two) return {};
    if (closing(open) != open) skip();
    else --at_;  // the middle delimiter begins the second part
    if (auto second = quoted(); !second) return std::unexpected(std::move(second.error()));
    return {};
}

Done PerlText::skip_block() { return skip_code(true); }

Done PerlText::skip_statement() {
    const std::size_t start = at_;
    const std::string first = word();
    at_ = start;
    const bool has_block =
        peek() == '{' || is_one_of(first, {"if", "unless", "for", "foreach", "while", "until", "sub", "BEGIN", "END"});
    if (auto done = skip_code(has_block); !done) return done;
    if (is_open_) {  // a bracket has no end: the next line that ends a statement will do
        is_open_ = false;
        const auto end = std::min(text_.find(";\n", start), end_);
        at_ = std::min(end + 1, end_);
        return {};
    }
    for (std::string next; has_block;) {  // if ... elsif ... else
        skip();
        const std::size_t here = at_;
        next = word();
        at_ = here;
        if (!is_one_of(next, {"elsif", "else", "continue"})) break;
        if (auto done = skip_code(true); !done) return done;
    }
    return {};
}

// skip_code - to behind ";" or, with `one_block`, behind the "}" that closes the first block
Done PerlText::skip_code(bool one_block) {
    std::size_t depth = 0;
    bool is_term = false;  // what came last is a value: then "/" divides and "<<" shifts
    for (skip(); !at_end(); skip()) {
        const char c = peek();
        if (is_alpha(c) || c == '_') {
            const std::size_t start = at_;
            const char before = start == 0 ? ' ' : text_[start - 1];
            const std::string name = word();
            skip();
            const bool is_plain = std::string_view("$@%&>").find(before) == std::string_view::npos && !looking_at("=>") &&
                                  peek() != '}' && peek() != ',' && peek() != ';' && peek() != ')' && peek() != '=';
            if (is_plain && is_one_of(name, {"q", "qq", "qw", "qr", "qx", "m", "s", "tr", "y"})) {
                if (auto done = skip_quote_like(name); !done) return done;
                is_term = true;
            } else {
                is_term = !is_one_of(name, {"and", "or", "not", "if", "unless", "split", "grep", "return", "eq", "ne", "x"});
            }
            continue;
        }
        if (c == '\'' || c == '"' || c == '`' || (c == '/' && !is_term)) {
            if (auto text = quoted(); !text) return std::unexpected(std::move(text.error()));
            is_term = true;
            continue;
        }
        if (c == '<' && peek(1) == '<' && !is_term &&
            (peek(2) == '"' || peek(2) == '\'' || peek(2) == '~' || is_alpha(peek(2)) || peek(2) == '_')) {
            if (auto document = here_document(); !document) return std::unexpected(std::move(document.error()));
            is_term = true;
            continue;
        }
        if ((c == '$' || c == '@') && (is_word(peek(1)) || peek(1) == '{' || peek(1) == '$')) {
            is_term = true;
            advance();
            continue;
        }
        if (c == '$') {  // $! $@ $/ $' $" $; ...
            is_term = true;
            advance(2);
            continue;
        }
        if (c == '}' && depth == 0) return {};
        if (c == ';' && depth == 0) {
            advance();
            return {};
        }
        const bool opens = c == '(' || c == '[' || c == '{';
        const bool closes = c == ')' || c == ']' || c == '}';
        if (opens) ++depth;
        if (closes && depth > 0) --depth;
        advance();
        if (c == '}' && depth == 0 && one_block) return {};
        is_term = closes || is_digit(c);
    }
    is_open_ = depth > 0;
    return {};
}

}  // namespace tamis::tools
