#include "scanners/spamd/spamd_dialog.h"

#include <cmath>

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void spamd(std::string_view bytes) {
    scanners::SpamdReply reply;
    auto done = reply.feed(bytes.substr(0, bytes.size() / 3));
    if (done && !*done) done = reply.feed(bytes.substr(bytes.size() / 3));
    if (!done || !*done) return (void)reply.end();
    must(std::isfinite(reply.score()) && std::isfinite(reply.required()), "scores are numbers");
    if (const auto table = scanners::parse_report_table(reply.content()); table && *table)
        for (const auto& test : **table) must(std::isfinite(test.score) && !test.name.empty(), "tests have names and scores");
    if (const auto symbols = scanners::parse_symbols(reply.content()))
        for (const auto& test : *symbols) must(!test.name.empty(), "symbols have names");
}

}  // namespace tamis::fuzz
