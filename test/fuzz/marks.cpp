#include "scanners/worker/open/file_marks.h"

#include <algorithm>

#include "scanners/worker/open/mail_shape.h"
#include "scanners/worker/open/media.h"
#include "scanners/worker/open/programs.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void marks(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const auto found = worker::find_file(bytes, 0, at, bytes.size());
        if (!found) break;
        must(found.begin < bytes.size(), "a file begins within the bytes");
        must(found.size == std::string_view::npos || found.size <= bytes.size() - found.begin, "a file ends within the bytes");
        must(found.mark >= at, "the search goes on");
        at = found.mark + 1;
        if (found.size == std::string_view::npos) break;
    }
    unsigned tries = 4;
    const auto zip = worker::find_zip_by_end(bytes, 0, bytes.size(), tries);
    must(!zip || zip.begin + zip.size <= bytes.size(), "an archive lies within the bytes");
    must(worker::media_size(bytes) <= bytes.size(), "a picture ends within the bytes");
    worker::is_program(bytes, bytes.size());
    worker::mail_shape(bytes);
    std::size_t behind = 0;
    for (const auto range : worker::mbox_messages(bytes, 100)) {
        must(range.begin >= behind && range.begin <= range.end && range.end <= bytes.size(), "mails follow each other");
        behind = range.begin;
    }
}

}  // namespace tamis::fuzz
