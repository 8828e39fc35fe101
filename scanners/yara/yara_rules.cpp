#include "scanners/yara/yara_rules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yara.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/counted.h"
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
        default: return "error of libyara";
    }
}

Fault yara_fault(int code) { return {make_error_code(Errc::unavailable), fmt::format("{} ({})", error_name(code), code)}; }

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

void on_compile_message(int level, const char* file, int line, const YR_RULE*, const char* message, void* user) noexcept {
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
    return fail(Errc::bad_input, first_error.empty() ? fmt::format("{}: {}", source, counted(errors, "error")) : first_error);
}

// Tape - the compiled rules as libyara writes them
struct Tape {
    std::string bytes;

    static std::size_t write(const void* from, std::size_t size, std::size_t count, void* user) noexcept {
        try {
            static_cast<Tape*>(user)->bytes.append(static_cast<const char*>(from), size * count);
            return count;
        } catch (const std::exception&) {
            return 0;
        }
    }
};

// sealed - a memfd with these bytes for ever
Result<worker::Descriptor> sealed(std::string_view bytes) {
    const auto trouble = [] { return fail(std::error_code(errno, std::system_category()), "memory for the compiled rules"); };
    worker::Descriptor file(::memfd_create("tamis-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return trouble();
    while (!bytes.empty()) {
        const auto written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return trouble();
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return trouble();
    return file;
}

struct DropRules {
    void operator()(YR_RULES* rules) const noexcept { yr_rules_destroy(rules); }
};
using RulesHandle = std::unique_ptr<YR_RULES, DropRules>;

Result<RulesHandle> compiled(const std::vector<std::string>& sources) {
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
    return RulesHandle(rules);
}

}  // namespace

// Reading - what compile() learns about each rule
struct YaraRules::Reading {
    static Result<Meaning> meaning_of(const YR_RULE& rule, Unmarked unmarked) {
        const auto* points = meta_of(&rule, "score");
        const auto* virus = meta_of(&rule, "virus");
        const auto* test = meta_of(&rule, "test");
        if (points != nullptr && !score_of(*points))
            return fail(Errc::bad_input, fmt::format("rule {} in {}: the metadata score must be a number from -1000000 "
                                                     "to 1000000, decimals in quotes",
                                                     rule.identifier, rule.ns->name));
        if (virus != nullptr && (virus->type != META_TYPE_STRING || trim(virus->string).empty()))
            return fail(Errc::bad_input, fmt::format("rule {} in {}: the metadata virus must be a name in quotes",
                                                     rule.identifier, rule.ns->name));
        if (virus != nullptr) return Meaning{Meaning::Kind::virus, clean_virus_name(virus->string), 0};
        if (points != nullptr) {
            const bool is_named = test != nullptr && test->type == META_TYPE_STRING;
            return Meaning{Meaning::Kind::test, clean_test_name(is_named ? test->string : rule.identifier),
                           score_of(*points).value_or(0)};
        }
        if (unmarked == Unmarked::virus) return Meaning{Meaning::Kind::virus, clean_virus_name(rule.identifier), 0};
        return Meaning{};
    }
};

Result<std::unique_ptr<YaraRules>> YaraRules::compile(const std::vector<std::string>& sources, Unmarked unmarked) {
    const auto rules = compiled(sources);
    if (!rules) return std::unexpected(rules.error());
    std::unique_ptr<YaraRules> out(new YaraRules);
    const YR_RULE* rule = nullptr;
    yr_rules_foreach(rules->get(), rule) {
        auto meaning = Reading::meaning_of(*rule, unmarked);
        if (!meaning) return std::unexpected(std::move(meaning.error()));
        out->meanings_.push_back(std::move(*meaning));
    }
    Tape tape;
    YR_STREAM stream{.user_data = &tape, .read = nullptr, .write = Tape::write};
    if (const int code = yr_rules_save_stream(rules->get(), &stream); code != ERROR_SUCCESS)
        return std::unexpected(yara_fault(code));
    auto file = sealed(tape.bytes);
    if (!file) return std::unexpected(std::move(file.error()));
    out->bytes_ = std::move(*file);
    out->size_ = tape.bytes.size();
    return out;
}

YaraFindings YaraRules::meaning_of(std::span<const std::uint32_t> matched) const {
    YaraFindings out;
    for (const auto number : matched) {
        if (number >= meanings_.size()) continue;
        const auto& meaning = meanings_[number];
        if (meaning.kind == Meaning::Kind::virus && out.viruses.size() < max_tests) out.viruses.push_back(meaning.name);
        if (meaning.kind == Meaning::Kind::test && out.tests.size() < max_tests)
            out.tests.push_back({meaning.name, meaning.score});
    }
    return out;
}

}  // namespace tamis::scanners
