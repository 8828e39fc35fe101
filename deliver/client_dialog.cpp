#include "deliver/client_dialog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace tamis::deliver {
namespace {

// A server may stop reading commands while we do not read its replies (RFC 2920 section 3.1): so many questions, and
// their answers, fit into any socket buffer.
constexpr std::size_t pipelined_questions = 100;

constexpr bool is_ok(const RemoteReply& reply) { return reply.code / 100 == 2; }
constexpr bool is_refusal(const RemoteReply& reply) { return reply.code >= 400; }

}  // namespace

ClientDialog::ClientDialog(const NextHop& to, Manner manner) : to_(to), manner_(std::move(manner)) {
    const auto odd = [](char c) { return c <= 0x20 || c >= 0x7f; };
    if (manner_.ehlo_name.empty() || std::ranges::any_of(manner_.ehlo_name, odd)) manner_.ehlo_name = "localhost";
}

// ---- results

void ClientDialog::decide(std::size_t recipient, SubmissionResult result) {
    if (decided_[recipient]) return;
    decided_[recipient] = true;
    results_[recipient] = std::move(result);
    if (results_[recipient].code / 100 == 2 && what_->on_taken) what_->on_taken(recipient, results_[recipient]);
}

void ClientDialog::decide_rest(const SubmissionResult& result) {
    for (std::size_t i = 0; i < results_.size(); ++i) decide(i, result);
}

// from_reply - docs/amavis/smtp.md 3.3; `subject` is what follows the class in an enhanced code the server did not give
SubmissionResult ClientDialog::from_reply(const RemoteReply& reply, std::string_view subject) const {
    SubmissionResult result;
    result.code = is_ok(reply) ? 250 : reply.code;
    if (reply.code == 421) result.code = 451;  // 421 would say that *we* close the connection
    result.enhanced = reply.enhanced().empty() ? fmt::format("{}.{}", reply.code / 100, subject) : std::string(reply.enhanced());
    result.remote_reply = reply.one_line();
    result.text = fmt::format("from MTA({}): {}", to_.shown, result.remote_reply);
    result.from_next_hop = true;
    result.takes_dsn = offered_.dsn;
    return result;
}

SubmissionResult ClientDialog::give_up() const {
    return refused(451, "4.5.0", fmt::format("Giving up due to previous temporary failures, id={}", what_->log_id));
}

// close_with_error - ends the connection; whoever has no result yet gets a client-side error
void ClientDialog::close_with_error(std::string_view error) {
    auto result =
        refused(451, "4.5.0", fmt::format("From MTA({}) during {} ({}): id={}", to_.shown, section(), error, what_->log_id));
    result.unknown_outcome = state_ == State::verdict;
    decide_rest(result);
    state_ = State::closed;
    want_ = Want::nothing;
}

void ClientDialog::close_with_reply(const RemoteReply& reply, std::string_view subject) {
    decide_rest(from_reply(reply, subject));
    state_ = State::closed;
    want_ = Want::nothing;
}

// die_early - as close_with_error, but a reused connection may be replaced when nothing was accepted on it
void ClientDialog::die_early(std::string_view error) {
    should_retry_ = reused_ && !progress_;
    close_with_error(error);
}

std::string_view ClientDialog::section() const noexcept {
    switch (state_) {
        case State::lone_dot: return "fwd-dummydata-end";
        case State::text: return "fwd-data-contents";
        case State::verdict: return "fwd-data-end";
        case State::envelope: break;
        default: return "fwd-connect";
    }
    const bool piped = offered_.pipelining;
    if (answered_ >= asked_.size()) return mail_asked_ ? "fwd-rcpt-to" : "fwd-mail-from";
    switch (asked_[answered_].what) {
        case Asked::rset: return "fwd-rundown-1";
        case Asked::xforward: return "fwd-xforward";
        case Asked::mail: return piped ? "fwd-mail-pip" : "fwd-mail-from";
        case Asked::rcpt: return piped ? "fwd-rcpt-pip" : "fwd-rcpt-to";
        case Asked::data: return piped ? "fwd-data-chkpnt" : "fwd-data-cmd";
    }
    return "fwd-connect";
}

