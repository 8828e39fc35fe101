// banned_hit - what banned contents a recipient's rules found in a message; made by policy/banned.h. Pure data.
#pragma once

#include <string>
#include <vector>

namespace tamis::policy {

// BannedHit - texts hold a stranger's bytes and are cut to the limits of policy/banned.h; whoever shows them escapes them
struct BannedHit {
    std::string reason;              // of the first banned part: "application/octet-stream,.exe,.exe-ms,setup.exe",
                                     // with the rule's comment in front: "executable:.exe,.exe-ms,setup.exe"
    std::string rule;                // which rule that was: "DEFAULT rule 7"
    std::vector<std::string> parts;  // all banned parts, each with its whole path: "multipart/mixed | .zip,a.zip | .exe,b.exe"
    bool suppresses_dsn = false;     // a rule with action "discard" is among those that matched
};

}  // namespace tamis::policy
