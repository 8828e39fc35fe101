// release_state - what msgrcpt.rs and msgrcpt.smtp_resp say about a release, so that it happens once; pure
//
// A release is three steps: claim (rs becomes 't', smtp_resp gets a note), deliver, settle (rs becomes 'R' with a note, or
// everything is put back as it was). Claim and settle are compare-and-set on the recipient's row, so of any number of hosts
// exactly one delivers, and the others read when, by whom and with which queue id. amavisd's columns suffice: the note is
// the end of smtp_resp, "... [released 2026-11-22T20:05:12Z by root@filter1 as 4Nk9z]", its beginning stays.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tamis::quarantine {

struct ReleaseNote {
    bool finished = false;  // released; else: begun
    std::string when;       // 2026-11-22T20:05:12Z
    std::string by;         // "root@filter1.example.com"
    std::string queue_id;   // of the next hop; only when finished
    std::string token;      // makes a claim unlike any other; only when begun
};

constexpr char state_releasing = 't';
constexpr char state_released = 'R';

// Standing - of one recipient before a release
struct Standing {
    enum class Kind { free, releasing, released };
    Kind kind = Kind::free;
    ReleaseNote note;  // what is known of the earlier release; texts may be empty when another program did it
};
Standing standing_of(std::string_view state, std::string_view response);

// with_note - the response as it is stored: without an older note, cut so that the whole fits 255 characters
std::string with_note(std::string_view response, const ReleaseNote& note);
// without_note - the recipient's own response
std::string without_note(std::string_view response);

// describe_note - "released 2026-11-22T20:05:12Z by root@filter1, queue id 4Nk9z"
std::string describe_note(const ReleaseNote& note);

std::string utc_text(std::chrono::system_clock::time_point when);
// state_words - a letter of msgrcpt.rs as front ends write it: "new", "seen", "release requested", "released", ...
std::string state_words(std::string_view state);

}  // namespace tamis::quarantine
