// words - the letters of msgs.content and msgrcpt.rs as words, both ways; pure. state_words() is in release_state.h
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tamis::quarantine {

// category_word - 'S' is "spam"; ' ' is "unfinished", an unknown letter is named
std::string category_word(char letter);
// category_letter - "spam" is 'S', a letter stands for itself; nothing for what is neither
std::optional<char> category_letter(std::string_view word);
// state_letter - "released" is 'R', "requested" too is a word for 'p', a letter stands for itself
std::optional<char> state_letter(std::string_view word);

}  // namespace tamis::quarantine