std::chrono::seconds ClientDialog::patience(const ReinjectOptions& options) const noexcept {
    constexpr std::chrono::seconds probe_time{15};
    constexpr std::chrono::seconds reset_time{20};
    switch (state_) {
        case State::probe: return std::min(probe_time, options.command_timeout);
        case State::lone_dot: return std::min(reset_time, options.data_done_timeout);
        case State::text: return options.data_block_timeout;
        case State::verdict: return options.data_done_timeout;
        default: break;
    }
    if (is_open_transaction() && answered_ < asked_.size()) {
        if (asked_[answered_].what == Asked::data) return options.data_init_timeout;
        if (asked_[answered_].what == Asked::rset) return std::min(reset_time, options.command_timeout);
    }
    return options.command_timeout;
}

// ---- input and output

std::string ClientDialog::take_output() {
    if (state_ == State::lone_dot && to_.protocol == NextHop::Protocol::lmtp) {
        state_ = State::closed;  // RFC 2033 does not say how many replies a server without recipients owes us
        want_ = Want::nothing;
    } else {
        want_ = Want::reply;
    }
    return std::exchange(output_, {});
}

void ClientDialog::say(std::string line) {
    output_ = std::move(line);
    want_ = Want::write;
}

void ClientDialog::on_fault(const Fault& fault) {
    if (state_ == State::closed || what_ == nullptr) return;
    const auto error = printable_or(describe(fault), '?').substr(0, 200);
    if (state_ == State::probe) return die_early(error);  // even when it was only late: a new connection tells
    if (fault.is(Errc::timeout)) {
        auto result =
            refused(450, "4.4.2", fmt::format("Timed out during {}, MTA({}), id={}", section(), to_.shown, what_->log_id));
        result.unknown_outcome = state_ == State::verdict;
        decide_rest(result);
        state_ = State::closed;
        want_ = Want::nothing;
        return;
    }
    const bool at_data = is_open_transaction() && answered_ < asked_.size() && asked_[answered_].what == Asked::data;
    if (fault.is(Errc::closed) && at_data) {
        decide_rest(refused(450, "4.5.0", fmt::format("No response to DATA, MTA({}), id={}", to_.shown, what_->log_id)));
        state_ = State::closed;
        want_ = Want::nothing;
        return;
    }
    if (fault.is(Errc::bad_reply) || fault.is(Errc::over_limit)) return close_with_error(error);
    die_early(error);
}

void ClientDialog::on_reply(const RemoteReply& reply) {
    switch (state_) {
        case State::greeting:
            if (!is_ok(reply)) return close_with_error("Negative greeting: " + reply.one_line());
            return say_hello();
        case State::hello:
        case State::plain_helo: return on_hello(reply);
        case State::starttls:
            if (is_ok(reply)) {
                state_ = State::handshake;
                want_ = Want::tls;
                return;
            }
            if (manner_.require_tls || reply.code == 421)
                return close_with_error("Negative SMTP resp. to STARTTLS: " + reply.one_line());
            return on_ready();
        case State::envelope: {
            on_answer(asked_[answered_], reply);
            ++answered_;
            if (is_open_transaction() && answered_ == asked_.size()) ask_more();
            return;
        }
        case State::probe:
            if (!is_ok(reply)) return die_early("Negative SMTP response to NOOP: " + reply.one_line());
            return on_ready();
        case State::lone_dot: return end_transaction();
        case State::verdict: return on_verdict(reply);
        default: return close_with_error("unexpected reply: " + reply.one_line());
    }
}

std::vector<SubmissionResult> ClientDialog::take_results() {
    what_ = nullptr;
    return std::exchange(results_, {});
}

// ---- greeting, EHLO, STARTTLS

void ClientDialog::say_hello() {
    state_ = State::hello;
    say(fmt::format("{} {}\r\n", to_.protocol == NextHop::Protocol::lmtp ? "LHLO" : "EHLO", manner_.ehlo_name));
}

void ClientDialog::on_hello(const RemoteReply& reply) {
    const bool may_fall_back = state_ == State::hello && to_.protocol == NextHop::Protocol::smtp;
    if (may_fall_back && reply.code / 100 == 5) {
        state_ = State::plain_helo;
        return say(fmt::format("HELO {}\r\n", manner_.ehlo_name));
    }
    if (!is_ok(reply)) return close_with_error("Negative SMTP resp. to EHLO: " + reply.one_line());
    offered_ = state_ == State::hello ? parse_extensions(reply) : Extensions{};
    if (!tls_started_ && manner_.may_tls && offered_.starttls) {
        state_ = State::starttls;
        return say("STARTTLS\r\n");
    }
    if (!tls_started_ && manner_.require_tls) return close_with_error("TLS is required but STARTTLS is not offered");
    on_ready();
}

