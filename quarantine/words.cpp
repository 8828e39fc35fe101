#include "quarantine/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "quarantine/release_state.h"

namespace tamis::quarantine {
namespace {

struct Category {
    char letter;
    std::string_view word;
};
constexpr std::array<Category, 11> categories = {{{'V', "virus"},
                                                  {'B', "banned"},
                                                  {'U', "unchecked"},
                                                  {'S', "spam"},
                                                  {'Y', "spammy"},
                                                  {'M', "bad-header-8bit"},
                                                  {'H', "bad-header"},
                                                  {'O', "oversized"},
                                                  {'T', "mta"},
                                                  {'C', "clean"},
                                                  {'?', "catchall"}}};

}  // namespace

std::string category_word(char letter) {
    const auto found = std::ranges::find(categories, letter, &Category::letter);
    return found == categories.end()
               ? letter == ' ' ? "unfinished" : fmt::format("category {}", escaped(std::string_view(&letter, 1)))
               : std::string(found->word);
}

std::optional<char> category_letter(std::string_view word) {
    for (const auto& category : categories)
        if (equal_fold(word, category.word)) return category.letter;
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
