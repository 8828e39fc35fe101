#include "quarantine/release_state.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tamis::quarantine {
namespace {

constexpr std::size_t width = 255;  // of smtp_resp
constexpr std::string_view released_mark = " [released ";
constexpr std::string_view releasing_mark = " [releasing ";

// word - one word of a note: printable, without blanks and brackets
std::string word(std::string_view text, std::size_t most) {
    std::string out = printable_or(text.substr(0, most), '?');
    for (char& c : out)
        if (c == ' ' || c == '[' || c == ']') c = '_';
    return out.empty() ? "unknown" : out;
}

std::string note_text(const ReleaseNote& note) {
    constexpr std::size_t most_by = 80, most_id = 60;
    if (note.finished)
        return fmt::format("{}{} by {} as {}]", released_mark, word(note.when, 20), word(note.by, most_by),
                           word(note.queue_id, most_id));
    return fmt::format("{}{} by {} token {}]", releasing_mark, word(note.when, 20), word(note.by, most_by), word(note.token, 16));
}

std::size_t note_begin(std::string_view response) {
    if (!response.ends_with(']')) return std::string_view::npos;
    const auto released = response.rfind(released_mark);
    const auto releasing = response.rfind(releasing_mark);
    if (released == std::string_view::npos) return releasing;
    return releasing == std::string_view::npos ? released : std::max(released, releasing);
}

}  // namespace

Standing standing_of(std::string_view state, std::string_view response) {
    Standing out;
    const char letter = state.empty() ? ' ' : state.front();
    if (letter != state_released && letter != state_releasing) return out;
    out.kind = letter == state_released ? Standing::Kind::released : Standing::Kind::releasing;
    const auto begin = note_begin(response);
    if (begin == std::string_view::npos) return out;
    auto text = response.substr(begin + 2, response.size() - begin - 3);
    const auto parts = words(text);
    if (parts.size() != 6) return out;
    out.note.finished = parts[0] == "released";
    out.note.when = parts[1];
    out.note.by = parts[3];
    (out.note.finished ? out.note.queue_id : out.note.token) = parts[5];
    return out;
}

std::string without_note(std::string_view response) {
    const auto begin = note_begin(response);
    return std::string(begin == std::string_view::npos ? response : response.substr(0, begin));
}

std::string with_note(std::string_view response, const ReleaseNote& note) {
    const auto text = note_text(note);
    return printable_or(without_note(response).substr(0, width - text.size()), '?') + text;
}

std::string describe_note(const ReleaseNote& note) {
    if (note.when.empty()) return "released by another program, which did not note when";
    if (note.finished) return fmt::format("released {} by {}, queue id {}", note.when, note.by, note.queue_id);
    return fmt::format("release begun {} by {}", note.when, note.by);
}

std::string utc_text(std::chrono::system_clock::time_point when) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

std::string state_words(std::string_view state) {
    switch (state.empty() ? ' ' : state.front()) {
        case ' ': return "new";
        case 'v':
        case 'V': return "seen";
        case 'p': return "release requested";
        case state_released: return "released";
        case state_releasing: return "being released";
        case 'D': return "deleted";
        case 'S': return "marked as spam";
        case 'H': return "marked as ham";
        case 'M': return "moved";
        default: return fmt::format("state {} of another front end", escaped(state.substr(0, 1)));
    }
}

}  // namespace tamis::quarantine
