#include "tools/contents_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/counted.h"
#include "base/text.h"
#include "mail/category.h"

namespace tamis::tools {
namespace {

using mail::PartFlag;

constexpr std::pair<PartFlag, std::string_view> flag_words[] = {{PartFlag::undecipherable, "undecipherable"},
                                                                {PartFlag::encrypted, "encrypted"},
                                                                {PartFlag::ambiguous, "ambiguous"},
                                                                {PartFlag::directory, "directory"},
                                                                {PartFlag::special, "special"},
                                                                {PartFlag::link, "link"},
                                                                {PartFlag::alternate, "alternate"}};

std::vector<std::string> flags_of(const mail::Part& part) {
    std::vector<std::string> out;
    for (const auto& [flag, word] : flag_words)
        if (part.has(flag)) out.emplace_back(word);
    return out;
}

std::string macros_text(const mail::Macros& macros) {
    std::string out = "macros in " + escaped(macros.stream, 100);
    if (macros.auto_exec) out += ", run by themselves";
    if (macros.suspicious) out += ", suspicious";
    return out;
}

// shown_text - what becomes of a part's bytes
std::string_view shown_text(mail::Shown shown) {
    switch (shown) {
        case mail::Shown::no: return {};
        case mail::Shown::by_its_parts: return "by its parts";
        case mail::Shown::in_plain_mail: return "within the message";
        case mail::Shown::yes: return "by itself";
        case mail::Shown::kept_back: return "not at all";
    }
    return {};
}

std::string part_line(const OpenReport& report, const mail::Part& part) {
    const auto depth = static_cast<std::size_t>(std::ranges::count(part.path, '/'));
    std::string line = fmt::format("{}{}", std::string(2 * std::min<std::size_t>(depth, 40), ' '), part.path);
    if (!part.container.empty() && part.container != "mime") line += " (" + part.container + ")";
    if (!part.types.empty()) line += " " + escaped(part.types.back(), 100);
    std::vector<std::string> kinds;
    for (const auto& kind : part.kinds) kinds.push_back("." + kind);
    if (!kinds.empty()) line += " " + join(kinds, ",");
    line += " " + counted(part.size, "byte");
    for (const auto& name : part.names) line += fmt::format(" \"{}\"", escaped(name, 200));
    if (const auto flags = flags_of(part); !flags.empty()) line += " [" + join(flags, ", ") + "]";
    if (const auto shown = shown_text(part.shown); !shown.empty()) line += fmt::format(" [scanned {}]", shown);
    if (part.macros.present) line += " [" + macros_text(part.macros) + "]";
    if (const auto rule = report.banned.find(part.number); rule != report.banned.end()) line += " BANNED by " + rule->second;
    return line + "\n";
}

boost::json::array texts(const std::vector<std::string>& from) {
    boost::json::array out;
    for (const auto& text : from) out.emplace_back(escaped(text, 2000));
    return out;
}

boost::json::object part_json(const OpenReport& report, const mail::Part& part) {
    boost::json::object out;
    out["number"] = part.number;
    out["parent"] = part.parent;
    out["path"] = part.path;
    out["container"] = part.container;
    out["names"] = texts(part.names);
    out["types"] = texts(part.types);
    out["kinds"] = texts(part.kinds);
    out["description"] = escaped(part.description, 400);
    out["size"] = part.size;
    out["sha256"] = part.sha256;
    out["flags"] = texts(flags_of(part));
    if (part.macros.present)
        out["macros"] = {{"stream", escaped(part.macros.stream, 200)},
                         {"auto_exec", part.macros.auto_exec},
                         {"suspicious", part.macros.suspicious}};
    if (const auto shown = shown_text(part.shown); !shown.empty()) out["scanned"] = shown;
    if (const auto rule = report.banned.find(part.number); rule != report.banned.end()) out["banned_by"] = rule->second;
    return out;
}

std::string_view minor_word(int minor) {
    switch (minor) {
        case mail::unchecked_encrypted: return "encrypted";
        case mail::unchecked_over_limits: return "over limits";
        case mail::unchecked_ambiguous: return "ambiguous";
        case mail::unchecked_unopened: return "not opened";
        default: return "undecipherable";
    }
}

std::string path_of(const mail::Contents& contents, std::uint32_t number) {
    const auto* part = contents.find(number);
    return part != nullptr ? part->path : "0";
}

}  // namespace

std::string tree_text(const OpenReport& report) {
    const auto& contents = *report.contents;
    std::string out;
    if (!contents.failure.empty()) out += fmt::format("NOT OPENED: {}\n", escaped(contents.failure, 300));
    std::vector<std::vector<std::uint32_t>> children(contents.parts.size() + 1);
    for (const auto& part : contents.parts) children[part.parent].push_back(part.number);
    std::vector<std::uint32_t> next(children[0].rbegin(), children[0].rend());
    while (!next.empty()) {
        const auto number = next.back();
        next.pop_back();
        out += part_line(report, contents.parts[number - 1]);
        next.insert(next.end(), children[number].rbegin(), children[number].rend());
    }
    for (const auto& anomaly : contents.anomalies)
        out += fmt::format("{} {} in part {}{}{}\n", mail::is_ambiguous(anomaly) ? "AMBIGUOUS" : "odd",
                           mail::anomaly_name(anomaly.kind), path_of(contents, anomaly.part), anomaly.detail.empty() ? "" : ": ",
                           escaped(anomaly.detail, 200));
    if (!contents.limit.empty()) out += fmt::format("OVER LIMITS {}\n", escaped(contents.limit, 300));
    for (const auto& [minor, text] : report.header_problems) out += fmt::format("BAD HEADER {} {}\n", minor, escaped(text, 300));
    if (!report.banned_reason.empty()) out += fmt::format("BANNED {}\n", escaped(report.banned_reason, 500));
    std::set<std::string_view> unchecked;
    for (const auto& cause : report.unchecked) {
        out += fmt::format("UNCHECKED {}\n", cause.text);
        unchecked.insert(minor_word(cause.minor));
    }
    out += fmt::format("{}, {}, {} us CPU\n", counted(contents.parts.size(), "part"),
                       unchecked.empty() ? "all read" : fmt::format("unchecked: {}", fmt::join(unchecked, ", ")),
                       contents.cpu.count());
    return out;
}

std::string tree_json(const OpenReport& report) {
    const auto& contents = *report.contents;
    boost::json::object out;
    out["size"] = report.size;
    out["opened"] = contents.was_opened;
    out["failure"] = escaped(contents.failure, 500);
    out["limit"] = escaped(contents.limit, 500);
    out["mime_error"] = escaped(contents.mime_error, 1000);
    out["encrypted"] = contents.is_encrypted();
    out["ambiguous"] = contents.is_ambiguous();
    out["cpu_us"] = contents.cpu.count();
    boost::json::array parts;
    for (const auto& part : contents.parts) parts.emplace_back(part_json(report, part));
    out["parts"] = std::move(parts);
    boost::json::array anomalies;
    for (const auto& anomaly : contents.anomalies)
        anomalies.push_back({{"name", std::string(mail::anomaly_name(anomaly.kind))},
                             {"part", path_of(contents, anomaly.part)},
                             {"detail", escaped(anomaly.detail, 800)},
                             {"ambiguous", mail::is_ambiguous(anomaly)}});
    out["anomalies"] = std::move(anomalies);
    boost::json::array header;
    for (const auto& [minor, text] : report.header_problems) header.push_back({{"minor", minor}, {"text", escaped(text, 800)}});
    out["header_problems"] = std::move(header);
    boost::json::array unchecked;
    for (const auto& cause : report.unchecked) unchecked.push_back({{"minor", minor_word(cause.minor)}, {"text", cause.text}});
    out["unchecked"] = std::move(unchecked);
    out["banned_reason"] = escaped(report.banned_reason, 1000);
    return boost::json::serialize(out) + "\n";
}

}  // namespace tamis::tools
