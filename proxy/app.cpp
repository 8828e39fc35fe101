#include "proxy/app.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <set>
#include <thread>

#include "base/counted.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/safe_files.h"
#include "base/text.h"
#include "config/look_up.h"
#include "config/options.h"
#include "config/running_settings.h"
#include "proxy/event_thread.h"
#include "proxy/listener.h"
#include "proxy/retention_timer.h"
#include "proxy/services.h"
#include "proxy/takeover.h"
#include "scanners/command/command.h"
#include "scanners/yara/yara.h"

namespace tamis::proxy {

// Rights - before and after root gives its rights away; without root everything is made with those of the user
enum class Rights : bool { of_root, of_user };

struct App::Impl {
    std::shared_ptr<const config::Settings> settings;
    bool is_activated = false;   // systemd holds our sockets
    std::set<std::string> made;  // files and sockets, by path
    std::unique_ptr<Services> services;
    std::unique_ptr<RetentionTimer> retention;
    std::vector<std::unique_ptr<EventThread>> threads;
    asio::io_context context{1};  // main thread: accepting and signals
    std::vector<ListeningSocket> listeners;
    std::vector<ListeningSocket> control_listeners;  // AM.PDP
    ControlPools pools;                              // who is on its line
    std::vector<std::unique_ptr<Acceptor>> acceptors;
    asio::signal_set signals{context, SIGTERM, SIGINT, SIGHUP};
    std::unique_ptr<TakenOver> predecessor;    // until it has been told to go
    std::unique_ptr<TakeoverServer> takeover;  // for the one after us
    bool stopped_in_time = true;
    bool is_ending = false;
    bool is_handed_over = false;  // the sockets are another's now, and so are their paths

    Task<void> handle_signals();
    Task<void> end();
    void hand_over();
    void offer_takeover();
    Result<std::vector<ListeningSocket>> listen(const std::vector<std::string>& endpoints, int backlog, const std::string& mode);
    Task<void> drain();
    void reload();
    void hand_out(Accepted accepted);
    void hand_out_control(Accepted accepted);
    EventThread& least_busy();
    Done make_files(Rights rights);
    Done open_sockets(Rights rights);
    void log_start() const;
    static Task<void> introduce(std::shared_ptr<const config::Snapshot> snapshot);
    void close_listeners() {
        for (auto* list : {&listeners, &control_listeners})
            for (const auto& listener : std::exchange(*list, {})) {
                ::close(listener.descriptor);
                if (!listener.path.empty() && !is_handed_over) ::unlink(listener.path.c_str());
            }
    }
};

namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// open_lookups - the tables that say what recipients want, and the records that say who wrote to whom
Done open_lookups(Services& services, const config::Settings& settings) {
    const auto options = config::lookup_options(settings);
    if (!settings.lookup_dsns.empty()) {
        auto store = storage::open_lookup_store(settings.lookup_dsns, options);
        if (!store) return std::unexpected(store.error());
        services.lookups = std::move(*store);
    }
    if (settings.asks_records() && !settings.storage_dsns.empty()) {
        auto store = storage::open_pen_pals(settings.storage_dsns, options);
        if (!store) return std::unexpected(store.error());
        services.pen_pals = std::move(*store);
    }
    return {};
}

Done open_records(Services& services, const config::Settings& settings) {
    if (settings.storage_dsns.empty()) return {};
    storage::StoreOptions options;
    options.connections = static_cast<std::size_t>(settings.storage.connections);
    options.remembered_limit = static_cast<std::size_t>(settings.storage.remembered);
    options.patience = settings.storage.wait;
    options.memory = &services.memory;
    auto store = storage::open_record_store(settings.storage_dsns, options);
    if (!store) return std::unexpected(store.error());
    services.records = std::move(*store);
    return {};
}

// open_quarantine - for whoever asks over AM.PDP
Done open_quarantine(Services& services, const config::Settings& settings) {
    services.copies = std::make_unique<quarantine::CopyReader>(services.snapshot()->spool, services.memory);
    if (settings.storage_dsns.empty()) return {};
    auto store = storage::open_quarantine_store(settings.storage_dsns, {.connections = 2, .patience = settings.storage.wait});
    if (!store) return std::unexpected(store.error());
    services.quarantine = std::move(*store);
    return {};
}

// open_stores - everything that is asked or written while mail is processed; a database that is away is none of its Faults
Done open_stores(Services& services, const config::Settings& settings, bool serves_control) {
    if (auto opened = open_records(services, settings); !opened) return opened;
    if (auto done = services.delivered.open(settings.server.state_dir + "/delivered"); !done)
        log::warning({}, "what is being delivered is remembered in memory only, a kill can double messages: {}",
                     describe(done.error()));
    if (auto opened = open_lookups(services, settings); !opened) return opened;
    return serves_control ? open_quarantine(services, settings) : Done{};
}

}  // namespace

