#include "scanners/clamd/clamd_dialog.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void clamd(std::string_view bytes) {
    scanners::ClamdReply reply;
    auto done = reply.feed(bytes.substr(0, bytes.size() / 2));
    if (done && !*done) done = reply.feed(bytes.substr(bytes.size() / 2));
    must(reply.text().size() <= scanners::ClamdReply::limit, "a reply is bounded");
    if (!done || !*done) return (void)reply.end();
    for (const auto method : {scanners::ClamdMethod::descriptor, scanners::ClamdMethod::stream}) {
        const auto answer = scanners::parse_clamd_reply(reply.text(), method);
        if (!answer) continue;
        if (std::holds_alternative<mail::Clean>(*answer)) must(reply.text().ends_with(": OK"), "only OK is clean");
        if (const auto* infected = std::get_if<mail::Infected>(&*answer)) {
            must(!infected->names.empty(), "infected has a name");
            for (const auto& name : infected->names)
                for (const char c : name) must(c >= ' ' && c < 127, "names are printable");
        }
    }
}

}  // namespace tamis::fuzz
