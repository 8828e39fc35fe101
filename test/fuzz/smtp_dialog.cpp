#include "proxy/smtp/dialog.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void smtp_dialog(std::string_view bytes) {
    proxy::DialogOptions options;
    options.recipient_limit = 5;
    options.size_limit = 1000;
    options.error_limit = 50;
    if (!bytes.empty()) {
        options.offers_tls = (bytes.front() & 1) != 0;
        options.may_xforward = (bytes.front() & 2) != 0;
        options.starts_as_lmtp = (bytes.front() & 4) != 0;
        bytes.remove_prefix(1);
    }
    proxy::Dialog dialog(options);
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        auto line = bytes.substr(0, end);
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
        const auto step = dialog.on_line(line);
        must(step.reply.code >= 200 && step.reply.code < 600, "a reply has a code");
        const auto text = step.reply.wire();
        must(text.ends_with("\r\n"), "a reply ends with CRLF");
        for (std::size_t at = 0; at < text.size();) {
            const auto stop = text.find("\r\n", at);
            must(stop - at <= 510, "a reply line fits RFC 5321");
            must(text.substr(at, stop - at).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
                 "one line is one line");
            at = stop + 2;
        }
        must(dialog.envelope().recipients.size() <= 5, "the recipient limit holds");
        if (step.next == proxy::Dialog::Next::close) return;
        if (step.next == proxy::Dialog::Next::start_tls) dialog.tls_started("TLS");
        if (step.next == proxy::Dialog::Next::data) {
            must(!dialog.envelope().recipients.empty(), "DATA has a recipient");
            dialog.take_envelope();
            must(dialog.envelope().recipients.empty(), "the transaction ends with its data");
        }
    }
}

}  // namespace tamis::fuzz
