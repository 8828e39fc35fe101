// spamd_dialog - the SPAMC/SPAMD protocol 1.5 without sockets: what is asked and what the answers mean
//
// Guarantees: a score is given only for a complete, well-formed answer, exactly as spamd gave it. Test names and their
// scores come from the table of SpamAssassin's default report; the message cannot forge one, because the last table of
// the report counts and the message's text stands before it. Trusts nothing. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/envelope.h"
#include "mail/evidence.h"

namespace tamis::scanners {

// SpamdQuestion - REPORT gives score and report, SYMBOLS gives score and test names
enum class SpamdQuestion { report, symbols };

// SpamdPart - how much of a message spamd gets to see, as amavisd decides it (docs/amavis/scanners.md 5)
struct SpamdPart {
    std::uint64_t bytes = 0;  // from the beginning of the message
    bool is_truncated = false;
};
// spamd_part - the header section up to 64 KiB and `body_limit` bytes of the body; all of it when that leaves out less
// than 5 KiB, or with a body_limit of 0
SpamdPart spamd_part(std::uint64_t message_size, std::uint64_t header_size, std::uint64_t body_limit);

// spamd_prefix - the fields amavisd puts before the message: Return-Path, X-Envelope-To, X-Amavis-MessageSize
std::string spamd_prefix(const mail::Envelope& envelope, std::uint64_t message_size, SpamdPart part);
// is_spamd_user - whether the text can stand in a `User:` line: printable ASCII without blanks and colons, at most 255
bool is_spamd_user(std::string_view user);
// spamd_request - the request up to and including its empty line
std::string spamd_request(SpamdQuestion question, std::uint64_t content_length, std::string_view user);

// SpamdReply - collects an answer: status line, header, and a body of the announced length
class SpamdReply {
public:
    static constexpr std::size_t header_limit = 8 * 1024;
    static constexpr std::size_t content_limit = 1024 * 1024;

    // feed - the bytes as they come; true when the answer is complete. Errc::unavailable when spamd says it cannot
    // (EX_TIMEOUT and so on), Errc::bad_reply for what spamd would not say, more than one answer included.
    Result<bool> feed(std::string_view bytes);
    // end - the peer closed too early: Errc::closed when it said nothing at all, else Errc::bad_reply
    Fault end() const;

    double score() const noexcept { return score_; }
    double required() const noexcept { return required_; }
    std::string_view content() const noexcept { return content_; }

private:
    Done read_header();
    Done read_field(std::string_view line);
    Done read_spam(std::string_view value);

    std::string header_;
    std::string content_;
    std::size_t line_end_ = std::string::npos;  // of the status line
    bool is_error_ = false;
    bool has_header_ = false;
    std::optional<std::uint64_t> length_;
    bool has_score_ = false;
    double score_ = 0, required_ = 0;
};

// parse_report_table - "pts rule name description" of the default report template; nothing when there is no table
Result<std::optional<std::vector<mail::SpamTest>>> parse_report_table(std::string_view report);
// parse_symbols - the names of a SYMBOLS answer, each with score 0
Result<std::vector<mail::SpamTest>> parse_symbols(std::string_view content);

}  // namespace tamis::scanners
