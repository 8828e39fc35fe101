#include "config/snapshot.h"

#include <fmt/format.h>

namespace tamis::config {
namespace {

Position position_in(const ConfigTable& config, std::string_view section, std::string_view key) {
    const auto* table = config.find(section);
    const auto* value = table == nullptr || table->table() == nullptr ? nullptr : table->table()->find(key);
    return value == nullptr ? Position{} : value->position;
}

}  // namespace

std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Settings> settings, Problems& problems,
                                              worker::Spawner* spawner) {
    auto out = std::make_shared<Snapshot>();
    const auto& server = settings->server;
    out->scanners = scanners::open_scanners(
        settings->config, problems,
        {spawner, server.state_dir, settings->open.memory.count, settings->limits.message_size.count, settings->open.enabled});
    out->site.hostname = server.hostname;
    out->site.localhost_name = server.localhost_name;
    out->site.virus_header = settings->policy.virus_header;
    out->site.virus_header_text = settings->policy.virus_header_text;
    out->site.repairs = {settings->header_checks.fix_folding, settings->header_checks.fix_long_lines};
    out->site.add_received = settings->policy.add_received;
    out->site.remove_existing_spam_headers = settings->policy.remove_existing_spam_headers;
    out->site.ambiguity_header = settings->policy.ambiguity_header;
    out->spool = {server.state_dir, settings->limits.spool_memory.count};
    if (!server.tls_certificate.empty()) {
        auto context = TlsContext::server(server.tls_certificate, server.tls_key);
        if (context) out->tls = std::move(*context);
        else
            problems.add(position_in(settings->config, "server", "tls_certificate"),
                         fmt::format("server.tls_certificate: {}", describe(context.error())));
    }
    out->settings = std::move(settings);
    return problems.none() ? out : nullptr;
}

}  // namespace tamis::config
