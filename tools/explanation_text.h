// explanation_text - what `tamis explain` prints of an explanation; pure
#pragma once

#include <string>

#include "config/explanation.h"

namespace tamis::tools {

// text_of - a line for each setting: name, value, where from
std::string text_of(const config::SettingsExplained& explained);
// text_of - what happens to such a message, category by category
std::string text_of(const config::OutcomeExplained& explained);

}  // namespace tamis::tools
