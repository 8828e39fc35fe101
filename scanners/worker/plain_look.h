// plain_look - whether a message plainly holds no attachment, told from its raw bytes
//
// Only decides who goes first when messages wait for a worker: being wrong costs time, nothing else. Pure.
#pragma once

#include "mail/message.h"

namespace tamis::worker {

// looks_plain - small, all in memory, and without anything that reads like base64, uuencode, yEnc, BinHex or raw binary
bool looks_plain(const mail::SealedSpool& message) noexcept;
bool looks_plain(std::string_view message) noexcept;

}  // namespace tamis::worker
