#include "policy/people_notices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"
#include "mail/mailbox.h"
#include "mail/path.h"
#include "policy/delivery_status.h"
#include "policy/marks.h"
#include "policy/notice_parts.h"
#include "policy/notice_text.h"

namespace tamis::policy {

using mail::ContentCategory;
using mail::Major;

namespace {

constexpr std::string_view admin_body = R"(The mail content filter at {host} found: {what}

The message it is about:
  From:        {sender}
  Header From: {from}
  Subject:     {subject}
  Message-ID:  {message_id}
  Received:    {arrival}
  Through:     {client}
  Size:        {size} octets
  Score:       {score}
  Quarantine:  {quarantine}
  Reference:   {log_id}/{mail_id}

What became of it:
{recipients}
Its header section:
{header}
)";

constexpr std::string_view recipient_body = R"(The mail content filter at {host} has kept a message from you: {what}

  From:        {sender}
  Header From: {from}
  Subject:     {subject}
  Message-ID:  {message_id}
  Received:    {arrival}
  Reference:   {log_id}/{mail_id}

You need not do anything. If you expected this message, ask its sender by other
means, or postmaster@{host}, and quote the reference.
)";

NoticeText admin_text(std::string_view subject) { return {std::string(subject), std::string(admin_body)}; }
NoticeText recipient_text(std::string_view subject) { return {std::string(subject), std::string(recipient_body)}; }

// Concern - the category a recipient's notices are about
struct Concern {
    ContentCategory category;
    std::string_view admin_kind, recipient_kind;
    const NoticeText* admin_words = nullptr;
    const NoticeText* recipient_words = nullptr;
    std::string_view id_prefix;
    std::string admin;
    bool warn = false;
};

// concern_of - the blocking category or the main one, or the next below it that anybody can be told about
std::optional<Concern> concern_of(const Case& in, const NoticeTexts& texts, std::size_t i) {
    const auto& verdict = in.verdicts[i];
    const auto& policy = in.policies[i];
    for (const auto category : verdict.categories) {
        if (verdict.blocking && verdict.blocking->major != Major::mta && category.major > verdict.blocking->major) continue;
        switch (category.major) {
            case Major::virus:
                return Concern{category, "virus_admin",      "virus recipient", &texts.virus_admin, &texts.virus_recipient,
                               "V",      policy.virus_admin, policy.warn_virus};
            case Major::unchecked:
                return Concern{category, "virus_admin", "", &texts.virus_admin, nullptr, "V", policy.virus_admin, false};
            case Major::banned:
                return Concern{category, "banned_admin",      "banned recipient", &texts.banned_admin, &texts.banned_recipient,
                               "B",      policy.banned_admin, policy.warn_banned};
            case Major::spam:
                return Concern{category, "spam_admin", "", &texts.spam_admin, nullptr, "S", policy.spam_admin, false};
            case Major::bad_header:
                return Concern{category,
                               "bad_header_admin",
                               "bad header recipient",
                               &texts.bad_header_admin,
                               &texts.bad_header_recipient,
                               "H",
                               policy.bad_header_admin,
                               policy.warn_bad_header};
            default: break;
        }
    }
    return {};
}

// reason - "INFECTED: Eicar", what blocked_reason says behind the id
std::string reason(const Case& in, ContentCategory category, const BannedHit* banned) {
    const std::string full = blocked_reason(category, "", in.findings, banned);
    const auto dash = full.find(" - ");
    return one_line(dash == std::string::npos ? full : full.substr(dash + 3), true, 400);
}

// header_lines - the header section for people, indented, at most 8 KiB
std::string header_lines(const mail::Message& message) {
    constexpr std::size_t limit = 8192;
    constexpr std::size_t line_limit = 300;
    const auto& fields = message.header.fields;
    const std::size_t end = fields.empty() ? 0 : fields.back().end;
    const auto section = message.spool->head().substr(0, end);
    std::string out;
    for (auto line : split(section, '\n')) {
        if (out.size() + line_limit > limit) return out + "  ...\n";
        const bool folded = !line.empty() && is_blank(line.front());
        if (const auto shown = one_line(line, true, line_limit); !shown.empty()) out += (folded ? "      " : "  ") + shown + "\n";
    }
    return out;
}

