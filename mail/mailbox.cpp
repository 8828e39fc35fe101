#include "mail/mailbox.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::mail {
namespace {

constexpr std::size_t longest_mailbox = 320;  // local part, "@", domain: RFC 5321 section 4.5.3.1

bool is_above_ascii(char c) noexcept { return static_cast<unsigned char>(c) >= 0x80; }

// is_atom_character - of a dot-string; dots may stand anywhere, mail servers have such users
bool is_atom_character(char c) noexcept {
    return is_alpha(c) || is_digit(c) || is_above_ascii(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}

bool is_quoted_string(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
    const auto inside = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < inside.size(); ++i) {
        if (inside[i] == '"') return false;
        if (inside[i] == '\\' && ++i == inside.size()) return false;
        const auto byte = static_cast<unsigned char>(inside[i]);
        if (byte < 0x20 || byte == 0x7f) return false;
    }
    return true;
}

bool is_domain(std::string_view text) {
    const bool is_literal = text.size() > 2 && text.front() == '[' && text.back() == ']';
    if (is_literal)
        return std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
            return is_alpha(c) || is_digit(c) || std::string_view(".:-").find(c) != std::string_view::npos;
        });
    const bool has_characters = std::ranges::all_of(
        text, [](char c) { return is_alpha(c) || is_digit(c) || is_above_ascii(c) || c == '-' || c == '_' || c == '.'; });
    return has_characters && !text.empty() && text.front() != '.' && text.find("..") == std::string_view::npos;
}

}  // namespace

std::optional<std::string> mailbox_complaint(std::string_view address) {
    const auto complaint = [&](std::string_view how) {
        return fmt::format("\"{}\" is no address: {}", escaped(address, 120), how);
    };
    if (address.empty()) return complaint("it is empty");
    if (!is_utf8(address)) return complaint("it is not in UTF-8");
    if (address.size() > longest_mailbox) return complaint(fmt::format("longer than {} octets", longest_mailbox));
    const auto [local, domain] = split_address(address);
    const bool has_at = local.size() != address.size();
    const bool is_local_part = is_quoted_string(local) || (!local.empty() && std::ranges::all_of(local, is_atom_character));
    if (is_local_part && (!has_at || is_domain(domain))) return {};
    const auto open = address.rfind('<');
    const auto close = address.find('>', open == std::string_view::npos ? 0 : open);
    const auto ats = std::ranges::count(address, '@');
    if (ats > 1 && address.find_first_of(",; ") != std::string_view::npos)
        return complaint("one address only; for several make an alias of the mail server (or a list) and write its address");
    if (open != std::string_view::npos && close != std::string_view::npos && close > open + 1)
        return complaint(fmt::format("write only what stands between \"<\" and \">\": \"{}\"",
                                     escaped(address.substr(open + 1, close - open - 1), 120)));
    const auto bare = trim(address);
    if (bare.size() != address.size() && !bare.empty() && !mailbox_complaint(bare))
        return complaint(fmt::format("blanks around it; write \"{}\"", escaped(bare, 120)));
    if (!is_local_part && has_at && local.find(' ') != std::string_view::npos)
        return complaint(R"(a user with blanks is written in quotes, in TOML '"first last"@example.com')");
    return complaint(R"(write it as "user@example.com")");
}

}  // namespace tamis::mail
