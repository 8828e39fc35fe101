#include "scanners/worker/open/pdf_filters.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "scanners/worker/open/inflate.h"

namespace tamis::worker {
namespace {

using Filter = std::optional<std::string> (*)(std::string_view, std::size_t);

std::optional<std::string> flate(std::string_view data, std::size_t most) {
    bool is_whole = false;
    auto out = inflate_zlib(data, most, is_whole);
    if (out.empty() && !is_whole) return std::nullopt;  // what came out before the damage is what readers show
    return out;
}

std::optional<std::string> ascii_hex(std::string_view data, std::size_t most) {
    return pdf_text("<" + std::string(data.substr(0, std::min(data.find('>'), data.size())))).substr(0, most);
}

std::optional<std::string> ascii_85(std::string_view data, std::size_t most) {
    std::string out;
    std::uint64_t group = 0;
    unsigned count = 0;
    const auto put = [&](unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>(static_cast<unsigned char>(group >> (24U - 8U * i)));
    };
    if (data.starts_with("<~")) data.remove_prefix(2);
    for (const char c : data) {
        if (out.size() >= most || c == '~') break;
        if (c == 'z' && count == 0) out.append(4, '\0');
        if (c < '!' || c > 'u') continue;
        group = group * 85 + static_cast<unsigned>(c - '!');
        if (++count < 5) continue;
        put(4);
        group = count = 0;
    }
    if (count > 1) {
        for (unsigned i = count; i < 5; ++i) group = group * 85 + 84;
        put(count - 1);
    }
    return out;
}

std::optional<std::string> run_length(std::string_view data, std::size_t most) {
    std::string out;
    for (std::size_t at = 0; at < data.size() && out.size() < most;) {
        const auto length = static_cast<unsigned char>(data[at++]);
        if (length == 128) break;
        if (length < 128) {
            out += data.substr(at, length + 1UL);
            at += length + 1UL;
        } else if (at < data.size()) {
            out.append(257UL - length, data[at++]);
        }
    }
    return out;
}

// lzw - with the "early change" that is usual in PDF; codes of 9 to 12 bits
std::optional<std::string> lzw(std::string_view data, std::size_t most) {
    constexpr unsigned clear = 256, end = 257, table_size = 4096;
    std::string out;
    std::vector<std::pair<std::size_t, std::size_t>> table;  // where the string stands in what came out, and its length
    std::uint32_t bits = 0, count = 0, width = 9;
    std::size_t last_at = 0, last_size = 0;
    for (const unsigned char byte : data) {
        bits = bits << 8U | byte;
        count += 8;
        if (count < width) continue;
        count -= width;
        const auto code = bits >> count & ((1U << width) - 1);
        if (code == end || out.size() >= most) break;
        if (code == clear) {
            table.clear();
            width = 9;
            last_size = 0;
            continue;
        }
        const auto at = out.size();
        if (code < 256) {
            out += static_cast<char>(static_cast<unsigned char>(code));
        } else if (code - 258 < table.size()) {
            const auto [from, size] = table[code - 258];
            for (std::size_t i = 0; i < size; ++i) out += out[from + i];
        } else if (code - 258 == table.size() && last_size != 0) {
            for (std::size_t i = 0; i <= last_size; ++i) out += out[last_at + i];
        } else {
            return std::nullopt;
        }
        if (last_size != 0 && table.size() + 258 < table_size) table.emplace_back(last_at, last_size + 1);
        last_at = at;
        last_size = out.size() - at;
        const auto next = table.size() + 258 + 1;
        width = next >= 2047 ? 12 : next >= 1023 ? 11 : next >= 511 ? 10 : 9;
    }
    return out;
}

struct Row {
    std::string_view name, short_name;
    Filter remove;
};
constexpr Row rows[] = {{"FlateDecode", "Fl", flate},
                        {"ASCIIHexDecode", "AHx", ascii_hex},
                        {"ASCII85Decode", "A85", ascii_85},
                        {"RunLengthDecode", "RL", run_length},
                        {"LZWDecode", "LZW", lzw}};

}  // namespace

std::vector<std::string> filters_of(const PdfDictionary& stream) {
    constexpr std::size_t most = 8;
    std::vector<std::string> out;
    PdfLexer lexer(stream.get("Filter"));
    for (auto token = lexer.next(); token.kind != PdfToken::Kind::end && out.size() <= most; token = lexer.next())
        if (token.kind == PdfToken::Kind::name) out.push_back(pdf_name(token.bytes));
        else if (token.kind == PdfToken::Kind::word) out.emplace_back("?");  // a reference: nobody writes that
    return out;
}

std::optional<std::string> remove_filters(std::string_view data, const std::vector<std::string>& filters, std::size_t most) {
    constexpr std::size_t most_filters = 8;
    std::optional<std::string> out;
    if (filters.size() > most_filters) return std::nullopt;
    for (const auto& filter : filters) {
        if (filter == "Crypt") continue;
        const auto* row =
            std::ranges::find_if(rows, [&](const Row& each) { return filter == each.name || filter == each.short_name; });
        if (row == std::ranges::end(rows)) return std::nullopt;
        out = row->remove(out ? std::string_view(*out) : data, most);
        if (!out) return std::nullopt;
    }
    return out ? std::move(out) : std::optional(std::string(data.substr(0, most)));
}

}  // namespace tamis::worker
