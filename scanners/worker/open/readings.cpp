#include "scanners/worker/open/readings.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "scanners/worker/open/embedded.h"
#include "scanners/worker/open/mime_header.h"

namespace tamis::worker {
namespace {

using mail::AnomalyKind;
using mail::Part;
using mail::PartFlag;

// Sight - what a program shows or saves of a part
using Sight = std::tuple<std::string_view, std::string_view, std::string_view>;

std::string_view first_of(const std::vector<std::string>& texts) { return texts.empty() ? std::string_view() : texts.front(); }

Sight sight_of(const Part& part) { return {part.sha256, first_of(part.types), first_of(part.names)}; }

// is_second_look - no reading of a damaged structure, but a text looked at again: converted, or read as the message it quotes
bool is_second_look(const Part& part) { return part.container == "charset" || part.container == quoted_container; }

bool has_something(const Part& part) {
    constexpr std::uint64_t line_ends = 4;
    return part.size > line_ends;
}

}  // namespace

bool is_compared(AnomalyKind kind) noexcept {
    constexpr AnomalyKind compared[] = {AnomalyKind::duplicate_encoding,   AnomalyKind::encoding_of_composite,
                                        AnomalyKind::boundary_reuse,       AnomalyKind::boundary_lookalike,
                                        AnomalyKind::text_after_epilogue,  AnomalyKind::bad_base64,
                                        AnomalyKind::bad_quoted_printable, AnomalyKind::bad_encoding};
    return std::ranges::find(compared, kind) != std::end(compared);
}

bool settle_readings(mail::Contents& contents, const std::set<std::uint32_t>& harmless) {
    const auto matters = [](const mail::Anomaly& anomaly) { return is_ambiguous(anomaly) && is_compared(anomaly.kind); };
    if (!contents.limit.empty() || std::ranges::none_of(contents.anomalies, matters)) return false;
    std::set<Sight> first;
    std::vector<bool> is_known(contents.parts.size() + 1, false);  // or lies in one that is
    for (const auto& part : contents.parts)
        if (!part.has(PartFlag::alternate)) first.insert(sight_of(part));
    for (const auto& part : contents.parts) {
        if (!part.has(PartFlag::alternate)) continue;
        is_known[part.number] = is_known[part.parent] || is_second_look(part) || harmless.contains(part.number) ||
                                (!part.sha256.empty() && first.contains(sight_of(part)));
        if (!is_known[part.number] && has_something(part)) return false;
    }
    for (auto& anomaly : contents.anomalies) anomaly.is_harmless |= matters(anomaly);
    for (auto& part : contents.parts) part.flags &= static_cast<std::uint8_t>(~static_cast<unsigned>(PartFlag::ambiguous));
    for (const auto& anomaly : contents.anomalies)
        if (anomaly.part != 0 && is_ambiguous(anomaly)) contents.parts[anomaly.part - 1].set(PartFlag::ambiguous);
    return true;
}

bool is_only_shown(const Part& part) {
    constexpr std::string_view texts[] = {"asc", "txt", "html", "xml", "sgml", "empty", "mail", "dat"};
    constexpr std::string_view endings[] = {"", "txt", "text", "html", "htm", "csv", "ics", "vcf", "md", "log", "asc"};
    const auto is_among = [](std::string_view what, auto& list) { return std::ranges::find(list, what) != std::end(list); };
    return std::ranges::all_of(part.types, [](const auto& type) { return type.starts_with("text/"); }) &&
           std::ranges::all_of(part.kinds, [&](const auto& kind) { return is_among(kind, texts); }) &&
           std::ranges::all_of(part.names, [&](const auto& name) { return is_among(extension_of(name), endings); });
}

}  // namespace tamis::worker
