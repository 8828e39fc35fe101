#include "deliver/client_command.h"

#include <fmt/format.h>
#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.h"
#include "deliver/data_writer.h"
#include "mail/path.h"

namespace tamis::deliver {
namespace {

constexpr std::size_t longest_parameter = 1000;  // ENVID has 100 and ORCPT 500 in RFC 3461
constexpr std::size_t longest_xforward = 255;    // Postfix XFORWARD_README
constexpr std::size_t longest_line = 512;

// is_plain - an octet that may stand in a path or parameter
bool is_plain(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '<' && c != '>';
}

// is_safe_xtext - "<" and ">" are fine here: they are written encoded
bool is_safe_xtext(std::string_view text) {
    return text.size() <= longest_parameter && is_utf8(text) &&
           std::ranges::all_of(text, [](char c) { return is_plain(c) || c == '<' || c == '>'; });
}

// armoured - xtext as given, with what must not stand raw on a command line encoded; non-ASCII as RFC 6533's \x{HEX}
std::string armoured(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x80) {  // valid UTF-8, as checked before
            const int length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            std::uint32_t point = byte & (0xffU >> (length + 1));
            for (int k = 1; k < length; ++k) point = point << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fU);
            out += fmt::format("\\x{{{:X}}}", point);
        } else if (text[i] == '<' || text[i] == '>' || text[i] == '=') {
            out += fmt::format("+{:02X}", byte);
        } else {
            out += text[i];
        }
    }
    return out;
}

bool is_notify(std::string_view notify) {
    if (notify.empty() || equal_fold(notify, "NEVER")) return true;
    return std::ranges::all_of(split(notify, ','), [](std::string_view word) {
        return equal_fold(word, "SUCCESS") || equal_fold(word, "FAILURE") || equal_fold(word, "DELAY");
    });
}

struct PathParts {
    std::string_view local, domain;
};
PathParts parts_of(std::string_view address) {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos) return {address, {}};
    return {address.substr(0, at), address.substr(at + 1)};
}

// path_for - the address as this server can take it by the standards; nothing when it cannot
std::optional<std::string> path_for(const std::string& address, const Extensions& offered) {
    if (offered.smtputf8 || is_ascii(address)) return address;
    const auto [local, domain] = parts_of(address);
    if (!is_ascii(local)) return {};
    auto ascii = to_ascii_domain(std::string(domain));
    if (!ascii || !std::ranges::all_of(*ascii, is_plain)) return {};
    return fmt::format("{}@{}", local, *ascii);
}

// has_asked - the client wants SMTPUTF8 (RFC 6531): the message must not go where that is not understood
bool has_asked(const Submission& what) { return what.needs_smtputf8 || what.envelope->smtputf8; }

// wants_smtputf8 - asked for, or something in it is UTF-8; addresses that are none are sent as they came, without a promise
bool wants_smtputf8(const Submission& what) {
    if (what.needs_smtputf8) return true;
    std::vector<std::string_view> addresses = {what.sender};
    for (const auto& recipient : what.recipients) addresses.push_back(recipient.address);
    return std::ranges::all_of(addresses, is_utf8) && !std::ranges::all_of(addresses, is_ascii);
}

std::string_view body_parameter(const Submission& what) {
    if (what.has_8bit || what.envelope->body == mail::BodyType::eight_bit) return " BODY=8BITMIME";
    return what.envelope->body == mail::BodyType::seven_bit ? " BODY=7BIT" : "";
}

// ---- XFORWARD

constexpr std::string_view unavailable = "[UNAVAILABLE]";

