#include "tools/import/toml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis::tools {
namespace {

constexpr std::array<std::string_view, 20> order = {"[server]",
                                                    "[limits]",
                                                    "[log]",
                                                    "[policy]",
                                                    "[header_checks]",
                                                    "[notices]",
                                                    "[release]",
                                                    "[control]",
                                                    "[open]",
                                                    "[storage]",
                                                    "[scanners.clamd]",
                                                    "[scanners.spamd]",
                                                    "[scanners.",
                                                    "[recipients.",
                                                    "[[recipient_patterns]]",
                                                    "[banks.",
                                                    "[[bank_rules]]",
                                                    "[[sender_lists]]",
                                                    "[[banned.rules.",
                                                    ""};

// rank - programs that are not installed come last
std::size_t rank(const TomlTable& table) {
    if (table.is_comment && table.header.starts_with("[scanners.command.")) return order.size();
    return static_cast<std::size_t>(
        std::ranges::find_if(order, [&](std::string_view each) { return table.header.starts_with(each); }) - order.begin());
}

std::string as_utf8(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += c;
        } else {
            out += static_cast<char>(0xc0 | (byte >> 6));
            out += static_cast<char>(0x80 | (byte & 0x3f));
        }
    }
    return out;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string key_of(const std::string& line) { return line.substr(0, line.find(" = ")); }

}  // namespace

std::string toml_string(std::string_view given) {
    const std::string text = as_utf8(given);
    const bool is_literal = text.find_first_of("\\\"") != std::string::npos && text.find('\'') == std::string::npos &&
                            std::ranges::none_of(text, is_control);
    if (is_literal) return "'" + text + "'";
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\', out += c;
        else if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else if (is_control(c)) out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else out += c;
    }
    return out + '"';
}

std::string toml_list(const std::vector<std::string>& texts) {
    std::vector<std::string> parts;
    for (const auto& text : texts) parts.push_back(toml_string(text));
    return "[" + join(parts, ", ") + "]";
}

std::string toml_key(std::string_view key) {
    const bool is_bare =
        !key.empty() && std::ranges::all_of(key, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; });
    if (is_bare) return std::string(key);
    const std::string quoted = toml_string(key);
    return quoted;
}

void TomlTable::put(std::string_view key, const std::string& value, std::vector<Place> from, std::string note) {
    std::erase(from, Place{});
    std::erase_if(from, [](Place place) { return place.line == 0; });
    TomlLine line{fmt::format("{} = {}", toml_key(key), value), std::move(from), std::move(note)};
    const auto same = std::ranges::find_if(lines, [&](const TomlLine& each) { return key_of(each.text) == toml_key(key); });
    if (same != lines.end()) *same = std::move(line);
    else lines.push_back(std::move(line));
}

bool TomlTable::has(std::string_view key) const {
    return std::ranges::any_of(lines, [&](const TomlLine& each) { return key_of(each.text) == toml_key(key); });
}

TomlTable& TomlText::table(std::string_view header) {
    const auto found = std::ranges::find(tables_, header, &TomlTable::header);
    return found != tables_.end() ? *found : add(header);
}

TomlTable& TomlText::add(std::string_view header) { return tables_.emplace_back(TomlTable{std::string(header)}); }

const TomlTable* TomlText::find(std::string_view header) const {
    const auto found = std::ranges::find(tables_, header, &TomlTable::header);
    return found == tables_.end() ? nullptr : &*found;
}

bool TomlText::has_any(std::string_view beginning) const {
    return std::ranges::any_of(tables_, [&](const TomlTable& each) { return each.header.starts_with(beginning); });
}

std::string TomlText::text(const std::function<std::string(Place)>& shown) const {
    std::vector<const TomlTable*> sorted;
    for (const auto& table : tables_) sorted.push_back(&table);
    for (std::size_t i = 1; i < sorted.size(); ++i)  // stable; there are few
        for (std::size_t k = i; k > 0 && rank(*sorted[k]) < rank(*sorted[k - 1]); --k) std::swap(sorted[k], sorted[k - 1]);
    std::string out;
    for (const auto* table : sorted) {
        std::string block;
        for (const auto& remark : table->remarks) block += "# " + remark + "\n";
        block += table->header + "\n";
        for (const auto& line : table->lines) {
            std::vector<std::string> places;
            for (const auto place : line.from) {
                auto text = shown(place);
                if (std::ranges::find(places, text) == places.end()) places.push_back(std::move(text));
            }
            std::string comment = join(places, ", ");
            if (places.empty() && line.note.empty()) comment = "amavisd's default";
            if (!line.note.empty()) comment += (comment.empty() ? "" : ": ") + line.note;
            std::ranges::replace_if(comment, is_control, ' ');
            const bool is_long = line.text.find('\n') != std::string::npos || line.text.size() > 110;
            block += is_long ? fmt::format("# {}\n{}\n", comment, line.text) : fmt::format("{}   # {}\n", line.text, comment);
        }
        if (!out.empty()) out += '\n';
        for (const auto line : split(std::string_view(block).substr(0, block.size() - 1), '\n'))
            out += fmt::format("{}{}\n", table->is_comment ? "# " : "", as_utf8(line));
    }
    return out;
}

}  // namespace tamis::tools
