// control_session - one connection that speaks AM.PDP: releases from the quarantine, and milters that ask for a verdict
//
// Over the unix socket the kernel says who asks (SO_PEERCRED): root, our own user and control.allowed_users. Over TCP the
// address must be in control.allowed_peers, a release needs the message's secret_id, and nobody can have a file read.
// A secret that is given is always checked, in constant time. Bounded: line, request, time (a client that says nothing, and one
// that does not end its request), number of connections (control_pools.h).
#pragma once

#include <memory>
#include <string>

#include "base/async.h"
#include "base/stream.h"
#include "proxy/control/ampdp_dialog.h"
#include "proxy/control/control_pools.h"
#include "proxy/pipeline.h"
#include "proxy/services.h"

namespace tamis::proxy {

class ControlSession {
public:
    ControlSession(std::unique_ptr<Stream> stream, ControlPeer peer, std::shared_ptr<ControlPools::Place> place,
                   Services& services, Pipeline& pipeline, deliver::Submitter& submitter);

    Task<void> run();
    // stop - the daemon is shutting down: ends when no request is in hand
    void stop();
    // yield - another client of its kind needs the place: ends when no request is in hand
    void yield();

private:
    Task<void> talk();
    Task<void> refuse();
    void tell_of(std::string_view line);
    std::string peer_name() const;
    Task<AmpdpAnswer> answer(AmpdpRequest request);
    Task<AmpdpAnswer> answer_release(AmpdpRequest request, std::string kind);
    Done check_secret(const AmpdpRequest& request, const config::Settings& settings) const;

    std::unique_ptr<Stream> stream_;
    ControlPeer peer_;
    std::shared_ptr<ControlPools::Place> place_;
    Services& services_;
    Pipeline& pipeline_;
    deliver::Submitter& submitter_;
    bool waiting_ = false;  // for the first line of a request
    bool answering_ = false;
    bool yields_ = false;        // its place is taken: it ends before it reads again
    bool told_unclear_ = false;  // a line that is not understood: told of once
};

}  // namespace tamis::proxy
