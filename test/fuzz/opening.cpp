#include "test/fuzz/opening.h"

#include <set>

#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"
#include "scanners/worker/open/charset.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

open::Limits small_limits() {
    open::Limits limits;
    limits.maximum_quota = 4 * 1024 * 1024;
    limits.members = 300;
    limits.mime_parts = 300;
    limits.levels = 6;
    return limits;
}

open::OpenerSetup full_setup() {
    static const auto kinds = [] {
        open::preopen_charsets();
        return open::MagicKinds::load();
    }();
    must(kinds.has_value(), "libmagic has a database");
    open::OpenerSetup setup;
    setup.limits = small_limits();
    setup.kinds = kinds->get();
    setup.open_message = open::open_mime;
    setup.decoders = open::mime_decoders();
    for (auto& decoder : open::archive_decoders()) setup.decoders.push_back(decoder);
    return setup;
}

void check_opened(const open::Opened& opened, const open::Limits& limits) {
    const auto&           contents = opened.contents;
    std::set<std::size_t> extracts;
    std::uint32_t         number = 0;
    for (const auto& part : contents.parts) {
        must(part.number == ++number, "parts are numbered in order");
        must(part.parent < part.number, "a container stands before what it holds");
        must(part.names.size() <= mail::part_names_limit, "names are limited");
        for (const auto& name : part.names) must(name.size() <= mail::part_name_limit, "a name is limited");
        if (part.extract < 0) continue;
        must(static_cast<std::size_t>(part.extract) < opened.extracts.size(), "an extract exists");
        must(extracts.insert(static_cast<std::size_t>(part.extract)).second, "an extract belongs to one part");
        must(opened.extracts[static_cast<std::size_t>(part.extract)].bytes().size() == part.size, "an extract is the whole part");
    }
    must(extracts.size() == opened.extracts.size(), "every extract belongs to a part");
    must(contents.parts.size() <= limits.members + limits.mime_parts, "parts are limited");
    must(contents.anomalies.size() <= mail::anomalies_limit, "anomalies are limited");
    must(contents.mime_error.size() <= 250, "the MIME error is limited");
}

}  // namespace tamis::fuzz
