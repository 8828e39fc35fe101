#include "config/options.h"

namespace tamis::config {

Result<deliver::ReinjectOptions> reinject_options(const Settings& settings) {
    deliver::ReinjectOptions out;
    out.ehlo_name = settings.server.localhost_name;
    if (settings.server.forward_tls == "none") return out;
    out.require_tls = settings.server.forward_tls == "encrypt";
    auto context = TlsContext::client(settings.server.forward_ca, out.require_tls);
    if (!context) return std::unexpected(context.error());
    out.tls = std::move(*context);
    return out;
}

quarantine::ReleaseOptions release_options(const Settings& settings) {
    quarantine::ReleaseOptions out;
    out.directory = settings.quarantine.directory;
    out.hostname = settings.server.hostname;
    if (settings.release.format == "attach") out.format = quarantine::ReleaseFormat::attach;
    if (settings.release.format == "plain") out.format = quarantine::ReleaseFormat::plain;
    out.from = settings.notices.from;
    out.sender = settings.notices.sender;
    out.to = settings.release_to;
    out.requeue = settings.requeue;
    return out;
}

}  // namespace tamis::config
