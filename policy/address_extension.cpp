#include "policy/address_extension.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {
namespace {

using mail::Major;

bool is_atom_character(char c) noexcept {
    return is_alpha(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// is_dot_atom - may stand without quotes (RFC 5321 section 4.1.2, RFC 6531 section 3.3)
bool is_dot_atom(std::string_view text) {
    return std::ranges::all_of(split(text, '.'),
                               [](auto part) { return !part.empty() && std::ranges::all_of(part, is_atom_character); });
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

// extension_at - where the extension with its delimiter begins; npos: there is none
std::size_t extension_at(std::string_view local, std::string_view delimiter) {
    if (delimiter.find('-') != std::string_view::npos) {
        const auto name = to_lower(local);
        if (name.starts_with("owner-") || name.ends_with("-request")) return std::string_view::npos;
    }
    return local.find_first_of(delimiter, 1);  // never a user without a name
}

}  // namespace

std::string extension_for(const RecipientVerdict& verdict, const RecipientPolicy& policy) {
    if (!policy.is_local || !verdict.passes()) return {};
    const auto& [virus, spam, banned, bad_header] = policy.address_extension;
    for (const auto category : verdict.categories) {
        switch (category.major) {
            case Major::virus: return virus;
            case Major::banned: return banned;
            case Major::spam:
            case Major::spammy: return spam;
            case Major::bad_header: return bad_header;
            default: break;  // has none, the next one decides
        }
    }
    return {};
}

std::string extended_address(std::string_view address, std::string_view extension, const ExtensionRules& rules) {
    constexpr std::size_t limit = 320;
    const std::string unchanged(address);
    if (extension.empty() || rules.delimiter.empty()) return unchanged;
    if (!is_dot_atom(extension)) return unchanged;
    const auto parts = mail::split_address(address);
    std::string local = mail::unquoted_local(parts.local);
    if (local.empty()) return unchanged;
    if (rules.replace_existing)
        if (const auto at = extension_at(local, rules.delimiter); at != std::string::npos) local.resize(at);
    local += rules.delimiter.front();
    local += extension;
    std::string out = is_dot_atom(local) ? local : quoted(local);
    out += address.substr(parts.local.size());
    return out.size() <= limit ? out : unchanged;
}

std::string original_recipient(std::string_view address) {
    if (is_ascii(address) || !is_utf8(address)) return "rfc822;" + xtext_encode(address);
    std::string out = "utf-8;";
    for (const char c : address) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte >= 0x80 || (byte > 0x20 && byte < 0x7f && c != '\\' && c != '+' && c != '=');
        if (plain) out += c;
        else out += fmt::format("\\x{{{:02X}}}", byte);
    }
    return out;
}

}  // namespace tamis::policy
