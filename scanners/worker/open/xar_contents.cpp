#include "scanners/worker/open/xar_contents.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

// Count - occurrences of a text in a stream of chunks
class Count {
public:
    explicit Count(std::string_view wanted) : wanted_(wanted) {}
    void look(std::string_view chunk) {
        const auto text = before_ + std::string(chunk);
        for (auto at = text.find(wanted_); at != std::string::npos; at = text.find(wanted_, at + wanted_.size())) ++count;
        before_ = text.substr(text.size() - std::min(text.size(), wanted_.size() - 1));
    }
    std::uint64_t count = 0;

private:
    std::string_view wanted_;
    std::string before_;
};

}  // namespace

bool is_xar_within_limits(Opener& opener, std::uint32_t part, std::string_view bytes) {
    const auto header = big(bytes, 4, 2);
    auto table = window(bytes, header, big(bytes, 8, 8));
    z_stream stream{};
    if (::inflateInit(&stream) != Z_OK) {
        mark_damaged(opener, part, "no memory for the table of contents");
        return false;
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> closing(&stream, ::inflateEnd);
    Count files("<file"), links("link");
    std::string chunk(decode_chunk, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(table.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(table.size(), 1U << 30U));
    while (true) {
        stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
        stream.avail_out = static_cast<uInt>(chunk.size());
        const int status = ::inflate(&stream, Z_NO_FLUSH);
        const auto made = std::string_view(chunk).substr(0, chunk.size() - stream.avail_out);
        if (!opener.budget().take_bytes(made.size(), "xar") || !opener.budget().check_time()) return false;
        files.look(made);
        links.look(made);
        if (std::max(files.count, links.count) > opener.limits().members) {
            while (opener.budget().take_member()) {
            }  // it is over the limit of members, and says so in its words
            return false;
        }
        if (status == Z_STREAM_END || (status == Z_OK && !made.empty())) {
            if (status == Z_STREAM_END) return true;
            continue;
        }
        mark_damaged(opener, part, "the table of contents cannot be decompressed");
        return false;
    }
}

}  // namespace tamis::worker