std::string recipient_lines(const Case& in, const std::vector<std::size_t>& about) {
    constexpr std::size_t limit = 100;
    std::string out;
    for (std::size_t k = 0; k < about.size(); ++k) {
        if (k == limit) return out + fmt::format("  and {} more\n", about.size() - limit);
        const auto i = about[k];
        out += fmt::format("  {}:\n    {}\n", one_line(mail::smtp_form(in.envelope.recipients[i].address), true, 330),
                           one_line(in.outcomes[i].response.line(), true, 400));
    }
    return out;
}

// part_lines - every banned part with its path, one per line
std::string part_lines(const BannedHit& banned) {
    constexpr std::size_t limit = 20;
    std::string out;
    for (std::size_t i = 0; i < banned.parts.size(); ++i) {
        if (i == limit) return out + fmt::format("  and {} more\n", banned.parts.size() - limit);
        out += fmt::format("  {}\n", one_line(banned.parts[i], true, 400));
    }
    return out;
}

TemplateValues values_for(const Case& in, const PeopleOptions& options, ContentCategory category,
                          const std::vector<std::size_t>& about) {
    const auto& message = in.message;
    std::optional<double> score;
    for (const auto i : about)
        if (const auto& one = in.verdicts[i].score) score = std::max(score.value_or(*one), *one);
    const BannedHit* banned = nullptr;
    for (const auto i : about)
        if (banned == nullptr) banned = in.verdicts[i].banned.get();
    std::vector<std::string> copies;
    for (const auto& copy : in.copies) copies.push_back(copy.location);
    const std::string quarantine = join(copies, ",");
    std::string bad_header;
    if (!in.findings.header_problems.empty()) bad_header = in.findings.header_problems.front().second;
    return {{"host", one_line(options.hostname, true)},
            {"what", reason(in, category, banned)},
            {"viruses", one_line(join(in.findings.viruses, ", "), true, 400)},
            {"banned", banned == nullptr ? "" : one_line(banned->reason, true, 400)},
            {"banned_rule", banned == nullptr ? "" : one_line(banned->rule, true)},
            {"banned_parts", banned == nullptr ? "" : part_lines(*banned)},
            {"bad_header", one_line(bad_header, true, 400)},
            {"score", score ? format_score(*score) : "-"},
            {"sender", one_line(mail::smtp_form(in.envelope.sender), true)},
            {"from", header_words(message, "From")},
            {"subject", header_words(message, "Subject")},
            {"message_id", header_words(message, "Message-ID")},
            {"arrival", rfc5322_date(message.received_at)},
            {"client", client_words(in.envelope.client)},
            {"size", fmt::format("{}", message.size)},
            {"quarantine", quarantine.empty() ? "none" : one_line(quarantine, true)},
            {"recipients", recipient_lines(in, about)},
            {"header", header_lines(message)},
            {"log_id", one_line(message.log_id.get(), true)},
            {"mail_id", one_line(message.mail_id.get(), true)}};
}

PeopleNotice notice_for(const Case& in, const PeopleOptions& options, const NoticeText& words, ContentCategory category,
                        const std::vector<std::size_t>& about, std::vector<std::string> to, std::string id_prefix,
                        std::size_t number, std::string_view kind) {
    const auto values = values_for(in, options, category, about);
    PeopleNotice out{{options.sender, std::move(to), {}, false}, kind};
    const auto& all = out.notice.recipients;
    out.notice.smtputf8 =
        mail::needs_smtputf8(options.sender) || std::ranges::any_of(all, [](const auto& to) { return mail::needs_smtputf8(to); });
    const std::string id = fmt::format("-{}-{}", in.message.mail_id.get(), number);
    NoticeFields fields;
    fields.hostname = options.hostname;
    fields.from = options.from;
    fields.to = out.notice.recipients;
    fields.subject = fill_template(words.subject, values);
    fields.date = rfc5322_date(options.now);
    fields.id_prefix = id_prefix;
    fields.id = id;
    fields.auto_submitted = "auto-generated";
    fields.utf8 = out.notice.smtputf8;
    out.notice.text = notice_fields(fields) + text_body(with_crlf(fill_template(words.body, values)));
    return out;
}

// is_mailable - an address that may go into RCPT; what the settings say is checked where they are read (config/value_checks.h)
bool is_mailable(std::string_view address) { return !mail::mailbox_complaint(address); }

// Audience - administrators who are told of the same recipients share a notice
struct Audience {
    std::string admin;
    std::vector<std::size_t> about;
    Concern concern;  // the worst
};

