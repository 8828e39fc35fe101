// kind_table - from libmagic's description of some bytes to amavisd's short types
//
// The rules are amavisd's (docs/amavis/scanners.md 3), in its order, made right for what file 5.44 prints, and with the
// types that our decoders and rules need besides. Pure; trusts nothing; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

// kinds_of - the types without the dot, amavisd's first: "PE32+ executable (GUI) x86-64, for MS Windows" is {"exe", "exe-ms"}.
// The first rule that matches decides; a description that no rule knows is {"dat"}, never nothing.
std::vector<std::string> kinds_of(std::string_view description);

}  // namespace tamis::worker
