// registry - every adapter there is, one line each
#include <algorithm>
#include <array>
#include <string>

#include "scanners/clamd/clamd.h"
#include "scanners/command/command.h"
#include "scanners/icap/icap.h"
#include "scanners/rspamd/rspamd.h"
#include "scanners/scanner.h"
#include "scanners/spamd/spamd.h"
#include "scanners/yara/yara.h"

namespace tamis::scanners {
namespace {

struct Adapter {
    std::string_view name;  // of its table under [scanners]
    std::shared_ptr<Scanner> (*open)(const ConfigTable& table, Problems& problems, const Surroundings& around);
    std::vector<SettingLine> (*lines)(const ConfigTable* table);
};

// alone - an adapter that needs nothing of the daemon
template <std::shared_ptr<Scanner> (*open)(const ConfigTable&, Problems&)>
std::shared_ptr<Scanner> alone(const ConfigTable& table, Problems& problems, const Surroundings&) {
    return open(table, problems);
}

constexpr std::array adapters{
    Adapter{"clamd", open_clamd, clamd_setting_lines},
    Adapter{"spamd", alone<open_spamd>, spamd_setting_lines},
    Adapter{"rspamd", alone<open_rspamd>, rspamd_setting_lines},
    Adapter{"icap", alone<open_icap>, icap_setting_lines},
    Adapter{"yara", open_yara, yara_setting_lines},
};

const ConfigTable* scanners_table(const ConfigTable& config) {
    const auto* value = config.find("scanners");
    return value != nullptr ? value->table() : nullptr;
}

}  // namespace

ScannerList open_scanners(const ConfigTable& config, Problems& problems, const Surroundings& around) {
    ScannerList list;
    const auto* all = config.find("scanners");
    if (all == nullptr) return list;
    if (all->table() == nullptr) {
        problems.add(all->position, "scanners must be a table: [scanners.clamd] and so on");
        return list;
    }
    std::vector<std::string> known;
    for (const auto& adapter : adapters) {
        known.emplace_back(adapter.name);
        const auto* value = all->table()->find(adapter.name);
        if (value == nullptr) continue;
        if (const auto* table = value->table()) {
            if (auto scanner = adapter.open(*table, problems, around)) list.push_back(std::move(scanner));
        } else {
            problems.add(value->position, "scanners." + std::string(adapter.name) + " must be a table");
        }
    }
    known.emplace_back("command");
    if (const auto* commands = all->table()->find("command")) open_commands(*commands, problems, around, list);
    for (const auto& [name, at] : all->table()->keys)
        if (std::ranges::find(known, name) == known.end()) detail::unknown_key("scanners", name, at, known, problems);
    return list;
}

std::vector<SettingLine> scanner_setting_lines(const ConfigTable* config) {
    std::vector<SettingLine> lines;
    const auto* all = config != nullptr ? scanners_table(*config) : nullptr;
    for (const auto& adapter : adapters) {
        const auto* value = all != nullptr ? all->find(adapter.name) : nullptr;
        auto part = adapter.lines(value != nullptr ? value->table() : nullptr);
        lines.insert(lines.end(), part.begin(), part.end());
    }
    const auto* commands = all != nullptr ? all->find("command") : nullptr;
    auto part = command_setting_lines(commands != nullptr ? commands->table() : nullptr);
    lines.insert(lines.end(), part.begin(), part.end());
    return lines;
}

}  // namespace tamis::scanners
