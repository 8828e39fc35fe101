#include "storage/retention/retention_settings.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "mail/category.h"

namespace tamis::storage {
namespace {

using Member = std::string RetentionSettings::*;

// Category - the two settings that are about it
struct Category {
    mail::Major major;
    Member records, quarantine;
};
constexpr std::array categories = {
    Category{mail::Major::virus, &RetentionSettings::virus_records, &RetentionSettings::virus_quarantine},
    Category{mail::Major::banned, &RetentionSettings::banned_records, &RetentionSettings::banned_quarantine},
    Category{mail::Major::unchecked, &RetentionSettings::unchecked_records, &RetentionSettings::unchecked_quarantine},
    Category{mail::Major::spam, &RetentionSettings::spam_records, &RetentionSettings::spam_quarantine},
    Category{mail::Major::spammy, &RetentionSettings::spammy_records, &RetentionSettings::spammy_quarantine},
    Category{mail::Major::bad_header, &RetentionSettings::bad_header_records, &RetentionSettings::bad_header_quarantine},
    Category{mail::Major::oversized, &RetentionSettings::oversized_records, &RetentionSettings::oversized_quarantine},
    Category{mail::Major::mta, &RetentionSettings::mta_records, &RetentionSettings::mta_quarantine},
    Category{mail::Major::clean, &RetentionSettings::clean_records, &RetentionSettings::clean_quarantine},
};

Position position_of(const ConfigTable* table, std::string_view key) {
    if (table == nullptr) return {};
    const auto found = table->keys.find(key);
    return found == table->keys.end() ? table->position : found->second;
}

}  // namespace

const std::vector<Setting<RetentionSettings>>& retention_rows() {
    using S = RetentionSettings;
    static const std::vector<Setting<S>> rows = {
        {"enabled", &S::enabled, "tamisd removes what is past its age; `tamis expire` does it by hand, whatever this says."},
        {"interval", &S::interval, "How often tamisd does so. Of several hosts with one database one works at a time.", 1,
         604'800},
        {"records", &S::records,
         "How long records (msgs, msgrcpt) are kept, with the copies that are left then: \"90d\", \"12w\", \"never\"."},
        {"quarantine", &S::quarantine,
         "How long quarantined copies in the database are kept; the record stays and says that its copy has expired."},
        {"virus_records", &S::virus_records, "The same for records of infected mail; \"\": as records."},
        {"virus_quarantine", &S::virus_quarantine, "The same for copies of infected mail; \"\": as quarantine."},
        {"banned_records", &S::banned_records, "Records of mail with banned contents."},
        {"banned_quarantine", &S::banned_quarantine, "Copies of it."},
        {"unchecked_records", &S::unchecked_records, "Records of unchecked mail."},
        {"unchecked_quarantine", &S::unchecked_quarantine, "Copies of it."},
        {"spam_records", &S::spam_records, "Records of mail at or above spam_kill_level."},
        {"spam_quarantine", &S::spam_quarantine, "Copies of it."},
        {"spammy_records", &S::spammy_records, "Records of mail between spam_tag2_level and spam_kill_level."},
        {"spammy_quarantine", &S::spammy_quarantine, "Copies of it."},
        {"bad_header_records", &S::bad_header_records, "Records of mail with a bad header section."},
        {"bad_header_quarantine", &S::bad_header_quarantine, "Copies of it."},
        {"oversized_records", &S::oversized_records, "Records of mail above a size limit."},
        {"oversized_quarantine", &S::oversized_quarantine, "Copies of it."},
        {"mta_records", &S::mta_records, "Records of mail that the next hop refused."},
        {"mta_quarantine", &S::mta_quarantine, "Copies of it."},
        {"clean_records", &S::clean_records, "Records of clean mail."},
        {"clean_quarantine", &S::clean_quarantine, "Copies of it."},
        {"incomplete", &S::incomplete,
         "After this a record goes whose message never came to an end (msgs.content NULL) and of which there is no copy."},
        {"deleted", &S::deleted, "After this a copy goes that each of its recipients has marked as deleted (msgrcpt.rs D)."},
        {"batch", &S::batch, "Most messages in one transaction; fewer when these take long.", 1, 10'000},
        {"pause", &S::pause, "Shortest pause between two transactions.", 0, 60},
        {"share", &S::share,
         "Largest part of the time in which the database works for the retention: 0.2 rests four times as long as it works.",
         0.01, 1},
        {"rate", &S::rate,
         "Messages a second below which it does not slow down, whatever the share: more than arrive, so that it keeps up. 0: the share alone counts.",
         0, 100'000},
        {"longest_run", &S::longest_run, "After this a run stops; the next one goes on.", 1, 86'400},
        {"drop_partitions", &S::drop_partitions,
         "PostgreSQL tables divided by partition_tag: a partition that is wholly past is dropped instead of emptied."},
        {"weeks_ahead", &S::weeks_ahead,
         "PostgreSQL tables divided by week: for how many weeks to come tamisd makes the partitions, also when enabled is false.",
         1, 52},
        {"vacuum", &S::vacuum, "SQLite: free pages go back to the disk in small steps, when the file was made by Tamis."},
    };
    return rows;
}

Result<storage::Age> parse_age(std::string_view text) {
    if (text == "never") return storage::Age();
    const auto span = parse_duration(text);
    if (!span || span->count() < 1000)
        return fail(Errc::bad_input,
                    fmt::format("\"{}\" is no age: expected \"30d\", \"12h\", \"2w\" or \"never\"", escaped(text, 40)));
    return storage::Age(std::chrono::floor<std::chrono::seconds>(*span));
}

storage::ExpireOptions expire_options(const RetentionSettings& settings, const ConfigTable* table, Problems& problems) {
    storage::ExpireOptions out;
    const auto age = [&](std::string_view name, const std::string& text, const storage::Age& otherwise) {
        if (text.empty()) return otherwise;
        auto parsed = parse_age(text);
        if (parsed) return *parsed;
        problems.add(position_of(table, name), fmt::format("retention.{}: {}", name, parsed.error().detail));
        return storage::Age();
    };
    auto& rules = out.rules;
    rules.general = {age("records", settings.records, {}), age("quarantine", settings.quarantine, {})};
    for (const auto& category : categories) {
        const auto word = mail::setting_word(category.major);
        const storage::Ages ages{age(word + "_records", settings.*category.records, rules.general.record),
                                 age(word + "_quarantine", settings.*category.quarantine, rules.general.copy)};
        if (ages == rules.general) continue;
        for (const auto& row : mail::category_words())
            if (row.major == category.major) rules.of_category[row.letter] = ages;
    }
    rules.incomplete = age("incomplete", settings.incomplete, {});
    rules.deleted = age("deleted", settings.deleted, {});
    out.removes = settings.enabled;
    out.drops_partitions = settings.drop_partitions;
    out.weeks_ahead = static_cast<int>(settings.weeks_ahead);
    out.batch = static_cast<std::size_t>(settings.batch);
    out.pause = settings.pause;
    out.share = settings.share;
    out.least_rate = settings.rate;
    out.longest_run = settings.longest_run;
    out.frees_pages = settings.vacuum;
    return out;
}

}  // namespace tamis::storage
