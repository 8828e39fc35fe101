#include "storage/pg/name_lookup.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <thread>

#include "base/text.h"
#include "storage/completion.h"

namespace tamis::storage::pg {
namespace {

using Addresses = Result<std::vector<std::string>>;

Addresses look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, [](addrinfo* list) {
        if (list != nullptr) freeaddrinfo(list);
    });
    if (code != 0)
        return fail(Errc::unavailable,
                    fmt::format("the host name \"{}\" cannot be resolved: {}", escaped(host), gai_strerror(code)));
    std::vector<std::string> addresses;
    for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
        std::string text(NI_MAXHOST, '\0');
        if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), static_cast<socklen_t>(text.size()), nullptr, 0,
                        NI_NUMERICHOST) == 0)
            addresses.emplace_back(text.c_str());
    }
    if (addresses.empty()) return fail(Errc::unavailable, fmt::format("the host name \"{}\" has no address", escaped(host)));
    return addresses;
}

}  // namespace

Task<Result<std::vector<std::string>>> resolve(std::string host, Deadline deadline) {
    if (auto numeric = look_up(host, AI_NUMERICHOST)) co_return numeric;
    auto completion = std::make_shared<Completion<Addresses>>();
    std::thread([completion, host] { Completion<Addresses>::set(completion, look_up(host, AI_ADDRCONFIG)); }).detach();
    auto answer = co_await Completion<Addresses>::wait(completion, deadline);
    if (!answer) co_return fail(Errc::timeout, fmt::format("resolving the host name \"{}\" took too long", escaped(host)));
    co_return std::move(*answer);
}

}  // namespace tamis::storage::pg
