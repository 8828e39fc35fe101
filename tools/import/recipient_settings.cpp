// recipient_settings - the lists @..._maps that give each recipient his own: [recipients], [[recipient_patterns]], [policy]
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/value_checks.h"
#include "tools/import/lookup_list.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = LookupEntry::Kind;

void put_pattern(Translation& into, const std::string& match, std::string_view field, const std::string& rendered, Place place) {
    auto& table = into.toml.add("[[recipient_patterns]]");
    table.put("match", toml_string(match), {place});
    table.put(field, rendered, {place});
}

// local_domains - @local_domains_maps: a list in [server]; patterns are tables of recipients
void local_domains(Translation& into) {
    const auto list = lookup_list(into.conf, into.conf.value("@local_domains_maps"), true);
    std::vector<std::string> domains;
    std::vector<Place> from;
    for (const auto& entry : list.entries) {
        const bool yes = is_true(entry.result).value_or(true);
        if (entry.kind == Kind::pattern) {
            put_pattern(into, entry.text, "local", yes ? "true" : "false", entry.place);
            continue;
        }
        const std::string text = entry.kind == Kind::everything ? "." : entry.text;
        if (text.ends_with('@')) {
            into.remark(entry.place, text, Outcome::missing, "server.local_domains takes domains and whole addresses only");
            continue;
        }
        domains.push_back((yes ? "" : "!") + text);
        from.push_back(entry.place);
    }
    if (!domains.empty()) into.put("server", "local_domains", toml_list(domains), from);
    settle_list(into, "@local_domains_maps", list);
}

void recipient_field(Translation& into, const RecipientShape& shape) {
    const auto list = lookup_list(into.conf, into.conf.value(shape.maps));
    bool has_site = false, has_pattern = false;
    for (const auto& entry : list.entries) {
        const auto rendered = render_field(into, shape, entry.result);
        if (!rendered) {
            into.remark(entry.place, std::string(shape.maps), Outcome::missing, rendered.error().detail);
            continue;
        }
        const bool is_site_hop = shape.shape == FieldShape::hop && entry.kind == Kind::everything &&
                                 entry.result.text == into.value("$forward_method").text;
        if (is_site_hop) continue;
        if (entry.kind == Kind::key) {
            into.toml.table(fmt::format("[recipients.{}]", toml_key(entry.text))).put(shape.field, *rendered, {entry.place});
        } else if (entry.kind == Kind::pattern) {
            has_pattern = true;
            put_pattern(into, entry.text, shape.field, *rendered, entry.place);
        } else if (shape.has_site) {
            has_site = true;
            into.put("policy", shape.field, *rendered, {entry.place});
        } else if (has_pattern) {
            put_pattern(into, key_pattern("."), shape.field, *rendered, entry.place);
        } else if (*rendered != "false") {
            into.toml.table("[recipients.\".\"]").put(shape.field, *rendered, {entry.place});
        }
    }
    // nothing holds for everybody: what amavisd does then is not always what Tamis does
    if (shape.has_site && !has_site && !shape.when_unset.empty()) {
        std::vector<Place> from;
        for (const auto& name : list.names)
            if (into.is_assigned(name)) from = into.places(name);
        into.put("policy", shape.field, std::string(shape.when_unset), from);
    }
    settle_list(into, shape.maps, list);
}

// no_subject_tags - $sa_spam_modifies_subj = 0 of amavisd 2.3 to 2.6: subjects stay as they are, whatever the tags
void no_subject_tags(Translation& into) {
    constexpr std::string_view name = "$sa_spam_modifies_subj";
    if (!into.is_assigned(name)) return;
    if (!is_true(into.value(name)).value_or(true)) {
        for (const auto* key : {"spam_subject_tag", "spam_subject_tag2", "spam_subject_tag3"})
            into.put("policy", key, "\"\"", into.places(name));
        into.settle(name, Outcome::translated);
    } else {
        into.settle(name, Outcome::needless, "subjects get the tags that are set");
    }
}

}  // namespace

