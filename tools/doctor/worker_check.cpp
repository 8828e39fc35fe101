// worker_check - starts one decoder process as the daemon does, and lets it say how it is confined
#include <fmt/format.h>
#include <poll.h>

#include <array>

#include "base/text.h"
#include "scanners/worker/match_wire.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/spawner.h"
#include "scanners/worker/wire.h"
#include "scanners/yara/yara.h"
#include "tools/doctor/checks.h"

namespace tamis::doctor {
namespace {

// first_packet - what the worker, or the spawner about its death, says first
Result<std::string> first_packet(const worker::Descriptor& from, Deadline deadline) {
    std::array<char, worker::packet_limit> buffer{};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()).count();
    pollfd waiting{from.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left)) <= 0) return fail(Errc::timeout, "it did not say that it is ready");
    auto packet = worker::receive_packet(from.get(), buffer, worker::Wait::no);
    if (!packet) return std::unexpected(std::move(packet.error()));
    if (worker::kind_of(packet->bytes) == worker::PacketKind::death) {
        const auto death = worker::parse_death(packet->bytes);
        return fail(Errc::unavailable, death ? "it ended: " + worker::describe_death(*death) : "it ended");
    }
    return worker::parse_hello(packet->bytes);
}

// confinement - what a worker says that was sent this first packet
Result<std::string> confinement(const config::Settings& settings, std::string_view setup, std::span<const int> descriptors,
                                std::chrono::seconds patience) {
    auto spawner = worker::Spawner::start(worker::spawner_options_of(settings.open));
    if (!spawner) return std::unexpected(std::move(spawner.error()));
    auto ends = worker::socket_pair();
    if (!ends) return std::unexpected(std::move(ends.error()));
    if (auto started = (*spawner)->start_worker(ends->second.get()); !started) return std::unexpected(std::move(started.error()));
    ends->second.reset();
    if (auto sent = worker::send_packet(ends->first.get(), setup, {}, descriptors, worker::Wait::no); !sent)
        return std::unexpected(std::move(sent.error()));
    return first_packet(ends->first, Deadline::in(patience));
}

Result<std::string> opener_confinement(const config::Settings& settings, std::chrono::seconds patience) {
    worker::Setup setup;
    setup.memory = settings.open.memory.count;
    return confinement(settings, worker::encode_setup(setup), {}, patience);
}

// check_matcher - a process for the YARA rules; rules that do not compile are told of under "scanners"
void check_matcher(const Viewpoint& from, Report& report) {
    const auto* all = from.settings->config.find("scanners");
    const auto* value = all != nullptr && all->table() != nullptr ? all->table()->find("yara") : nullptr;
    if (value == nullptr || value->table() == nullptr) return;
    scanners::YaraSettings settings;
    Problems ignored("");
    load_settings(*value->table(), "scanners.yara", scanners::yara_settings(), settings, ignored);
    const auto rules = scanners::YaraRules::compile(settings.rules, scanners::Unmarked::virus);
    if (!rules) return;
    const auto setup = scanners::match_setup_of(**rules, {.memory = from.settings->open.memory.count});
    const std::array descriptors{(*rules)->descriptor()};
    const auto said = confinement(*from.settings, worker::encode_match_setup(setup), descriptors, from.patience);
    if (said) report.ok(fmt::format("a process that matches YARA rules starts, confined by {}", escaped(*said, 200)));
    else
        report.problem(
            fmt::format("no process that matches YARA rules can be started: {}", describe(said.error())),
            {"install tamis-worker of the same build beside tamisd, or name it in [open] worker; if memory is short: [open] memory"});
}

}  // namespace

void check_worker(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    check_matcher(from, report);
    if (!settings.open.enabled) {
        report.warning("open.enabled is false: mail is not opened, attachments are not looked at",
                       {fmt::format("{}: [open] enabled = true", settings.file)});
        return;
    }
    const auto said = opener_confinement(settings, from.patience);
    if (!said && said.error().is(Errc::conflict)) {
        report.problem(fmt::format("tamis-worker is of another build than tamis: {}", said.error().detail),
                       {"install tamisd, tamis and tamis-worker of one build, and restart tamisd"});
        return;
    }
    if (!said) {
        report.problem(
            fmt::format("no decoder process can be started: {}", describe(said.error())),
            {"install tamis-worker beside tamisd, or name it in [open] worker; the kernel must have seccomp (CONFIG_SECCOMP_FILTER)"});
        return;
    }
    const bool has_namespaces = said->find("namespaces") != std::string::npos;
    if (settings.open.namespaces && !has_namespaces)
        report.warning(
            fmt::format("decoder processes are confined by {} only: this kernel gives {} no namespaces", escaped(*said, 200),
                        from.user.empty() ? "us" : from.user),
            {"sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 (where the kernel has them), RestrictNamespaces=no in the unit;",
             "in a container: allow user namespaces, or set [open] namespaces = false"});
    else report.ok(fmt::format("a decoder process starts, confined by {}", escaped(*said, 200)));
}

}  // namespace tamis::doctor
