#include "deliver/client_dialog.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// a next hop that says anything: every recipient has a result at the end, and only a 2xx of its own makes one delivered
void client_dialog(std::string_view bytes) {
    mail::Envelope envelope;
    envelope.sender = "a@example.org";
    deliver::Submission what;
    what.envelope = &envelope;
    what.sender = envelope.sender;
    for (const auto* address : {"b@example.com", "c@example.com"}) {
        mail::Recipient recipient;
        recipient.address = address;
        envelope.recipients.push_back(recipient);
        what.recipients.push_back(recipient);
    }
    deliver::NextHop to;
    if (!bytes.empty() && (bytes.front() & 1) != 0) to.protocol = deliver::NextHop::Protocol::lmtp;
    deliver::ClientDialog dialog(to, {});
    dialog.begin(what, deliver::ClientDialog::Probe::no);
    deliver::ReplyParser parser;
    bool text_was_written = false;
    using Want = deliver::ClientDialog::Want;
    for (std::size_t steps = 0; dialog.want() != Want::nothing && steps < 10'000; ++steps) {
        if (dialog.want() == Want::write) {
            const auto out = dialog.take_output();
            must(out.ends_with("\r\n"), "a command ends with CRLF");
        } else if (dialog.want() == Want::text) {
            text_was_written = true;
            dialog.on_text_written();
        } else if (dialog.want() == Want::tls) {
            dialog.on_tls_started();
        } else {
            const auto end = bytes.find('\n');
            if (end == std::string_view::npos) {
                dialog.on_fault({make_error_code(Errc::closed), "the end"});
                continue;
            }
            const auto done = parser.on_line(bytes.substr(0, end));
            bytes.remove_prefix(end + 1);
            if (!done) dialog.on_fault(done.error());
            else if (*done) dialog.on_reply(parser.take());
        }
    }
    must(dialog.want() == Want::nothing, "a conversation ends");
    const auto results = dialog.take_results();
    must(results.size() == 2, "each recipient has a result");
    for (const auto& result : results) {
        must(result.code >= 200 && result.code < 600, "a result has a code");
        must(result.code / 100 != 2 || text_was_written, "nothing is delivered before its text was written");
    }
}

}  // namespace tamis::fuzz
