#include "scanners/worker/match_role.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yara.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <clocale>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>

#include "scanners/worker/match_wire.h"
#include "scanners/worker/open/blob.h"
#include "scanners/worker/sandbox/sandbox.h"
#include "scanners/worker/spawner_loop.h"
#include "scanners/worker/wire.h"

namespace tamis::worker {
namespace {

struct DropCompiler {
    void operator()(YR_COMPILER* compiler) const noexcept { yr_compiler_destroy(compiler); }
};
struct DropRules {
    void operator()(YR_RULES* rules) const noexcept { yr_rules_destroy(rules); }
};
struct DropScanner {
    void operator()(YR_SCANNER* scanner) const noexcept { yr_scanner_destroy(scanner); }
};
using RulesHandle = std::unique_ptr<YR_RULES, DropRules>;
using ScannerHandle = std::unique_ptr<YR_SCANNER, DropScanner>;

const std::uint8_t* octets(std::string_view bytes) {
    return static_cast<const std::uint8_t*>(static_cast<const void*>(bytes.data()));
}

// Finding - what one scan finds; the callback's side of it
struct Finding {
    const YR_RULE* first = nullptr;  // of all rules
    MatchResult result;
    bool is_too_much = false;
};

int on_match(YR_SCAN_CONTEXT*, int message, void* data, void* user) noexcept {
    auto& finding = *static_cast<Finding*>(user);
    if (message == CALLBACK_MSG_TOO_MANY_MATCHES) {  // libyara would go on without that string
        finding.is_too_much = true;
        return CALLBACK_ERROR;
    }
    if (message != CALLBACK_MSG_RULE_MATCHING) return CALLBACK_CONTINUE;
    try {
        finding.result.rules.push_back(static_cast<std::uint32_t>(static_cast<const YR_RULE*>(data) - finding.first));
    } catch (const std::exception&) {
        finding.is_too_much = true;
        return CALLBACK_ERROR;
    }
    return CALLBACK_CONTINUE;
}

// warm_up_module - a module that loads something at its first use does it now; one that this libyara lacks is no trouble,
// for rules that use it would not have been compiled
void warm_up_module(const char* rule) {
    YR_COMPILER* made = nullptr;
    if (yr_compiler_create(&made) != ERROR_SUCCESS) return;
    const std::unique_ptr<YR_COMPILER, DropCompiler> compiler(made);
    if (yr_compiler_add_string(made, rule, nullptr) != 0) return;
    YR_RULES* rules = nullptr;
    if (yr_compiler_get_rules(made, &rules) != ERROR_SUCCESS) return;
    const RulesHandle held(rules);
    Finding ignored{rules->rules_table, {}, false};
    yr_rules_scan_mem(rules, octets("warm"), 4, SCAN_FLAGS_NO_TRYCATCH, on_match, &ignored, 10);
}

// warm_up - what needs files is loaded while they can be read: libmagic's database, digests, locale, time zone, the unwinder
void warm_up() {
    std::setlocale(LC_ALL, "C.UTF-8");
    ::tzset();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest("", 0, digest.data(), &size, EVP_sha256(), nullptr);
    try {
        throw std::runtime_error("the unwinder");
    } catch (const std::exception&) {
        size = 0;
    }
    warm_up_module("import \"magic\" rule m { condition: magic.type() == \"?\" or magic.mime_type() == \"?\" }");
    warm_up_module(
        "import \"hash\" rule h { condition: hash.md5(0, filesize) == \"?\" or hash.sha1(0, filesize) == \"?\" or "
        "hash.sha256(0, filesize) == \"?\" }");
    warm_up_module("import \"time\" rule t { condition: time.now() == 0 }");
}

// Tape - the compiled rules, read by libyara
struct Tape {
    std::string_view rest;
    static std::size_t read(void* into, std::size_t size, std::size_t count, void* user) noexcept {
        auto& tape = *static_cast<Tape*>(user);
        count = size == 0 ? 0 : std::min(count, tape.rest.size() / size);
        tape.rest.remove_prefix(tape.rest.copy(static_cast<char*>(into), size * count));
        return count;
    }
};

class Matcher {
public:
    explicit Matcher(const MatchSetup& setup) : setup_(setup) {}
    Done load(Descriptor rules);
    int serve();

private:
    bool has_scanner();
    MatchResult match(std::string_view bytes, std::uint32_t time_ms);
    MatchResult look(const MatchItem& item, std::span<Descriptor>& descriptors, std::uint32_t time_ms);