void add_admin(std::vector<Audience>& all, const std::string& admin, std::size_t i, const Concern& concern) {
    if (!is_mailable(admin)) return;
    const auto known = std::ranges::find(all, admin, &Audience::admin);
    if (known == all.end()) return all.push_back({admin, {i}, concern});
    if (known->about.back() != i) known->about.push_back(i);
    if (concern.category > known->concern.category) known->concern = concern;
}

}  // namespace

NoticeTexts::NoticeTexts()
    : virus_admin(admin_text("VIRUS: {what} from {sender}")),
      spam_admin(admin_text("SPAM: score {score} from {sender}")),
      banned_admin(admin_text("BANNED contents: {banned} from {sender}")),
      bad_header_admin(admin_text("BAD HEADER from {sender}")),
      virus_recipient(recipient_text("A message to you was infected: {viruses}")),
      banned_recipient(recipient_text("A message to you had banned contents")),
      bad_header_recipient(recipient_text("A message to you had a bad header")) {}

Result<NoticeText> parse_notice_text(std::string_view file) {
    constexpr std::size_t limit = 64 * 1024;
    constexpr std::string_view field = "Subject:";
    if (file.size() > limit) return fail(Errc::over_limit, "the template is larger than 64 KiB");
    if (!is_utf8(file) || file.find('\0') != std::string_view::npos)
        return fail(Errc::bad_input, "the template is not UTF-8 text");
    std::string text(file);
    std::erase(text, '\r');
    const auto line_end = text.find('\n');
    const bool begins = starts_with_fold(text, field) && line_end != std::string::npos;
    if (!begins || line_end + 1 >= text.size() || text[line_end + 1] != '\n')
        return fail(Errc::bad_input, "a template is a line \"Subject: ...\", an empty line, and the text");
    NoticeText out{std::string(trim(std::string_view(text).substr(field.size(), line_end - field.size()))),
                   text.substr(line_end + 2)};
    if (!out.body.empty() && !out.body.ends_with('\n')) out.body += '\n';
    return out;
}

std::vector<PeopleNotice> people_notices(const Case& in, const PeopleOptions& options) {
    const auto tempfailed = [](const auto& outcome) { return outcome.tempfailed(); };
    if (!in.per_recipient_replies && std::ranges::any_of(in.outcomes, tempfailed)) return {};
    std::vector<Audience> audiences;
    std::vector<PeopleNotice> out;
    std::vector<std::pair<std::size_t, Concern>> warnings;
    for (std::size_t i = 0; i < in.verdicts.size(); ++i) {
        if (in.outcomes[i].tempfailed()) continue;
        const auto& policy = in.policies[i];
        const auto concern = concern_of(in, *options.texts, i);
        if (!concern) continue;
        add_admin(audiences, concern->admin, i, *concern);
        if (concern->category.major == Major::virus && options.is_new_virus)
            add_admin(audiences, policy.new_virus_admin, i, *concern);
        const bool blocked = !in.verdicts[i].passes() && !in.outcomes[i].relayed;
        const auto& address = in.envelope.recipients[i].address;
        if (concern->warn && blocked && (policy.is_local || options.warn_offsite) && is_mailable(address))
            warnings.emplace_back(i, *concern);
    }
    if ((audiences.empty() && warnings.empty()) || is_notice(in.envelope, in.message)) return {};
    std::vector<bool> done(audiences.size(), false);
    for (std::size_t a = 0; a < audiences.size(); ++a) {
        if (done[a]) continue;
        std::vector<std::string> to;
        for (std::size_t b = a; b < audiences.size(); ++b) {
            const bool same =
                audiences[b].about == audiences[a].about && audiences[b].concern.admin_words == audiences[a].concern.admin_words;
            if (!same) continue;
            to.push_back(audiences[b].admin);
            done[b] = true;
        }
        const auto& concern = audiences[a].concern;
        out.push_back(notice_for(in, options, *concern.admin_words, concern.category, audiences[a].about, std::move(to),
                                 std::string(concern.id_prefix) + "A", out.size(), concern.admin_kind));
    }
    for (const auto& [i, concern] : warnings)
        out.push_back(notice_for(in, options, *concern.recipient_words, concern.category, {i},
                                 {in.envelope.recipients[i].address}, std::string(concern.id_prefix) + "R", out.size(),
                                 concern.recipient_kind));
    return out;
}

}  // namespace tamis::policy