App::App(std::shared_ptr<const config::Settings> settings) : impl_(std::make_unique<Impl>()) {
    impl_->settings = std::move(settings);
}

App::~App() {
    impl_->retention.reset();
    for (auto& thread : impl_->threads) thread->join();
    if (impl_->services) impl_->services->swap(nullptr);  // scanners' idle connections belong to the threads' loops
    impl_->acceptors.clear();
    impl_->takeover.reset();
    impl_->close_listeners();
}

// listen - what the predecessor listens on is taken from it; the rest is opened
Result<std::vector<ListeningSocket>> App::Impl::listen(const std::vector<std::string>& endpoints, int backlog,
                                                       const std::string& mode) {
    std::vector<ListeningSocket> out;
    std::vector<std::string> missing;
    for (const auto& text : endpoints) {
        const auto endpoint = parse_endpoint(text);
        auto taken = endpoint && predecessor ? predecessor->take(endpoint->is_unix() ? endpoint->path : endpoint->text())
                                             : std::vector<ListeningSocket>();
        if (taken.empty()) missing.push_back(text);
        std::ranges::move(taken, std::back_inserter(out));
    }
    auto opened = open_listeners(missing, backlog, static_cast<unsigned>(std::stoul(mode, nullptr, 8)));
    if (!opened) return std::unexpected(std::move(opened.error()));
    std::ranges::move(*opened, std::back_inserter(out));
    return out;
}

// start - the order is that of rights: root opens what only root may (privileged ports, files where nobody else can put a link),
// then gives its rights away for good, and only then are threads, decoder processes and connections made.
Done App::start(Problems& problems, TakeOver take_over) {
    auto& in = *impl_;
    const auto& settings = *in.settings;
    raise_descriptor_limit();
    in.listeners = inherited_listeners();
    in.is_activated = !in.listeners.empty();
    if (take_over == TakeOver::yes) {
        auto predecessor = TakenOver::ask(settings.server.state_dir, user_number(settings.server.user).value_or(::geteuid()));
        if (!predecessor) return std::unexpected(std::move(predecessor.error()));
        in.predecessor = std::move(*predecessor);
    }
    if (auto done = in.make_files(Rights::of_root); !done) return done;
    auto spawning = worker::spawner_options_of(settings.open);
    const bool needs_spawner =
        settings.open.enabled || scanners::has_commands(settings.config) || scanners::has_yara(settings.config);
    if (needs_spawner) {
        auto program = worker::open_worker_program(spawning);
        if (!program) return std::unexpected(program.error());
        spawning.program = *program;
    }
    if (auto done = become_user(settings.server.user, settings.server.group); !done) return done;
    ::umask(0027);
    if (auto done = in.make_files(Rights::of_user); !done) return done;

    in.services =
        std::make_unique<Services>(settings.limits.memory.count, static_cast<std::uint64_t>(settings.limits.connections));
    if (auto done = scanners::remove_old_directories(settings.server.state_dir); !done)
        log::warning({}, "{}", describe(done.error()));
    if (needs_spawner) {  // before any thread, and without privileges
        auto spawner = worker::Spawner::start(std::move(spawning));
        if (!spawner) return std::unexpected(spawner.error());
        in.services->spawner = std::move(*spawner);
    }
    auto snapshot = config::make_snapshot(in.settings, problems, in.services->spawner.get());
    if (!snapshot) return fail(Errc::bad_input, "the configuration has problems");
    in.services->swap(std::move(snapshot));
    if (auto opened = open_stores(*in.services, settings, !in.control_listeners.empty()); !opened) return opened;
    auto reinject = config::reinject_options(settings);
    if (!reinject) return std::unexpected(reinject.error());
    const std::size_t count = settings.server.threads != 0 ? static_cast<std::size_t>(settings.server.threads)
                                                           : std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) in.threads.push_back(std::make_unique<EventThread>(*in.services, *reinject));
    for (auto& thread : in.threads) thread->start();
    in.retention = std::make_unique<RetentionTimer>(*in.services);
    in.retention->start();
    config::note_running(settings.server.state_dir, settings.file, settings.config);
    return {};
}

