// command - scanner programs (amavisd's @av_scanners): settings, and one run of a program for each message
//
// Every table [scanners.command.NAME] is an engine of its own. A program is started by the spawner process, never by the
// daemon, and sees the message and, if it does not look into containers by itself, its decoded parts as files p001, p002 ...
// in a directory that is made for it (program_runner.h): no byte of a message, an address or a declared name reaches its
// arguments, its environment or a path. Nothing blocks the caller's thread. Thread rule of Scanner.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/metric.h"
#include "base/slots.h"
#include "scanners/backends.h"
#include "scanners/command/command_rules.h"
#include "scanners/common_settings.h"
#include "scanners/scanner.h"

namespace tamis::scanners {

struct CommandSettings : CommonSettings {
    CommandSettings() {
        required = true;
        timeout = Duration(120'000);
        max_scans = 2;
        max_size = Bytes{100ULL << 20};
    }
    std::vector<std::string> program;
    std::vector<std::string> arguments{"{}"};
    std::string name;
    bool opens_containers = false;
    bool private_directory = true;
};
// command_settings - all but `clean` and `infected`, which may be numbers or a text
const std::vector<Setting<CommandSettings>>& command_settings();

class Command final : public Scanner {
public:
    // `name` - "command.NAME"; `program` - full path; `folder` - where directories are made
    Command(std::string name, std::string program, CommandRules rules, const CommandSettings& settings, std::string folder,
            worker::Spawner* spawner);

    std::string_view name() const noexcept override { return name_; }
    bool finds_viruses() const noexcept override { return true; }
    bool opens_plain_mail() const noexcept override { return settings_.opens_containers; }
    bool takes_parts_too() const noexcept override { return true; }
    bool is_required() const noexcept override { return settings_.required; }
    bool is_backup() const noexcept override { return settings_.backup; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) override;
    std::string health() const override { return state_.health(); }

private:
    Task<Result<mail::ScanOutcome>> run(const ScanRequest& request, Deadline deadline);

    std::string name_, program_;
    CommandRules rules_;
    CommandSettings settings_;
    std::string folder_;
    worker::Spawner* spawner_;
    Backends state_;  // one "address": the program
    Slots turns_;
    metric::Counter scans_, failures_;
};

// open_commands - one engine for each table under [scanners.command]; a list of programs none of which is there only warns
void open_commands(const ConfigValue& commands, Problems& problems, const Surroundings& around, ScannerList& list);
// has_commands - the configuration has such a table: the daemon needs a spawner
bool has_commands(const ConfigTable& config);
std::vector<SettingLine> command_setting_lines(const ConfigTable* commands);

// programs_folder - where the directories of programs are made; remove_old_directories empties it at the start of the daemon,
// when no program of ours can be running
std::string programs_folder(const std::string& state_dir);
Done remove_old_directories(const std::string& state_dir);

}  // namespace tamis::scanners
