#include "mail/contents.h"

#include <algorithm>
#include <array>

namespace tamis::mail {

std::string_view anomaly_name(AnomalyKind kind) noexcept {
    static constexpr std::array<std::string_view, 30> names = {"duplicate-boundary",
                                                               "duplicate-type",
                                                               "duplicate-encoding",
                                                               "duplicate-name",
                                                               "duplicate-parameter",
                                                               "encoded-word-in-structure",
                                                               "encoding-of-composite",
                                                               "bad-boundary",
                                                               "boundary-reuse",
                                                               "boundary-lookalike",
                                                               "text-after-epilogue",
                                                               "bad-base64",
                                                               "bad-quoted-printable",
                                                               "bad-encoding",
                                                               "bad-header",
                                                               "comment-in-structure",
                                                               "bad-parameter",
                                                               "bad-line-ends",
                                                               "hidden-header",
                                                               "embedded-encoding",
                                                               "mismatched-archive",
                                                               "polyglot",
                                                               "other-reading",
                                                               "unclosed-multipart",
                                                               "unknown-charset",
                                                               "bad-uuencode",
                                                               "bad-archive",
                                                               "misplaced-parameter"};
    const auto index = static_cast<std::size_t>(kind);
    return index < names.size() ? names[index] : "unknown";
}

bool Contents::is_encrypted() const noexcept {
    return std::ranges::any_of(parts, [](const Part& part) { return part.has(PartFlag::encrypted); });
}

bool Contents::is_undecipherable() const noexcept {
    return std::ranges::any_of(parts, [](const Part& part) { return part.has(PartFlag::undecipherable); });
}

bool Contents::is_ambiguous() const noexcept {
    return std::ranges::any_of(anomalies, [](const Anomaly& anomaly) { return mail::is_ambiguous(anomaly); });
}

bool Contents::is_leaf(std::uint32_t number) const noexcept {
    return std::ranges::none_of(parts, [&](const Part& part) { return part.parent == number; });
}

std::vector<const Part*> Contents::way_to(std::uint32_t number) const {
    std::vector<const Part*> way;
    // a parent always has a smaller number: this ends
    for (const Part* part = find(number); part != nullptr; part = part->parent < part->number ? find(part->parent) : nullptr)
        way.push_back(part);
    std::ranges::reverse(way);
    return way;
}

}  // namespace tamis::mail