void ClientDialog::on_tls_started() {
    tls_started_ = true;
    offered_ = {};  // RFC 3207 section 4.2: forget what was said in the clear
    say_hello();
}

void ClientDialog::on_ready() {
    state_ = State::ready;
    if (what_ == nullptr) {
        want_ = Want::nothing;
        return;
    }
    if (auto refusal = transaction_refusal(*what_, offered_)) decide_rest(*refusal);
    std::vector<std::size_t> recipients;
    for (std::size_t i = 0; i < results_.size(); ++i) {
        if (decided_[i]) continue;
        if (auto refusal = recipient_refusal(what_->recipients[i], offered_, smtputf8_wish(*what_)))
            decide(i, std::move(*refusal));
        else recipients.push_back(i);
    }
    start_transaction(std::move(recipients));
}

// ---- a submission

void ClientDialog::begin(const Submission& what, Probe probe) {
    what_ = &what;
    results_.assign(what.recipients.size(), {});
    decided_.assign(what.recipients.size(), false);
    reused_ = state_ == State::ready;
    progress_ = false;
    should_retry_ = false;
    xforward_refusal_.clear();
    if (!reused_) {
        want_ = Want::reply;  // the greeting
        return;
    }
    if (probe == Probe::no) return on_ready();
    state_ = State::probe;
    say("NOOP\r\n");
}

void ClientDialog::start_transaction(std::vector<std::size_t> recipients) {
    if (recipients.empty()) {
        want_ = Want::nothing;
        return;
    }
    recipients_ = std::move(recipients);
    const auto& client = what_->envelope->client;
    const bool tell = manner_.use_xforward && !xforward_off_ && (xforward_sent_ || !client.empty());
    xforward_lines_ = tell ? xforward_commands(client, offered_) : std::vector<std::string>();
    xforward_sent_ = xforward_sent_ || !xforward_lines_.empty();
    asked_.clear();
    answered_ = next_xforward_ = next_recipient_ = put_off_ = verdicts_ = 0;
    reset_asked_ = !needs_reset_;
    mail_asked_ = data_asked_ = mail_refused_ = false;
    accepted_.clear();
    overflow_.clear();
    needs_reset_ = true;  // until the transaction has ended well
    state_ = State::envelope;
    ask_more();
}

// ask_more - the next commands, as many as may be sent before their replies; ends the transaction when none are left
void ClientDialog::ask_more() {
    asked_.clear();
    answered_ = 0;
    std::string out;
    const std::size_t window = offered_.pipelining ? pipelined_questions : 1;
    while (asked_.size() < window && ask_next(out)) {
    }
    if (asked_.empty()) return end_transaction();
    say(std::move(out));
}

// ask_next - one command more; false when there is none
bool ClientDialog::ask_next(std::string& out) {
    if (!reset_asked_) {
        reset_asked_ = true;
        out += "RSET\r\n";
        asked_.push_back({Asked::rset});
        return true;
    }
    if (next_xforward_ < xforward_lines_.size()) {
        out += xforward_lines_[next_xforward_++];
        asked_.push_back({Asked::xforward});
        return true;
    }
    if (!mail_asked_) {
        mail_asked_ = true;
        out += mail_command(*what_, offered_);
        asked_.push_back({Asked::mail});
        return true;
    }
    if (data_asked_ || mail_refused_ || must_abort()) return false;
    const bool is_full = std::ranges::any_of(overflow_, &Overflow::sure);  // the rest goes into the next transaction
    if (next_recipient_ < recipients_.size() && !is_full) {
        const auto recipient = recipients_[next_recipient_++];
        out += rcpt_command(what_->recipients[recipient], offered_);
        asked_.push_back({Asked::rcpt, recipient});
        return true;
    }
    if (asked_.empty() && accepted_.empty()) return false;
    data_asked_ = true;
    out += "DATA\r\n";
    asked_.push_back({Asked::data});
    return true;
}

