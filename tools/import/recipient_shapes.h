// recipient_shapes - which list of amavisd is which setting of a recipient, and how its values are written. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/import/lookup_list.h"
#include "tools/import/translation.h"

namespace tamis::tools {

enum class FieldShape { yes_no, level, size, text, quarantine_to, hop };

struct RecipientShape {
    std::string_view maps;   // "@virus_lovers_maps"
    std::string_view field;  // of policy/fields.h
    FieldShape shape = FieldShape::text;
    bool has_site = false;             // [policy] has it too
    std::string_view when_unset = {};  // what amavisd does when nothing matches
};
std::span<const RecipientShape> recipient_shapes() noexcept;

// render_field - the value in TOML; the Fault says why it cannot be
Result<std::string> render_field(const Translation& with, const RecipientShape& shape, const PerlValue& value);
// level_text - a score within the bounds of Tamis's levels; -999 and 9999 are common for "always" and "never"
std::string level_text(double level);
// check_text - that a field can hold the text (config/value_checks.h)
Done check_text(std::string_view field, std::string_view text);
// settle_list - all variables of a list are translated, what is trouble is remarked
void settle_list(Translation& into, std::string_view maps, const LookupList& list);

}  // namespace tamis::tools
