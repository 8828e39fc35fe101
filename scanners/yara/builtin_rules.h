// builtin_rules - etc/yara/tamis.yar as it was when the program was built
#pragma once

#include <string_view>

namespace tamis::scanners {

std::string_view builtin_yara_rules() noexcept;

}  // namespace tamis::scanners
