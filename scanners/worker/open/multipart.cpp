#include "scanners/worker/open/multipart.h"

#include <string.h>

#include <algorithm>
#include <string>

#include "base/text.h"

namespace tamis::worker {
namespace {

using Look = Delimiter::Look;

std::size_t find_bytes(std::string_view text, std::string_view what, std::size_t from) {
    if (from >= text.size()) return std::string_view::npos;
    const auto* found = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
    return found == nullptr ? std::string_view::npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// before_line_end - the end of the text before a line that begins at `at`
std::size_t before_line_end(std::string_view body, std::size_t at) {
    if (at != 0 && body[at - 1] == '\n') --at;
    if (at != 0 && body[at - 1] == '\r') --at;
    return at;
}

// classify_front - what stands before the "--" on its line; false: something else, this is no delimiter
bool classify_front(std::string_view body, std::size_t at, Delimiter& out) {
    std::size_t begin = at;
    if (at != 0 && body[at - 1] != '\n') {
        while (begin != 0 && (is_blank(body[begin - 1]) || (static_cast<unsigned char>(body[begin - 1]) < 0x20 &&
                                                            body[begin - 1] != '\n' && body[begin - 1] != '\r')))
            --begin;
        if (begin != 0 && body[begin - 1] != '\n' && body[begin - 1] != '\r') return false;
        out.look = Look::lookalike;
    } else if (at >= 1) {
        out.lf_only = at == 1 || body[at - 2] != '\r';
    }
    out.text_end = before_line_end(body, begin);
    return true;
}

// classify_back - what stands behind the boundary
void classify_back(std::string_view body, std::size_t at, Delimiter& out) {
    auto end = body.find('\n', at);
    const bool has_end = end != std::string_view::npos;
    if (!has_end) end = body.size();
    out.end = has_end ? end + 1 : end;
    auto rest = body.substr(at, end - at);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (rest.starts_with("--")) {
        out.closing = true;
        rest.remove_prefix(2);
    }
    if (rest.empty()) return;
    if (rest.find_first_not_of(" \t") == std::string_view::npos) {
        out.look = std::max(out.look, Look::padded);
        return;
    }
    out.look = Look::lookalike;
    if (const auto cr = rest.find('\r'); cr != std::string_view::npos)
        out.end = static_cast<std::size_t>(rest.data() - body.data()) + cr + 1;
}

template <class Takes>
Cuts cut(std::string_view body, const std::vector<Delimiter>& lines, Takes takes, bool closings_close) {
    Cuts out;
    std::size_t begin = 0;
    bool in_preamble = true;
    for (const auto& line : lines) {
        if (!takes(line)) continue;
        const Range range{begin, std::max(begin, line.text_end)};
        if (in_preamble) out.preamble = range;
        else out.parts.push_back(range);
        in_preamble = false;
        begin = line.end;
        if (line.closing && closings_close) {
            out.closed = true;
            break;
        }
    }
    const Range rest{begin, body.size()};
    if (out.closed) out.epilogue = rest;
    else if (in_preamble) out.preamble = rest;
    else out.parts.push_back(rest);
    return out;
}

}  // namespace

// scan_multipart - one pass finds everything that anybody could take for a delimiter, then it is cut once for each way of choosing
// among them that gives other parts. Which of them a mail program follows is not known, so all are shown to the engines; what gives
// the same parts in every way is no ambiguity, however odd it looks.
MultipartScan scan_multipart(std::string_view body, std::string_view boundary, std::size_t lines_limit) {
    MultipartScan out;
    std::vector<Delimiter> lines;
    const std::string wanted = "--" + std::string(boundary);
    for (auto at = find_bytes(body, wanted, 0); at != std::string_view::npos;) {
        Delimiter line;
        if (!classify_front(body, at, line)) {
            at = find_bytes(body, wanted, at + 1);
            continue;
        }
        classify_back(body, at + wanted.size(), line);
        at = find_bytes(body, wanted, std::max(line.end, at + 1));
        if (boundary.empty() && line.look == Look::lookalike) continue;  // any text may begin with dashes
        if (lines.size() == lines_limit) {
            out.too_many = true;
            break;
        }
        lines.push_back(line);
    }
    const auto plain = [](const Delimiter& line) { return line.look != Look::lookalike; };
    const auto exact = [](const Delimiter& line) { return line.look == Look::exact; };
    out.found = std::ranges::any_of(lines, plain);
    out.main = cut(body, lines, plain, true);
    out.lookalikes = !std::ranges::all_of(lines, plain);
    if (out.lookalikes) out.others.push_back(cut(body, lines, [](const Delimiter&) { return true; }, true));
    const auto is_padded = [](const Delimiter& line) { return line.look == Look::padded; };
    // blanks behind the last line change nothing when nothing comes behind it
    out.padded = std::ranges::any_of(
        lines, [&](const Delimiter& line) { return is_padded(line) && !(line.closing && trim(body.substr(line.end)).empty()); });
    out.padded_matters = out.padded && std::ranges::any_of(lines, exact);
    const auto padded_closing = std::ranges::find_if(lines, [&](const auto& line) { return is_padded(line) && line.closing; });
    out.goes_on_behind_padded = padded_closing != lines.end() && padded_closing + 1 != lines.end();
    if (out.padded_matters) out.others.push_back(cut(body, lines, exact, true));
    const auto first_closing = std::ranges::find_if(lines, [&](const auto& line) { return plain(line) && line.closing; });
    if (first_closing != lines.end())
        out.after_closing = std::any_of(first_closing + 1, lines.end(), [&](const auto& line) {
            return plain(line) && !trim(body.substr(line.end, 4096)).empty();
        });
    if (out.after_closing) out.others.push_back(cut(body, lines, plain, false));
    const auto lf = std::ranges::count_if(lines, &Delimiter::lf_only);
    const auto first_at_start = !lines.empty() && lines.front().text_end == 0;
    out.mixed_line_ends = lf != 0 && static_cast<std::size_t>(lf) + (first_at_start ? 1U : 0U) < lines.size();
    return out;
}

std::string_view guess_boundary(std::string_view body) {
    constexpr std::size_t longest = 200;
    std::size_t at = body.starts_with("--") ? 0 : find_bytes(body, "\n--", 0);
    for (int tries = 0; at != std::string_view::npos && tries < 100; ++tries) {
        if (at != 0) ++at;
        const auto end = std::min(body.find('\n', at), body.size());
        auto line = trim(body.substr(at + 2, end - at - 2));
        const auto next = body.substr(std::min(end + 1, body.size()), 8);
        if (!line.empty() && line.size() <= longest && line.find_first_not_of('-') != std::string_view::npos &&
            (starts_with_fold(next, "content-") || next.starts_with("\r\n") || next.starts_with('\n')))
            return line;
        at = find_bytes(body, "\n--", end);
    }
    return {};
}

}  // namespace tamis::worker
