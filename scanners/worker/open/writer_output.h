// writer_output - lets a transfer decoder write straight into a part
#pragma once

#include "scanners/worker/open/opener.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

class WriterOutput final : public Output {
public:
    explicit WriterOutput(PartWriter& writer) : writer_(writer) {}
    bool put(std::string_view bytes) override { return writer_.write(bytes); }

private:
    PartWriter& writer_;
};

}  // namespace tamis::worker
