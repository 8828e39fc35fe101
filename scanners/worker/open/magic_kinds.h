// magic_kinds - names the kind of a part: own quick recognition of texts, libmagic for the rest, own checks where libmagic is weak
//
// Guarantees: an answer for all bytes ("dat" when nothing is known), bounded time: libmagic sees the first 64 KiB and its own limits are
// low. The database is loaded once, before the sandbox closes; afterwards no file is opened. One thread at a time.
#pragma once

#include <magic.h>

#include <memory>

#include "base/result.h"
#include "scanners/worker/open/opener.h"

namespace tamis::worker {

class MagicKinds final : public KindFinder {
public:
    // load - reads libmagic's compiled database (/usr/share/misc/magic.mgc); a fault names it
    static Result<std::unique_ptr<MagicKinds>> load();

    Kind find(std::string_view head, std::uint64_t size) override;

private:
    struct Close {
        void operator()(magic_set* cookie) const noexcept { magic_close(cookie); }
    };
    Kind find_first(std::string_view head, std::uint64_t size);  // what it is besides a mail or a CMS message

    explicit MagicKinds(std::unique_ptr<magic_set, Close> cookie) : cookie_(std::move(cookie)) {}

    std::unique_ptr<magic_set, Close> cookie_;
};

}  // namespace tamis::worker
