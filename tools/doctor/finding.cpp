#include "tools/doctor/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/counted.h"

namespace tamis::doctor {
namespace {

constexpr std::array<std::string_view, 4> level_names{"ok", "not checked", "warning", "problem"};

std::string_view name_of(Level level) { return level_names[static_cast<std::size_t>(level)]; }

std::ptrdiff_t count(const Findings& findings, Level level) { return std::ranges::count(findings, level, &Finding::level); }

boost::json::object object_of(const Finding& finding) {
    boost::json::array fix;
    for (const auto& line : finding.fix) fix.emplace_back(line);
    return {{"level", name_of(finding.level)}, {"topic", finding.topic}, {"what", finding.what}, {"fix", std::move(fix)}};
}

}  // namespace

const std::vector<std::string>& topics() {
    static const std::vector<std::string> names{"config",  "files",    "worker",  "daemon",
                                                "storage", "scanners", "nexthop", "postfix"};
    return names;
}

Level Report::worst() const {
    Level worst = Level::ok;
    for (const auto& finding : findings_) worst = std::max(worst, finding.level);
    return worst;
}

std::string text_of(const Findings& findings) {
    std::string out;
    for (const auto& finding : findings) {
        out += fmt::format("{:<12} {:<9} {}\n", name_of(finding.level), finding.topic, finding.what);
        for (const auto& line : finding.fix) out += fmt::format("{:<23}fix: {}\n", "", line);
    }
    return out + fmt::format("{}, {}, {} ok, {} not checked\n", counted(count(findings, Level::problem), "problem"),
                             counted(count(findings, Level::warning), "warning"), count(findings, Level::ok),
                             count(findings, Level::not_checked));
}

std::string json_of(const Findings& findings) {
    boost::json::array list;
    for (const auto& finding : findings) list.push_back(object_of(finding));
    const boost::json::object out{{"problems", count(findings, Level::problem)},
                                  {"warnings", count(findings, Level::warning)},
                                  {"not_checked", count(findings, Level::not_checked)},
                                  {"ok", count(findings, Level::ok)},
                                  {"findings", std::move(list)}};
    return boost::json::serialize(out) + "\n";
}

std::string one_json(const Finding& finding) { return boost::json::serialize(object_of(finding)) + "\n"; }

bool parse_one(std::string_view line, Finding& into) {
    boost::system::error_code error;
    const auto value = boost::json::parse({line.data(), line.size()}, error);
    const auto* object = error ? nullptr : value.if_object();
    if (object == nullptr) return false;
    const auto text = [](const boost::json::value* of) {
        const auto* string = of != nullptr ? of->if_string() : nullptr;
        return string != nullptr ? std::string(string->data(), string->size()) : std::string();
    };
    const auto level = std::ranges::find(level_names, text(object->if_contains("level")));
    if (level == level_names.end()) return false;
    into = {static_cast<Level>(level - level_names.begin()),
            text(object->if_contains("topic")),
            text(object->if_contains("what")),
            {}};
    if (const auto* fix = object->if_contains("fix"); fix != nullptr && fix->is_array())
        for (const auto& each : fix->get_array()) into.fix.push_back(text(&each));
    return true;
}

int exit_status(const Findings& findings, bool strict) {
    if (count(findings, Level::problem) != 0) return 2;
    return strict && count(findings, Level::warning) != 0 ? 1 : 0;
}

}  // namespace tamis::doctor
