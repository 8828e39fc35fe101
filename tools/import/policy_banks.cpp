// policy_banks - $policy_bank{'NAME'} = { ... } as [banks.NAME]
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "tools/import/lookup_list.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// keys that translate_listeners took, for AM.PDP and for whatever protocol
constexpr std::array<std::string_view, 4> of_listeners = {"protocol", "auth_required_release", "inet_acl", "policy_bank_name"};
// what a bank of listeners says, and nobody else's
constexpr std::string_view only_listeners = "only the bank of a listener can say it, and no listener has this one";
// the site's method, and the setting of a bank that switches it off
constexpr std::array<std::array<std::string_view, 3>, 6> methods = {
    {{"virus_quarantine_method", "virus_quarantine", "virus_quarantine_to"},
     {"banned_files_quarantine_method", "banned_quarantine", "banned_quarantine_to"},
     {"spam_quarantine_method", "spam_quarantine", "spam_quarantine_to"},
     {"unchecked_quarantine_method", "unchecked_quarantine", "unchecked_quarantine_to"},
     {"bad_header_quarantine_method", "bad_header_quarantine", "bad_header_quarantine_to"},
     {"clean_quarantine_method", "clean_quarantine", "clean_quarantine_to"}}};
constexpr std::array<std::string_view, 5> destinies = {"final_virus_destiny", "final_banned_destiny", "final_spam_destiny",
                                                       "final_unchecked_destiny", "final_bad_header_destiny"};
// names of one value that amavisd also takes in a bank where the list is meant
std::string list_name(std::string_view key) { return fmt::format("@{}{}", key, key.ends_with("_maps") ? "" : "_maps"); }

class Bank {
public:
    Bank(Translation& into, const std::string& name)
        : into_(into), name_(name), table_(into.toml.table(fmt::format("[banks.{}]", toml_key(name)))) {}

    void entry(const std::string& key, const PerlValue& given) {
        const PerlValue value = into_.conf.followed(given);
        const auto say = [&](Outcome outcome, std::string_view why) {
            into_.remark(given.place, fmt::format("$policy_bank{{'{}'}}: {}", name_, key), outcome, why);
        };
        if (!value.is_known()) return say(Outcome::missing, value.text);
        if (key == "policy_bank_name") return say(Outcome::needless, "the bank has the name it has here");
        if (std::ranges::find(of_listeners, key) != of_listeners.end())
            return say(is_of_listener() ? Outcome::translated : Outcome::needless,
                       is_of_listener() ? "it says what [server] and [control] listen on, and who may connect" : only_listeners);
        if (key == "originating")
            return table_.put("originating", is_true(value).value_or(false) ? "true" : "false", {given.place});
        if (key == "forward_method")
            return put_text("forward_method", {"@forward_method_maps", "forward_method", FieldShape::hop}, given, value, say);
        if (std::ranges::find(destinies, key) != destinies.end()) {
            const auto destiny = destiny_text(value);
            return destiny ? table_.put(key, toml_string(*destiny), {given.place}) : say(Outcome::missing, "not a destiny");
        }
        for (const auto& [method, site, to] : methods)
            if (key == method) return quarantine(method, site, to, given, value, say);
        if (key == "undecipherable_subject_tag")
            return put_text("unchecked_subject_tag", {"", "unchecked_subject_tag", FieldShape::text}, given, value, say);
        if (key == "banned_filename_maps") return rule_names(given, value, say);
        if (key == "final_destiny_by_ccat" || key == "final_destiny_maps_by_ccat") return by_category(given, value, say);
        for (const auto& shape : recipient_shapes())
            if (shape.maps == list_name(key)) return list(shape, given, value, say);
        if (const auto reason = reason_for("$" + key); reason) return reason_of(*reason, value, say);
        if (const auto reason = reason_for("@" + key); reason) return reason_of(*reason, value, say);
        if (const auto reason = reason_for("%" + key); reason) return reason_of(*reason, value, say);
        say(Outcome::missing, "a bank cannot say this; what a bank can say is in docs/policy.md");
    }

private:
    template <class Say>
    void reason_of(const Reason& reason, const PerlValue& value, const Say& say) {
        const bool is_off = reason.if_true && !is_true(value).value_or(true);
        say(is_off ? Outcome::needless : reason.outcome, is_off ? "it is off" : reason.text);
    }

    template <class Say>
    void put_text(std::string_view field, const RecipientShape& shape, const PerlValue& given, const PerlValue& value,
                  const Say& say) {
        auto rendered = render_field(into_, shape, value);
        if (rendered) table_.put(field, *rendered, {given.place});
        else say(Outcome::missing, rendered.error().detail);
    }

    template <class Say>
    void list(const RecipientShape& shape, const PerlValue& given, const PerlValue& value, const Say& say) {
        const auto found = lookup_list(into_.conf, value.is(Kind::list) ? value : given);
        for (const auto& name : found.names) into_.settle(name, Outcome::translated);
        for (const auto& trouble : found.troubles) say(Outcome::missing, trouble.why);
        for (const auto& entry : found.entries) {
            if (entry.kind != LookupEntry::Kind::everything) {
                say(Outcome::missing,
                    fmt::format("a bank has one value for all recipients; give those of single recipients in [recipients]: {}",
                                entry.text));
                continue;
            }
            auto rendered = render_field(into_, shape, entry.result);
            if (rendered) put_list(shape.field, *rendered, given.place);
            else say(Outcome::missing, rendered.error().detail);
        }
        if (found.entries.empty() && found.troubles.empty()) {  // undef, or an empty list: nothing holds
            const std::string_view nothing = shape.has_site ? shape.when_unset : "false";
            if (shape.shape != FieldShape::hop && shape.field != "sa_username")
                put_list(shape.field, std::string(nothing), given.place);
            else say(Outcome::needless, "it is not set");
        }
    }

