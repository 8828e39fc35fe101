#include "policy/unchecked_causes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "base/text.h"
#include "mail/category.h"

namespace tamis::policy {
namespace {

using mail::AnomalyKind;
using mail::Contents;
using mail::Part;
using mail::PartFlag;

std::string part_text(const Contents& contents, std::uint32_t number) {
    constexpr std::size_t longest_name = 80;
    const auto* part = contents.find(number);
    if (part == nullptr) return "message";
    if (part->names.empty()) return "part " + part->path;
    // of a long name the end says more
    std::string_view name = part->names.front();
    const bool is_cut = name.size() > longest_name;
    if (is_cut) name.remove_prefix(name.size() - longest_name);
    auto shown = escaped(name, 4 * longest_name);
    for (auto& c : shown)  // what ends the name, or the category in a log line
        c = c == '"' ? '\'' : c == '{' ? '(' : c == '}' ? ')' : c;
    return fmt::format("part {} \"{}{}\"", part->path, is_cut ? "..." : "", shown);
}

// damage_of - what the opening noted about a part that could not be read; "" when nothing
std::string damage_of(const Contents& contents, const Part& part) {
    for (const auto& anomaly : contents.anomalies) {
        const bool tells = anomaly.kind == AnomalyKind::bad_archive || anomaly.kind == AnomalyKind::mismatched_archive;
        if (anomaly.part == part.number && tells && !anomaly.detail.empty()) return escaped(anomaly.detail, 100);
    }
    return {};
}

std::string why_unreadable(const Contents& contents, const Part& part) {
    if (part.has(PartFlag::encrypted)) return "encrypted";
    if (auto damage = damage_of(contents, part); !damage.empty()) return "undecipherable: " + damage;
    const auto is_type = [&](std::string_view type) { return std::ranges::find(part.types, type) != part.types.end(); };
    if (is_type("message/partial")) return "undecipherable: a piece of a message";
    if (is_type("message/external-body")) return "undecipherable: its content lies elsewhere";
    const bool is_known = !part.kinds.empty() && part.kinds.back() != "empty" && part.kinds.back() != "dat";
    return !is_known ? "undecipherable" : fmt::format("undecipherable: .{}", escaped(part.kinds.back(), 20));
}

// Causes - collects them, a few of each minor
class Causes {
public:
    void add(int minor, std::string text) {
        constexpr int most = 5;
        if (++counts_[minor] <= most) out_.push_back({minor, std::move(text)});
    }
    std::vector<UncheckedCause> take() {
        for (const auto& [minor, count] : counts_)
            if (const auto told = std::ranges::count(out_, minor, &UncheckedCause::minor); told < count)
                out_.push_back({minor, fmt::format("{} more of that kind", count - told)});
        return std::move(out_);
    }

private:
    std::map<int, std::int64_t> counts_;
    std::vector<UncheckedCause> out_;
};

}  // namespace

std::vector<UncheckedCause> unchecked_causes(const Contents& contents) {
    Causes out;
    if (!contents.failure.empty())
        out.add(contents.is_to_blame ? mail::unchecked_unopened : mail::unchecked_engine,
                "not opened: " + escaped(contents.failure, 200));
    for (const auto& part : contents.parts) {
        if (!part.has(PartFlag::encrypted) && !part.has(PartFlag::undecipherable)) continue;
        out.add(part.has(PartFlag::encrypted) ? mail::unchecked_encrypted : mail::unchecked_engine,
                fmt::format("{}: {}", part_text(contents, part.number), why_unreadable(contents, part)));
    }
    if (!contents.limit.empty()) {
        const auto where = contents.limit_part == 0 ? std::string() : part_text(contents, contents.limit_part) + ": ";
        out.add(mail::unchecked_over_limits, where + escaped(contents.limit, 200));
    }
    for (const auto& anomaly : contents.anomalies) {
        if (!mail::is_ambiguous(anomaly)) continue;
        const auto detail = anomaly.detail.empty() ? std::string() : fmt::format(" ({})", escaped(anomaly.detail, 80));
        out.add(mail::unchecked_ambiguous,
                fmt::format("{}: {}{}", part_text(contents, anomaly.part), mail::anomaly_name(anomaly.kind), detail));
    }
    return out.take();
}

std::string causes_text(const std::vector<UncheckedCause>& causes, int minor) {
    std::vector<std::string> texts;
    for (const auto& cause : causes)
        if (cause.minor == minor) texts.push_back(cause.text);
    for (const auto& cause : causes)
        if (cause.minor != minor) texts.push_back(cause.text);
    return join(texts, "; ");
}

}  // namespace tamis::policy