EventThread& App::Impl::least_busy() {
    EventThread* least = threads.front().get();
    for (auto& thread : threads)
        if (thread->load.load(std::memory_order_relaxed) < least->load.load(std::memory_order_relaxed)) least = thread.get();
    least->load.fetch_add(1, std::memory_order_relaxed);
    return *least;
}

void App::Impl::hand_out(Accepted accepted) {
    EventThread& least = least_busy();
    asio::post(least.context, [&least, accepted = std::move(accepted)] { least.take(accepted); });
}

// hand_out_control - who it is comes first, then whether its kind has a place left
void App::Impl::hand_out_control(Accepted accepted) {
    const auto snapshot = services->snapshot();
    const auto& in_force = *snapshot->settings;
    auto peer = identify(accepted.descriptor, accepted.is_unix, accepted.peer_address, accepted.listener, in_force);
    const auto limit =
        peer.refusal.empty() ? static_cast<std::size_t>(in_force.control.connections) : ControlPools::stranger_limit;
    auto place = pools.enter(peer.pool, limit);
    if (!place) {
        log::warning({}, "AM.PDP: more than {} of \"{}\" (control.connections), one was closed", counted(limit, "connection"),
                     peer.pool);
        ::close(accepted.descriptor);
        return;
    }
    EventThread& least = least_busy();
    asio::post(least.context, [&least, accepted = std::move(accepted), peer = std::move(peer), place = std::move(place)] {
        least.take_control(accepted, peer, place);
    });
}

// make_files - the state directory, the pid file, the log file and the sockets: as root only where nobody else could have put
// a link (safe_files.h), the rest as the user that we became
Done App::Impl::make_files(Rights rights) {
    const auto& server = settings->server;
    const bool as_root = rights == Rights::of_root;
    if (as_root && ::geteuid() != 0) return {};
    const auto is_due = [&](const std::string& path) { return (!as_root || only_root_writes(path)) && !made.contains(path); };
    Identity owner{static_cast<unsigned>(-1), static_cast<unsigned>(-1)};
    if (as_root && !server.user.empty()) {
        auto identity = identity_of(server.user, server.group);
        if (!identity) return std::unexpected(identity.error());
        owner = *identity;
    }
    if (is_due(server.state_dir)) {
        if (auto done = make_directory(server.state_dir, owner.user, owner.group); !done) return done;
        made.insert(server.state_dir);
    }
    if (!server.pid_file.empty() && is_due(server.pid_file)) {
        if (auto done = write_file(server.pid_file, fmt::format("{}\n", ::getpid())); !done)
            return fail(done.error().code, "server.pid_file: " + done.error().detail);
        made.insert(server.pid_file);
    }
    if (const auto& logging = settings->log; logging.target.starts_with("file:")) {
        const auto path = logging.target.substr(5);
        if (as_root && is_due(path))
            if (auto done = make_log_file(path, owner.user, owner.group); !done) return done;
        if (!as_root)
            if (auto done = log::open({logging.target, logging.ident, static_cast<int>(logging.level)}); !done) return done;
    }
    return open_sockets(rights);
}

