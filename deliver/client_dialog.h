// client_dialog - the SMTP and LMTP client as a machine without sockets (RFC 5321, RFC 2033, RFC 2920)
//
// One object is one connection: greeting, EHLO (or HELO, or LHLO), STARTTLS, then any number of submissions, one after
// the other. It says what it wants (write, a reply, the text sent, TLS), the caller does it and tells how it went.
// Guarantees: every recipient of a submission gets exactly one result; the text is only wanted after a 354 with at
// least one recipient accepted (and, with abort_on_partial_refusal, none put off); a reply to the wrong step, or any
// fault, ends the connection; an unclean end of a transaction is followed by RSET before the next. Trusts nothing.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/client_command.h"
#include "deliver/reinject.h"
#include "deliver/remote_reply.h"

namespace tamis::deliver {

class ClientDialog {
public:
    enum class Want {
        nothing,  // the results are there, or nothing was begun
        write,    // take_output(), write it, nothing unread may be left from the server before
        reply,    // read one reply, on_reply()
        tls,      // drop what was read and not used, do the handshake, on_tls_started()
        text,     // write the message and its final dot, on_text_written()
    };
    enum class Probe : bool { no, yes };

    struct Manner {
        std::string ehlo_name = "localhost";
        bool use_xforward = true;
        bool may_tls = false;
        bool require_tls = false;
    };

    ClientDialog(const NextHop& to, Manner manner);

    // begin - starts a submission on a new connection or on one that is_reusable(); the submission must outlive it.
    // Probe::yes sends NOOP first and waits for its answer.
    void begin(const Submission& what, Probe probe);

    Want want() const noexcept { return want_; }
    std::string take_output();
    // section - amavisd's name of the step we are in, for "Timed out during ..."
    std::string_view section() const noexcept;
    // patience - how long this step may take
    std::chrono::seconds patience(const ReinjectOptions& options) const noexcept;

    void on_reply(const RemoteReply& reply);
    void on_tls_started();
    void on_text_written();
    // on_fault - the connection is lost, late, or talked nonsense; every open recipient gets a 4xx
    void on_fault(const Fault& fault);

    // is_reusable - idle, and its state is known (RSET will be sent first where needed)
    bool is_reusable() const noexcept { return state_ == State::ready; }
    // should_retry - a reused connection was found dead before anything was accepted: the results mean nothing, a new
    // connection deserves one try
    bool should_retry() const noexcept { return should_retry_; }
    std::vector<SubmissionResult> take_results();
    // xforward_refusal - what the server said to XFORWARD in this submission, empty when it did not refuse
    const std::string& xforward_refusal() const noexcept { return xforward_refusal_; }
    const Extensions& offered() const noexcept { return offered_; }

private:
    enum class State {
        greeting,
        hello,
        plain_helo,
        starttls,
        handshake,
        ready,
        probe,
        envelope,
        lone_dot,
        text,
        verdict,
        closed
    };
    enum class Asked { rset, xforward, mail, rcpt, data };
    struct Question {
        Asked what;
        std::size_t recipient = 0;
    };
    struct Overflow {
        std::size_t recipient;
        bool sure;  // the server said 4.5.3, not merely 452
    };

    void say(std::string line);
    void say_hello();
    void on_hello(const RemoteReply& reply);
    void on_ready();
    void start_transaction(std::vector<std::size_t> recipients);
    void ask_more();
    bool ask_next(std::string& out);
    void on_answer(Question question, const RemoteReply& reply);
    void on_rcpt(std::size_t recipient, const RemoteReply& reply);
    void on_data(const RemoteReply& reply);
    void on_verdict(const RemoteReply& reply);
    void end_transaction();
    void close_with_error(std::string_view error);
    void close_with_reply(const RemoteReply& reply, std::string_view subject);
    void die_early(std::string_view error);

    void decide(std::size_t recipient, SubmissionResult result);
    void decide_rest(const SubmissionResult& result);
    SubmissionResult from_reply(const RemoteReply& reply, std::string_view subject) const;
    SubmissionResult give_up() const;
    bool is_open_transaction() const noexcept { return state_ == State::envelope; }
    bool must_abort() const noexcept { return what_->abort_on_partial_refusal && put_off_ != 0; }

    NextHop to_;
    Manner manner_;
    State state_ = State::greeting;
    Want want_ = Want::nothing;
    Extensions offered_;
    std::string output_;
    bool tls_started_ = false;
    bool going_down_ = false;  // the server said 421
    bool needs_reset_ = false;
    bool xforward_off_ = false;   // refused on this connection
    bool xforward_sent_ = false;  // once told, attributes are told again for every message

    // the submission
    const Submission* what_ = nullptr;
    std::vector<SubmissionResult> results_;
    std::vector<bool> decided_;
    bool reused_ = false;
    bool progress_ = false;  // the server has answered MAIL
    bool should_retry_ = false;
    std::string xforward_refusal_;

    // the transaction
    std::vector<std::size_t> recipients_;
    std::vector<std::string> xforward_lines_;
    std::vector<Question> asked_;
    std::size_t answered_ = 0;
    std::size_t next_xforward_ = 0;
    std::size_t next_recipient_ = 0;
    bool reset_asked_ = false, mail_asked_ = false, data_asked_ = false;
    bool mail_refused_ = false;
    std::vector<std::size_t> accepted_;
    std::vector<Overflow> overflow_;
    std::size_t put_off_ = 0;   // recipients with a 4xx
    std::size_t verdicts_ = 0;  // LMTP: replies to the text so far
};

}  // namespace tamis::deliver
