// tls - a certificate with its key, or the certificates we trust; shared by all connections
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace tamis {

class TlsContext {
public:
    // server - from PEM files; the Fault names the file and what is wrong with it
    static Result<std::shared_ptr<const TlsContext>> server(const std::string& certificate_file, const std::string& key_file);
    // client - trusts the CA file (or the system's when empty); verify off accepts any certificate (opportunistic TLS)
    static Result<std::shared_ptr<const TlsContext>> client(const std::string& ca_file, bool verify);

    struct Native;
    explicit TlsContext(std::unique_ptr<Native> native);
    ~TlsContext();
    Native& native() const noexcept { return *native_; }

private:
    std::unique_ptr<Native> native_;
};

}  // namespace tamis