Done App::Impl::open_sockets(Rights rights) {
    struct Row {
        const std::vector<std::string>& endpoints;
        const std::string& mode;
        int backlog;
        std::vector<ListeningSocket>& into;
        bool wanted;
    };
    const std::array rows{Row{settings->server.listen, settings->server.socket_mode, static_cast<int>(settings->limits.backlog),
                              listeners, !is_activated},
                          Row{settings->control.listen, settings->control.socket_mode, 128, control_listeners, true}};
    for (const auto& row : rows) {
        if (!row.wanted) continue;
        for (const auto& text : row.endpoints) {
            const auto endpoint = parse_endpoint(text);
            if (!endpoint) return std::unexpected(endpoint.error());
            const bool may_be_now = rights == Rights::of_user || !endpoint->is_unix() || only_root_writes(endpoint->path);
            if (!may_be_now || made.contains(text)) continue;
            auto opened = listen({text}, row.backlog, row.mode);
            if (!opened) return std::unexpected(opened.error());
            made.insert(text);
            for (auto& listener : *opened) {
                const auto path = listener.path;
                row.into.push_back(std::move(listener));
                if (path.empty() || rights == Rights::of_user) continue;
                if (auto given = give_to_user(path, settings->server.user, settings->server.group); !given) return given;
            }
        }
    }
    return {};
}

void App::Impl::log_start() const {
    std::vector<std::string> names;
    for (const auto& listener : listeners) names.push_back(listener.name);
    std::vector<std::string> engines;
    for (const auto& scanner : services->snapshot()->scanners) engines.emplace_back(scanner->name());
    log::notice({}, "Tamis {} started, listening on {}, forwarding to {}, scanners: {}, {}", TAMIS_VERSION, join(names, ", "),
                settings->forward.shown, engines.empty() ? "none" : join(engines, ", "), counted(threads.size(), "thread"));
    if (engines.empty()) log::warning({}, "no scanner is configured: mail passes unchecked");
}

// introduce - the engines' own limits; on the main thread, which serves nobody
Task<void> App::Impl::introduce(std::shared_ptr<const config::Snapshot> snapshot) {
    const Deadline deadline = Deadline::in(std::chrono::seconds(10));
    for (const auto& scanner : snapshot->scanners) co_await scanner->introduce(deadline);
}

void App::Impl::reload() {
    notify_service_manager("RELOADING=1");
    Problems problems(settings->file);
    auto next = config::load_settings_file(settings->file, problems);
    std::shared_ptr<const config::Snapshot> snapshot;
    if (problems.none()) snapshot = config::make_snapshot(next, problems, services->spawner.get());
    if (!snapshot) {
        for (const auto& line : problems.lines()) log::error({}, "reload: {}", line);
        log::error({}, "reload refused, the settings in force stay as they are");
    } else {
        for (const auto& line : next->warnings) log::warning({}, "reload: {}", line);
        const log::Options options{next->log.target, next->log.ident, static_cast<int>(next->log.level)};
        if (auto done = log::open(options); !done) log::error({}, "reload: {}", describe(done.error()));
        const auto before = config::setting_lines(settings.get());
        for (const auto& line : config::setting_lines(next.get()))
            for (const auto& old : before)
                if (!line.reloadable && old.section == line.section && old.name == line.name && old.value != line.value)
                    log::warning({}, "reload: {}.{} takes effect after a restart", line.section, line.name);
        if (next->asks_records() && !services->pen_pals && !next->storage_dsns.empty())
            log::warning(
                {},
                "reload: policy.pen_pals_bonus and policy.bounce_killer_score, both off until now, take effect after a restart");
        settings = next;
        services->swap(std::move(snapshot));
        services->serving.set_limit(static_cast<std::uint64_t>(settings->limits.connections));
        if (services->lookups) services->lookups->forget();
        for (auto& thread : threads) thread->reload();
        if (retention) retention->wake();
        config::note_running(settings->server.state_dir, settings->file, settings->config);
        log::notice({}, "reloaded {}", settings->file);
    }
    notify_service_manager("READY=1");
}

