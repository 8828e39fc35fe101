// quarantine_view - what the quarantine commands print, as text and as JSON; pure
//
// Everything a stranger wrote is made harmless for a terminal: control characters, also those above ASCII, and the ones
// that turn the direction of text around are written as escapes. Nothing is decoded but header words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/control/release.h"
#include "proxy/control/stored_copy.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::proxy::tools {

enum class Lines : bool { one, many };

// safe_text - UTF-8 for a terminal, at most `limit` characters; with Lines::many line ends and tabs stay
std::string safe_text(std::string_view text, std::size_t limit, Lines lines = Lines::one);

// category_word / category_letter - "spam" and 'S'; a letter of its own stands for itself
std::string category_word(char letter);
std::optional<char> category_letter(std::string_view word);
std::optional<char> state_letter(std::string_view word);

std::string list_text(const storage::QuarantineItem& item);
std::string show_text(const storage::QuarantineItem& item);
std::string release_text(const std::string& mail_id, const std::vector<ReleaseResult>& results);
std::string stats_text(const storage::QuarantineStats& stats);

// mail_view - the message as escaped text: header fields decoded, then the body as it is, cut at `limit` octets
struct MailView {
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool is_cut = false;
};
Result<MailView> mail_view(const StoredCopy& copy, std::size_t limit);

std::string json_of(const storage::QuarantineItem& item);  // one object
std::string json_of(const storage::QuarantineItem& item, const MailView& view);
std::string json_of(const std::string& mail_id, const std::vector<ReleaseResult>& results);
std::string json_of(const storage::QuarantineStats& stats);
std::string json_text(std::string_view text);  // a JSON string

}  // namespace tamis::proxy::tools
