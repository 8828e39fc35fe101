#include "storage/lookups/custom_statement.h"

#include <fmt/format.h>

namespace tamis::storage {
namespace {

constexpr std::string_view letters = "kaluedL";
constexpr std::size_t parameter_limit = 100;

// quoted_end - where a literal, a quoted name or a comment that begins here ends; 0 when none begins
std::size_t quoted_end(std::string_view text, std::size_t at) {
    const auto rest = text.substr(at);
    const auto past = [&](std::string_view end, std::size_t from) {
        const auto found = text.find(end, from);
        return found == std::string_view::npos ? text.size() : found + end.size();
    };
    if (rest.starts_with("--")) return past("\n", at);
    if (rest.starts_with("/*")) return past("*/", at + 2);
    if (rest.starts_with('\'') || rest.starts_with('"')) return past(rest.substr(0, 1), at + 1);
    return 0;
}

}  // namespace

Result<CustomStatement> CustomStatement::parse(std::string_view text, std::string_view setting) {
    CustomStatement out;
    out.setting_ = setting;
    std::string literal;
    bool depends = false;
    std::size_t parameters = 0;
    const auto put = [&](char placeholder) {
        if (!literal.empty()) out.pieces_.push_back({std::exchange(literal, {}), 0});
        out.pieces_.push_back({{}, placeholder});
        depends = depends || (placeholder != '?' && placeholder != 'L');
        parameters += placeholder == 'k' ? policy::key_limit : 1;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (const auto end = quoted_end(text, i); end != 0) {
            literal += text.substr(i, end - i);
            i = end - 1;
        } else if (text[i] == '?') {
            put('?');
        } else if (text[i] == '%' && i + 1 < text.size() && letters.find(text[i + 1]) != std::string_view::npos) {
            put(text[++i]);
        } else {
            literal += text[i];
        }
    }
    if (!literal.empty()) out.pieces_.push_back({std::move(literal), 0});
    if (!depends)
        return fail(Errc::bad_input, fmt::format("{}: the statement has none of the placeholders %k %a %l %u %e %d, so it would "
                                                 "give everybody the same rows",
                                                 setting));
    if (parameters > parameter_limit)
        return fail(Errc::bad_input, fmt::format("{}: more than {} parameters; use %k at most {} times", setting, parameter_limit,
                                                 parameter_limit / policy::key_limit));
    return out;
}

std::string CustomStatement::sql(const std::function<std::string(std::size_t)>& parameter) const {
    std::string out;
    std::size_t number = 0;
    for (const auto& piece : pieces_) {
        out += piece.text;
        if (piece.placeholder == 0) continue;
        const std::size_t count = piece.placeholder == 'k' ? policy::key_limit : 1;
        for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + parameter(++number);
    }
    return out;
}

std::vector<std::string> CustomStatement::values(const LookupAddress& address, std::string_view argument) const {
    std::vector<std::string> out;
    const auto& pieces = address.pieces;
    for (const auto& piece : pieces_) switch (piece.placeholder) {
            case 'k':
                for (std::size_t i = 0; i < policy::key_limit; ++i)
                    out.push_back(address.keys[std::min(i, address.keys.size() - 1)]);
                break;
            case 'a': out.push_back(pieces.full); break;
            case 'l': out.push_back(pieces.local); break;
            case 'u': out.push_back(pieces.user); break;
            case 'e': out.push_back(pieces.extension); break;
            case 'd': out.push_back(pieces.domain); break;
            case 'L': out.emplace_back(address.is_local ? "1" : "0"); break;
            case '?': out.emplace_back(argument); break;
            default: break;
        }
    return out;
}

}  // namespace tamis::storage