std::string shown_name(const std::string& text) {
    const auto of_host = [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; };
    return !text.empty() && std::ranges::all_of(text, of_host) ? text : std::string(unavailable);
}
std::string shown_address(const std::string& text) {
    const auto address = normal_address(text);
    if (address.empty()) return std::string(unavailable);
    return address.find(':') == std::string::npos ? address : "IPV6:" + address;
}
std::string shown_port(const std::string& text) {
    const auto port = parse_unsigned(text, 65535);
    return port && *port != 0 ? fmt::format("{}", *port) : std::string(unavailable);
}
std::string shown_source(const std::string& text) {
    return equal_fold(text, "LOCAL") || equal_fold(text, "REMOTE") ? to_upper(text) : std::string(unavailable);
}
std::string shown_text(const std::string& text) { return text.empty() ? std::string(unavailable) : printable_or(text, '?'); }

struct Attribute {
    std::string_view name;
    std::optional<std::string> mail::Client::* member;
    std::string (*show)(const std::string&);
};
constexpr std::array<Attribute, 7> attributes{{{"NAME", &mail::Client::name, shown_name},
                                               {"ADDR", &mail::Client::address, shown_address},
                                               {"PORT", &mail::Client::port, shown_port},
                                               {"PROTO", &mail::Client::protocol, shown_text},
                                               {"HELO", &mail::Client::helo, shown_text},
                                               {"IDENT", &mail::Client::ident, shown_text},
                                               {"SOURCE", &mail::Client::source, shown_source}}};

std::string xforward_value(const std::string& shown) {
    std::string out;
    for (const char c : shown) {
        const auto encoded = c == '<' || c == '>' ? fmt::format("+{:02X}", c) : xtext_encode({&c, 1});
        if (out.size() + encoded.size() > longest_xforward) break;
        out += encoded;
    }
    return out;
}

}  // namespace

Extensions parse_extensions(const RemoteReply& reply) {
    Extensions offered;
    bool first = true;
    for (const auto line : split(reply.text, '\n')) {
        const auto parts = words(line, " ");
        if (std::exchange(first, false) || parts.empty()) continue;  // the first line is the greeting
        const auto keyword = to_upper(parts.front());
        if (keyword == "PIPELINING") offered.pipelining = true;
        if (keyword == "8BITMIME") offered.eight_bit = true;
        if (keyword == "SMTPUTF8") offered.smtputf8 = true;
        if (keyword == "DSN") offered.dsn = true;
        if (keyword == "SIZE") offered.size = true;
        if (keyword == "AUTH") offered.auth = true;
        if (keyword == "STARTTLS") offered.starttls = true;
        if (keyword != "XFORWARD") continue;
        for (const auto word : parts)
            for (std::size_t i = 0; i < attributes.size(); ++i)
                if (equal_fold(word, attributes[i].name)) offered.xforward.set(i);
    }
    return offered;
}

SubmissionResult refused(int code, std::string_view enhanced, std::string text) {
    SubmissionResult result;
    result.code = code;
    result.enhanced = enhanced;
    result.text = std::move(text);
    return result;
}

Smtputf8 smtputf8_wish(const Submission& what) { return has_asked(what) ? Smtputf8::asked : Smtputf8::not_asked; }

std::optional<SubmissionResult> transaction_refusal(const Submission& what, const Extensions& offered) {
    const auto& envelope = *what.envelope;
    if (!mail::is_path(what.sender))
        return refused(553, "5.1.7", fmt::format("Bad sender address syntax: <{}>", escaped(what.sender)));
    if (!is_safe_xtext(envelope.envelope_id) || !is_ascii(envelope.envelope_id))
        return refused(501, "5.5.4", fmt::format("Bad ENVID parameter: {}", escaped(envelope.envelope_id)));
    if (!is_safe_xtext(envelope.auth) || !is_ascii(envelope.auth))
        return refused(501, "5.5.4", fmt::format("Bad AUTH parameter: {}", escaped(envelope.auth)));
    if (!envelope.ret.empty() && !equal_fold(envelope.ret, "FULL") && !equal_fold(envelope.ret, "HDRS"))
        return refused(501, "5.5.4", fmt::format("Bad RET parameter: {}", escaped(envelope.ret)));
    if (has_asked(what) && !path_for(what.sender, offered))
        return refused(550, "5.6.7", "Non-ASCII addresses not permitted for sender");
    if (!offered.smtputf8 && envelope.smtputf8 && what.has_8bit_header)
        return refused(554, "5.6.9", "UTF-8 header message cannot be transferred: the next hop does not offer SMTPUTF8");
    if (!offered.eight_bit && what.has_8bit && envelope.body == mail::BodyType::eight_bit)
        return refused(550, "5.6.3", "Conversion to 7BIT required but not supported");
    return {};
}

