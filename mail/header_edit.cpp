#include "mail/header_edit.h"

#include <algorithm>
#include <ranges>

#include "base/text.h"

namespace tamis::mail {
namespace {

// has_text - whether something of the line stays visible; NUL is taken out and does not count
bool has_text(std::string_view line) {
    return line.find_first_not_of(std::string_view(" \t\r\0", 4)) != std::string_view::npos;
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

void HeaderEdits::replace_first(std::string_view name, std::string_view body) {
    replaced_.push_back({std::string(name), field_text(name, body)});
}

EditedMessage HeaderEdits::apply(const Message& message) const {
    EditedMessage out;
    out.spool = message.spool;
    const auto head = message.spool->head();
    const auto literal = [&](const std::string& text) {
        if (!out.pieces.empty() && out.pieces.back().size == 0)
            out.pieces.back().literal += text;
        else
            out.pieces.push_back({text, 0, 0});
    };
    const auto range = [&](std::uint64_t begin, std::uint64_t end) {
        if (begin == end) return;
        if (!out.pieces.empty() && out.pieces.back().size != 0 &&
            out.pieces.back().offset + out.pieces.back().size == begin)
            out.pieces.back().size += end - begin;
        else
            out.pieces.push_back({{}, begin, end - begin});
    };
    // a first line that begins with a blank would become a part of the field that we put above it: it stays on top
    const auto& fields = message.header.fields;
    const bool  is_damaged = !fields.empty() && is_blank(head[fields.front().begin]);
    if (is_damaged) range(fields.front().begin, fields.front().end);
    for (const auto& text : prepended_) literal(text);
    std::vector<bool> done(replaced_.size(), false);
    for (std::size_t i = 0; i < replaced_.size(); ++i) {
        if (message.header.find(replaced_[i].name, head) == nullptr) {
            literal(replaced_[i].text);
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
            literal(replaced_[i].text);
            done[i] = replaced = true;
        }
        if (!replaced) range(field.begin, field.end);
    }
    const std::uint64_t fields_end = fields.empty() ? 0 : fields.back().end;
    range(fields_end, message.spool->size());
    return out;
}

}  // namespace tamis::mail
