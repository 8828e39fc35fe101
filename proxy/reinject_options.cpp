#include "proxy/reinject_options.h"

namespace tamis::proxy {

Result<ReinjectOptions> reinject_options(const Settings& settings) {
    ReinjectOptions out;
    out.ehlo_name = settings.server.localhost_name;
    if (settings.server.forward_tls == "none") return out;
    out.require_tls = settings.server.forward_tls == "encrypt";
    auto context = TlsContext::client(settings.server.forward_ca, out.require_tls);
    if (!context) return std::unexpected(context.error());
    out.tls = std::move(*context);
    return out;
}

}  // namespace tamis::proxy
