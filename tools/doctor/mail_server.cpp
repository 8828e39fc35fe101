#include "tools/doctor/mail_server.h"

#include <fmt/format.h>

#include "base/stream.h"
#include "base/text.h"

namespace tamis::doctor {
namespace {

constexpr std::size_t line_limit = 4096;

Task<Result<deliver::RemoteReply>> read_reply(Stream& stream, InputBuffer& input, Deadline deadline) {
    deliver::ReplyParser parser;
    for (;;) {
        auto line = co_await input.read_line(stream, deadline);
        if (!line) co_return std::unexpected(std::move(line.error()));
        auto complete = parser.on_line(*line);
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return parser.take();
    }
}

Task<Result<deliver::RemoteReply>> ask(Stream& stream, InputBuffer& input, std::string command, Deadline deadline) {
    if (auto sent = co_await stream.write(command + "\r\n", deadline); !sent) co_return std::unexpected(std::move(sent.error()));
    co_return co_await read_reply(stream, input, deadline);
}

// talk - false when the server broke off; what it said until then is in `out`
Task<Done> talk(Stream& stream, deliver::NextHop::Protocol protocol, std::string own_name, Probe probe, Deadline deadline,
                MailServer& out) {
    InputBuffer input(line_limit);
    auto greeting = co_await read_reply(stream, input, deadline);
    if (!greeting) co_return std::unexpected(std::move(greeting.error()));
    out.greeting = std::move(*greeting);
    if (out.greeting.code != 220) co_return Done{};
    auto hello =
        co_await ask(stream, input, (protocol == deliver::NextHop::Protocol::lmtp ? "LHLO " : "EHLO ") + own_name, deadline);
    if (!hello) co_return std::unexpected(std::move(hello.error()));
    out.hello = std::move(*hello);
    if (out.hello.code == 250) out.offered = deliver::parse_extensions(out.hello);
    if (probe == Probe::recipient && out.hello.code == 250) {
        auto mail = co_await ask(stream, input, "MAIL FROM:<>", deadline);
        if (!mail) co_return std::unexpected(std::move(mail.error()));
        out.mail = std::move(*mail);
        if (out.mail->code == 250) {
            auto recipient = co_await ask(stream, input, "RCPT TO:<postmaster>", deadline);
            if (!recipient) co_return std::unexpected(std::move(recipient.error()));
            out.recipient = std::move(*recipient);
        }
        if (auto reset = co_await ask(stream, input, "RSET", deadline); !reset)
            co_return std::unexpected(std::move(reset.error()));
    }
    if (auto bye = co_await ask(stream, input, "QUIT", deadline); !bye && !bye.error().is(Errc::closed))
        co_return std::unexpected(std::move(bye.error()));
    co_return Done{};
}

std::string said(const deliver::RemoteReply& reply) { return escaped(reply.one_line(), 200); }

// check_trust - whether it would take a message from us
bool check_trust(const MailServer& server, const HopWishes& wishes, Report& report) {
    if (server.mail && server.mail->code / 100 != 2) {
        report.problem(fmt::format("{} takes no mail from us: {}", wishes.shown, said(*server.mail)),
                       {wishes.is_local ? "see the smtpd of etc/postfix/master.cf.lmtp, and the log of the next hop"
                                        : "see the log of the next hop; it must take mail from this host"});
        return false;
    }
    if (server.recipient && server.recipient->code / 100 != 2) {
        report.problem(
            fmt::format("{} takes no mail from us for <postmaster>: {}", wishes.shown, said(*server.recipient)),
            {wishes.is_local
                 ? "-o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks,reject, as in etc/postfix/master.cf.lmtp"
                 : "the next hop must relay for this host (Postfix: mynetworks)"});
        return false;
    }
    return true;
}

}  // namespace

Task<MailServer> meet(Endpoint where, deliver::NextHop::Protocol protocol, std::string own_name, Probe probe, Deadline deadline) {
    MailServer out;
    auto stream = co_await connect(where, deadline);
    if (!stream) {
        out.is_forbidden = stream.error().code == std::errc::permission_denied;
        out.trouble = describe(stream.error());
        co_return out;
    }
    auto done = co_await talk(**stream, protocol, std::move(own_name), probe, deadline, out);
    if (!done) {
        const auto* when = out.greeting.code == 0 ? "it accepts the connection and gives no greeting" : "it stopped talking";
        out.trouble = fmt::format("{}: {}: {}", where.text(), when, describe(done.error()));
    }
    co_return out;
}

namespace {

// check_extensions - what the next hop should offer, and what its Postfix offers to others; false when something is missing
bool check_extensions(const deliver::Extensions& has, const HopWishes& wishes, const deliver::Extensions* front, Report& report) {
    struct Wish {
        bool has, front_has;
        std::string_view name, without;
    };
    const deliver::Extensions all = [] {
        deliver::Extensions every;
        every.pipelining = every.eight_bit = every.smtputf8 = every.dsn = every.size = true;
        return every;
    }();
    const auto& there = front != nullptr ? *front : all;
    const Wish rows[] = {{has.eight_bit, there.eight_bit, "8BITMIME", "mail with 8-bit characters is refused"},
                         {has.smtputf8, there.smtputf8, "SMTPUTF8", "mail with international addresses is refused"},
                         {has.dsn, there.dsn, "DSN", "what senders ask about delivery reports is lost"},
                         {has.pipelining, there.pipelining, "PIPELINING", "each message takes more round trips"},
                         {has.size, there.size, "SIZE", "a message that is too large is refused only after it was sent"}};
    bool is_good = true;
    for (const auto& row : rows) {
        if (row.has || !row.front_has) continue;
        is_good = false;
        const auto* who = front != nullptr ? ", which its Postfix offers to others" : "";
        report.warning(
            fmt::format("{} does not offer {}{}: {}", wishes.shown, row.name, who, row.without),
            {row.name == "SMTPUTF8" ? "postconf -e smtputf8_enable=yes; and look for smtpd_discard_ehlo_keywords in master.cf"
                                    : "look for smtpd_discard_ehlo_keywords in main.cf and in its lines of master.cf"});
    }
    return is_good;
}

}  // namespace

void judge_hop(const MailServer& server, const HopWishes& wishes, const deliver::Extensions* front, Report& report) {
    if (!server.trouble.empty() && server.greeting.code == 0) {
        if (server.is_forbidden) report.not_checked(fmt::format("{}: {}", wishes.shown, server.trouble));
        else
            report.problem(
                fmt::format("{} does not answer: {}", wishes.shown, server.trouble),
                {wishes.is_local
                     ? "postfix start; master.cf must have the smtpd of etc/postfix/master.cf.lmtp for that port; postfix reload"
                     : "start it, or let it be reached from this host"});
        return;
    }
    if (server.greeting.code != 220 || server.hello.code != 250) {
        const auto& reply = server.greeting.code != 220 ? server.greeting : server.hello;
        report.problem(fmt::format("{} does not want to talk: {}", wishes.shown, reply.code == 0 ? server.trouble : said(reply)),
                       {"see the log of the next hop"});
        return;
    }
    if (!check_trust(server, wishes, report)) return;
    if (!server.trouble.empty())
        report.warning(fmt::format("{}: {}", wishes.shown, server.trouble), {"see the log of the next hop"});
    const auto& has = server.offered;
    bool is_good = check_extensions(has, wishes, front, report);
    if (wishes.wants_xforward && has.xforward.none()) {
        is_good = false;
        report.warning(
            fmt::format("{} does not offer XFORWARD: its log and its Received field name the filter instead of the client",
                        wishes.shown),
            {"its lines of master.cf: -o smtpd_authorized_xforward_hosts=127.0.0.0/8; postfix reload"});
    }
    if (wishes.forward_tls == "encrypt" && !has.starttls) {
        is_good = false;
        report.problem(
            fmt::format("{} does not offer STARTTLS, but server.forward_tls is encrypt: nothing can be handed over",
                        wishes.shown),
            {"its lines of master.cf: -o smtpd_tls_security_level=may and a certificate, or [server] forward_tls = \"none\""});
    }
    if (is_good) report.ok(fmt::format("{} answers: {}", wishes.shown, said(server.greeting)));
}

}  // namespace tamis::doctor
