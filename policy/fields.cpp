#include "policy/fields.h"

#include <array>

namespace tamis::policy {
namespace {

using Policy = RecipientPolicy;
using Level = std::optional<double>;
using Size = std::optional<std::uint64_t>;
using Text = std::string;
using Names = std::vector<std::string>;

// clang-format off
constexpr std::array<FieldRow, 50> rows = {{
    {"local", [](Policy& p) -> bool& { return p.is_local; }, "whether the recipient is ours", InSql::yes, ForSite::no},
    {"virus_lover", [](Policy& p) -> bool& { return p.virus_lover; }, "infected mail is delivered all the same", InSql::yes, ForSite::no},
    {"spam_lover", [](Policy& p) -> bool& { return p.spam_lover; }, "spam is delivered all the same", InSql::yes, ForSite::no},
    {"unchecked_lover", [](Policy& p) -> bool& { return p.unchecked_lover; }, "unchecked mail is delivered all the same", InSql::yes, ForSite::no},
    {"banned_files_lover", [](Policy& p) -> bool& { return p.banned_lover; }, "banned contents are delivered all the same", InSql::yes, ForSite::no},
    {"bad_header_lover", [](Policy& p) -> bool& { return p.bad_header_lover; }, "bad headers are delivered all the same", InSql::yes, ForSite::no},
    {"bypass_virus_checks", [](Policy& p) -> bool& { return p.bypass_virus_checks; }, "viruses are not looked for on this recipient's behalf", InSql::yes, ForSite::no},
    {"bypass_spam_checks", [](Policy& p) -> bool& { return p.bypass_spam_checks; }, "spam is not looked for", InSql::yes, ForSite::no},
    {"bypass_banned_checks", [](Policy& p) -> bool& { return p.bypass_banned_checks; }, "banned contents are not looked for", InSql::yes, ForSite::no},
    {"bypass_header_checks", [](Policy& p) -> bool& { return p.bypass_header_checks; }, "bad headers are not looked for", InSql::yes, ForSite::no},
    {"spam_tag_level", [](Policy& p) -> Level& { return p.levels.tag; }, "Spam headers are added from this score on; \"none\": always."},
    {"spam_tag2_level", [](Policy& p) -> Level& { return p.levels.tag2; }, "From here on mail is marked as spam: X-Spam-Flag: YES and the subject tag."},
    {"spam_tag3_level", [](Policy& p) -> Level& { return p.levels.tag3; }, "A second degree of marking, with its own subject tag."},
    {"spam_kill_level", [](Policy& p) -> Level& { return p.levels.kill; }, "From here on final_spam_destiny and the spam quarantine apply."},
    {"spam_dsn_cutoff_level", [](Policy& p) -> Level& { return p.levels.dsn_cutoff; }, "From here on no bounce is ever sent for spam."},
    {"spam_quarantine_cutoff_level", [](Policy& p) -> Level& { return p.levels.quarantine_cutoff; }, "From here on spam is not even quarantined."},
    {"spam_subject_tag", [](Policy& p) -> Text& { return p.subject_tags.tag; }, "Put before the subject from spam_tag_level on."},
    {"spam_subject_tag2", [](Policy& p) -> Text& { return p.subject_tags.tag2; }, "Put before the subject from spam_tag2_level on."},
    {"spam_subject_tag3", [](Policy& p) -> Text& { return p.subject_tags.tag3; }, "Put before the subject from spam_tag3_level on."},
    {"virus_subject_tag", [](Policy& p) -> Text& { return p.virus_subject_tag; }, "Put before the subject of infected mail that passes.", InSql::no},
    {"unchecked_subject_tag", [](Policy& p) -> Text& { return p.unchecked_subject_tag; }, "Put before the subject of mail that could not be checked and passes.", InSql::no},
    {"virus_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.virus; }, "For whom infected mail is kept: an address is mailed to (except with \"sql:\"), \"%a\" is the recipient himself, any other name means as virus_quarantine says, \"\" is no copy."},
    {"banned_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.banned; }, "For whom banned mail is kept."},
    {"spam_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.spam; }, "For whom spam is kept."},
    {"unchecked_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.unchecked; }, "For whom unchecked mail is kept."},
    {"bad_header_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.bad_header; }, "For whom mail with a bad header section is kept."},
    {"clean_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.clean; }, "For whom clean mail is kept."},
    {"archive_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.archive; }, "For whom everything is archived."},
    {"addr_extension_virus", [](Policy& p) -> Text& { return p.address_extension[0]; }, "Extension for local recipients of infected mail that passes: user+THIS@example.com; \"\": none."},
    {"addr_extension_spam", [](Policy& p) -> Text& { return p.address_extension[1]; }, "The same for mail from spam_tag2_level on that passes."},
    {"addr_extension_banned", [](Policy& p) -> Text& { return p.address_extension[2]; }, "The same for mail with banned contents that passes."},
    {"addr_extension_bad_header", [](Policy& p) -> Text& { return p.address_extension[3]; }, "The same for mail with a bad header section that passes."},
    {"warnvirusrecip", [](Policy& p) -> bool& { return p.warn_virus; }, "Recipients are told about infected mail that was kept from them."},
    {"warnbannedrecip", [](Policy& p) -> bool& { return p.warn_banned; }, "Recipients are told about banned mail that was kept from them."},
    {"warnbadhrecip", [](Policy& p) -> bool& { return p.warn_bad_header; }, "Recipients are told about mail with a bad header section that was kept from them."},
    {"virus_admin", [](Policy& p) -> Text& { return p.virus_admin; }, "Address that is told about infected and unchecked mail; \"\": nobody."},
    {"newvirus_admin", [](Policy& p) -> Text& { return p.new_virus_admin; }, "Address that is told about a virus name not seen since the start of tamisd."},
    {"spam_admin", [](Policy& p) -> Text& { return p.spam_admin; }, "Address that is told about mail at or above spam_kill_level."},
    {"banned_admin", [](Policy& p) -> Text& { return p.banned_admin; }, "Address that is told about banned contents."},
    {"bad_header_admin", [](Policy& p) -> Text& { return p.bad_header_admin; }, "Address that is told about mail with a bad header section."},
    {"message_size_limit", [](Policy& p) -> Size& { return p.size_limit; }, "Largest message in octets for a recipient who says nothing else, see final_oversized_destiny; 0 is no limit; less than 65536 counts as 65536 (RFC 5321)."},
    {"banned_rulenames", [](Policy& p) -> Names& { return p.banned_rule_names; }, "Which lists of rules on banned contents apply, in their order (docs/banned.md)."},
    {"forward_method", [](Policy& p) -> Text& { return p.forward_method; }, "where passed mail is handed to; empty: server.forward", InSql::yes, ForSite::no},
    {"sa_username", [](Policy& p) -> Text& { return p.sa_username; }, "whose preferences spamd applies, when all recipients of a message agree; empty: scanners.spamd.user", InSql::yes, ForSite::no},
    {"final_virus_destiny", [](Policy& p) -> Destiny& { return p.destinies.virus; }, "What happens to infected mail: \"pass\" delivers it, \"discard\" takes it (250) and delivers nothing, \"bounce\" does so and tells the sender (never for viruses and spam from outside), \"reject\" refuses it with a 5xx (right only before the queue, server.before_queue: behind it the mail server bounces to the sender, who is mostly forged), \"tempfail\" refuses it for now (4xx), so that it comes again. The quarantine is another matter: virus_quarantine.", InSql::no},
    {"final_banned_destiny", [](Policy& p) -> Destiny& { return p.destinies.banned; }, "What happens to mail with banned contents. Words as for final_virus_destiny.", InSql::no},
    {"final_unchecked_destiny", [](Policy& p) -> Destiny& { return p.destinies.unchecked; }, "What happens to mail a required scanner could not check, and to mail that could not be read wholly. Words as for final_virus_destiny.", InSql::no},
    {"final_spam_destiny", [](Policy& p) -> Destiny& { return p.destinies.spam; }, "What happens to mail at or above spam_kill_level. Words as for final_virus_destiny.", InSql::no},
    {"final_bad_header_destiny", [](Policy& p) -> Destiny& { return p.destinies.bad_header; }, "What happens to mail with a bad header section. Words as for final_virus_destiny.", InSql::no},
    {"final_oversized_destiny", [](Policy& p) -> Destiny& { return p.destinies.oversized; }, "What happens to mail above a recipient's size limit. Words as for final_virus_destiny.", InSql::no},
}};
// clang-format on

constexpr std::size_t index_of(std::string_view name) {
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].name == name) return i;
    return rows.size();
}

}  // namespace

std::span<const FieldRow> fields() { return rows; }

std::optional<std::size_t> field_index(std::string_view name) {
    const auto index = index_of(name);
    return index < rows.size() ? std::optional(index) : std::nullopt;
}

std::size_t local_field() {
    static constexpr auto index = index_of("local");
    return index;
}
std::size_t banned_admin_field() {
    static constexpr auto index = index_of("banned_admin");
    return index;
}
std::size_t virus_admin_field() {
    static constexpr auto index = index_of("virus_admin");
    return index;
}
std::size_t rule_names_field() {
    static constexpr auto index = index_of("banned_rulenames");
    return index;
}

void set_field(const FieldRow& row, RecipientPolicy& policy, const FieldValue& value) {
    std::visit([&]<class T>(AccessTo<T> access) { access(policy) = std::get<T>(value); }, row.access);
}

RecipientPolicy site_defaults() {
    RecipientPolicy out;
    out.levels.tag = 2.0;
    out.levels.tag2 = 6.2;
    out.levels.kill = 6.9;
    out.levels.dsn_cutoff = 10.0;
    return out;
}

std::vector<std::string> site_field_names() {
    std::vector<std::string> names;
    for (const auto& row : rows)
        if (row.for_site == ForSite::yes) names.emplace_back(row.name);
    return names;
}

std::vector<SettingLine> site_field_lines(std::string_view section, const RecipientPolicy& current, const ConfigTable* from) {
    const auto fallback = site_defaults();
    std::vector<SettingLine> lines;
    for (const auto& row : rows) {
        if (row.for_site == ForSite::no) continue;
        const auto* value = from == nullptr ? nullptr : from->find(row.name);
        SettingLine line;
        line.section = section;
        line.name = row.name;
        line.type = field_type(row).name;
        line.value = show_value(get_field(row, current));
        line.fallback = show_value(get_field(row, fallback));
        line.text = row.text;
        line.from_file = value != nullptr;
        if (value != nullptr) line.line = value->position.line;
        lines.push_back(std::move(line));
    }
    return lines;
}

FieldValue get_field(const FieldRow& row, const RecipientPolicy& policy) {
    RecipientPolicy copy = policy;
    return std::visit([&](auto access) { return FieldValue(access(copy)); }, row.access);
}

}  // namespace tamis::policy
