#include "proxy/smtp/dialog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/endpoint.h"
#include "base/text.h"
#include "mail/address.h"
#include "proxy/smtp/command.h"

namespace tamis::proxy {
namespace {

Dialog::Step ok(int code, std::string enhanced, std::string text) {
    return {reply(code, std::move(enhanced), std::move(text)), Dialog::Next::command};
}

// error_line - what a parameter check answers; "CODE ENH text"
std::string bad_value(std::string_view command, std::string_view name) {
    return fmt::format("501 5.5.4 Syntax error in {} parameter: {}", command, name);
}
std::string needs_value(std::string_view command, std::string_view name) {
    return fmt::format("501 5.5.4 Syntax error in {} parameter, value is required: {}", command, name);
}

bool is_xtext(std::string_view text) { return xtext_decode(text).has_value() && is_ascii(text); }

}  // namespace

Dialog::Dialog(DialogOptions options) : options_(std::move(options)), lmtp_(options_.starts_as_lmtp) {}

const Dialog::Verb* Dialog::find_verb(std::string_view name) {
    static constexpr std::array<Verb, 19> verbs = {{
        {"HELO", &Dialog::helo, false},
        {"EHLO", &Dialog::ehlo, true},
        {"LHLO", &Dialog::lhlo, true},
        {"MAIL", &Dialog::mail, false},
        {"RCPT", &Dialog::rcpt, false},
        {"DATA", &Dialog::data, false},
        {"RSET", &Dialog::rset, false},
        {"NOOP", &Dialog::noop, true},
        {"VRFY", &Dialog::vrfy, false},
        {"HELP", &Dialog::help, false},
        {"QUIT", &Dialog::quit, true},
        {"STARTTLS", &Dialog::starttls, true},
        {"XFORWARD", &Dialog::xforward, false},
        {"EXPN", &Dialog::not_implemented, false},
        {"TURN", &Dialog::not_implemented, false},
        {"ETRN", &Dialog::not_implemented, false},
        {"SEND", &Dialog::not_implemented, false},
        {"SOML", &Dialog::not_implemented, false},
        {"SAML", &Dialog::not_implemented, false},
    }};
    const auto found = std::ranges::find(verbs, name, &Verb::name);
    return found == verbs.end() ? nullptr : &*found;
}

std::string Dialog::own_name() const {
    return options_.socket_address.empty() ? "[localhost]" : "[" + options_.socket_address + "]";
}

std::string Dialog::protocol() const {
    std::string name = lmtp_ ? "LMTP" : extended_ ? "ESMTP" : "SMTP";
    if (envelope_.smtputf8) name = lmtp_ ? "UTF8LMTP" : "UTF8SMTP";  // RFC 6531 section 4.3
    if (!tls_.empty() && extended_) name += 'S';
    return name;
}

Reply Dialog::greeting() const {
    return reply(220, {}, fmt::format("{} {} Tamis service ready", own_name(), lmtp_ ? "LMTP" : "ESMTP"));
}

Dialog::Step Dialog::error(int code, std::string enhanced, std::string text) {
    ++errors_;
    if (options_.error_limit != 0 && errors_ > options_.error_limit)
        return {reply(421, "4.7.0", fmt::format("Error: too many errors ({}), closing channel", errors_)), Next::close};
    return {reply(code, std::move(enhanced), std::move(text)), Next::command};
}

Dialog::Step Dialog::bad_line(std::string_view why) { return error(500, "5.5.2", fmt::format("Error: bad syntax: {}", why)); }

Dialog::Step Dialog::on_line(std::string_view line) {
    const auto command = parse_command(line);
    if (!command) return error(500, "5.5.2", "Error: bad syntax");
    verb_ = command->verb;
    const auto* verb = find_verb(verb_);
    if (verb == nullptr) return error(500, "5.5.2", fmt::format("Error: command {} not recognized", verb_.substr(0, 40)));
    if (options_.requires_tls && tls_.empty() && !verb->allowed_before_tls)
        return error(530, "5.7.0", "Must issue a STARTTLS command first");
    return (this->*verb->handle)(command->arguments);
}

void Dialog::reset() {
    envelope_ = {};
    client_ = {};
    seen_size_ = seen_body_ = false;
    recipient_commands_ = 0;
    if (state_ != State::fresh) state_ = State::greeted;
}

mail::Envelope Dialog::take_envelope() {
    auto envelope = std::move(envelope_);
    reset();
    return envelope;
}

void Dialog::tls_started(std::string description) {
    tls_ = std::move(description);
    state_ = State::fresh;
    helo_.clear();
    extended_ = false;
    lmtp_ = options_.starts_as_lmtp;
    reset();
}

Dialog::Step Dialog::greet(std::string_view helo, bool extended, bool lmtp) {
    extended_ = extended;
    lmtp_ = lmtp;
    helo_ = helo.substr(0, 255);
    state_ = State::greeted;
    reset();
    if (!extended) return ok(250, {}, own_name());
    Reply out{250, {}, {own_name(), "VRFY", "PIPELINING"}};
    out.lines.push_back(options_.size_limit == 0 ? "SIZE" : fmt::format("SIZE {}", options_.size_limit));
    for (const char* keyword : {"ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN"}) out.lines.emplace_back(keyword);
    if (options_.offers_tls && tls_.empty()) out.lines.emplace_back("STARTTLS");
    if (options_.may_xforward) out.lines.emplace_back("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE");
    return {std::move(out), Next::command};
}

Dialog::Step Dialog::helo(std::string_view arguments) { return greet(arguments, false, false); }
Dialog::Step Dialog::ehlo(std::string_view arguments) { return greet(arguments, true, false); }
Dialog::Step Dialog::lhlo(std::string_view arguments) { return greet(arguments, true, true); }

Dialog::Step Dialog::noop(std::string_view) { return ok(250, "2.0.0", "Ok NOOP"); }

Dialog::Step Dialog::rset(std::string_view arguments) {
    reset();
    if (!arguments.empty()) return error(501, "5.5.4", "Error: RSET does not accept arguments");
    return ok(250, "2.0.0", "Ok RSET");
}

Dialog::Step Dialog::quit(std::string_view arguments) {
    if (!arguments.empty()) return error(501, "5.5.4", "Error: QUIT does not accept arguments");
    return {reply(221, "2.0.0", own_name() + " Tamis closing transmission channel"), Next::close};
}

Dialog::Step Dialog::help(std::string_view) {
    return {Reply{214,
                  "2.0.0",
                  {"Tamis, a content filter between two mail servers.",
                   "Commands: EHLO LHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT STARTTLS XFORWARD"}},
            Next::command};
}

Dialog::Step Dialog::vrfy(std::string_view arguments) {
    if (arguments.empty()) return error(501, "5.5.2", "Syntax: VRFY address");
    return ok(252, "2.0.0", "Argument not checked");
}

Dialog::Step Dialog::not_implemented(std::string_view) {
    return error(502, "5.5.1", fmt::format("Error: command {} not implemented", verb_));
}

Dialog::Step Dialog::starttls(std::string_view arguments) {
    if (!arguments.empty()) return error(501, "5.5.4", "Error: STARTTLS does not accept arguments");
    if (!tls_.empty()) return error(554, "5.5.1", "Error: TLS already active");
    if (!options_.offers_tls) return error(502, "5.5.1", "Error: command not available");
    return {reply(220, "2.0.0", "Ready to start TLS"), Next::start_tls};
}

Dialog::Step Dialog::xforward(std::string_view arguments) {
    constexpr std::size_t value_limit = 255;
    if (!options_.may_xforward)
        return error(550, "5.7.0", fmt::format("Error: XFORWARD is not allowed from {}", options_.peer_address));
    if (state_ == State::has_sender || state_ == State::has_recipient)
        return error(503, "5.5.1", "Error: XFORWARD not allowed within transaction");
    mail::Client client = client_;  // changed only when the whole command is fine
    const auto attributes = words(arguments, " \t");
    if (attributes.empty()) return error(501, "5.5.4", "Syntax error in XFORWARD parameters");
    for (const auto attribute : attributes) {
        const auto equals = attribute.find('=');
        if (equals == std::string_view::npos) return error(501, "5.5.4", "Syntax error in XFORWARD parameters");
        const std::string name = to_upper(attribute.substr(0, equals));
        const auto raw = attribute.substr(equals + 1);
        auto value = xtext_decode(raw);
        if (raw.size() > value_limit || !value || value->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
            return error(501, "5.5.4", "Syntax error in XFORWARD parameters");
        const bool known = !equal_fold(raw, "[UNAVAILABLE]") && !value->empty();
        const auto set = [&](std::optional<std::string>& into) { into = known ? value : std::nullopt; };
        if (name == "NAME") set(client.name);
        else if (name == "HELO") set(client.helo);
        else if (name == "PROTO") set(client.protocol);
        else if (name == "SOURCE") set(client.source);
        else if (name == "IDENT") set(client.ident);
        else if (name == "LOGIN") continue;  // amavisd takes it and stores it nowhere useful
        else if (name == "PORT") {
            set(client.port);
            if (client.port && !parse_unsigned(*client.port, 65535)) client.port.reset();
        } else if (name == "ADDR") {
            set(client.address);
            if (client.address) {
                client.address = normal_address(*client.address);
                if (client.address->empty()) client.address.reset();
            }
        } else {
            return error(501, "5.5.4", fmt::format("XFORWARD command parameter error: {}", attribute.substr(0, 100)));
        }
    }
    client_ = std::move(client);
    return ok(250, "2.5.0", "Ok XFORWARD");
}

std::string Dialog::mail_parameter(const std::string& name, const std::optional<std::string>& value) {
    if (name == "SIZE") {
        const auto size = value ? parse_unsigned(*value) : std::optional<std::uint64_t>(0);
        if (!size || (value && value->size() > 20)) return bad_value("MAIL", name);
        if (seen_size_) return fmt::format("501 5.5.4 Syntax error in MAIL parameter, duplicate: {}", name);
        seen_size_ = true;
        envelope_.declared_size = size;
    } else if (name == "BODY") {
        if (!value) return needs_value("MAIL", name);
        if (seen_body_) return fmt::format("501 5.5.4 Syntax error in MAIL parameter, duplicate: {}", name);
        seen_body_ = true;
        if (equal_fold(*value, "7BIT")) envelope_.body = mail::BodyType::seven_bit;
        else if (equal_fold(*value, "8BITMIME")) envelope_.body = mail::BodyType::eight_bit;
        else return bad_value("MAIL", name);
    } else if (name == "SMTPUTF8") {
        if (value) return bad_value("MAIL", name);
        envelope_.smtputf8 = true;
    } else if (name == "RET") {
        if (!value) return needs_value("MAIL", name);
        const std::string what = to_upper(*value);
        if (!envelope_.ret.empty() || (what != "FULL" && what != "HDRS"))
            return fmt::format("501 5.5.4 Syntax error in MAIL parameter RET: {}", *value);
        envelope_.ret = what;
    } else if (name == "ENVID") {
        if (!value) return needs_value("MAIL", name);
        if (!envelope_.envelope_id.empty() || !is_xtext(*value) || value->size() > 100) return bad_value("MAIL", name);
        envelope_.envelope_id = *value;
    } else if (name == "AUTH") {
        if (!value) return needs_value("MAIL", name);
        if (!envelope_.auth.empty()) return fmt::format("504 5.5.4 MAIL command duplicate param.: {}={}", name, *value);
        if (!is_xtext(*value)) return bad_value("MAIL", name);
        envelope_.auth = "<>";  // AUTH is not offered, so nobody vouches for the name (RFC 4954 section 5)
    } else {
        return fmt::format("504 5.5.4 MAIL command parameter error: {}{}", name, value ? "=" + *value : "");
    }
    return {};
}

Dialog::Step Dialog::mail(std::string_view arguments) {
    if (state_ == State::has_sender || state_ == State::has_recipient) return error(503, "5.5.1", "Error: nested MAIL command");
    auto path = parse_path(arguments, "FROM");
    if (!path) return error(501, "5.5.2", "Syntax: MAIL FROM:<address>");
    if (path->bad_parameters) return error(501, "5.5.4", "Syntax error in MAIL FROM parameters");
    const auto client = client_;
    const auto before = state_;
    envelope_ = {};
    seen_size_ = seen_body_ = false;
    for (const auto& parameter : path->parameters) {
        const std::string wrong = mail_parameter(parameter.name, parameter.value);
        if (wrong.empty()) continue;
        reset();
        client_ = client;
        state_ = before;
        const auto line = reply_from_line(wrong);
        return error(line.code, line.enhanced, line.lines.front());
    }
    if (options_.size_limit != 0 && envelope_.declared_size.value_or(0) > options_.size_limit) {
        const auto size = *envelope_.declared_size;
        reset();
        state_ = before;
        return error(552, "5.3.4", fmt::format("Message size ({} B) exceeds size limit of {} B", size, options_.size_limit));
    }
    envelope_.sender = std::move(path->address);
    envelope_.client = std::exchange(client_, {});
    envelope_.peer_address = options_.peer_address;
    envelope_.peer_helo = helo_;
    envelope_.socket_address = options_.socket_address;
    envelope_.listener = options_.listener;
    envelope_.tls = tls_;
    envelope_.protocol = protocol();
    recipient_commands_ = 0;
    state_ = State::has_sender;
    return ok(250, "2.1.0", fmt::format("Sender {} OK", mail::smtp_form(envelope_.sender)));
}

std::string Dialog::rcpt_parameter(const std::string& name, const std::optional<std::string>& value, mail::Recipient& recipient) {
    if (name == "NOTIFY") {
        if (!value) return "501 5.5.4 Error in RCPT parameter NOTIFY, missing value: ";
        if (!recipient.notify.empty()) return "501 5.5.4 Syntax error in RCPT parameter NOTIFY";
        std::vector<std::string> kinds;
        for (const auto word : split(*value, ',')) {
            const std::string kind = to_upper(word);
            if (kind != "NEVER" && kind != "SUCCESS" && kind != "FAILURE" && kind != "DELAY")
                return fmt::format("501 5.5.4 Error in RCPT parameter NOTIFY, illegal value: {}", *value);
            if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
        }
        if (kinds.size() > 1 && std::ranges::find(kinds, "NEVER") != kinds.end())
            return fmt::format("501 5.5.4 Error in RCPT parameter NOTIFY, illegal combination of values: {}", *value);
        recipient.notify = join(kinds, ",");
    } else if (name == "ORCPT") {
        if (!value) return needs_value("RCPT", name);
        const auto semicolon = value->find(';');
        const bool utf8 = starts_with_fold(*value, "utf-8;");
        if (!recipient.original_recipient.empty() || semicolon == 0 || semicolon == std::string::npos ||
            semicolon + 1 == value->size() || value->size() > 500 || (!utf8 && !is_xtext(*value)) || (utf8 && !is_utf8(*value)))
            return bad_value("RCPT", name);
        recipient.original_recipient = *value;
    } else {
        return fmt::format("555 5.5.4 RCPT command parameter unrecognized: {}", name);
    }
    return {};
}

Dialog::Step Dialog::rcpt(std::string_view arguments) {
    if (state_ != State::has_sender && state_ != State::has_recipient)
        return error(503, "5.5.1", "Need MAIL command before RCPT");
    ++recipient_commands_;
    auto path = parse_path(arguments, "TO");
    if (!path || path->address.empty()) return error(501, "5.5.2", "Syntax: RCPT TO:<address>");
    if (path->bad_parameters) return error(501, "5.5.4", "Syntax error in RCPT parameters");
    if (recipient_commands_ > options_.recipient_limit)  // not an error of the client: RFC 5321 4.5.3.1.10
        return ok(452, "4.5.3", "Too many recipients");
    mail::Recipient recipient{std::move(path->address), {}, {}};
    for (const auto& parameter : path->parameters) {
        const std::string wrong = rcpt_parameter(parameter.name, parameter.value, recipient);
        if (wrong.empty()) continue;
        const auto line = reply_from_line(wrong);
        return error(line.code, line.enhanced, line.lines.front());
    }
    const std::string shown = mail::smtp_form(recipient.address);
    envelope_.recipients.push_back(std::move(recipient));
    state_ = State::has_recipient;
    return ok(250, "2.1.5", fmt::format("Recipient {} OK", shown));
}

Dialog::Step Dialog::data(std::string_view arguments) {
    if (!arguments.empty()) return error(501, "5.5.4", "Error: DATA does not accept arguments");
    if (state_ == State::fresh || state_ == State::greeted) return error(503, "5.5.1", "Need MAIL command before DATA");
    if (state_ == State::has_sender) {
        if (recipient_commands_ == 0) return error(503, "5.5.1", "Need RCPT command before DATA");
        return lmtp_ ? error(503, "5.1.1", "Error (DATA): no valid recipients")
                     : error(554, "5.1.1", "Error (DATA): no valid recipients");
    }
    return {reply(354, {}, "End data with <CR><LF>.<CR><LF>"), Next::data};
}

}  // namespace tamis::proxy