void ClientDialog::on_answer(Question question, const RemoteReply& reply) {
    if (reply.code == 421 && !progress_ && reused_) return die_early(reply.one_line());
    switch (question.what) {
        case Asked::rset:
            if (!is_ok(reply)) return die_early("Negative SMTP response to RSET: " + reply.one_line());
            return;
        case Asked::xforward:
            if (reply.code == 421) return close_with_reply(reply, "5.0");
            if (is_ok(reply)) return;
            xforward_refusal_ = reply.one_line();
            xforward_off_ = reply.code != 501;  // 501 is about this value, anything else about the command
            return;
        case Asked::mail:
            progress_ = true;
            if (is_ok(reply)) return;
            if (!is_refusal(reply)) return close_with_error("unexpected reply: " + reply.one_line());
            if (reply.code == 421) return close_with_reply(reply, "1.0");
            mail_refused_ = true;
            return decide_rest(from_reply(reply, "1.0"));
        case Asked::rcpt: return on_rcpt(question.recipient, reply);
        case Asked::data: return on_data(reply);
    }
}

void ClientDialog::on_rcpt(std::size_t recipient, const RemoteReply& reply) {
    if (mail_refused_) return;  // RCPT after a refused MAIL: everybody has his result
    if (reply.code == 421) return close_with_reply(reply, "1.0");
    if (!is_ok(reply) && !is_refusal(reply)) return close_with_error("unexpected reply: " + reply.one_line());
    // RFC 5321 section 4.5.3.1.10: 452 means too many recipients. Others use it for a full mailbox: without 4.5.3 it
    // counts as "too many" only as long as every later recipient gets it too.
    const bool too_many = reply.code == 452 && !accepted_.empty() && (reply.enhanced().empty() || reply.enhanced() == "4.5.3");
    if (!too_many) put_off_ += std::erase_if(overflow_, [](const Overflow& one) { return !one.sure; });
    if (too_many) {
        overflow_.push_back({recipient, !reply.enhanced().empty()});
    } else if (is_ok(reply)) {
        accepted_.push_back(recipient);
        return;
    } else if (reply.code < 500) {
        ++put_off_;
    }
    decide(recipient, from_reply(reply, reply.code == 452 ? "5.3" : "1.0"));
}

void ClientDialog::on_data(const RemoteReply& reply) {
    if (reply.code == 421) return close_with_reply(reply, "5.0");
    if (is_refusal(reply)) {
        for (const auto recipient : accepted_) decide(recipient, from_reply(reply, "5.0"));
        accepted_.clear();
        return;  // ask_more() finds nothing left and ends the transaction
    }
    if (reply.code / 100 != 3) return close_with_error("unexpected reply to DATA: " + reply.one_line());
    if (accepted_.empty()) {  // RFC 2920 section 3.1: a single dot
        state_ = State::lone_dot;
        return say(".\r\n");
    }
    if (must_abort()) {  // only cutting the connection makes sure that nobody gets the mail
        decide_rest(give_up());
        state_ = State::closed;
        want_ = Want::nothing;
        return;
    }
    state_ = State::text;
    want_ = Want::text;
}

void ClientDialog::on_text_written() {
    state_ = State::verdict;
    want_ = Want::reply;
    needs_reset_ = false;  // unless one of the replies says otherwise
}

// on_verdict - a reply to the text: for everybody in SMTP, for one recipient after the other in LMTP
void ClientDialog::on_verdict(const RemoteReply& reply) {
    if (!is_ok(reply) && !is_refusal(reply)) return close_with_error("unexpected reply: " + reply.one_line());
    if (!is_ok(reply)) {
        needs_reset_ = true;
        if (reply.code < 500) ++put_off_;
    }
    const auto result = from_reply(reply, "6.0");
    if (to_.protocol == NextHop::Protocol::smtp) {
        for (const auto recipient : accepted_) decide(recipient, result);
        verdicts_ = accepted_.size();
    } else {
        decide(accepted_[verdicts_++], result);
    }
    if (reply.code == 421) going_down_ = true;
    if (verdicts_ == accepted_.size()) end_transaction();
}

// end_transaction - the next one for those who did not fit in, or the end of the submission
void ClientDialog::end_transaction() {
    std::vector<std::size_t> rest;
    for (const auto& one : overflow_) rest.push_back(one.recipient);
    rest.insert(rest.end(), recipients_.begin() + static_cast<std::ptrdiff_t>(next_recipient_), recipients_.end());
    const bool text_sent = state_ == State::verdict;
    if (going_down_) {
        state_ = State::closed;
    } else {
        state_ = State::ready;
        if (text_sent && !rest.empty() && !must_abort()) {
            for (const auto recipient : rest) decided_[recipient] = false;
            return start_transaction(std::move(rest));
        }
    }
    decide_rest(give_up());
    want_ = Want::nothing;
}

}  // namespace tamis::deliver
