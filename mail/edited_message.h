// edited_message - the bytes that leave: literal pieces (added or changed header fields) and ranges of the sealed spool
//
// Header bytes that were not edited and the body are ranges of the spool, so they are identical to what came in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mail/message.h"

namespace tamis::mail {

struct Piece {
    std::string literal;       // used when size is 0; CRLF line ends
    std::uint64_t offset = 0;  // else `size` bytes of the spool from `offset`
    std::uint64_t size = 0;
};

struct EditedMessage {
    std::vector<Piece> pieces;
    std::shared_ptr<const SealedSpool> spool;  // may be null when all pieces are literal
};

}  // namespace tamis::mail
