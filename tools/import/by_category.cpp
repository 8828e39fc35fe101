// by_category - what amavisd says by contents category: %final_destiny_maps_by_ccat and its like; and envelope senders of notices
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "policy/quarantine_target.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

enum class CategoryShape { destiny, method, tag };

struct CategoryRow {
    std::string_view category;  // major, or "major,minor"
    std::string_view key;       // of [policy]
};

constexpr std::array destinies = std::to_array<CategoryRow>({{"9", "final_virus_destiny"},
                                                             {"8", "final_banned_destiny"},
                                                             {"7", "final_unchecked_destiny"},
                                                             {"7,1", "final_encrypted_destiny"},
                                                             {"7,2", "final_over_limits_destiny"},
                                                             {"7,3", "final_ambiguous_destiny"},
                                                             {"6", "final_spam_destiny"},
                                                             {"4", "final_bad_header_destiny"},
                                                             {"3", "final_oversized_destiny"}});
constexpr std::array methods = std::to_array<CategoryRow>({{"9", "virus_quarantine"},
                                                           {"8", "banned_quarantine"},
                                                           {"7", "unchecked_quarantine"},
                                                           {"6", "spam_quarantine"},
                                                           {"4", "bad_header_quarantine"},
                                                           {"1", "clean_quarantine"}});
constexpr std::array tags = std::to_array<CategoryRow>({{"9", "virus_subject_tag"},
                                                        {"7", "unchecked_subject_tag"},
                                                        {"5,1", "spam_subject_tag3"},
                                                        {"5", "spam_subject_tag2"},
                                                        {"1,1", "spam_subject_tag"}});

std::optional<std::string> rendered(CategoryShape shape, const PerlValue& value) {
    if (shape == CategoryShape::destiny) {
        const auto destiny = destiny_text(value);
        return destiny ? std::optional(toml_string(*destiny)) : std::nullopt;
    }
    const auto text = text_of(value);
    if (!text || (shape == CategoryShape::method && !policy::check_quarantine_method(*text))) return {};
    return toml_string(*text);
}

template <std::size_t N>
void categories(Translation& into, std::string_view name, CategoryShape shape, const std::array<CategoryRow, N>& rows) {
    if (!into.is_assigned(name)) return;
    const PerlValue table = into.value(name);
    if (into.is_unknown(name, table)) return;
    for (std::size_t i = 0; i < table.keys.size(); ++i) {
        const std::string what = fmt::format("${}{{{}}}", name.substr(1), table.keys[i]);
        PerlValue value = into.conf.followed(table.items[i]);
        if (value.is(Kind::list) && value.items.size() == 1) value = into.conf.followed(value.items.front());
        const auto row = std::ranges::find(rows, table.keys[i], &CategoryRow::category);
        const auto text = rendered(shape, value);
        const bool passes = shape == CategoryShape::destiny && text == "\"pass\"";
        if (row != rows.end() && text) into.put("policy", row->key, *text, {table.items[i].place});
        else if (row == rows.end() && (passes || value.is(Kind::undef)))
            into.remark(table.items[i].place, what, Outcome::needless, "that is what Tamis does");
        else if (row == rows.end())
            into.remark(table.items[i].place, what, Outcome::missing, "there is no setting for this category");
        else
            into.remark(
                table.items[i].place, what, Outcome::missing,
                value.is_known() ? "one value for all recipients; give those of single recipients in [recipients]" : value.text);
    }
    into.settle(name, Outcome::translated);
}

// senders of notices: Tamis has one for all
void notice_senders(Translation& into) {
    const auto* table = into.toml.find("[notices]");
    const bool has_sender = table != nullptr && table->has("sender");
    const auto first = text_of(into.value("$mailfrom_notify_admin")).value_or("");
    for (const auto* name : {"$mailfrom_notify_recip", "$mailfrom_notify_spamadmin", "$mailfrom_notify_sender"}) {
        if (!into.is_assigned(name)) continue;
        const auto text = text_of(into.value(name));
        if (text && (*text == first || text->empty())) {
            into.settle(name, Outcome::needless, "notices have one envelope sender, and it is this one");
        } else if (text && !has_sender) {
            into.put("notices", "sender", toml_string(*text), into.places(name));
            into.settle(name, Outcome::translated);
        } else {
            into.settle(name, Outcome::missing, "notices have one envelope sender, notices.sender");
        }
    }
}

}  // namespace

void translate_by_category(Translation& into) {
    categories(into, "%final_destiny_by_ccat", CategoryShape::destiny, destinies);
    categories(into, "%final_destiny_maps_by_ccat", CategoryShape::destiny, destinies);
    categories(into, "%quarantine_method_by_ccat", CategoryShape::method, methods);
    categories(into, "%subject_tag_maps_by_ccat", CategoryShape::tag, tags);
    notice_senders(into);
}

}  // namespace tamis::tools
