// control_session - one connection that speaks AM.PDP: releases from the quarantine, and milters that ask for a verdict
//
// Over the unix socket the kernel says who asks (SO_PEERCRED): root, our own user and control.allowed_users. Over TCP the
// address must be in control.allowed_peers, a release needs the message's secret_id, and nobody can have a file read.
// A secret that is given is always checked, in constant time. Bounded: line, request, idle time, number of connections.
#pragma once

#include <memory>
#include <string>

#include "base/async.h"
#include "base/stream.h"
#include "proxy/control/ampdp_dialog.h"
#include "proxy/pipeline.h"
#include "proxy/services.h"

namespace tamis::proxy {

struct ControlPeer {
    bool        is_unix = false;
    std::string address;   // over TCP
    std::string listener;  // "9998" or the path
};

class ControlSession {
public:
    ControlSession(std::unique_ptr<Stream> stream, ControlPeer peer, Services& services, Pipeline& pipeline, Reinjector& reinjector);

    Task<void> run();
    // stop - the daemon is shutting down: ends when no request is in hand
    void stop();

private:
    Task<void>        talk();
    Task<AmpdpAnswer> answer(AmpdpRequest request);
    Task<AmpdpAnswer> answer_release(AmpdpRequest request, std::string kind);
    std::optional<Fault> check_peer();
    Done              check_secret(const AmpdpRequest& request, const Settings& settings) const;

    std::unique_ptr<Stream> stream_;
    ControlPeer             peer_;
    Services&               services_;
    Pipeline&               pipeline_;
    Reinjector&             reinjector_;
    unsigned                user_ = 0;  // of a unix peer
    bool                    waiting_ = false;
};

}  // namespace tamis::proxy
