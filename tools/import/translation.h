// translation - from the settings of an amavisd to those of Tamis: what every group of settings works with
//
// Each group of settings takes the variables it knows and settles them: translated, not needed, or missing in Tamis. In the
// end every statement of the files stands in the report once. Pure but for Surroundings.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/import/amavisd_conf.h"
#include "tools/import/toml_text.h"

namespace tamis::tools {

enum class Outcome { translated, needless, missing };

struct ReportLine {
    Place place;
    std::string what;
    Outcome outcome = Outcome::translated;
    std::string text;  // why it is not needed, or what Tamis has instead
};

class Translation {
public:
    Translation(const AmavisdConf& conf, const Surroundings& around);

    const AmavisdConf& conf;
    const Surroundings& around;
    TomlText toml;

    // value - of a variable, references followed
    PerlValue value(std::string_view name) const { return conf.followed(conf.value(name)); }
    // is_assigned - by a file, not only by amavisd's default
    bool is_assigned(std::string_view name) const { return places_.contains(name); }
    // places - of the statements that set the variable to what it is
    std::vector<Place> places(std::string_view name) const;

    // settle - what became of all statements on a variable; the worst outcome counts
    void settle(std::string_view name, Outcome outcome, std::string_view text = {});
    bool is_settled(std::string_view name) const { return settled_.contains(name); }
    // remark - about one line more, such as one rule of a list
    void remark(Place place, std::string_view what, Outcome outcome, std::string_view text);
    // settle_value - a value that only Perl knows; true when that was it
    bool is_unknown(std::string_view name, const PerlValue& value);

    // once - whether this is the first time that somebody asks with that text
    bool once(const std::string& text) { return asked_.insert(text).second; }

    // put - a setting, with where it comes from; amavisd's own default is only written when Tamis's is another
    void put(std::string_view section, std::string_view key, const std::string& rendered, std::vector<Place> from,
             std::string note = {});
    // fallback - Tamis's default as it is printed; "" when there is no such setting
    std::string fallback(std::string_view section, std::string_view key) const;

    // report - every statement once, in the order of the files; call it when all groups are done
    std::vector<ReportLine> report();

private:
    // tell_the_rest - statements that were settled as translated, but of which nothing came
    void tell_the_rest(std::vector<ReportLine>& lines) const;
    struct Settled {
        Outcome outcome;
        std::string text;
    };
    std::map<std::string, std::vector<Place>, std::less<>> places_;
    std::map<std::string, Settled, std::less<>> settled_;
    std::vector<ReportLine> remarks_;
    std::set<std::string> asked_;
};

// the groups, in the order in which they must run
void translate_databases(Translation& into);
void translate_listeners(Translation& into);
void translate_simple(Translation& into);
void translate_by_category(Translation& into);
void translate_recipients(Translation& into);
void translate_senders(Translation& into);
void translate_banned(Translation& into);
void translate_scanners(Translation& into);
void translate_spam_scanners(Translation& into);
void translate_banks(Translation& into);
void translate_reasons(Translation& into);

// Reason - why a setting of amavisd has no counterpart. `if_true`: only when it is switched on; else it is not needed.
struct Reason {
    std::string_view name;  // with its sign
    Outcome outcome = Outcome::needless;
    std::string_view text;
    bool if_true = false;
};
// reason_for - nothing: no such row
std::optional<Reason> reason_for(std::string_view name);

// Imported - the result
struct Imported {
    std::string toml;
    std::vector<ReportLine> report;
    AmavisdConf conf;

    std::size_t count(Outcome outcome) const;
};
// import_amavisd - reads and translates; a Fault: a file that perl itself could not read
Result<Imported> import_amavisd(const std::vector<Source>& sources, const Surroundings& around);
// report_text - for people: what was not translated, what is not needed, one line each
std::string report_text(const Imported& imported);

// destiny_text - "pass", "discard" ... of D_PASS, D_DISCARD ...
std::optional<std::string> destiny_text(const PerlValue& value);
// texts_of - of a text or a list of texts; nothing when something else is among them
std::optional<std::vector<std::string>> texts_of(const PerlValue& value);

}  // namespace tamis::tools
