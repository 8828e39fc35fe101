#include "quarantine/words.h"

#include <fmt/format.h>

#include "base/text.h"
#include "mail/category.h"
#include "quarantine/release_state.h"

namespace tamis::quarantine {
std::string category_word(char letter) {
    if (const auto* known = mail::category_lettered(letter)) return std::string(known->word);
    return letter == ' ' ? "unfinished" : fmt::format("category {}", escaped(std::string_view(&letter, 1)));
}

std::optional<char> category_letter(std::string_view word) {
    if (const auto* known = mail::category_called(word)) return known->letter;
    if (word.size() == 1 && word.front() > ' ' && word.front() < 0x7f) return word.front();
    return {};
}

std::optional<char> state_letter(std::string_view word) {
    for (const char letter : {' ', 'V', 'p', 'R', 't', 'D', 'S', 'H', 'M'})
        if (equal_fold(word, state_words(std::string_view(&letter, 1)))) return letter;
    if (word == "requested") return 'p';
    if (word.size() == 1 && word.front() > ' ' && word.front() < 0x7f) return word.front();
    return {};
}

}  // namespace tamis::quarantine
