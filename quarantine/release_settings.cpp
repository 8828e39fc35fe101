#include "quarantine/release_settings.h"

namespace tamis::quarantine {

const std::vector<Setting<ReleaseSettings>>& release_rows() {
    using S = ReleaseSettings;
    static const std::vector<Setting<S>> rows = {
        {"forward", &S::forward,
         "Where mail that leaves the quarantine is handed to: smtp:[host]:port, lmtp:...; server.forward when not set. Never the filter's own port."},
        {"requeue", &S::requeue,
         "Where `tamis quarantine requeue` hands mail in to be filtered again, such as smtp:[127.0.0.1]:25; not set: requeue is refused."},
        {"format",
         &S::format,
         "How mail leaves the quarantine: resend (the message itself below Resent-* fields), attach (attached to a note), plain (the note and the message as one text).",
         0,
         0,
         true,
         {"resend", "attach", "plain"}},
    };
    return rows;
}

}  // namespace tamis::quarantine