    // put_list - what amavisd says as a list of tables: a bank's list takes the place of the whole other one, SQL included
    void put_list(std::string_view field, const std::string& rendered, Place place) {
        table_.put(field, rendered, {place});
        const bool has_others = into_.is_assigned("@lookup_sql_dsn") || into_.toml.has_any("[recipients.") ||
                                into_.toml.has_any("[[recipient_patterns]]");
        if (has_others && !table_.has("before_sql"))
            table_.put("before_sql", "true", {place}, "its lists take the place of others, SQL included");
    }

    // is_of_listener - the bank of one, which translate_listeners looked at
    bool is_of_listener() const {
        const PerlValue policy = into_.value("%interface_policy");
        return std::ranges::any_of(policy.items, [&](const PerlValue& each) {
            const std::string text = text_of(into_.conf.followed(each)).value_or("");
            const auto names = words(text, ", /");
            return std::ranges::find(names, std::string_view(name_)) != names.end();
        });
    }

    template <class Say>
    void quarantine(std::string_view method, std::string_view site, std::string_view to, const PerlValue& given,
                    const PerlValue& value, const Say& say) {
        const auto text = text_of(value).value_or("");
        const auto of_site = text_of(into_.value(fmt::format("${}", method))).value_or("");
        if (text.empty()) return table_.put(to, "\"\"", {given.place}, "no copy");
        if (text == of_site) return say(Outcome::needless, "as for the whole site");
        say(Outcome::missing,
            fmt::format("where copies are kept is the site's policy.{}; a bank can only say for whom ({})", site, to));
    }

    template <class Say>
    void rule_names(const PerlValue& given, const PerlValue& value, const Say& say) {
        std::vector<std::string> names;
        const std::vector<PerlValue> one = {value};
        for (const auto& item : value.is(Kind::list) ? value.items : one) {
            const PerlValue each = into_.conf.followed(item);
            if (!each.is(Kind::text))
                return say(Outcome::missing, "a bank names lists of rules; put the rules into %banned_rules under a name");
            for (const auto name : words(each.text, ", \t")) names.emplace_back(name);
        }
        put_list("banned_rulenames", toml_list(names), given.place);
    }

    template <class Say>
    void by_category(const PerlValue& given, const PerlValue& value, const Say& say) {
        constexpr std::array<std::pair<std::string_view, std::string_view>, 6> rows = {{{"9", "final_virus_destiny"},
                                                                                        {"8", "final_banned_destiny"},
                                                                                        {"7", "final_unchecked_destiny"},
                                                                                        {"6", "final_spam_destiny"},
                                                                                        {"4", "final_bad_header_destiny"},
                                                                                        {"3", "final_oversized_destiny"}}};
        for (std::size_t i = 0; i < value.keys.size(); ++i) {
            const auto row = std::ranges::find(rows, value.keys[i], [](const auto& each) { return each.first; });
            const auto destiny = destiny_text(into_.conf.followed(value.items[i]));
            if (row != rows.end() && destiny) table_.put(row->second, toml_string(*destiny), {value.items[i].place});
            else if (destiny != "pass") say(Outcome::missing, "there is no setting for the category " + value.keys[i]);
        }
        if (!value.is(Kind::table)) say(Outcome::missing, "not a table");
        static_cast<void>(given);
    }

    Translation& into_;
    const std::string& name_;
    TomlTable& table_;
};

bool is_name(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

}  // namespace

void translate_banks(Translation& into) {
    const PerlValue banks = into.value("%policy_bank");
    for (std::size_t i = 0; i < banks.keys.size(); ++i) {
        const auto& name = banks.keys[i];
        const PerlValue bank = into.conf.followed(banks.items[i]);
        const auto missing = [&](std::string_view why) {
            into.remark(banks.items[i].place, fmt::format("$policy_bank{{'{}'}}", escaped(name, 60)), Outcome::missing, why);
        };
        if (!bank.is(Kind::table)) {
            missing(bank.is_known() ? "not a table" : bank.text);
            continue;
        }
        const auto* protocol = bank.entry("protocol");
        const auto spoken = protocol == nullptr ? std::string() : text_of(into.conf.followed(*protocol)).value_or("");
        if (spoken == "AM.PDP" || spoken == "AM.CL") {  // [control] has what matters
            for (std::size_t k = 0; k < bank.keys.size(); ++k)
                if (std::ranges::find(of_listeners, bank.keys[k]) == of_listeners.end())
                    into.remark(bank.items[k].place, fmt::format("$policy_bank{{'{}'}}: {}", name, bank.keys[k]),
                                Outcome::missing, "requests over [control] have no bank of their own, except the one they name");
            continue;
        }
        if (!is_name(name)) {
            missing("the name of a bank has letters, digits, _ - and . only");
            continue;
        }
        Bank one(into, name);
        for (std::size_t k = 0; k < bank.keys.size(); ++k) one.entry(bank.keys[k], bank.items[k]);
    }
    into.settle("%policy_bank", Outcome::translated);
}

}  // namespace tamis::tools