    MatchSetup setup_;
    RulesHandle rules_;
    ScannerHandle scanner_;
    bool is_worn_ = false;  // something ran out: a fresh process is better
    std::array<char, packet_limit> buffer_{};
};

Done Matcher::load(Descriptor rules) {
    auto blob = Blob::map(rules.release(), setup_.rules_size);
    if (!blob) return std::unexpected(std::move(blob.error()));
    Tape tape{blob->bytes()};
    YR_STREAM stream{.user_data = &tape, .read = Tape::read, .write = nullptr};
    YR_RULES* loaded = nullptr;
    if (const int code = yr_rules_load_stream(&stream, &loaded); code != ERROR_SUCCESS)
        return fail(Errc::unavailable,
                    fmt::format("the compiled rules ({} bytes) cannot be loaded into {} MiB of memory: libyara's error {}",
                                setup_.rules_size, setup_.memory >> 20, code));
    rules_.reset(loaded);
    if (loaded->num_rules != setup_.rules)
        return fail(Errc::broken, fmt::format("{} rules instead of {}", loaded->num_rules, setup_.rules));
    if (!has_scanner())
        return fail(Errc::unavailable,
                    fmt::format("no memory to scan with the rules: they need more than {} MiB", setup_.memory >> 20));
    return {};
}

bool Matcher::has_scanner() {
    if (scanner_) return true;
    YR_SCANNER* made = nullptr;
    if (yr_scanner_create(rules_.get(), &made) != ERROR_SUCCESS) return false;
    scanner_.reset(made);
    return true;
}

MatchResult Matcher::match(std::string_view bytes, std::uint32_t time_ms) {
    if (!has_scanner()) {
        is_worn_ = true;
        return {MatchEnd::limits, ERROR_INSUFFICIENT_MEMORY, {}};
    }
    Finding finding{rules_->rules_table, {}, false};
    yr_scanner_set_callback(scanner_.get(), on_match, &finding);
    // no signal handlers: what is looked at is in memory or a file that does not shrink
    yr_scanner_set_flags(scanner_.get(), SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH);
    yr_scanner_set_timeout(scanner_.get(), static_cast<int>(std::clamp<std::uint32_t>((time_ms + 999) / 1000, 1, 86'400)));
    const int code = yr_scanner_scan_mem(scanner_.get(), octets(bytes), bytes.size());
    if (code == ERROR_SUCCESS) {
        finding.result.end = MatchEnd::done;
        return std::move(finding.result);
    }
    scanner_.reset();  // after an error libyara promises nothing about it
    MatchResult out{MatchEnd::failed, static_cast<std::uint32_t>(code), {}};
    if (code == ERROR_SCAN_TIMEOUT) out.end = MatchEnd::timeout;
    if (code == ERROR_INSUFFICIENT_MEMORY || code == ERROR_TOO_MANY_MATCHES || finding.is_too_much) out.end = MatchEnd::limits;
    is_worn_ = is_worn_ || code == ERROR_INSUFFICIENT_MEMORY;
    return out;
}

MatchResult Matcher::look(const MatchItem& item, std::span<Descriptor>& descriptors, std::uint32_t time_ms) {
    if (item.is_inline) return match(item.bytes, time_ms);
    struct stat about{};
    // not fstat(): the C library asks by name (newfstatat), and the sandbox knows no names
    if (descriptors.empty() || ::syscall(SYS_fstat, descriptors.front().get(), &about) != 0 ||
        static_cast<std::uint64_t>(about.st_size) != item.size)
        return {MatchEnd::failed, ERROR_COULD_NOT_OPEN_FILE, {}};
    const auto blob = Blob::map(descriptors.front().release(), item.size);
    descriptors = descriptors.subspan(1);
    if (!blob) return {MatchEnd::limits, ERROR_COULD_NOT_MAP_FILE, {}};
    return match(blob->bytes(), time_ms);
}

std::chrono::seconds cpu_used() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec);
}

int Matcher::serve() {
    for (;;) {
        auto packet = receive_packet(worker_channel, buffer_, Wait::yes);
        if (!packet) return packet.error().is(Errc::closed) ? 0 : exit_bad_packet;
        const auto job = parse_match_job(packet->bytes);
        if (!job) return exit_bad_packet;
        std::span<Descriptor> descriptors(packet->descriptors);
        MatchAnswer answer{job->number, false, {}};
        for (const auto& item : job->items) answer.results.push_back(look(item, descriptors, job->time_ms));
        answer.is_last = is_worn_ || cpu_used() > std::chrono::seconds(setup_.cpu_seconds);
        if (!send_packet(worker_channel, encode_match_answer(answer), {}, {}, Wait::yes)) return 0;
    }
}

int serve_confined(const MatchSetup& setup, Descriptor rules, std::string_view namespaces) {
    const auto confined = enter_sandbox({.memory = setup.memory,
                                         .file = 0,
                                         .descriptors = setup.descriptors,
                                         .cpu_seconds = setup.cpu_seconds + setup.longest_job,
                                         .work = SandboxWork::match},
                                        namespaces);
    if (!confined) {
        fmt::print(stderr, "{}", describe(confined.error()));
        return exit_unconfined;
    }
    const auto matcher = std::make_unique<Matcher>(setup);
    if (auto loaded = matcher->load(std::move(rules)); !loaded) {
        fmt::print(stderr, "{}", describe(loaded.error()));
        return exit_bad_packet;
    }
    if (!send_packet(worker_channel, encode_hello(*confined), {}, {}, Wait::yes)) return 0;
    return matcher->serve();
}

}  // namespace

int serve_match(Packet packet, std::string_view namespaces) {
    const auto setup = parse_match_setup(packet.bytes);
    if (!setup || packet.descriptors.size() != 1) {
        fmt::print(stderr, "{}", setup ? "the rules did not come along" : setup.error().detail);
        return exit_bad_packet;
    }
    if (const int code = yr_initialize(); code != ERROR_SUCCESS) {
        fmt::print(stderr, "libyara cannot be initialised: error {}", code);
        return exit_bad_packet;
    }
    warm_up();
    return serve_confined(*setup, std::move(packet.descriptors.front()), namespaces);
}

}  // namespace tamis::worker
