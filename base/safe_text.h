// safe_text - what a stranger wrote, made harmless for a terminal or a page
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tamis {

enum class Lines : bool { one, many };

// safe_text - UTF-8, at most `limit` characters. Control characters, also those above ASCII, the ones that turn the direction of
// text around, and octets that are no UTF-8 are written as escapes; with Lines::many line ends and tabs stay
std::string safe_text(std::string_view text, std::size_t limit, Lines lines = Lines::one);

}  // namespace tamis
