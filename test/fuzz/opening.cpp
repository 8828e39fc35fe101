#include "test/fuzz/opening.h"

#include <algorithm>
#include <set>
#include <string>

#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

worker::Limits small_limits() {
    worker::Limits limits;
    limits.maximum_quota = 4 * 1024 * 1024;
    limits.members = 300;
    limits.mime_parts = 300;
    limits.levels = 6;
    return limits;
}

worker::OpenerSetup full_setup() {
    static const auto kinds = [] {
        worker::preopen_charsets();
        return worker::MagicKinds::load();
    }();
    must(kinds.has_value(), "libmagic has a database");
    worker::OpenerSetup setup;
    setup.limits = small_limits();
    setup.kinds = kinds->get();
    setup.open_message = worker::open_mime;
    setup.decoders = worker::mime_decoders();
    for (auto& decoder : worker::archive_decoders()) setup.decoders.push_back(decoder);
    return setup;
}

void check_opened(const worker::Opened& opened, const worker::Limits& limits) {
    const auto& contents = opened.contents;
    std::set<std::uint32_t> shown;
    std::set<std::string> digests;
    std::uint32_t number = 0;
    for (const auto& part : contents.parts) {
        must(part.number == ++number, "parts are numbered in order");
        must(part.parent < part.number, "a container stands before what it holds");
        must(part.names.size() <= mail::part_names_limit, "names are limited");
        for (const auto& name : part.names) must(name.size() <= mail::part_name_limit, "a name is limited");
    }
    for (const auto& each : opened.shown) {
        must(each.part != 0 && each.part <= contents.parts.size(), "a shown part exists");
        must(shown.insert(each.part).second, "a part is shown once");
        must(each.bytes.bytes().size() == contents.parts[each.part - 1].size, "a part is shown whole");
        digests.insert(contents.parts[each.part - 1].sha256);
    }
    // the rule: whatever has bytes was shown, itself or the same bytes, or lies within its members, or the message has a limit
    for (const auto& part : contents.parts) {
        if (part.types.size() > 0 && part.types.front().starts_with("multipart/")) continue;
        if (part.size == 0 || shown.contains(part.number) || digests.contains(part.sha256)) continue;
        must(part.shown != mail::Shown::no && part.shown != mail::Shown::yes, "a part with bytes is shown");
        must(part.shown != mail::Shown::kept_back || !contents.limit.empty(), "a part that is kept back is a limit");
        const auto has_members = [&](const mail::Part& other) { return other.parent == part.number; };
        must(part.shown != mail::Shown::by_its_parts || std::ranges::any_of(contents.parts, has_members),
             "a pure container has members");
    }
    must(contents.parts.size() <= limits.members + limits.mime_parts, "parts are limited");
    must(contents.anomalies.size() <= mail::anomalies_limit, "anomalies are limited");
    must(contents.mime_error.size() <= 250, "the MIME error is limited");
}

}  // namespace tamis::fuzz
