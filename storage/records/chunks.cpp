#include "storage/records/chunks.h"

#include <algorithm>

namespace tamis::storage {

bool Chunker::next() {
    if (taken_) {
        chunk_.clear();
        taken_ = false;
    }
    while (!rest_.empty()) {
        if (chunk_.size() == size_) return taken_ = true;
        if (pending_cr_) {
            pending_cr_ = false;
            if (rest_.front() == '\n') continue;  // the CR vanishes, the LF is an ordinary byte
            chunk_ += '\r';
            continue;
        }
        if (rest_.front() == '\r') {
            pending_cr_ = true;
            rest_.remove_prefix(1);
            continue;
        }
        const auto run = std::min({rest_.find('\r'), rest_.size(), size_ - chunk_.size()});
        chunk_ += rest_.substr(0, run);
        rest_.remove_prefix(run);
    }
    return taken_ = chunk_.size() == size_;
}

bool Chunker::finish() {
    if (taken_) chunk_.clear();
    taken_ = false;
    if (pending_cr_ && chunk_.size() < size_) {
        chunk_ += '\r';
        pending_cr_ = false;
    }
    return taken_ = !chunk_.empty();
}

}  // namespace tamis::storage
