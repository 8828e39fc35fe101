#include "scanners/command/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/log.h"
#include "base/text.h"
#include "scanners/command/program.h"

namespace tamis::scanners {
namespace {

constexpr auto section = "scanners.command";
constexpr std::uint64_t own_files_limit = 1ULL << 30;  // of the program, in its directory
constexpr std::size_t commands_most = 32;

// Files - what a program is to see; the spools keep the descriptors open
struct Files {
    std::vector<std::shared_ptr<const mail::SealedSpool>> spools;
    std::vector<int> descriptors;
    std::vector<std::uint64_t> sizes;
    std::uint64_t total = 0;
};

Done add(Files& files, std::shared_ptr<const mail::SealedSpool> spool) {
    const int descriptor = spool->descriptor();
    if (descriptor < 0) return fail(Errc::unavailable, "the system has no descriptor for the message");
    files.descriptors.push_back(descriptor);
    files.sizes.push_back(spool->size());
    files.total += spool->size();
    files.spools.push_back(std::move(spool));
    return {};
}

// files_for - the message, unless the program had it before, and the parts
Result<Files> files_for(const ScanRequest& request, bool opens_plain_mail) {
    Files files;
    if (!request.is_part)
        if (auto done = add(files, request.message->spool); !done) return std::unexpected(std::move(done.error()));
    if (request.parts == nullptr) return files;
    for (const auto& part : *request.parts) {
        if (opens_plain_mail && part.is_plain) continue;
        if (files.sizes.size() == files_most)
            return fail(Errc::over_limit, fmt::format("more than {} parts at once", files_most - 1));
        if (auto done = add(files, part.bytes); !done) return std::unexpected(std::move(done.error()));
    }
    return files;
}

std::string fresh_directory(const std::string& folder, std::string_view name) {
    std::random_device random;
    return fmt::format("{}/{}-{:08x}{:08x}", folder, name.substr(name.rfind('.') + 1), random(), random());
}

bool is_program(const std::string& path) {
    struct stat about{};
    return path.starts_with('/') && ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

bool is_good_name(std::string_view name) {
    return !name.empty() && name.size() <= 32 &&
           std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; });
}

// Loaded - one table, as far as it could be understood
struct Loaded {
    CommandSettings settings;
    CommandRules rules;
    std::string clean = "(none)", infected = "(none)";  // as written
};

std::string shown(const ConfigValue& value) {
    if (const auto* text = value.text()) return fmt::format("\"{}\"", *text);
    const std::vector<ConfigValue> one{value};
    std::vector<std::string> codes;
    for (const auto& item : value.array() != nullptr ? *value.array() : one)
        if (const auto* code = std::get_if<std::int64_t>(&item.value)) codes.push_back(std::to_string(*code));
    return "[" + join(codes, ", ") + "]";
}

Loaded load(const ConfigTable& table, const std::string& full, Problems& problems) {
    Loaded out;
    load_settings(table, full, command_settings(), out.settings, problems, {"clean", "infected"});
    const auto at = [&](std::string_view key) {
        const auto* value = table.find(key);
        return value != nullptr ? value->position : table.position;
    };
    const auto sign = [&](std::string_view key, std::string& text) -> std::optional<Sign> {
        const auto* value = table.find(key);
        if (value == nullptr) return {};
        text = shown(*value);
        auto parsed = parse_sign(*value);
        if (!parsed) problems.add(value->position, fmt::format("{}.{}: {}", full, key, parsed.error().detail));
        return parsed ? std::optional(std::move(*parsed)) : std::nullopt;
    };
    out.rules.clean = sign("clean", out.clean);
    auto infected = sign("infected", out.infected);
    if (infected) out.rules.infected = std::move(*infected);
    if (table.find("infected") == nullptr)
        problems.add(table.position, full + ".infected must say which exit codes or words mean a virus");
    if (!out.settings.name.empty()) {
        auto pattern = parse_pattern(out.settings.name);
        if (pattern) out.rules.name = std::move(*pattern);
        else problems.add(at("name"), fmt::format("{}.name: {}", full, pattern.error().detail));
    }
    if (auto good = check_arguments(out.settings.arguments); !good)
        problems.add(at("arguments"), fmt::format("{}.arguments: {}", full, good.error().detail));
    if (out.settings.program.empty()) problems.add(at("program"), full + ".program must name at least one program");
    for (const auto& program : out.settings.program)
        if (program.empty() || program.find('\0') != std::string::npos ||
            (program.find('/') != std::string::npos && !program.starts_with('/')))
            problems.add(at("program"),
                         fmt::format("{}.program: \"{}\" is neither a full path nor a plain name", full, escaped(program)));
    return out;
}

void open_command(const std::string& name, const ConfigTable& table, Problems& problems, const Surroundings& around,
                  ScannerList& list) {
    const std::string full = std::string(section) + "." + name;
    const auto before = problems.lines().size();
    auto loaded = load(table, full, problems);
    if (problems.lines().size() != before) return;
    const auto program = find_program(loaded.settings.program, is_program);
    const auto* value = table.find("program");
    if (!program && loaded.settings.program.size() == 1) {
        problems.add(value->position, fmt::format("{}.program: {} is not there or cannot be executed; install it, or remove [{}]",
                                                  full, escaped(loaded.settings.program[0]), full));
        return;
    }
    if (!program) {
        log::warning("", "{}: none of its programs is installed ({}); this scanner is not used", full,
                     escaped(join(loaded.settings.program, ", "), 200));
        return;
    }
    list.push_back(std::make_shared<Command>("command." + name, *program, std::move(loaded.rules), loaded.settings,
                                             programs_folder(around.state_dir), around.spawner));
}

}  // namespace

