#include "policy/marks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "mail/address.h"
#include "mail/path.h"

namespace tamis::policy {

using mail::Major;

namespace {

constexpr int level_bar_limit = 64;
constexpr double blacklisted_score = 64;

std::string level_bar(double score, const std::string& character) {
    const double bounded = std::clamp(score, 0.0, static_cast<double>(level_bar_limit));
    std::string bar;
    for (int i = 0; i < static_cast<int>(bounded); ++i) bar += character;
    return bar;
}

// shown_score - X-Spam-Score: what was found, but 64 at least for denied senders and 0 at most for allowed ones
double shown_score(double score, bool blacklisted, bool whitelisted) {
    if (blacklisted) score = std::max(score, blacklisted_score);
    if (whitelisted) score = std::min(score, 0.0);
    return score;
}

std::string level_text(const std::optional<double>& level) { return level ? format_score(*level) : "x"; }

// age_text - "2 3:04:05": days, hours, minutes, seconds
std::string age_text(std::chrono::seconds age) {
    const auto days = std::chrono::floor<std::chrono::days>(age);
    const std::chrono::hh_mm_ss clock(age - days);
    return fmt::format("{} {}:{:02}:{:02}", days.count(), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

// test_items - "tests=[A=1," "B=2]" as items to be folded between
void add_test_items(std::vector<std::string>& items, const std::vector<mail::SpamTest>& tests) {
    constexpr std::size_t shown_limit = 50;  // amavisd's $macro_tests_sanity_limit
    std::string open = "tests=[";
    const std::size_t count = std::min(tests.size(), shown_limit);
    for (std::size_t i = 0; i < count; ++i) {
        const bool last = i + 1 == count;
        const std::string end = !last ? "," : count < tests.size() ? ",...]" : "]";
        items.push_back(fmt::format("{}{}={}{}", open, printable_or(tests[i].name, '_'), format_score(tests[i].score), end));
        open.clear();
    }
    if (count == 0) items.push_back("tests=[]");
}

std::string status_body(const RecipientVerdict& verdict, const RecipientFindings& found, const RecipientPolicy& policy) {
    std::vector<std::string> items = {verdict.tag2 ? "Yes," : "No,",
                                      "score=" + (verdict.score ? format_score(*verdict.score) : "x")};
    if (policy.levels.tag) items.push_back("tagged_above=" + format_score(*policy.levels.tag));
    if (policy.levels.tag2) items.push_back("required=" + format_score(*policy.levels.tag2));
    if (found.blacklisted) items.emplace_back("BLACKLISTED");
    if (found.whitelisted) items.emplace_back("WHITELISTED");
    add_test_items(items, verdict.tests);
    items.emplace_back("autolearn=unavailable");  // amavisd's word when no scanner said anything
    return mail::fold_items("X-Spam-Status", items);
}

std::string utc_timestamp(std::chrono::system_clock::time_point when) {
    return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

}  // namespace

std::string rfc5322_date(std::chrono::system_clock::time_point when) {
    const std::tm local = fmt::localtime(std::chrono::system_clock::to_time_t(when));
    // the C locale's names: RFC 5322 knows no others, whatever locale the daemon runs in
    static constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const long offset = local.tm_gmtoff / 60;
    return fmt::format("{}, {:2} {} {} {:02}:{:02}:{:02} {}{:02}{:02} ({})", days[static_cast<std::size_t>(local.tm_wday)],
                       local.tm_mday, months[static_cast<std::size_t>(local.tm_mon)], local.tm_year + 1900, local.tm_hour,
                       local.tm_min, local.tm_sec, offset < 0 ? '-' : '+', std::abs(offset) / 60, std::abs(offset) % 60,
                       local.tm_zone);
}

std::string received_body(const mail::Envelope& envelope, const mail::Message& message, const Site& site) {
    const std::string helo = envelope.peer_helo.empty() ? "unknown" : printable_or(envelope.peer_helo, '?').substr(0, 255);
    const std::string peer = envelope.peer_address.empty() ? "localhost" : fmt::format("[{}]", envelope.peer_address);
    const std::string tls = envelope.tls.empty() ? "" : fmt::format("\n (using {})", envelope.tls);
    const std::string listener = envelope.listener.starts_with('/') ? "unix socket" : "port " + envelope.listener;
    const std::string own = envelope.socket_address.empty() ? "" : fmt::format(" [{}]", envelope.socket_address);
    const std::string recipient =
        envelope.recipients.size() == 1 ? " for " + mail::smtp_form(envelope.recipients.front().address) : "";
    return fmt::format("from {} ({}){}\n by {} ({}{}) (Tamis, {}) with {}\n id {}{};\n {}", helo, peer, tls, site.localhost_name,
                       site.hostname, own, listener, envelope.protocol, message.mail_id.get(), recipient,
                       rfc5322_date(message.received_at));
}

namespace {

// alert - folded, printable and short enough for a header line, whatever names the engines and the message gave
std::string alert(std::string_view text) {
    constexpr std::size_t limit = 700;
    std::vector<std::string> items;
    for (const auto word : words(printable_or(text.substr(0, limit), '?'))) items.emplace_back(word);
    if (text.size() > limit) items.back() += "...";
    return mail::fold_items("X-Amavis-Alert", items);
}

}  // namespace

namespace {

// ambiguity_body - "filter.example.com; duplicate-boundary part=1/2; ..." (draft-chen-email-mime-ambiguity-defense)
std::string ambiguity_body(const MessageFindings& findings, const Site& site) {
    constexpr std::size_t most = 10;
    std::vector<std::string> items = {site.hostname + ";"};
    for (const auto& text : findings.ambiguities) {
        if (items.size() > most) break;
        items.push_back(printable_or(text, '?') + ";");
    }
    items.back().pop_back();
    return mail::fold_items("MIME-Ambiguity-Results", items);
}

}  // namespace

std::vector<std::string> alert_texts(const std::vector<mail::ContentCategory>& categories, const MessageFindings& findings,
                                     const BannedHit* banned) {
    std::vector<std::string> texts;
    const auto has = [&](Major major) {
        return std::ranges::any_of(categories, [&](auto category) { return category.major == major; });
    };
    if (has(Major::virus)) texts.push_back(alert("INFECTED, message contains virus: " + join(findings.viruses, ", ")));
    if (has(Major::banned) && banned != nullptr) texts.push_back(alert("BANNED, message contains " + banned->reason));
    if (const auto unchecked = std::ranges::find(categories, Major::unchecked, &mail::ContentCategory::major);
        unchecked != categories.end() && !findings.unchecked_causes.empty())
        texts.push_back(alert("UNCHECKED, " + causes_text(findings.unchecked_causes, unchecked->minor)));
    if (has(Major::bad_header) && !findings.header_problems.empty())
        texts.push_back(alert("BAD HEADER SECTION, " + findings.header_problems.front().second));
    return texts;
}

std::string fill_subject_tag(std::string_view tag, const RecipientVerdict& verdict, const RecipientPolicy& policy,
                             const mail::Message& message, const Site& site) {
    std::string out(tag);
    if (out.find('_') == std::string::npos) return out;
    replace_all(out, "_SCORE_", format_score(verdict.score.value_or(0)));
    replace_all(out, "_REQD_", policy.levels.tag2 ? format_score(*policy.levels.tag2) : "-");
    replace_all(out, "_YESNOCAPS_", verdict.tag2 ? "YES" : "NO");
    replace_all(out, "_YESNO_", verdict.tag2 ? "Yes" : "No");
    replace_all(out, "_HOSTNAME_", site.hostname);
    replace_all(out, "_DATE_", rfc5322_date(message.received_at));
    replace_all(out, "_U_", utc_timestamp(message.received_at));
    replace_all(out, "_SUBJPREFIX_", "");  // what SpamAssassin's subjprefix would be; no scanner of ours has one
    replace_all(out, "_LOGID_", message.log_id.get());
    replace_all(out, "_MAILID_", message.mail_id.get());
    return out;
}

namespace {

// remove_claims - fields by which a stranger speaks in our name. X-Spam-* and X-Amavis-* go whatever follows: filters behind us
// look at any of them (Sieve scripts for X-Spam-Bar or X-Spam-Report are as usual as those for X-Spam-Flag).
void remove_claims(mail::HeaderEdits& edits, const mail::Message& message, const Site& site) {
    const auto head = message.spool->head();
    std::set<std::string> names = {"mime-ambiguity-results", "x-quarantine-id", "x-amavis-alert", "x-amavis-hold"};
    for (const auto& field : message.header.fields) {
        const auto name = to_lower(mail::HeaderBlock::name(field, head));
        if (name.starts_with("x-amavis-") ||
            (site.remove_existing_spam_headers && (name.starts_with("x-spam-") || name == "x-spam")))
            names.insert(name);
    }
    for (const auto& name : names) edits.remove(name);
}

// tag_pattern - finds the tag again in a subject; what was filled in (a score, a date) may differ. Null: too short to look for.
std::unique_ptr<re2::RE2> tag_pattern(std::string_view tag) {
    static const re2::RE2 macro("_(?:SCORE|REQD|YESNOCAPS|YESNO|HOSTNAME|DATE|U|SUBJPREFIX|LOGID|MAILID)_");
    constexpr std::size_t shortest = 3;
    const std::string_view shown = trim(tag);
    re2::StringPiece rest(shown.data(), shown.size()), match;
    std::string pattern;
    std::size_t fixed = 0;  // octets that are no macro
    while (macro.Match(rest, 0, rest.size(), re2::RE2::UNANCHORED, &match, 1)) {
        const auto before = static_cast<std::size_t>(match.data() - rest.data());
        pattern += re2::RE2::QuoteMeta(re2::StringPiece(rest.data(), before)) + ".{0,80}?";
        fixed += before;
        rest.remove_prefix(before + match.size());
    }
    if (fixed + rest.size() < shortest) return nullptr;
    pattern += re2::RE2::QuoteMeta(rest) + "[ \\t]*";
    return std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
}

// without_tag - a subject without the tags that earlier mails of the thread were given, as amavisd: everywhere in it, also in
// encoded words. The bytes stay as they are where there is none.
std::string without_tag(std::string_view old, const re2::RE2* pattern) {
    std::string plain(old);
    if (!pattern || !pattern->ok()) return plain;
    re2::RE2::GlobalReplace(&plain, *pattern, "");
    if (plain.find("=?") == std::string::npos) return plain;
    std::string decoded = mail::decode_words(mail::unfolded(plain));
    if (re2::RE2::GlobalReplace(&decoded, *pattern, "") == 0) return plain;
    return mail::encode_words(decoded, std::string_view("Subject: ").size());
}

// tag_subject - `tag` as it was set, `filled` as it is shown
void tag_subject(mail::HeaderEdits& edits, std::string_view tag, const std::string& filled, const mail::Message& message) {
    constexpr std::size_t most = 20;  // programs show the first or the last; what has more is no mail
    const auto head = message.spool->head();
    auto fields = message.header.find_all("Subject", head);
    const std::string encoded = mail::encode_words(filled, std::string_view("Subject: ").size());
    if (fields.empty()) return edits.prepend("Subject", trim(encoded));
    fields.resize(std::min(fields.size(), most));
    const auto pattern = tag_pattern(tag);
    for (const auto* field : fields) {
        const std::string kept = without_tag(mail::HeaderBlock::value(*field, head), pattern.get());
        std::string_view old = kept;
        while (!old.empty() && is_blank(old.front())) old.remove_prefix(1);
        // an encoded word is one only between blanks (RFC 2047 section 5)
        const bool apart = encoded.ends_with("?=") || old.starts_with("=?");
        std::string body = encoded.ends_with(' ') ? encoded : encoded + (apart ? " " : "");
        body += old;
        edits.replace_next("Subject", body);
    }
}

}  // namespace

mail::HeaderEdits edits_for(const Case& of, std::size_t recipient, const Site& site, bool quarantined) {
    const auto& verdict = of.verdicts[recipient];
    const auto& policy = of.policies[recipient];
    const auto& found = of.found[recipient];
    mail::HeaderEdits edits;
    if (policy.is_local && quarantined) edits.prepend("X-Quarantine-ID", "<" + of.message.mail_id.get() + ">");
    if (of.findings.virus_check_done && !policy.bypass_virus_checks) edits.prepend(site.virus_header, site.virus_header_text);
    for (const auto& text : alert_texts(verdict.categories, of.findings, verdict.banned.get()))
        edits.prepend("X-Amavis-Alert", text);
    // without a score: the lists decided and no engine was asked
    if (policy.is_local && verdict.tag && (verdict.score || found.blacklisted || found.whitelisted)) {
        const double score = shown_score(verdict.score.value_or(0), found.blacklisted, found.whitelisted);
        edits.prepend("X-Spam-Flag", verdict.tag2 ? "YES" : "NO");
        edits.prepend("X-Spam-Score", format_score(score));
        edits.prepend("X-Spam-Level", found.whitelisted ? "" : level_bar(score, site.spam_level_character));
        edits.prepend("X-Spam-Status", status_body(verdict, found, policy));
    }
    if (found.pen_pal_age) edits.prepend("X-Amavis-PenPals", "age " + age_text(*found.pen_pal_age));
    if (!verdict.subject_tag.empty())
        tag_subject(edits, verdict.subject_tag, fill_subject_tag(verdict.subject_tag, verdict, policy, of.message, site),
                    of.message);
    if (site.add_received) edits.prepend("Received", received_body(of.envelope, of.message, site));
    if (!of.findings.hold.empty()) edits.prepend("X-Amavis-Hold", printable_or(of.findings.hold, '?').substr(0, 300));
    if (site.ambiguity_header && !of.findings.ambiguities.empty())
        edits.prepend("MIME-Ambiguity-Results", ambiguity_body(of.findings, site));
    remove_claims(edits, of.message, site);
    edits.repair(site.repairs);
    return edits;
}

namespace {

// CopyMarks - what the X-Spam fields of a copy say for all recipients together
struct CopyMarks {
    bool tag2 = false, kill = false, blacklisted = false, whitelisted = false;
    std::optional<double> lowest, highest;
    SpamLevels levels;  // the lowest ones of those who were tagged
    std::vector<mail::SpamTest> tests;
};

CopyMarks copy_marks(const Case& of) {
    CopyMarks out;
    std::map<std::string, mail::SpamTest> tests;  // by what is shown of them
    const auto least = [](std::optional<double>& into, const std::optional<double>& value) {
        if (value && (!into || *value < *into)) into = value;
    };
    for (std::size_t i = 0; i < of.verdicts.size(); ++i) {
        const auto& verdict = of.verdicts[i];
        const auto& levels = of.policies[i].levels;
        out.tag2 = out.tag2 || verdict.tag2;
        out.kill = out.kill || verdict.kill;
        out.blacklisted = out.blacklisted || of.found[i].blacklisted;
        out.whitelisted = out.whitelisted || of.found[i].whitelisted;
        if (verdict.tag || verdict.tag2 || verdict.kill) {
            least(out.levels.tag, levels.tag);
            least(out.levels.tag2, levels.tag2);
            least(out.levels.kill, levels.kill);
        }
        if (!verdict.score) continue;
        out.lowest = std::min(out.lowest.value_or(*verdict.score), *verdict.score);
        out.highest = std::max(out.highest.value_or(*verdict.score), *verdict.score);
        for (const auto& test : verdict.tests) tests.try_emplace(test.name + "=" + format_score(test.score), test);
    }
    for (auto& [text, test] : tests) out.tests.push_back(std::move(test));
    return out;
}

// copy_spam_fields - the X-Spam fields of a copy; also without a score, for programs that filter what is kept
std::string copy_spam_fields(const CopyMarks& marks, const Site& site) {
    const auto lowest = format_score(marks.lowest.value_or(0)), highest = format_score(marks.highest.value_or(0));
    const auto range = !marks.highest ? std::string("x") : lowest == highest ? lowest : fmt::format("{}..{}", lowest, highest);
    std::vector<std::string> items = {marks.tag2 || marks.kill ? "Yes," : "No,", "score=" + range,
                                      "tag=" + level_text(marks.levels.tag), "tag2=" + level_text(marks.levels.tag2),
                                      "kill=" + level_text(marks.levels.kill)};
    if (marks.blacklisted) items.emplace_back("BLACKLISTED");
    if (marks.whitelisted) items.emplace_back("WHITELISTED");
    add_test_items(items, marks.tests);
    items.emplace_back("autolearn=unavailable");
    const double score = shown_score(marks.highest.value_or(0), marks.blacklisted, marks.whitelisted);
    const double stars = marks.blacklisted ? blacklisted_score : marks.highest.value_or(0);
    return mail::field_text("X-Spam-Flag", marks.tag2 ? "YES" : "NO") + mail::field_text("X-Spam-Score", format_score(score)) +
           mail::field_text("X-Spam-Level", marks.whitelisted ? "" : level_bar(stars, site.spam_level_character)) +
           mail::field_text("X-Spam-Status", mail::fold_items("X-Spam-Status", items));
}

}  // namespace

std::string quarantine_prefix(const Case& of, const Site& site) {
    std::string out = mail::field_text("X-Envelope-From", mail::stored_path(of.envelope.sender));
    std::string all;
    std::string blocked;
    std::vector<mail::ContentCategory> categories;
    for (std::size_t i = 0; i < of.verdicts.size(); ++i) {
        const auto& verdict = of.verdicts[i];
        const std::string shown = mail::stored_path(of.envelope.recipients[i].address);
        all += (all.empty() ? "" : ",\n ") + shown;
        if (!verdict.passes()) blocked += (blocked.empty() ? "" : ",\n ") + shown;
        categories.insert(categories.end(), verdict.categories.begin(), verdict.categories.end());
    }
    out += mail::field_text("X-Envelope-To", all);
    out += mail::field_text("X-Envelope-To-Blocked", blocked);
    out += mail::field_text("X-Quarantine-ID", "<" + of.message.mail_id.get() + ">");
    for (const auto& text : alert_texts(categories, of.findings, first_banned(of.verdicts)))
        out += mail::field_text("X-Amavis-Alert", text);
    out += copy_spam_fields(copy_marks(of), site);
    if (site.add_received) out += mail::field_text("Received", received_body(of.envelope, of.message, site));
    std::erase(out, '\r');
    return out;
}

}  // namespace tamis::policy
