// spam_scanners - SpamAssassin becomes spamd, since nothing of Perl runs inside Tamis; rspamd stays rspamd
#include <fmt/format.h>

#include "base/text.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// option - of a scanner's list: ['name', 'module', url => '...', score_factor => 0.4]
const PerlValue* option(const PerlValue& scanner, std::string_view key) {
    for (std::size_t i = 2; i + 1 < scanner.items.size(); ++i)
        if (scanner.items[i].is(Kind::text) && scanner.items[i].text == key) return &scanner.items[i + 1];
    return nullptr;
}

void rspamd(Translation& into, const PerlValue& scanner) {
    auto& table = into.toml.table("[scanners.rspamd]");
    const auto* url = option(scanner, "url");
    std::string address = url == nullptr ? "http://127.0.0.1:11333" : text_of(*url).value_or("");
    constexpr std::string_view path = "/checkv2";
    if (address.ends_with(path)) address.resize(address.size() - path.size());
    table.put("url", toml_list({address}), {scanner.place});
    if (const auto* factor = option(scanner, "score_factor"))
        if (const auto number = number_of(into.conf.followed(*factor)); number && *number > 0)
            table.put("score_factor", level_text(*number), {factor->place});
    if (const auto* credentials = option(scanner, "credentials"); credentials != nullptr)
        into.remark(credentials->place, "@spam_scanners: credentials", Outcome::missing,
                    "a password for rspamd is scanners.rspamd.password; a proxy with HTTP authentication is not spoken to");
}

void spamd(Translation& into, const PerlValue& scanner, bool is_commented) {
    auto& table = into.toml.table("[scanners.spamd]");
    table.is_comment = is_commented;
    table.remarks = {
        "SpamAssassin runs as spamd (Debian: the package spamd; elsewhere spamassassin), with its own configuration."};
    if (is_commented)
        table.remarks = {
            "Spam is not looked for at present (@bypass_spam_checks_maps); to begin, install spamd, take these # away and",
            "delete bypass_spam_checks from [recipients.\".\"]."};
    table.put("socket", toml_list({"127.0.0.1:783"}), {scanner.place}, "where spamd listens");
    const PerlValue limit = into.value("$sa_mail_body_size_limit");
    table.put("body_limit", perl_number(std::max(0.0, number_of(limit).value_or(0))), into.places("$sa_mail_body_size_limit"));
    if (const auto seconds = number_of(into.value("$sa_timeout"));
        into.is_assigned("$sa_timeout") && seconds && *seconds >= 1 && *seconds <= 3600)
        table.put("timeout", perl_number(*seconds), into.places("$sa_timeout"));
}

bool is_off_for_everybody(const Translation& into) {
    const auto* everybody = into.toml.find("[recipients.\".\"]");
    return everybody != nullptr && everybody->has("bypass_spam_checks");
}

}  // namespace

void translate_spam_scanners(Translation& into) {
    const PerlValue list = into.value("@spam_scanners");
    for (const auto* name : {"$sa_mail_body_size_limit", "$sa_timeout", "@spam_scanners"}) into.settle(name, Outcome::translated);
    if (into.is_unknown("@spam_scanners", list)) return;
    for (const auto& each : list.items) {
        const PerlValue scanner = into.conf.followed(each);
        const auto module = scanner.items.size() > 1 ? text_of(scanner.items[1]).value_or("") : std::string();
        if (module.ends_with("::RspamdClient")) rspamd(into, scanner);
        else if (module.ends_with("::SpamAssassin") || module.ends_with("::SpamdClient"))
            spamd(into, scanner, is_off_for_everybody(into));
        else
            into.remark(
                scanner.place, "@spam_scanners", Outcome::missing,
                "programs such as DSPAM, bogofilter and CRM114 are not called; rspamd and SpamAssassin have Bayes filters");
    }
}

}  // namespace tamis::tools
