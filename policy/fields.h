// fields - every setting that a users/policy row, a table of the configuration or a policy bank can give a recipient
//
// One row per setting: its name (the SQL column and the TOML key are the same), where it lives in RecipientPolicy, whether SQL
// has it, and whether [policy] gives it to everybody. Adding a setting is adding a row: that alone makes it a key of [policy],
// with its default and its line in docs/settings.md. Values of all sources are read strictly into the same types.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/setting.h"
#include "policy/recipient_policy.h"

namespace tamis::policy {

// FieldAccess - where a setting lives; its type is the setting's type
template <class T>
using AccessTo = T& (*)(RecipientPolicy&);
using FieldAccess = std::variant<AccessTo<bool>, AccessTo<std::optional<double>>, AccessTo<std::optional<std::uint64_t>>,
                                 AccessTo<std::string>, AccessTo<std::vector<std::string>>, AccessTo<Destiny>>;
// FieldValue - in the order of FieldAccess. A level of nothing is "none"; a size of nothing is "no limit".
using FieldValue =
    std::variant<bool, std::optional<double>, std::optional<std::uint64_t>, std::string, std::vector<std::string>, Destiny>;

enum class InSql : bool { no, yes };    // amavisd's schema has the column
enum class ForSite : bool { no, yes };  // [policy] can say it for everybody

struct FieldRow {
    std::string_view name;
    FieldAccess access;
    std::string_view text;  // one sentence, for the manual
    InSql in_sql = InSql::yes;
    ForSite for_site = ForSite::yes;
};

// fields - all rows; a field is named by its index
std::span<const FieldRow> fields();
// field_index - of that name, nothing when there is none
std::optional<std::size_t> field_index(std::string_view name);
// local_field / banned_admin_field / virus_admin_field / rule_names_field - those that the merge treats specially
std::size_t local_field();
std::size_t banned_admin_field();
std::size_t virus_admin_field();
std::size_t rule_names_field();

void set_field(const FieldRow& row, RecipientPolicy& policy, const FieldValue& value);
FieldValue get_field(const FieldRow& row, const RecipientPolicy& policy);
std::string show_value(const FieldValue& value);  // as in TOML: 6.2, "none", true, "text", ["A", "B"], "discard"

// sql_value - a column that is not NULL. Nothing: the text means no opinion (a blank number). The Fault says what is
// wrong with the text; the caller takes it as NULL, so that a mistyped value never makes anything kinder than not
// having written it.
//   yes/no   no: N, n, F, f, 0, 00, NUL bytes, blank or empty text, "no", "false", "off" (amavisd's rule, and the texts
//            of the old schema's samples by their meaning); yes: Y, y, T, t, other whole numbers, "yes", "true", "on"
//   number   decimal point, blanks around it are ignored, independent of the locale, finite
//   size     a whole number of octets, 0 is no limit
//   text     as it is; control characters are refused
Result<std::optional<FieldValue>> sql_value(const FieldRow& row, std::string_view text);

// config_value - a value of the configuration; nothing after adding a problem. Levels may be "none".
std::optional<FieldValue> config_value(const FieldRow& row, std::string_view section, const ConfigValue& from,
                                       Problems& problems);

// FieldValues - what one table of the configuration says, by field
using FieldValues = std::vector<std::optional<FieldValue>>;
// load_field_values - every key of the table must be a field or one of `also`
FieldValues load_field_values(const ConfigTable& from, std::string_view section, Problems& problems,
                              const std::vector<std::string>& also = {});

// FieldType - how a value of the configuration is written, and what numbers lie in (0 and 0: no number)
struct FieldType {
    std::string name;
    double minimum = 0, maximum = 0;
};
FieldType field_type(const FieldRow& row);

// site_defaults - what a recipient has where nobody says anything: the initial values of RecipientPolicy, and levels for spam
RecipientPolicy site_defaults();
// site_field_names - of the fields that [policy] can give everybody
std::vector<std::string> site_field_names();
// load_site_fields - those that stand in the table, into `into`; the table's other keys are not looked at, and control characters
// in texts are left to who checks the whole file
void load_site_fields(const ConfigTable& from, std::string_view section, RecipientPolicy& into, Problems& problems);
// site_field_lines - for the manual and --print-config; `from` null: nothing was given
std::vector<SettingLine> site_field_lines(std::string_view section, const RecipientPolicy& current, const ConfigTable* from);

// destiny_named / destiny_name - "pass", "discard", "bounce", "reject", "tempfail"
std::optional<Destiny> destiny_named(std::string_view name);
std::string_view destiny_name(Destiny destiny);
// destiny_names - all of them, for settings that take one
std::vector<std::string> destiny_names();

}  // namespace tamis::policy