const std::vector<Setting<CommandSettings>>& command_settings() {
    static const auto rows = joined<CommandSettings>(
        {{"program", &CommandSettings::program,
          "the scanner's program, as full path or as a name that is looked for in the usual folders; of a list, the first that "
          "is installed, and none of a list is only a warning"},
         {"arguments", &CommandSettings::arguments,
          "one text per argument: {} is the directory with the files, {}/* all files with their paths, * all files by name; there is no shell"},
         {"name", &CommandSettings::name, "a pattern that finds virus names in the output: its first group, or all of it"},
         {"opens_containers", &CommandSettings::opens_containers,
          "the program looks into mail by itself: the text of plain text mail is not given to it again, every other part is"},
         {"private_directory", &CommandSettings::private_directory,
          "the files lie in memory where only the program sees them; false for a program that has another process read them"},
         backup_row<CommandSettings>()},
        common_rows<CommandSettings>());
    return rows;
}

Command::Command(std::string name, std::string program, CommandRules rules, const CommandSettings& settings, std::string folder,
                 worker::Spawner* spawner)
    : name_(std::move(name)),
      program_(std::move(program)),
      rules_(std::move(rules)),
      settings_(settings),
      folder_(std::move(folder)),
      spawner_(spawner),
      state_(BackendList(name_, {program_})),
      turns_(static_cast<std::uint64_t>(settings_.max_scans)),
      scans_("tamis_scans_total", "Scans by scanner", "scanner", name_),
      failures_("tamis_scan_failures_total", "Scans without an answer by scanner", "scanner", name_) {}

Task<Result<mail::ScanOutcome>> Command::run(const ScanRequest& request, Deadline deadline) {
    if (spawner_ == nullptr)
        co_return fail(Errc::unavailable, "the first scanner program needs a restart of tamisd, not a reload");
    auto files = files_for(request, settings_.opens_containers);
    if (!files) co_return std::unexpected(std::move(files.error()));
    if (files->sizes.empty()) co_return mail::Clean{};
    if (settings_.max_size.count != 0 && files->total > settings_.max_size.count)
        co_return fail(Errc::over_limit, fmt::format("the message and its parts have {} bytes, max_size is {}; not scanned",
                                                     files->total, settings_.max_size.count));
    deadline = deadline.sooner(settings_.timeout);
    auto turn = co_await turns_.take(1, deadline);
    if (!turn) co_return fail(turn.error().code, fmt::format("waited for one of the {} turns (max_scans)", turns_.limit()));
    ProgramJob job;
    job.directory = fresh_directory(folder_, name_);
    if (settings_.private_directory) job.hidden = std::filesystem::path(folder_).parent_path();
    job.program = program_;
    job.runs = make_runs(settings_.arguments, job.directory + "/" + std::string(files_folder), files->sizes.size());
    job.sizes = files->sizes;
    job.output = program_output_limit;
    job.cpu_seconds = static_cast<std::uint32_t>(settings_.timeout.count() / 1000 * 4 + 4);
    job.file = own_files_limit;
    auto ends = co_await run_program(*spawner_, std::move(job), files->descriptors, deadline);
    if (!ends) co_return std::unexpected(std::move(ends.error()));
    mail::ScanOutcome together = mail::NotAsked{};
    for (const auto& end : *ends) {
        auto outcome = judge_run(rules_, end);
        merge_outcome(together, outcome ? std::move(*outcome) : mail::ScanOutcome(mail::Failed{std::move(outcome.error())}));
    }
    if (auto* failed = std::get_if<mail::Failed>(&together)) co_return std::unexpected(std::move(failed->fault));
    co_return together;
}

