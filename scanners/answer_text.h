// answer_text - names, numbers and reports of engines made fit for a header, a log line and a database
//
// Engines are untrusted network peers (docs/security.md): whatever they send, the results are what mail/evidence.h
// promises. Pure; linear in the input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::scanners {

constexpr std::size_t max_tests = 1000;        // of one answer
constexpr std::size_t max_name = 200;          // characters of a virus or test name
constexpr std::size_t max_report = 64 * 1024;  // bytes of a text report
constexpr double max_score = 1e6;              // beyond this a number is no score

// clean_virus_name - printable ASCII ('?' for anything else), at most max_name characters; empty stays empty
std::string clean_virus_name(std::string_view name);
// clean_test_name - printable ASCII without blanks, comma or "=" ('_' instead), at most max_name characters; empty
// stays empty
std::string clean_test_name(std::string_view name);
// clean_report - valid UTF-8 without NUL, at most max_report bytes
std::string clean_report(std::string_view text);
// parse_score - a decimal number within +-max_score; no NaN, no infinity, no 1e308
std::optional<double> parse_score(std::string_view text);
bool is_score(double value) noexcept;

// bad_reply - Errc::bad_reply with the first 80 characters of the evidence, escaped
std::unexpected<Fault> bad_reply(std::string_view why, std::string_view evidence);

}  // namespace tamis::scanners
