#include "scanners/icap/icap_dialog.h"

#include <string>

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void icap(std::string_view bytes) {
    constexpr std::uint64_t limit = 4096;
    std::string whole, pieces;
    scanners::IcapReply at_once(limit, [&](std::string_view part) { whole += part; });
    scanners::IcapReply in_pieces(limit, [&](std::string_view part) { pieces += part; });
    const auto done = at_once.feed(bytes);
    Result<bool> piece_done = false;
    for (std::size_t at = 0; at < bytes.size() && piece_done; at += 3) piece_done = in_pieces.feed(bytes.substr(at, 3));
    must(done.has_value() == piece_done.has_value() && (!done || *done == *piece_done), "how the bytes are cut changes nothing");
    must(whole.size() <= limit && pieces.size() <= limit, "a body is bounded");
    if (!done || !*done) return (void)at_once.end();
    must(whole == pieces, "how the bytes are cut does not change the body");
    for (const auto method : {scanners::IcapMethod::respmod, scanners::IcapMethod::reqmod}) {
        if (const auto options = scanners::parse_icap_options(at_once, method))
            must(options->valid_for.count() >= 1 && options->valid_for.count() <= 3600, "options are kept for a while");
        const auto outcome =
            scanners::judge_icap(at_once, method, {.is_all = true, .is_nothing = false, .came_back_same = false});
        if (!outcome) continue;
        if (std::holds_alternative<mail::Clean>(*outcome))
            must(at_once.status() == 204 && !at_once.has_body(), "only 204 is clean");
        if (const auto* infected = std::get_if<mail::Infected>(&*outcome)) {
            must(!infected->names.empty(), "infected has a name");
            for (const auto& name : infected->names)
                for (const char c : name) must(c >= ' ' && c < 127, "names are printable");
        }
        must(!scanners::judge_icap(at_once, method, {}) ||
                 std::holds_alternative<mail::Infected>(*scanners::judge_icap(at_once, method, {})),
             "nothing is clean before the whole message was sent");
    }
}

}  // namespace tamis::fuzz