Task<mail::ScanOutcome> Command::scan(const ScanRequest& request, Deadline deadline) {
    scans_.add();
    auto outcome = co_await run(request, deadline);
    if (outcome) {
        state_.succeeded(0);
        co_return std::move(*outcome);
    }
    failures_.add();
    if (!outcome.error().is(Errc::over_limit)) state_.failed(0, describe(outcome.error()));
    co_return mail::Failed{{outcome.error().code, fmt::format("{} {}: {}", name_, program_, describe(outcome.error()))}};
}

void open_commands(const ConfigValue& commands, Problems& problems, const Surroundings& around, ScannerList& list) {
    const auto* tables = commands.table();
    if (tables == nullptr) return problems.add(commands.position, "scanners.command must hold tables: [scanners.command.NAME]");
    if (tables->entries.size() > commands_most)
        return problems.add(commands.position, fmt::format("more than {} tables under scanners.command", commands_most));
    for (const auto& [name, value] : tables->entries) {
        if (!is_good_name(name))
            problems.add(value.position,
                         fmt::format("scanners.command.{}: a name has letters, digits, - and _ only, at most 32", escaped(name)));
        else if (value.table() == nullptr)
            problems.add(value.position, fmt::format("scanners.command.{} must be a table: [scanners.command.NAME]", name));
        else open_command(name, *value.table(), problems, around, list);
    }
    if (around.spawner == nullptr || around.state_dir.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(programs_folder(around.state_dir), error);
    if (error)
        problems.add(commands.position,
                     fmt::format("scanners.command: {}: {}", programs_folder(around.state_dir), error.message()));
}

bool has_commands(const ConfigTable& config) {
    const auto* all = config.find("scanners");
    const auto* commands = all != nullptr && all->table() != nullptr ? all->table()->find("command") : nullptr;
    return commands != nullptr && commands->table() != nullptr && !commands->table()->entries.empty();
}

std::vector<SettingLine> command_setting_lines(const ConfigTable* commands) {
    std::vector<SettingLine> lines;
    const auto describe_one = [&](const std::string& name, const ConfigTable* table) {
        const std::string full = std::string(section) + "." + name;
        Problems ignored("");
        const Loaded loaded = table != nullptr ? load(*table, full, ignored) : Loaded{};
        auto rows = describe_settings(full, command_settings(), loaded.settings, table);
        const auto sign = [&](std::string_view key, const std::string& value, std::string_view text) {
            const auto* from = table != nullptr ? table->find(key) : nullptr;
            return SettingLine{full,
                               std::string(key),
                               "numbers or text",
                               value,
                               "(none)",
                               std::string(text),
                               from != nullptr,
                               true,
                               from != nullptr ? from->position.line : 0};
        };
        rows.insert(rows.begin() + 2,
                    {sign("infected", loaded.infected,
                          "exit codes, or a pattern (RE2) in the output, that mean a virus; looked for first"),
                     sign("clean", loaded.clean,
                          "exit codes, or a pattern in the output, that mean no virus; without it silence is no answer")});
        lines.insert(lines.end(), rows.begin(), rows.end());
    };
    if (commands == nullptr || commands->entries.empty()) describe_one("NAME", nullptr);
    if (commands != nullptr)
        for (const auto& [name, value] : commands->entries) describe_one(name, value.table());
    return lines;
}

std::string programs_folder(const std::string& state_dir) { return state_dir + "/programs"; }

Done remove_old_directories(const std::string& state_dir) {
    std::error_code error;
    std::filesystem::remove_all(programs_folder(state_dir), error);  // follows no links
    if (error) return fail(error, "cannot remove what a scanner program left in " + programs_folder(state_dir));
    return {};
}

}  // namespace tamis::scanners
