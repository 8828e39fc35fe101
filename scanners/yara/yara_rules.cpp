#include "scanners/yara/yara_rules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <yara.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "scanners/answer_text.h"
#include "scanners/yara/builtin_rules.h"

namespace tamis::scanners {
namespace {

// Library - libyara is initialised once and stays so
class Library {
public:
    static int start() {
        static const Library instance;
        return instance.status_;
    }

private:
    Library() : status_(yr_initialize()) {}
    ~Library() {
        if (status_ == ERROR_SUCCESS) yr_finalize();
    }
    int status_;
};

std::string_view error_name(int code) {
    switch (code) {
        case ERROR_INSUFFICIENT_MEMORY: return "not enough memory";
        case ERROR_COULD_NOT_OPEN_FILE: return "cannot open the file";
        case ERROR_COULD_NOT_MAP_FILE: return "cannot map the message";
        case ERROR_SCAN_TIMEOUT: return "the time was up";
        case ERROR_CALLBACK_ERROR: return "no memory for the findings";
        case ERROR_TOO_MANY_SCAN_THREADS: return "too many scans at the same time";
        default: return "error of libyara";
    }
}

Fault yara_fault(int code) {
    return {make_error_code(code == ERROR_SCAN_TIMEOUT ? Errc::timeout : Errc::unavailable),
            fmt::format("{} ({})", error_name(code), code)};
}

const YR_META* meta_of(const YR_RULE* rule, std::string_view name) {
    const YR_META* meta = nullptr;
    yr_rule_metas_foreach(rule, meta) {
        if (name == meta->identifier) return meta;
    }
    return nullptr;
}

std::optional<double> score_of(const YR_META& meta) {
    if (meta.type == META_TYPE_STRING) return parse_score(meta.string);
    const auto value = static_cast<double>(meta.integer);
    return meta.type == META_TYPE_INTEGER && is_score(value) ? std::optional(value) : std::nullopt;
}

// Collector - gathers what matches during one scan
struct Collector {
    Unmarked     unmarked;
    YaraFindings findings;

    void add(const YR_RULE* rule) {
        if (findings.viruses.size() + findings.tests.size() >= max_tests) return;
        if (const auto* virus = meta_of(rule, "virus"); virus != nullptr && virus->type == META_TYPE_STRING) {
            findings.viruses.push_back(clean_virus_name(virus->string));
        } else if (const auto* points = meta_of(rule, "score")) {
            const auto* test = meta_of(rule, "test");
            const bool is_named = test != nullptr && test->type == META_TYPE_STRING;
            findings.tests.push_back({clean_test_name(is_named ? test->string : rule->identifier),
                                      score_of(*points).value_or(0)});
        } else if (unmarked == Unmarked::virus) {
            findings.viruses.push_back(clean_virus_name(rule->identifier));
        }
    }
};

int on_match(YR_SCAN_CONTEXT*, int message, void* data, void* user) noexcept {
    if (message != CALLBACK_MSG_RULE_MATCHING) return CALLBACK_CONTINUE;
    try {
        static_cast<Collector*>(user)->add(static_cast<const YR_RULE*>(data));
    } catch (const std::exception&) {
        return CALLBACK_ERROR;  // the scan ends with ERROR_CALLBACK_ERROR: no finding is lost silently
    }
    return CALLBACK_CONTINUE;
}

void on_compile_message(int level, const char* file, int line, const YR_RULE*, const char* message,
                        void* user) noexcept {
    if (level != YARA_ERROR_LEVEL_ERROR) return;
    try {
        auto& first = *static_cast<std::string*>(user);
        if (first.empty()) first = fmt::format("{}:{}: {}", file != nullptr ? file : "builtin", line, message);
    } catch (const std::exception&) {
        return;  // without memory the error count alone tells
    }
}

struct DropCompiler {
    void operator()(YR_COMPILER* compiler) const noexcept { yr_compiler_destroy(compiler); }
};
struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// add_source - one rule file, or the rules of the program, to the compiler
Done add_source(YR_COMPILER* compiler, const std::string& source, const std::string& first_error) {
    int errors = 0;
    if (source == "builtin") {
        errors = yr_compiler_add_string(compiler, std::string(builtin_yara_rules()).c_str(), "builtin");
    } else {
        const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(source.c_str(), "re"));
        if (!file) return fail(std::error_code(errno, std::system_category()), fmt::format("rules file {}", source));
        errors = yr_compiler_add_file(compiler, file.get(), source.c_str(), source.c_str());
    }
    if (errors == 0) return {};
    return fail(Errc::bad_input, first_error.empty() ? fmt::format("{}: {} errors", source, errors) : first_error);
}

// Tape - compiled rules written to memory and read back
struct Tape {
    std::string bytes;
    std::size_t at = 0;

