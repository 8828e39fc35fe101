#include <cstdio>
#include <cstdlib>

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void must(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

}  // namespace tamis::fuzz
