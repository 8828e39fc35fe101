#include "proxy/unclear_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace tamis::proxy {
namespace {

std::string_view first_word(std::string_view line) { return line.substr(0, line.find_first_of(" \t:")); }

bool is_smtp(std::string_view line) {
    static constexpr auto verbs =
        std::to_array<std::string_view>({"HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "EXPN",
                                         "HELP", "ETRN", "AUTH", "STARTTLS", "XFORWARD", "XCLIENT", "BDAT"});
    const auto verb = to_upper(first_word(line));
    return std::ranges::find(verbs, std::string_view(verb)) != verbs.end() && line.find('=') > verb.size();
}

// is_attribute - "name=value" with a name of the protocol's kind, or "request: value"
bool is_attribute(std::string_view line) {
    if (starts_with_fold(line, "request:")) return true;
    const auto sign = line.find('=');
    if (sign == 0 || sign == std::string_view::npos) return false;
    return std::ranges::all_of(line.substr(0, sign),
                               [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '.'; });
}

bool is_http(std::string_view line) {
    return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0") || line.ends_with(" HTTP/2.0");
}
bool is_icap(std::string_view line) { return line.ends_with(" ICAP/1.0"); }
bool is_spamc(std::string_view line) { return line.find(" SPAMC/1.") != std::string_view::npos; }

std::string place(std::string_view protocol, std::string_view setting, const std::vector<std::string>& listeners) {
    if (listeners.empty()) return fmt::format("there is no {} listener ({} is empty)", protocol, setting);
    return fmt::format("the {} listener is {} ({})", protocol, join(listeners, ", "), setting);
}

UnclearBudget& budget() {
    static UnclearBudget shared;
    return shared;
}

// without_secret - what a line may show of itself: no password of a client that tries to sign in, no secret of a release
std::string without_secret(std::string_view line) {
    if (starts_with_fold(trim(line), "AUTH ")) return "AUTH ...";
    if (starts_with_fold(trim(line), "secret_id")) return "secret_id=...";
    return std::string(line);
}

}  // namespace

bool is_other_protocol(std::string_view line) { return is_smtp(line) || is_http(line) || is_icap(line) || is_spamc(line); }

std::string hint_on(const UnclearLine& unclear, const Listeners& listeners) {
    const auto line = trim(unclear.line);
    if (is_http(line)) return "this looks like HTTP, which is not spoken here";
    if (is_icap(line)) return "this looks like ICAP, which is not spoken here";
    if (is_spamc(line)) return "this looks like spamc, which is for spamd";
    if (unclear.protocol == "SMTP" && starts_with_fold(line, "request=smtpd_access_policy"))
        return "this looks like Postfix's policy protocol: take this address out of check_policy_service";
    if (unclear.protocol == "SMTP" && is_attribute(line))
        return "this looks like AM.PDP; " + place("AM.PDP", "control.listen", listeners.ampdp);
    if (unclear.protocol != "SMTP" && is_smtp(line))
        return "this looks like SMTP; " + place("SMTP and LMTP", "server.listen", listeners.smtp);
    return {};
}

std::string text_of(const UnclearLine& unclear, const Listeners& listeners) {
    constexpr std::size_t shown = 80;
    const auto hint = hint_on(unclear, listeners);
    if (unclear.line.empty() && unclear.protocol != "SMTP")
        return fmt::format(
            "{} listener {}: {} said nothing; a mail server waits for a greeting, which comes where SMTP is spoken: {}",
            unclear.protocol, unclear.listener, unclear.peer, place("SMTP and LMTP", "server.listen", listeners.smtp));
    return fmt::format("{} listener {}: {} sent a line that is not understood: \"{}\"{}{}", unclear.protocol, unclear.listener,
                       unclear.peer.empty() ? "somebody at the unix socket" : unclear.peer,
                       escaped(without_secret(unclear.line), shown), hint.empty() ? "" : "; ", hint);
}

std::optional<unsigned> UnclearBudget::take(Deadline::Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (minute_ == Deadline::Clock::time_point{} || now - minute_ >= std::chrono::minutes(1)) {
        minute_ = now;
        told_ = 0;
    }
    if (told_ < most_) {
        ++told_;
        return std::exchange(passed_over_, 0);
    }
    ++passed_over_;
    return {};
}

void tell_unclear(const UnclearLine& unclear, const Listeners& listeners) {
    const auto passed_over = budget().take(Deadline::Clock::now());
    if (!passed_over) return;
    log::warning({}, "{}{}", text_of(unclear, listeners),
                 *passed_over == 0 ? "" : fmt::format(" (and {} more like it before, not told)", *passed_over));
}

}  // namespace tamis::proxy
