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
    {"local", [](Policy& p) -> bool& { return p.is_local; }, "whether the recipient is ours"},
    {"virus_lover", [](Policy& p) -> bool& { return p.virus_lover; }, "infected mail is delivered all the same"},
    {"spam_lover", [](Policy& p) -> bool& { return p.spam_lover; }, "spam is delivered all the same"},
    {"unchecked_lover", [](Policy& p) -> bool& { return p.unchecked_lover; }, "unchecked mail is delivered all the same"},
    {"banned_files_lover", [](Policy& p) -> bool& { return p.banned_lover; }, "banned contents are delivered all the same"},
    {"bad_header_lover", [](Policy& p) -> bool& { return p.bad_header_lover; }, "bad headers are delivered all the same"},
    {"bypass_virus_checks", [](Policy& p) -> bool& { return p.bypass_virus_checks; }, "viruses are not looked for on this recipient's behalf"},
    {"bypass_spam_checks", [](Policy& p) -> bool& { return p.bypass_spam_checks; }, "spam is not looked for"},
    {"bypass_banned_checks", [](Policy& p) -> bool& { return p.bypass_banned_checks; }, "banned contents are not looked for"},
    {"bypass_header_checks", [](Policy& p) -> bool& { return p.bypass_header_checks; }, "bad headers are not looked for"},
    {"spam_tag_level", [](Policy& p) -> Level& { return p.levels.tag; }, "spam headers from this score on"},
    {"spam_tag2_level", [](Policy& p) -> Level& { return p.levels.tag2; }, "marked as spam from this score on"},
    {"spam_tag3_level", [](Policy& p) -> Level& { return p.levels.tag3; }, "a second degree of marking"},
    {"spam_kill_level", [](Policy& p) -> Level& { return p.levels.kill; }, "final_spam_destiny from this score on"},
    {"spam_dsn_cutoff_level", [](Policy& p) -> Level& { return p.levels.dsn_cutoff; }, "no bounce from this score on"},
    {"spam_quarantine_cutoff_level", [](Policy& p) -> Level& { return p.levels.quarantine_cutoff; }, "no quarantine from this score on"},
    {"spam_subject_tag", [](Policy& p) -> Text& { return p.subject_tags.tag; }, "before the subject from spam_tag_level on"},
    {"spam_subject_tag2", [](Policy& p) -> Text& { return p.subject_tags.tag2; }, "before the subject from spam_tag2_level on"},
    {"spam_subject_tag3", [](Policy& p) -> Text& { return p.subject_tags.tag3; }, "before the subject from spam_tag3_level on"},
    {"virus_subject_tag", [](Policy& p) -> Text& { return p.virus_subject_tag; }, "before the subject of infected mail that passes", false},
    {"unchecked_subject_tag", [](Policy& p) -> Text& { return p.unchecked_subject_tag; }, "before the subject of unchecked mail that passes", false},
    {"virus_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.virus; }, "for whom infected mail is kept; empty: it is not"},
    {"banned_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.banned; }, "for whom banned mail is kept"},
    {"spam_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.spam; }, "for whom spam is kept"},
    {"unchecked_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.unchecked; }, "for whom unchecked mail is kept"},
    {"bad_header_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.bad_header; }, "for whom mail with bad headers is kept"},
    {"clean_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.clean; }, "for whom clean mail is kept"},
    {"archive_quarantine_to", [](Policy& p) -> Text& { return p.quarantine_to.archive; }, "for whom everything is archived"},
    {"addr_extension_virus", [](Policy& p) -> Text& { return p.address_extension[0]; }, "extension of the address of infected mail that passes"},
    {"addr_extension_spam", [](Policy& p) -> Text& { return p.address_extension[1]; }, "extension of the address of spam that passes"},
    {"addr_extension_banned", [](Policy& p) -> Text& { return p.address_extension[2]; }, "extension of the address of banned mail that passes"},
    {"addr_extension_bad_header", [](Policy& p) -> Text& { return p.address_extension[3]; }, "extension of the address of mail with bad headers"},
    {"warnvirusrecip", [](Policy& p) -> bool& { return p.warn_virus; }, "the recipient is told about infected mail"},
    {"warnbannedrecip", [](Policy& p) -> bool& { return p.warn_banned; }, "the recipient is told about banned mail"},
    {"warnbadhrecip", [](Policy& p) -> bool& { return p.warn_bad_header; }, "the recipient is told about bad headers"},
    {"virus_admin", [](Policy& p) -> Text& { return p.virus_admin; }, "who is told about viruses and unchecked mail"},
    {"newvirus_admin", [](Policy& p) -> Text& { return p.new_virus_admin; }, "who is told about a virus that was not seen before"},
    {"spam_admin", [](Policy& p) -> Text& { return p.spam_admin; }, "who is told about spam"},
    {"banned_admin", [](Policy& p) -> Text& { return p.banned_admin; }, "who is told about banned mail; virus_admin when nobody says"},
    {"bad_header_admin", [](Policy& p) -> Text& { return p.bad_header_admin; }, "who is told about bad headers"},
    {"message_size_limit", [](Policy& p) -> Size& { return p.size_limit; }, "largest message in octets, 0 is no limit"},
    {"banned_rulenames", [](Policy& p) -> Names& { return p.banned_rule_names; }, "which rules on banned contents apply"},
    {"forward_method", [](Policy& p) -> Text& { return p.forward_method; }, "where passed mail is handed to; empty: server.forward"},
    {"sa_username", [](Policy& p) -> Text& { return p.sa_username; }, "whose preferences spamd applies, when all recipients of a message agree; empty: scanners.spamd.user"},
    {"final_virus_destiny", [](Policy& p) -> Destiny& { return p.destinies.virus; }, "what happens to infected mail", false},
    {"final_banned_destiny", [](Policy& p) -> Destiny& { return p.destinies.banned; }, "what happens to banned mail", false},
    {"final_unchecked_destiny", [](Policy& p) -> Destiny& { return p.destinies.unchecked; }, "what happens to unchecked mail", false},
    {"final_spam_destiny", [](Policy& p) -> Destiny& { return p.destinies.spam; }, "what happens to spam", false},
    {"final_bad_header_destiny", [](Policy& p) -> Destiny& { return p.destinies.bad_header; }, "what happens to mail with bad headers", false},
    {"final_oversized_destiny", [](Policy& p) -> Destiny& { return p.destinies.oversized; }, "what happens to mail above message_size_limit", false},
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

FieldValue get_field(const FieldRow& row, const RecipientPolicy& policy) {
    RecipientPolicy copy = policy;
    return std::visit([&](auto access) { return FieldValue(access(copy)); }, row.access);
}

}  // namespace tamis::policy