    static std::size_t write(const void* from, std::size_t size, std::size_t count, void* user) noexcept {
        try {
            static_cast<Tape*>(user)->bytes.append(static_cast<const char*>(from), size * count);
            return count;
        } catch (const std::exception&) {
            return 0;
        }
    }
    static std::size_t read(void* into, std::size_t size, std::size_t count, void* user) noexcept {
        auto& tape = *static_cast<Tape*>(user);
        count = size == 0 ? 0 : std::min(count, (tape.bytes.size() - tape.at) / size);
        tape.at += tape.bytes.copy(static_cast<char*>(into), size * count, tape.at);
        return count;
    }
};

// packed - the same rules without the room the compiler left to grow, which is 8 MB
Result<YR_RULES*> packed(YR_RULES* rules) {
    Tape tape;
    YR_STREAM stream{.user_data = &tape, .read = Tape::read, .write = Tape::write};
    YR_RULES* out = nullptr;
    int code = yr_rules_save_stream(rules, &stream);
    if (code == ERROR_SUCCESS) code = yr_rules_load_stream(&stream, &out);
    if (code != ERROR_SUCCESS) return std::unexpected(yara_fault(code));
    return out;
}

bool is_memfd(int descriptor) { return ::fcntl(descriptor, F_GET_SEALS) >= 0; }

}  // namespace

void YaraRules::DropRules::operator()(YR_RULES* rules) const noexcept { yr_rules_destroy(rules); }
void YaraRules::DropScanner::operator()(YR_SCAN_CONTEXT* scanner) const noexcept { yr_scanner_destroy(scanner); }

YaraRules::YaraRules(std::unique_ptr<YR_RULES, DropRules> rules, Unmarked unmarked)
    : rules_(std::move(rules)), unmarked_(unmarked) {}
YaraRules::~YaraRules() = default;

Result<std::unique_ptr<YaraRules>> YaraRules::compile(const std::vector<std::string>& sources, Unmarked unmarked) {
    if (const int code = Library::start(); code != ERROR_SUCCESS) return std::unexpected(yara_fault(code));
    YR_COMPILER* made = nullptr;
    if (const int code = yr_compiler_create(&made); code != ERROR_SUCCESS) return std::unexpected(yara_fault(code));
    const std::unique_ptr<YR_COMPILER, DropCompiler> compiler(made);
    std::string first_error;
    yr_compiler_set_callback(compiler.get(), on_compile_message, &first_error);
    for (const auto& source : sources)
        if (auto done = add_source(compiler.get(), source, first_error); !done) return std::unexpected(done.error());
    YR_RULES* rules = nullptr;
    if (const int code = yr_compiler_get_rules(compiler.get(), &rules); code != ERROR_SUCCESS)
        return std::unexpected(yara_fault(code));
    const std::unique_ptr<YR_RULES, DropRules> compiled(rules);
    auto small = packed(rules);
    if (!small) return std::unexpected(std::move(small.error()));
    std::unique_ptr<YaraRules> out(new YaraRules(std::unique_ptr<YR_RULES, DropRules>(*small), unmarked));
    if (auto done = out->check_metadata(); !done) return std::unexpected(done.error());
    return out;
}

Done YaraRules::check_metadata() const {
    YR_RULE* rule = nullptr;
    yr_rules_foreach(rules_.get(), rule) {
        const auto* points = meta_of(rule, "score");
        const auto* virus = meta_of(rule, "virus");
        if (points != nullptr && !score_of(*points))
            return fail(Errc::bad_input, fmt::format("rule {} in {}: the metadata score must be a number from -1000000 "
                                                     "to 1000000, decimals in quotes",
                                                     rule->identifier, rule->ns->name));
        if (virus != nullptr && (virus->type != META_TYPE_STRING || trim(virus->string).empty()))
            return fail(Errc::bad_input, fmt::format("rule {} in {}: the metadata virus must be a name in quotes",
                                                     rule->identifier, rule->ns->name));
    }
    return {};
}

Result<YaraRules::ScannerHandle> YaraRules::take_scanner() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto scanner = std::move(idle_.back());
            idle_.pop_back();
            return scanner;
        }
    }
    YR_SCANNER* made = nullptr;
    if (const int code = yr_scanner_create(rules_.get(), &made); code != ERROR_SUCCESS)
        return std::unexpected(yara_fault(code));
    return ScannerHandle(made);
}

Result<YaraFindings> YaraRules::match(const mail::SealedSpool& spool, std::chrono::milliseconds limit) {
    auto scanner = take_scanner();
    if (!scanner) return std::unexpected(std::move(scanner.error()));
    Collector collector{unmarked_, {}};
    const bool in_memory = spool.is_all_in_head();
    // without a page that can go away under the scan (sealed memory), no signal handlers are needed
    const int guard = in_memory || is_memfd(spool.descriptor()) ? SCAN_FLAGS_NO_TRYCATCH : 0;
    yr_scanner_set_callback(scanner->get(), on_match, &collector);
    yr_scanner_set_flags(scanner->get(), SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_REPORT_RULES_MATCHING | guard);
    yr_scanner_set_timeout(scanner->get(), static_cast<int>(std::clamp<std::int64_t>((limit.count() + 999) / 1000, 1, 86'400)));
    const std::string_view head = spool.head();
    const auto* bytes = static_cast<const std::uint8_t*>(static_cast<const void*>(head.data()));
    const int code = in_memory ? yr_scanner_scan_mem(scanner->get(), bytes, head.size())
                               : yr_scanner_scan_fd(scanner->get(), spool.descriptor());
    if (code != ERROR_SUCCESS) return std::unexpected(yara_fault(code));  // and the scanner is not used again
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(*scanner));
    return std::move(collector.findings);
}

}  // namespace tamis::scanners
