#include "policy/notices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {

using mail::ContentCategory;
using mail::Major;

namespace {

// Notify - what the sender wants to be told (RFC 3461 section 4.1); without NOTIFY: failures
struct Notify {
    bool never = false, success = false, failure = false;
};

Notify notify_of(const mail::Recipient& recipient) {
    if (trim(recipient.notify).empty()) return {.failure = true};
    Notify wish;
    for (const auto word : words(recipient.notify, ", \t")) {
        if (equal_fold(word, "NEVER")) wish.never = true;
        if (equal_fold(word, "SUCCESS")) wish.success = true;
        if (equal_fold(word, "FAILURE")) wish.failure = true;
    }
    if (wish.never) wish.success = wish.failure = false;
    return wish;
}

// Facts - what the rules ask about one recipient
struct Facts {
    Destiny destiny = Destiny::pass;
    ContentCategory category;  // the worst that was found, or that the next hop refused it
    int reply_class = 0;
    Notify notify;
};

Facts facts_of(const Case& in, std::size_t i) {
    const auto& verdict = in.verdicts[i];
    const auto& outcome = in.outcomes[i];
    Facts one{verdict.destiny, verdict.categories.empty() ? ContentCategory{} : verdict.main(), outcome.response.code / 100,
              notify_of(in.envelope.recipients[i])};
    if (verdict.passes() && one.reply_class == 5) {
        const ContentCategory refused{Major::mta, mail::mta_rejected};
        one.destiny = in.policies[i].destinies.of(refused);
        one.category = std::max(one.category, refused);
    }
    return one;
}

NotificationDecision suppressed(std::string why) { return {NotificationKind::suppressed, std::move(why)}; }

// excuse - why the sender is not told although he should be; empty: no reason
std::string excuse(const Case& in, const NotificationOptions& options, std::size_t i, const Facts& one) {
    const auto& verdict = in.verdicts[i];
    const auto& policy = in.policies[i];
    const auto found = [&](Major major) {
        return std::ranges::any_of(verdict.categories, [&](auto category) { return category.major == major; });
    };
    if (one.destiny == Destiny::discard) return "destiny DISCARD";
    if (found(Major::virus) && options.sender_is_fake) return "INFECTED, the sender is probably faked";
    if (verdict.banned && verdict.banned->suppresses_dsn) return "BANNED:DISCARD suggested by rule";
    if (const auto& cutoff = policy.levels.dsn_cutoff) {
        if (verdict.score && *verdict.score >= *cutoff)
            return fmt::format("score {} >= dsn cutoff {}", format_score(*verdict.score), format_score(*cutoff));
        if (in.found[i].blacklisted && !in.found[i].whitelisted) return "blacklisted sender";
    }
    if (in.findings.is_bulk && one.category.major > Major::clean) return "bulk mail";
    const bool unwanted = found(Major::virus) || found(Major::banned) || found(Major::spam) || found(Major::spammy);
    if (unwanted && !in.originating && !options.bounces_outside_mail)
        return fmt::format("{} from outside", mail::log_word(one.category));
    return {};
}

NotificationDecision decide_one(const Case& in, const NotificationOptions& options, std::size_t i, const Facts& one,
                                bool all_rejected) {
    const bool null_sender = in.envelope.sender.empty();
    if (one.reply_class == 4) return {NotificationKind::none, "temporary failure, the MTA tries again"};
    if (one.reply_class != 2 && one.reply_class != 5) return {NotificationKind::none, "no final reply"};
    const bool failed = one.reply_class == 5;
    if (failed && one.destiny == Destiny::reject && (in.per_recipient_replies || all_rejected))
        return {NotificationKind::none, "the rejection is passed back"};
    if (failed && one.notify.never) return suppressed("NOTIFY=NEVER");
    if (failed && null_sender) return suppressed("null sender");
    if (failed && !one.notify.failure) return suppressed("NOTIFY without FAILURE");
    const bool relayed = in.outcomes[i].relayed;
    if (!failed && (!one.notify.success || null_sender)) return {NotificationKind::none, "success, not asked for"};
    const bool passed_on = options.next_hop_takes_dsn || in.outcomes[i].takes_dsn;
    if (!failed && relayed && passed_on) return {NotificationKind::none, "success, NOTIFY was passed on"};
    if (auto why = excuse(in, options, i, one); !why.empty()) return suppressed(std::move(why));
    if (!failed && !relayed) return {NotificationKind::none, "not relayed"};
    return failed ? NotificationDecision{NotificationKind::failed, "failed"}
                  : NotificationDecision{NotificationKind::relayed, "NOTIFY=SUCCESS"};
}

}  // namespace