std::optional<SubmissionResult> recipient_refusal(const mail::Recipient& recipient, const Extensions& offered, Smtputf8 wish) {
    if (recipient.address.empty() || !mail::is_path(recipient.address))
        return refused(553, "5.1.3", fmt::format("Bad recipient address syntax: <{}>", escaped(recipient.address)));
    const auto& original = recipient.original_recipient;
    if (!is_safe_xtext(original) || (!original.empty() && original.find(';') == std::string::npos))
        return refused(501, "5.5.4", fmt::format("Bad ORCPT parameter: {}", escaped(original)));
    if (!is_notify(recipient.notify))
        return refused(501, "5.5.4", fmt::format("Bad NOTIFY parameter: {}", escaped(recipient.notify)));
    if (wish == Smtputf8::asked && !path_for(recipient.address, offered))
        return refused(553, "5.6.7", "Non-ASCII addresses not permitted for recipient");
    return {};
}

std::string mail_command(const Submission& what, const Extensions& offered) {
    const auto& envelope = *what.envelope;
    std::string line = fmt::format("MAIL FROM:<{}>", path_for(what.sender, offered).value_or(what.sender));
    if (offered.size) line += fmt::format(" SIZE={}", DataWriter::octets(what.text));
    if (offered.eight_bit) line += body_parameter(what);
    if (offered.smtputf8 && wants_smtputf8(what)) line += " SMTPUTF8";
    if (offered.dsn && !envelope.ret.empty()) line += " RET=" + to_upper(envelope.ret);
    if (offered.dsn && !envelope.envelope_id.empty()) line += " ENVID=" + armoured(envelope.envelope_id);
    if (offered.auth && !envelope.auth.empty())
        line += " AUTH=" + (envelope.auth == "<>" ? envelope.auth : armoured(envelope.auth));
    return line + "\r\n";
}

std::string rcpt_command(const mail::Recipient& recipient, const Extensions& offered) {
    std::string line = fmt::format("RCPT TO:<{}>", path_for(recipient.address, offered).value_or(recipient.address));
    if (offered.dsn && !recipient.notify.empty()) line += " NOTIFY=" + to_upper(recipient.notify);
    if (offered.dsn && !recipient.original_recipient.empty()) line += " ORCPT=" + armoured(recipient.original_recipient);
    return line + "\r\n";
}

std::vector<std::string> xforward_commands(const mail::Client& client, const Extensions& offered) {
    constexpr std::string_view verb = "XFORWARD";
    std::vector<std::string> lines;
    std::string line(verb);
    for (std::size_t i = 0; i < attributes.size(); ++i) {
        if (!offered.xforward.test(i)) continue;
        const auto& given = client.*attributes[i].member;
        const auto shown = given ? attributes[i].show(*given) : std::string(unavailable);
        const auto word = fmt::format(" {}={}", attributes[i].name, xforward_value(shown));
        if (line.size() + word.size() + 2 > longest_line) lines.push_back(std::exchange(line, std::string(verb)) + "\r\n");
        line += word;
    }
    if (line.size() > verb.size()) lines.push_back(line + "\r\n");
    return lines;
}

std::optional<std::string> to_ascii_domain(const std::string& domain) {
    char* out = nullptr;
    const int error = idn2_to_ascii_8z(domain.c_str(), &out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    const std::unique_ptr<char, void (*)(void*)> owner(out, idn2_free);
    if (error != IDN2_OK || out == nullptr) return {};
    return std::string(out);
}

}  // namespace tamis::deliver