std::span<const RecipientShape> recipient_shapes() noexcept {
    using enum FieldShape;
    static constexpr std::array rows = std::to_array<RecipientShape>({
        {"@virus_lovers_maps", "virus_lover", yes_no},
        {"@spam_lovers_maps", "spam_lover", yes_no},
        {"@unchecked_lovers_maps", "unchecked_lover", yes_no},
        {"@banned_files_lovers_maps", "banned_files_lover", yes_no},
        {"@bad_header_lovers_maps", "bad_header_lover", yes_no},
        {"@bypass_virus_checks_maps", "bypass_virus_checks", yes_no},
        {"@bypass_spam_checks_maps", "bypass_spam_checks", yes_no},
        {"@bypass_banned_checks_maps", "bypass_banned_checks", yes_no},
        {"@bypass_header_checks_maps", "bypass_header_checks", yes_no},
        {"@spam_tag_level_maps", "spam_tag_level", level, true, "\"none\""},
        {"@spam_tag2_level_maps", "spam_tag2_level", level, true, "\"none\""},
        {"@spam_tag3_level_maps", "spam_tag3_level", level, true, "\"none\""},
        {"@spam_kill_level_maps", "spam_kill_level", level, true, "\"none\""},
        {"@spam_dsn_cutoff_level_maps", "spam_dsn_cutoff_level", level, true, "\"none\""},
        {"@spam_quarantine_cutoff_level_maps", "spam_quarantine_cutoff_level", level, true, "\"none\""},
        {"@spam_subject_tag_maps", "spam_subject_tag", text, true, "\"\""},
        {"@spam_subject_tag2_maps", "spam_subject_tag2", text, true, "\"\""},
        {"@spam_subject_tag3_maps", "spam_subject_tag3", text, true, "\"\""},
        {"@virus_quarantine_to_maps", "virus_quarantine_to", quarantine_to, true, "\"\""},
        {"@banned_quarantine_to_maps", "banned_quarantine_to", quarantine_to, true, "\"\""},
        {"@unchecked_quarantine_to_maps", "unchecked_quarantine_to", quarantine_to, true, "\"\""},
        {"@spam_quarantine_to_maps", "spam_quarantine_to", quarantine_to, true, "\"\""},
        {"@bad_header_quarantine_to_maps", "bad_header_quarantine_to", quarantine_to, true, "\"\""},
        {"@clean_quarantine_to_maps", "clean_quarantine_to", quarantine_to, true, "\"\""},
        {"@archive_quarantine_to_maps", "archive_quarantine_to", quarantine_to, true, "\"\""},
        {"@virus_admin_maps", "virus_admin", text, true, "\"\""},
        {"@newvirus_admin_maps", "newvirus_admin", text, true, "\"\""},
        {"@spam_admin_maps", "spam_admin", text, true, "\"\""},
        {"@banned_admin_maps", "banned_admin", text, true, "\"\""},
        {"@bad_header_admin_maps", "bad_header_admin", text, true, "\"\""},
        {"@warnvirusrecip_maps", "warnvirusrecip", yes_no, true, "false"},
        {"@warnbannedrecip_maps", "warnbannedrecip", yes_no, true, "false"},
        {"@warnbadhrecip_maps", "warnbadhrecip", yes_no, true, "false"},
        {"@addr_extension_virus_maps", "addr_extension_virus", text, true, "\"\""},
        {"@addr_extension_spam_maps", "addr_extension_spam", text, true, "\"\""},
        {"@addr_extension_banned_maps", "addr_extension_banned", text, true, "\"\""},
        {"@addr_extension_bad_header_maps", "addr_extension_bad_header", text, true, "\"\""},
        {"@message_size_limit_maps", "message_size_limit", size, true, "0"},
        {"@sa_username_maps", "sa_username", text},
        {"@forward_method_maps", "forward_method", hop},
    });
    return rows;
}

Result<std::string> render_field(const Translation& with, const RecipientShape& shape, const PerlValue& given) {
    const PerlValue value = with.conf.followed(given);
    if (!value.is_known()) return fail(Errc::bad_input, value.text);
    const auto wanted = text_of(value);
    if (!wanted) return fail(Errc::bad_input, fmt::format("a reference where {} takes one value", shape.field));
    switch (shape.shape) {
        case FieldShape::yes_no: return is_true(value).value_or(false) ? "true" : "false";
        case FieldShape::level:
            if (value.is(PerlValue::Kind::undef) || wanted->empty()) return "\"none\"";
            return level_text(number_of(value).value_or(0));
        case FieldShape::size: return perl_number(std::max(0.0, number_of(value).value_or(0)));
        case FieldShape::text: return toml_string(*wanted);
        case FieldShape::hop:
        case FieldShape::quarantine_to: {
            auto good = check_text(shape.field, *wanted);
            if (!good) return std::unexpected(std::move(good.error()));
            return toml_string(*wanted);
        }
    }
    return fail(Errc::broken, "unknown kind of setting");
}

std::string level_text(double level) {
    constexpr double most = 1e6;
    return perl_number(std::clamp(level, -most, most));
}

Done check_text(std::string_view field, std::string_view text) { return config::check_value(field, text); }

void settle_list(Translation& into, std::string_view maps, const LookupList& list) {
    for (const auto& trouble : list.troubles) into.remark(trouble.place, trouble.what, Outcome::missing, trouble.why);
    into.settle(maps, Outcome::translated);
    for (const auto& name : list.names) into.settle(name, Outcome::translated);
}

void translate_recipients(Translation& into) {
    local_domains(into);
    for (const auto& shape : recipient_shapes()) recipient_field(into, shape);
    no_subject_tags(into);
}

}  // namespace tamis::tools