Task<void> App::Impl::handle_signals() {
    for (;;) {
        auto [error, signal] = co_await signals.async_wait(as_result);
        if (error) co_return;
        if (signal != SIGHUP) break;
        reload();
    }
    co_await end();
}

Task<void> App::Impl::end() {
    if (std::exchange(is_ending, true)) co_return;
    co_await drain();
    context.stop();
}

// hand_over - another tamisd accepts on our sockets already; what we have in hand we finish
void App::Impl::hand_over() {
    is_handed_over = true;
    for (auto& acceptor : acceptors) acceptor->stop();
    asio::co_spawn(context, end(), asio::detached);  // stops the context when it is done
}

// offer_takeover - without it a restart works as well, it only refuses connections meanwhile
void App::Impl::offer_takeover() {
    auto sockets = listeners;
    sockets.insert(sockets.end(), control_listeners.begin(), control_listeners.end());
    takeover = std::make_unique<TakeoverServer>(context, settings->server.state_dir, std::move(sockets), [this] { hand_over(); });
    if (auto done = takeover->start(); !done) log::info({}, "no tamisd can take over from this one: {}", describe(done.error()));
}

Task<void> App::Impl::drain() {
    notify_service_manager("STOPPING=1");
    log::notice({}, "stopping: no new connections, messages in hand may finish within {} s",
                std::chrono::duration_cast<std::chrono::seconds>(settings->limits.drain).count());
    services->stopping = true;
    services->serving.set_limit(UINT32_MAX);  // nobody waits for a place now
    if (retention) retention->stop();
    for (auto& acceptor : acceptors) acceptor->stop();
    if (takeover) takeover->stop();
    close_listeners();
    const Deadline end = Deadline::in(settings->limits.drain);
    const auto busy = [&] {
        std::size_t count = 0;
        for (const auto& thread : threads) count += thread->load.load(std::memory_order_relaxed);
        return count;
    };
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (busy() != 0 && !end.passed()) {
        for (auto& thread : threads) asio::post(thread->context, [raw = thread.get()] { raw->stop_sessions(); });
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(as_result);
    }
    if (busy() != 0) log::warning({}, "{} did not finish in time: the mail stays with the MTA", counted(busy(), "connection"));
    stopped_in_time = busy() == 0;
    if (services->records) {
        const auto left = co_await services->records->drain(Deadline::in(std::chrono::seconds(10)));
        if (left != 0) log::error({}, "{} of delivered mail could not be written before the end", counted(left, "record"));
    }
    log::notice({}, "stopped");
}

int App::run(const std::function<void()>& ready) {
    auto& in = *impl_;
    for (const auto& listener : in.listeners) {
        in.acceptors.push_back(std::make_unique<Acceptor>(in.context.get_executor(), listener));
        asio::co_spawn(in.context, in.acceptors.back()->run([&in](Accepted accepted) { in.hand_out(std::move(accepted)); }),
                       asio::detached);  // ends with Acceptor::stop()
    }
    for (const auto& listener : in.control_listeners) {
        in.acceptors.push_back(std::make_unique<Acceptor>(in.context.get_executor(), listener));
        asio::co_spawn(in.context,
                       in.acceptors.back()->run([&in](Accepted accepted) { in.hand_out_control(std::move(accepted)); }),
                       asio::detached);  // ends with Acceptor::stop()
    }
    asio::co_spawn(in.context, in.handle_signals(), asio::detached);
    in.log_start();
    if (auto predecessor = std::exchange(in.predecessor, nullptr)) {
        if (auto done = predecessor->finish(); !done)
            log::error({}, "the tamisd that ran before did not say that it ends, look for a second one: {}",
                       describe(done.error()));
    }
    in.offer_takeover();
    if (ready) ready();
    asio::co_spawn(in.context, Impl::introduce(in.services->snapshot()), asio::detached);  // ends by its deadline
    notify_service_manager(fmt::format("READY=1\nMAINPID={}", ::getpid()));
    run_loop(in.context);
    if (!in.stopped_in_time) std::_Exit(0);  // sessions that hang in a peer's silence are cut off here, on purpose
    return 0;
}

}  // namespace tamis::proxy
