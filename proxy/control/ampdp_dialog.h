// ampdp_dialog - the text of AM.PDP, amavisd's policy delegation protocol (docs/amavis/smtp.md 4)
//
// A request is lines "name=value" (or "name: value") and an empty line; %XX stands for an octet; an attribute that comes
// again is a list. Sans-io, strict limits: a line, the number of lines and their sum. A line that is none spoils its
// request, which is answered with what is wrong; a request over the limits ends the connection. Trusts nothing.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis::proxy {

constexpr std::size_t ampdp_line_limit = 16 * 1024;
constexpr std::size_t ampdp_attribute_limit = 20'000;  // a milter sends one for each recipient
constexpr std::size_t ampdp_size_limit = 4 * 1024 * 1024;

class AmpdpRequest {
public:
    // first - the attribute's first value; empty when it was not given
    const std::string& first(std::string_view name) const;
    const std::vector<std::string>& all(std::string_view name) const;
    bool has(std::string_view name) const { return attributes_.contains(name); }
    // spoiled - what is wrong with the request as a text
    const std::optional<Fault>& spoiled() const noexcept { return spoiled_; }
    // spoiling_line - the first line that is none, cut
    const std::string& spoiling_line() const noexcept { return spoiling_line_; }

private:
    friend class AmpdpParser;
    std::map<std::string, std::vector<std::string>, std::less<>> attributes_;
    std::optional<Fault> spoiled_;
    std::string spoiling_line_;
};

class AmpdpParser {
public:
    // on_line - without its line end; a request when this line ended one. A Fault (over_limit): read no further.
    Result<std::optional<AmpdpRequest>> on_line(std::string_view line);
    // is_inside - a request was begun and not ended
    bool is_inside() const noexcept { return lines_ != 0; }

private:
    void take(std::string_view line);
    AmpdpRequest request_;
    std::size_t lines_ = 0, size_ = 0;
};

// AmpdpAnswer - the lines of an answer
class AmpdpAnswer {
public:
    // add - "name=field field": each field is encoded by itself
    void add(std::string_view name, std::initializer_list<std::string_view> fields);
    void set_reply(int code, std::string_view enhanced, std::string_view text);
    const std::vector<std::string>& lines() const noexcept { return lines_; }
    std::string wire() const;  // with the empty line at the end

private:
    std::vector<std::string> lines_;
};

// failure_answer - amavisd's answer to a request that cannot be served: try again later
AmpdpAnswer failure_answer(std::string_view why);

}  // namespace tamis::proxy
