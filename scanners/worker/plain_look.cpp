#include "scanners/worker/plain_look.h"

#include "base/text.h"
#include "scanners/worker/wire.h"

namespace tamis::worker {

bool looks_plain(const mail::SealedSpool& message) noexcept {
    return message.is_all_in_head() && message.size() <= inline_message && looks_plain(message.head());
}

bool looks_plain(std::string_view message) noexcept {
    for (auto at = message.find("64"); at != std::string_view::npos; at = message.find("64", at + 2))
        if (at >= 4 && equal_fold(message.substr(at - 4, 4), "base")) return false;
    for (const std::string_view sign : {"\nbegin ", "\n=ybegin ", "BinHex", "x-uu", "X-UU"})
        if (message.find(sign) != std::string_view::npos) return false;
    for (const char byte : message)
        if (static_cast<unsigned char>(byte) < '\t') return false;  // text has none of these, archives do
    return true;
}

}  // namespace tamis::worker
