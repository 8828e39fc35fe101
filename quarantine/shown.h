// shown - what may be shown of a kept message: its text made safe, and everything about it as JSON; pure
//
// Everything a stranger wrote is made harmless (base/safe_text.h). Nothing is decoded but header words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "quarantine/release.h"
#include "quarantine/stored_copy.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::quarantine {

// MailView - a message as escaped text: header fields decoded (200 of them at most), then the body as it is
struct MailView {
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool is_cut = false;
};
// mail_view - the body cut at `limit` octets; a Fault when the copy cannot be read
Result<MailView> mail_view(const StoredCopy& copy, std::size_t limit);

// json_of - one object each
std::string json_of(const storage::QuarantineItem& item);
std::string json_of(const storage::QuarantineItem& item, const MailView& view);
std::string json_of(const std::string& mail_id, const std::vector<ReleaseResult>& results);
std::string json_of(const storage::QuarantineStats& stats);
// json_text - a JSON string
std::string json_text(std::string_view text);

}  // namespace tamis::quarantine
