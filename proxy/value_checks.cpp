#include "proxy/value_checks.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "policy/fields.h"
#include "policy/quarantine_target.h"
#include "proxy/deliver/next_hop.h"
#include "scanners/spamd/spamd_dialog.h"

namespace tamis::proxy {
namespace {

constexpr std::size_t shown = 120;

// Checked - a field, how its text is checked, and what an unusable one does
struct Checked {
    std::string_view field;
    Done (*check)(std::string_view text);
    std::string_view consequence;
};

Done check_forward_method(std::string_view text) {
    if (text.empty()) return {};
    auto parsed = parse_next_hop(text);
    return parsed ? Done{} : std::unexpected(std::move(parsed.error()));
}

Done check_spamd_user(std::string_view text) {
    if (scanners::is_spamd_user(text)) return {};
    return fail(Errc::bad_input, fmt::format("\"{}\" is no user name: printable ASCII without blanks and colons, at most 255 characters",
                                             escaped(text, shown)));
}

constexpr std::string_view no_copy = "mail of this category gets a 451";
constexpr std::array<Checked, 9> checked = {{{"forward_method", check_forward_method, "mail for this recipient gets a 451"},
                                             {"virus_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"banned_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"spam_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"unchecked_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"bad_header_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"clean_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"archive_quarantine_to", policy::check_quarantine_name, no_copy},
                                             {"sa_username", check_spamd_user, "scanners.spamd.user is used"}}};

void check_table(const ConfigValue& value, std::string_view where, Problems& problems) {
    if (value.table() == nullptr) return;
    for (const auto& row : checked) {
        const auto* given = value.table()->find(row.field);
        if (given == nullptr || given->text() == nullptr || given->text()->find('$') != std::string::npos) continue;
        if (auto fine = row.check(*given->text()); !fine)
            problems.add(given->position, fmt::format("{}.{}: {}", where, row.field, fine.error().detail));
    }
}

}  // namespace

Done check_value(std::string_view field, std::string_view text) {
    for (const auto& row : checked)
        if (row.field == field) return row.check(text);
    return {};
}

void check_configured_values(const ConfigTable& config, Problems& problems) {
    for (const std::string_view section : {"recipients", "banks"})
        if (const auto* value = config.find(section); value != nullptr && value->table() != nullptr)
            for (const auto& [key, table] : value->table()->entries)
                check_table(table, fmt::format("{}.\"{}\"", section, escaped(key, shown)), problems);
    if (const auto* patterns = config.find("recipient_patterns"); patterns != nullptr && patterns->array() != nullptr)
        for (const auto& table : *patterns->array()) check_table(table, "recipient_patterns", problems);
}

std::vector<std::string> complaints(const policy::EffectivePolicy& effective, const policy::LoadedBanks& banks,
                                    const std::vector<policy::UserRow>& rows) {
    static const auto fields = [] {
        std::array<std::size_t, checked.size()> indexes{};
        for (std::size_t i = 0; i < checked.size(); ++i) indexes[i] = policy::field_index(checked[i].field).value();
        return indexes;
    }();
    std::vector<std::string> out;
    for (std::size_t i = 0; i < checked.size(); ++i) {
        const auto field = fields[i];
        if (effective.origins[field].layer == policy::Origin::Layer::site) continue;
        const auto value = policy::get_field(policy::fields()[field], effective.policy);
        const auto* text = std::get_if<std::string>(&value);
        if (text == nullptr) continue;
        if (auto fine = checked[i].check(*text); !fine)
            out.push_back(fmt::format("{}: {}; {}", policy::describe_origin(effective, field, banks, rows), fine.error().detail,
                                      checked[i].consequence));
    }
    return out;
}

}  // namespace tamis::proxy
