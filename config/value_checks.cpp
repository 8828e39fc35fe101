#include "config/value_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "deliver/next_hop.h"
#include "mail/mailbox.h"
#include "policy/fields.h"
#include "policy/quarantine_target.h"
#include "policy/size_limit.h"
#include "scanners/spamd/spamd_dialog.h"

namespace tamis::config {
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
    auto parsed = deliver::parse_next_hop(text);
    return parsed ? Done{} : std::unexpected(std::move(parsed.error()));
}

Done check_spamd_user(std::string_view text) {
    if (scanners::is_spamd_user(text)) return {};
    return fail(Errc::bad_input,
                fmt::format("\"{}\" is no user name: printable ASCII without blanks and colons, at most 255 characters",
                            escaped(text, shown)));
}

// check_mailbox - of an administrator; "" is nobody
Done check_mailbox(std::string_view text) {
    if (text.empty()) return {};
    if (auto complaint = mail::mailbox_complaint(text)) return fail(Errc::bad_input, std::move(*complaint));
    return {};
}

Done check_extension(std::string_view text) {
    const bool fits = std::ranges::all_of(text, [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f &&
               std::string_view("@<>()[],;:\\\"").find(c) == std::string_view::npos;
    });
    if (fits) return {};
    return fail(Errc::bad_input,
                fmt::format("\"{}\" is no address extension: without blanks, \"@\" and brackets", escaped(text, shown)));
}

constexpr std::string_view no_notice = "nobody is told";
constexpr std::string_view no_extension = "the address stays as it is";
constexpr std::string_view no_copy = "mail of this category gets a 451";
constexpr std::array<Checked, 18> checked = {{{"forward_method", check_forward_method, "mail for this recipient gets a 451"},
                                              {"virus_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"banned_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"spam_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"unchecked_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"bad_header_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"clean_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"archive_quarantine_to", policy::check_quarantine_name, no_copy},
                                              {"virus_admin", check_mailbox, no_notice},
                                              {"newvirus_admin", check_mailbox, no_notice},
                                              {"spam_admin", check_mailbox, no_notice},
                                              {"banned_admin", check_mailbox, no_notice},
                                              {"bad_header_admin", check_mailbox, no_notice},
                                              {"addr_extension_virus", check_extension, no_extension},
                                              {"addr_extension_spam", check_extension, no_extension},
                                              {"addr_extension_banned", check_extension, no_extension},
                                              {"addr_extension_bad_header", check_extension, no_extension},
                                              {"sa_username", check_spamd_user, "scanners.spamd.user is used"}}};

// check_size_limit - judge.cpp takes less than size_limit_floor for that (RFC 5321 section 4.5.3.1.7)
void check_size_limit(const ConfigValue& limit, std::string_view where, Problems& warnings) {
    std::optional<Bytes> size;
    if (const auto* number = std::get_if<std::int64_t>(&limit.value); number != nullptr && *number > 0)
        size = Bytes{static_cast<std::uint64_t>(*number)};
    else if (const auto* text = limit.text()) size = parse_bytes(*text);
    if (size && size->count != 0 && size->count < policy::size_limit_floor)
        warnings.add(
            limit.position,
            fmt::format(
                "{}.message_size_limit is {}, which counts as {}: every mail server takes messages up to that size (RFC 5321)",
                where, size->count, policy::size_limit_floor));
}

void check_table(const ConfigValue& value, std::string_view where, Problems& problems, Problems& warnings) {
    if (value.table() == nullptr) return;
    if (const auto* limit = value.table()->find("message_size_limit"); limit != nullptr)
        check_size_limit(*limit, where, warnings);
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

void check_configured_values(const ConfigTable& config, Problems& problems, Problems& warnings) {
    if (const auto* policy = config.find("policy")) check_table(*policy, "policy", problems, warnings);
    for (const std::string_view section : {"recipients", "banks"})
        if (const auto* value = config.find(section); value != nullptr && value->table() != nullptr)
            for (const auto& [key, table] : value->table()->entries)
                check_table(table, fmt::format("{}.\"{}\"", section, escaped(key, shown)), problems, warnings);
    if (const auto* patterns = config.find("recipient_patterns"); patterns != nullptr && patterns->array() != nullptr)
        for (const auto& table : *patterns->array()) check_table(table, "recipient_patterns", problems, warnings);
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

}  // namespace tamis::config
