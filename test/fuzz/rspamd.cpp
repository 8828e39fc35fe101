#include "scanners/rspamd/rspamd_dialog.h"

#include <cmath>

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void rspamd(std::string_view bytes) {
    scanners::RspamdReply reply;
    auto done = reply.feed(bytes.substr(0, bytes.size() / 2));
    if (done && !*done) done = reply.feed(bytes.substr(bytes.size() / 2));
    if (done && !*done) done = reply.end();
    std::string_view body = bytes;  // also as the body alone: the way there is narrow
    if (done && *done && reply.check()) body = reply.body();
    if (const auto answer = scanners::parse_rspamd_json(body, 1)) {
        must(std::isfinite(answer->scored.score), "a score is a number");
        for (const auto& test : answer->scored.tests) must(std::isfinite(test.score) && !test.name.empty(), "symbols have names");
        scanners::is_about(*answer, "<x@y>");
    }
}

}  // namespace tamis::fuzz
