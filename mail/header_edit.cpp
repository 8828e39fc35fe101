#include "mail/header_edit.h"

#include <algorithm>
#include <optional>
#include <ranges>

#include "base/text.h"

namespace tamis::mail {
namespace {

// has_text - whether something of the line stays visible; NUL is taken out and does not count
bool has_text(std::string_view line) { return line.find_first_not_of(std::string_view(" \t\r\0", 4)) != std::string_view::npos; }

constexpr std::size_t line_limit = 998;  // RFC 5322 section 2.1.1, without CRLF

// repaired - the field as it may pass, nothing when there is nothing to put right; `field` is lines that end in CRLF, the
// last one perhaps not
std::optional<std::string> repaired(std::string_view field, const HeaderRepairs& wanted) {
    constexpr std::string_view cut_mark = "...";
    std::string out;
    std::size_t copied = 0;  // of field
    for (std::size_t at = 0; at < field.size();) {
        auto end = field.find('\n', at);
        end = end == std::string_view::npos ? field.size() : end + 1;
        auto line = field.substr(at, end - at);
        if (line.ends_with('\n')) line.remove_suffix(1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        const bool is_long = wanted.long_lines && line.size() > line_limit;
        const bool is_empty = wanted.folding && line.find_first_not_of(" \t") == std::string_view::npos;
        if (is_empty || is_long) {
            out += field.substr(copied, at - copied);
            if (!is_empty) {
                out += line.substr(0, line_limit - cut_mark.size());
                out += cut_mark;
                out += field.substr(at + line.size(), end - at - line.size());
            }
            copied = end;
        }
        at = end;
    }
    if (copied == 0) return {};
    out += field.substr(copied);
    return out;
}

}  // namespace

std::string field_text(std::string_view name, std::string_view body) {
    std::string out(name);
    out += ':';
    if (!body.empty() && !is_blank(body.front())) out += ' ';
    for (std::size_t i = 0; i < body.size(); ++i) {
        const char c = body[i];
        if (c == '\r' || c == '\0') continue;
        if (c == '\n') {
            const auto next = body.substr(i + 1, body.find('\n', i + 1) - i - 1);
            const bool folds = !next.empty() && is_blank(next.front()) && has_text(next);
            if (folds) out += "\r\n";
            continue;
        }
        out += c;
    }
    return out + "\r\n";
}

std::string fold_items(std::string_view name, const std::vector<std::string>& items) {
    constexpr std::size_t width = 78;
    constexpr std::size_t tab = 8;
    std::string out;
    std::size_t column = name.size() + 1;
    for (const auto& item : items) {
        const bool first = &item == &items.front();
        if (!first && column + 1 + item.size() > width) {
            out += "\n\t";
            column = tab;
        } else if (!first) {
            out += ' ';
            ++column;
        } else {
            ++column;
        }
        out += item;
        column += item.size();
    }
    return out;
}

void HeaderEdits::prepend(std::string_view name, std::string_view body) { prepended_.push_back(field_text(name, body)); }

void HeaderEdits::remove(std::string_view name) { removed_.emplace_back(name); }

void HeaderEdits::replace_next(std::string_view name, std::string_view body) {
    replaced_.push_back({std::string(name), field_text(name, body)});
}

// apply - as ranges of the spool between new texts: nothing is copied, and what is not named stays byte for byte, so that a DKIM
// signature over it holds. Neighbouring ranges are joined: a message without edits inside is one write.
EditedMessage HeaderEdits::apply(const Message& message) const {
    EditedMessage out;
    out.spool = message.spool;
    const auto head = message.spool->head();
    const auto literal = [&](const std::string& text) {
        if (!out.pieces.empty() && out.pieces.back().size == 0) out.pieces.back().literal += text;
        else out.pieces.push_back({text, 0, 0});
    };
    const auto replacement = [&](const Replacement& with) { literal(repaired(with.text, repairs_).value_or(with.text)); };
    const auto range = [&](std::uint64_t begin, std::uint64_t end) {
        if (begin == end) return;
        if (!out.pieces.empty() && out.pieces.back().size != 0 && out.pieces.back().offset + out.pieces.back().size == begin)
            out.pieces.back().size += end - begin;
        else out.pieces.push_back({{}, begin, end - begin});
    };
    // a first line that begins with a blank would become a part of the field that we put above it: it stays on top
    const auto& fields = message.header.fields;
    const bool is_damaged = !fields.empty() && is_blank(head[fields.front().begin]);
    const auto original = [&](const Field& field) {
        auto better = repaired(head.substr(field.begin, field.end - field.begin), repairs_);
        if (!better) range(field.begin, field.end);
        else if (!better->empty()) literal(*better);
    };
    if (is_damaged) original(fields.front());
    for (const auto& text : prepended_) literal(text);
    std::vector<bool> done(replaced_.size(), false);
    for (std::size_t i = 0; i < replaced_.size(); ++i) {
        if (message.header.find(replaced_[i].name, head) == nullptr) {
            replacement(replaced_[i]);
            done[i] = true;
        }
    }
    const auto is_removed = [&](std::string_view name) {
        return std::ranges::any_of(removed_, [&](const auto& gone) { return equal_fold(gone, name); });
    };
    for (const auto& field : fields | std::views::drop(is_damaged ? 1 : 0)) {
        const auto name = HeaderBlock::name(field, head);
        if (!name.empty() && is_removed(name)) continue;
        bool replaced = false;
        for (std::size_t i = 0; i < replaced_.size() && !replaced; ++i) {
            if (done[i] || !equal_fold(replaced_[i].name, name)) continue;
            replacement(replaced_[i]);
            done[i] = replaced = true;
        }
        if (!replaced) original(field);
    }
    const std::uint64_t fields_end = fields.empty() ? 0 : fields.back().end;
    range(fields_end, message.spool->size());
    return out;
}

}  // namespace tamis::mail
