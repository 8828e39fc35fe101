#include "quarantine/text_sink.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <vector>

#include "storage/records/chunks.h"

namespace tamis::quarantine {

Done FileSink::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            const int number = written < 0 ? errno : ENOSPC;
            return fail(std::error_code(number, std::system_category()), fmt::format("writing {}", shown_));
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

struct GzipSink::Deflate {
    z_stream stream{};
    bool ready = false;
    std::array<unsigned char, 16384> out{};
};

GzipSink::GzipSink(Sink& into) : into_(into), deflate_(std::make_unique<Deflate>()) {
    constexpr int window_bits = 15 + 16;  // with a gzip header (zlib.h)
    constexpr int memory_level = 8;
    deflate_->ready =
        deflateInit2(&deflate_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
}

GzipSink::~GzipSink() {
    if (deflate_->ready) deflateEnd(&deflate_->stream);
}

Done GzipSink::run(std::string_view bytes, bool last) {
    auto& [stream, ready, out] = *deflate_;
    if (!ready) return fail(Errc::unavailable, "no memory for compression");
    std::vector<unsigned char> in(bytes.begin(), bytes.end());  // zlib's interface is not const
    stream.next_in = in.data();
    stream.avail_in = static_cast<unsigned>(in.size());
    for (;;) {
        stream.next_out = out.data();
        stream.avail_out = static_cast<unsigned>(out.size());
        const int answer = deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
        if (answer == Z_STREAM_ERROR) return fail(Errc::broken, "zlib: the stream is inconsistent");
        const std::string packed(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(out.size() - stream.avail_out));
        if (auto done = into_.put(packed); !done) return done;
        if (last ? answer == Z_STREAM_END : stream.avail_in == 0 && stream.avail_out != 0) return {};
    }
}

Done GzipSink::put(std::string_view bytes) {
    constexpr std::size_t piece = 1 << 20;
    for (; bytes.size() > piece; bytes.remove_prefix(piece))
        if (auto done = run(bytes.substr(0, piece), false); !done) return done;
    return run(bytes, false);
}

Done GzipSink::end() {
    if (auto done = run({}, true); !done) return done;
    return into_.end();
}

namespace {
constexpr std::string_view from_ = "From ";
}

Done MboxSink::put(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() + from_.size());
    while (!bytes.empty()) {
        if (in_line_) {
            const auto end = bytes.find('\n');
            const auto size = end == std::string_view::npos ? bytes.size() : end + 1;
            out += bytes.substr(0, size);
            bytes.remove_prefix(size);
            in_line_ = end == std::string_view::npos;
            continue;
        }
        if (bytes.front() == from_[matched_]) {
            bytes.remove_prefix(1);
            if (++matched_ < from_.size()) continue;
            out += '>';
        }
        out += from_.substr(0, matched_);  // what was held back; the next octet goes by the branch above
        matched_ = 0;
        in_line_ = true;
    }
    return into_.put(out);
}

Done MboxSink::end() {
    std::string out(from_.substr(0, matched_));
    if (in_line_ || matched_ != 0) out += '\n';
    if (auto done = into_.put(out + "\n"); !done) return done;
    return into_.end();
}

Done write_text(std::string_view prefix, const mail::SealedSpool& spool, Sink& into, const std::function<bool()>& stop) {
    if (auto done = into.put(prefix); !done) return done;
    storage::Chunker chunker(65536);
    std::vector<char> buffer(65536);
    for (std::uint64_t offset = 0; offset < spool.size();) {
        if (stop()) return fail(Errc::timeout, "the time for this message is over");
        auto bytes = spool.view(offset, buffer);
        if (!bytes) return std::unexpected(std::move(bytes.error()));
        if (bytes->empty()) return fail(Errc::broken, "the spool is shorter than it says");
        offset += bytes->size();
        chunker.add(*bytes);
        while (chunker.next())
            if (auto done = into.put(chunker.chunk()); !done) return done;
    }
    while (chunker.finish())
        if (auto done = into.put(chunker.chunk()); !done) return done;
    return into.end();
}

}  // namespace tamis::quarantine