std::vector<NotificationDecision> decide_notifications(const Case& in, const NotificationOptions& options) {
    std::vector<Facts> all;
    for (std::size_t i = 0; i < in.outcomes.size(); ++i) all.push_back(facts_of(in, i));
    // over SMTP the one reply is then a 5xx, and the MTA tells the sender
    const auto is_rejected = [](const Facts& one) { return one.destiny == Destiny::reject && one.reply_class == 5; };
    const bool all_rejected = std::ranges::any_of(all, is_rejected) && std::ranges::all_of(all, [&](const Facts& one) {
                                  return is_rejected(one) || (one.destiny == Destiny::discard && one.reply_class == 2);
                              });
    // over SMTP one 4xx brings the whole message back, and a notice now would be sent again with every try
    const bool comes_back =
        !in.per_recipient_replies && std::ranges::any_of(all, [](const Facts& one) { return one.reply_class == 4; });
    std::vector<NotificationDecision> decisions;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (comes_back && all[i].reply_class != 4)
            decisions.push_back({NotificationKind::none, "the MTA tries the whole message again"});
        else decisions.push_back(decide_one(in, options, i, all[i], all_rejected));
    }
    return decisions;
}

namespace {

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends) {
    return std::ranges::any_of(ends, [&](auto end) { return text.size() > end.size() && text.ends_with(end); });
}

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, text) != words.end();
}

// begins_word - whether text begins with the word, and it ends there
bool begins_word(std::string_view text, std::string_view word) {
    const auto is_word = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
    return text.starts_with(word) && (text.size() == word.size() || !is_word(text[word.size()]));
}

std::string local_part(std::string_view address) { return to_lower(mail::split_address(address).local); }

bool is_list_address(std::string_view local, bool is_sender) {
    constexpr std::string_view owner = "owner-";
    return ends_with_any(local, {"-request", "-bounces", "-owner"}) || (is_sender && ends_with_any(local, {"-admin"})) ||
           (local.size() > owner.size() && local.starts_with(owner));
}

bool is_automat(std::string_view local) { return is_any(local, {"mailer-daemon", "double-bounce", "mailer", "autoreply"}); }

bool is_bulk_precedence(std::string_view value) {
    constexpr std::string_view automatic = "auto";
    constexpr std::string_view reply = "reply";
    if (value.starts_with("list") || begins_word(value, "bulk") || begins_word(value, "junk")) return true;
    if (!value.starts_with(automatic)) return false;
    const auto rest = value.substr(automatic.size());
    return begins_word(rest, reply) || (!rest.empty() && begins_word(rest.substr(1), reply));
}

// is_automatic - an Auto-Submitted value (RFC 3834 section 5) other than "no"; comments and parameters do not count
bool is_automatic(std::string_view value) {
    std::string plain;
    int depth = 0;
    for (const char c : value) {
        if (c == '(') ++depth;
        if (depth == 0) plain += c;
        if (c == ')' && depth > 0) --depth;
    }
    return trim(std::string_view(plain).substr(0, plain.find(';'))) != "no";
}

}  // namespace

bool is_notice(const mail::Envelope& envelope, const mail::Message& message) {
    constexpr std::size_t looked_at = 1000;
    if (!envelope.sender.empty()) return false;
    const auto head = message.spool->head();
    return std::ranges::any_of(message.header.find_all("Auto-Submitted", head), [&](const auto* field) {
        return is_automatic(to_lower(mail::unfolded(mail::HeaderBlock::value(*field, head).substr(0, looked_at))));
    });
}

bool is_bulk_mail(const mail::Envelope& envelope, const mail::Message& message) {
    constexpr std::size_t looked_at = 1000;  // of a value; the rest says nothing more
    if (envelope.sender.empty()) return true;
    const auto head = message.spool->head();
    std::optional<std::string> from;
    for (const auto& field : message.header.fields) {
        const auto name = mail::HeaderBlock::name(field, head);
        if (equal_fold(name, "List-Id") || equal_fold(name, "List-Post") || equal_fold(name, "List-Unsubscribe") ||
            equal_fold(name, "Mailing-List"))
            return true;
        const auto value = mail::HeaderBlock::value(field, head);
        const auto text = [&] { return to_lower(mail::unfolded(value.substr(0, looked_at))); };
        if (equal_fold(name, "Precedence") && is_bulk_precedence(text())) return true;
        if (equal_fold(name, "Auto-Submitted") && is_automatic(text())) return true;
        if (equal_fold(name, "From") && !from) {
            const auto authors = mail::addresses_of(value, 1);
            from = authors.empty() ? std::string() : local_part(authors.front());
        }
    }
    const std::string sender = local_part(envelope.sender);
    if (is_list_address(sender, true) || is_automat(sender)) return true;
    return from && (is_list_address(*from, false) || is_automat(*from) || ends_with_any(*from, {"-relay"}) ||
                    is_any(*from, {"postmaster", "uucp"}));
}

}  // namespace tamis::policy
