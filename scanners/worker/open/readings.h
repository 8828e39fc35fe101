// readings - whether the other readings of a message show anything that the first one does not
//
// The walkers note every oddity and add what other programs may see as parts with the flag `alternate`. Afterwards they are
// compared: an anomaly is ambiguous only where some reading shows or saves something else. Pure, total, n log n.
#pragma once

#include <cstdint>
#include <set>

#include "mail/contents.h"

namespace tamis::worker {

// is_compared - all readings of that anomaly are parts, so that they can be compared; of the others nobody knows every reading
bool is_compared(mail::AnomalyKind kind) noexcept;

// settle_readings - when all parts of other readings are parts of the first one too (the same bytes under the same name and
// type), or among `harmless`, the compared anomalies become harmless. True: they did. Call it once all parts are known.
bool settle_readings(mail::Contents& contents, const std::set<std::uint32_t>& harmless);

// is_only_shown - a text without a name, or with that of a text: a reading of it that differs in a few characters is a nuisance
// to its reader and nothing else
bool is_only_shown(const mail::Part& part);

}  // namespace tamis::worker
