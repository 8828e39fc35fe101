#include "scanners/spamd/spamd_dialog.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "scanners/answer_text.h"

namespace tamis::scanners {
namespace {

// next_line - cuts the first line off the text, without its line end
std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// quoted_address - an address for a header field: nothing that could end the field
std::string quoted_address(std::string_view address) {
    std::string out(address);
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

// table_begin - behind the ruler of the last table of a report; npos when there is none
std::size_t table_begin(std::string_view report) {
    std::size_t found = std::string_view::npos;
    std::string_view rest = report, before;
    while (!rest.empty()) {
        const auto line = trim(next_line(rest));
        const bool is_ruler =
            line.starts_with("---- ") && line.find_first_not_of("- ") == std::string_view::npos && words(line).size() == 3;
        if (is_ruler && words(before) == std::vector<std::string_view>{"pts", "rule", "name", "description"})
            found = report.size() - rest.size();
        before = line;
    }
    return found;
}

// table_row - " 0.0 MSGID_SHORT            Message-ID is unusually short"; nothing for any other line. The score has four
// columns: "-0.1", " 5.2", "  15", "1000".
std::optional<mail::SpamTest> table_row(std::string_view line) {
    if (line.starts_with("    ")) return {};
    const auto columns = words(line);
    if (columns.size() < 2) return {};
    const auto score = parse_score(columns[0]);
    const bool is_name = std::ranges::all_of(columns[1], [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
    if (!score || !is_name) return {};
    return mail::SpamTest{clean_test_name(columns[1]), *score};
}

}  // namespace

SpamdPart spamd_part(std::uint64_t message_size, std::uint64_t header_size, std::uint64_t body_limit) {
    constexpr std::uint64_t header_part = 64 * 1024, not_worth_it = 5 * 1024;
    if (body_limit == 0) return {message_size, false};
    header_size = std::min(header_size, message_size);
    const std::uint64_t limit = std::min(header_part, header_size) + 1 + std::min(body_limit, message_size - header_size);
    if (message_size < limit + not_worth_it) return {message_size, false};
    return {limit, true};
}

std::string spamd_prefix(const mail::Envelope& envelope, std::uint64_t message_size, SpamdPart part) {
    std::string out = fmt::format("Return-Path: <{}>\r\nX-Envelope-To: ", quoted_address(envelope.sender));
    bool first = true;
    for (const auto& recipient : envelope.recipients) {
        if (!first) out += ",\r\n ";
        first = false;
        out += fmt::format("<{}>", quoted_address(recipient.address));
    }
    out += fmt::format("\r\nX-Amavis-MessageSize: {}", message_size);
    if (part.is_truncated) out += fmt::format(", TRUNCATED to {}", part.bytes);
    return out + "\r\n";
}

bool is_spamd_user(std::string_view user) {
    constexpr std::size_t limit = 255;
    return user.size() <= limit && std::ranges::all_of(user, [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

std::string spamd_request(SpamdQuestion question, std::uint64_t content_length, std::string_view user) {
    std::string out = fmt::format("{} SPAMC/1.5\r\nContent-length: {}\r\n",
                                  question == SpamdQuestion::report ? "REPORT" : "SYMBOLS", content_length);
    if (!user.empty()) out += fmt::format("User: {}\r\n", user);
    return out + "\r\n";
}

Result<bool> SpamdReply::feed(std::string_view bytes) {
    if (has_header_) {
        content_ += bytes;
    } else {
        const auto before = header_.size();
        header_ += bytes;
        const std::string_view all(header_);
        if (!std::string_view("SPAMD/").starts_with(all.substr(0, 6))) return bad_reply("not an answer of spamd", all);
        if (line_end_ == std::string::npos) {
            line_end_ = header_.find('\n', before);
            // an error may be one line without an empty one behind it: "SPAMD/1.0 76 Bad header line: ..."
            is_error_ = line_end_ != std::string::npos && !all.substr(0, line_end_).contains(" 0 EX_OK");
        }
        const auto first = all.substr(0, line_end_);
        const auto end =
            header_.find("\r\n\r\n", before - std::min<std::size_t>(before, 3));  // its beginning may be there already
        if (end > header_limit && header_.size() > header_limit) return bad_reply("an endless header", first);
        if (end == std::string::npos && !is_error_) return false;
        if (end != std::string::npos) {
            content_ = header_.substr(end + 4);
            header_.resize(end + 2);
        }
        if (auto done = read_header(); !done) return std::unexpected(std::move(done.error()));
        has_header_ = true;
    }
    if (content_.size() > *length_)
        return bad_reply("more than the announced content", std::string_view(content_).substr(*length_));
    return content_.size() == *length_;
}

Done SpamdReply::read_header() {
    std::string_view rest = header_;
    const auto status = next_line(rest);
    const auto parts = words(status, " ");
    const auto code = parts.size() >= 2 ? parse_unsigned(parts[1], 999) : std::nullopt;
    if (parts.size() < 2 || !parts[0].starts_with("SPAMD/") || !parse_score(parts[0].substr(6)) || !code)
        return bad_reply("not a status line of spamd", status);
    if (*code != 0) return fail(Errc::unavailable, fmt::format("spamd said \"{}\"", escaped(status)));
    while (!rest.empty())
        if (auto done = read_field(next_line(rest)); !done) return done;
    if (!length_) return bad_reply("no Content-length", header_);
    if (!has_score_) return bad_reply("no Spam field", header_);
    return {};
}

Done SpamdReply::read_field(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return bad_reply("a header line without a name", line);
    const auto name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (equal_fold(name, "Content-length")) {
        const auto length = parse_unsigned(value, content_limit);
        if (!length || length_) return bad_reply("a bad Content-length", line);
        length_ = *length;
    } else if (equal_fold(name, "Spam")) {
        return read_spam(value);
    }
    return {};  // others are allowed by the protocol and say nothing about this message
}

// read_spam - "True ; 1000.0 / 5.0"
Done SpamdReply::read_spam(std::string_view value) {
    const auto parts = words(value, " \t");
    const bool has_form = parts.size() == 5 && parts[1] == ";" && parts[3] == "/" &&
                          (parts[0] == "True" || parts[0] == "False" || parts[0] == "Yes" || parts[0] == "No");
    const auto score = has_form ? parse_score(parts[2]) : std::nullopt;
    const auto required = has_form ? parse_score(parts[4]) : std::nullopt;
    if (!score || !required || has_score_) return bad_reply("a bad Spam field", value);
    score_ = *score;
    required_ = *required;
    has_score_ = true;
    return {};
}

Fault SpamdReply::end() const {
    if (header_.empty()) return {make_error_code(Errc::closed), "no reply"};
    return bad_reply("cut off in the middle of an answer", has_header_ ? content() : std::string_view(header_)).error();
}

Result<std::optional<std::vector<mail::SpamTest>>> parse_report_table(std::string_view report) {
    using Tests = std::vector<mail::SpamTest>;
    const auto begin = table_begin(report);
    if (begin == std::string_view::npos) return std::optional<Tests>{};
    Tests tests;
    for (auto rest = report.substr(begin); !rest.empty();) {
        const auto line = next_line(rest);
        if (auto row = table_row(line)) {
            if (tests.size() == max_tests) return bad_reply("more than 1000 tests", line);
            tests.push_back(std::move(*row));
        } else if (!line.starts_with("     ")) {  // a description goes on; anything else ends the table
            break;
        }
    }
    return std::optional<Tests>(std::move(tests));
}

Result<std::vector<mail::SpamTest>> parse_symbols(std::string_view content) {
    std::vector<mail::SpamTest> tests;
    for (const auto name : words(content, ", \r\n")) {
        if (tests.size() == max_tests) return bad_reply("more than 1000 tests", name);
        tests.push_back({clean_test_name(name), 0});
    }
    return tests;
}

}  // namespace tamis::scanners
