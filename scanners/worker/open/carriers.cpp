#include "scanners/worker/open/carriers.h"

#include <brotli/decode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/history.h"
#include "scanners/worker/open/lzh.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/writer_output.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

// settle - the end of one decompressed part; what came out of a damaged one stays
void settle(Opener& opener, std::uint32_t parent, PartWriter& writer, Decoded how, std::string_view trouble) {
    if (how == Decoded::whole) return writer.finish();
    if (how == Decoded::stopped) return;
    mark_unreadable(opener, writer.number());
    mark_damaged(opener, parent, trouble);
}

// CompressedRtf - MS-OXRTFCP: LZ77 over a window that begins with what every RTF text has; a byte of eight flags, the lowest first
constexpr auto rtf_start =
    "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial"
    "Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"sv;
static_assert(rtf_start.size() == 207);

Decoded decode_rtf(std::string_view packed, std::uint64_t size, Output& out) {
    constexpr std::size_t window_size = 4096, chunk = 32 * 1024;
    std::string window(window_size, '\0'), plain;
    rtf_start.copy(window.data(), rtf_start.size());
    std::size_t at = 0, end = rtf_start.size();
    std::uint64_t made = 0;
    const auto put = [&](char byte) {
        plain.push_back(window[end] = byte);
        end = (end + 1) % window_size;
        ++made;
    };
    while (at < packed.size()) {
        const unsigned flags = byte_at(packed, at++);
        for (unsigned bit = 0; bit < 8 && at < packed.size(); ++bit) {
            if ((flags >> bit & 1U) == 0) {
                put(packed[at++]);
                continue;
            }
            const auto pair = static_cast<unsigned>(big(packed, at, 2));
            if (packed.size() - at < 2) return out.put(plain) ? Decoded::damaged : Decoded::stopped;
            at += 2;
            const std::size_t from = pair >> 4U;
            if (from == end) return !out.put(plain) ? Decoded::stopped : made >= size ? Decoded::whole : Decoded::damaged;
            for (unsigned i = 0; i < (pair & 15U) + 2; ++i) put(window[(from + i) % window_size]);
        }
        if (plain.size() < chunk) continue;
        if (!out.put(plain)) return Decoded::stopped;
        plain.clear();
    }
    return !out.put(plain) ? Decoded::stopped : made >= size ? Decoded::whole : Decoded::damaged;
}

Decoded inflate_zlib(std::string_view packed, Output& out) {
    z_stream stream{};
    if (::inflateInit(&stream) != Z_OK) return Decoded::damaged;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> closing(&stream, ::inflateEnd);
    std::string chunk(decode_chunk, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(packed.size(), 1U << 30U));
    while (true) {
        stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
        stream.avail_out = static_cast<uInt>(chunk.size());
        const int status = ::inflate(&stream, Z_NO_FLUSH);
        const auto made = chunk.size() - stream.avail_out;
        if (!out.put(std::string_view(chunk).substr(0, made))) return Decoded::stopped;
        if (status == Z_STREAM_END) return Decoded::whole;
        if (status != Z_OK || made == 0) return Decoded::damaged;
    }
}

// FirstBytes - ends a decompression when enough came out
class FirstBytes final : public Output {
public:
    explicit FirstBytes(std::uint64_t enough) : enough_(enough) {}
    bool put(std::string_view bytes) override {
        seen_ += bytes.size();
        return !is_full();
    }
    bool is_full() const noexcept { return seen_ >= enough_; }

private:
    std::uint64_t enough_, seen_ = 0;
};

bool is_zlib_header(std::string_view bytes) { return byte_at(bytes, 0) == 0x78 && big(bytes, 0, 2) % 31 == 0; }

Decoded decompress_brotli(std::string_view packed, Output& out) {
    const std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state(
        BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
    if (!state) return Decoded::damaged;
    std::string chunk(decode_chunk, '\0');
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
    std::size_t left = packed.size();
    while (true) {
        auto* next_out = reinterpret_cast<std::uint8_t*>(chunk.data());
        std::size_t room = chunk.size();
        const auto status = BrotliDecoderDecompressStream(state.get(), &left, &next_in, &room, &next_out, nullptr);
        if (!out.put(std::string_view(chunk).substr(0, chunk.size() - room))) return Decoded::stopped;
        if (status == BROTLI_DECODER_RESULT_SUCCESS) return left == 0 ? Decoded::whole : Decoded::damaged;
        if (status != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return Decoded::damaged;
    }
}

}  // namespace

void open_onenote(Opener& opener, std::uint32_t part, const Blob& blob) {
    constexpr auto mark =
        "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"sv;  // FileDataStoreObject, MS-ONESTORE 2.6.13
    constexpr std::size_t header = 36;
    const auto bytes = blob.bytes();
    for (auto at = bytes.find(mark); at != std::string_view::npos;) {
        const auto size = little64(bytes, at + mark.size()), left = bytes.size() - std::min(bytes.size(), at + header);
        if (size > left) mark_damaged(opener, part, "an embedded file that is cut");
        const auto kept = std::min<std::uint64_t>(size, left);
        if (opener.new_part_of({.parent = part, .container = "onenote"}, blob.slice(at + header, kept), "onenote", true) == 0)
            return;
        at = bytes.find(mark, at + header + static_cast<std::size_t>(kept));
    }
}

void open_active_mime(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    const std::size_t places[] = {little16(bytes, 0x1e) + 46UL, 0x32, 0x22a};
    const auto* place = std::ranges::find_if(places, [&](std::size_t at) { return is_zlib_header(window(bytes, at, 2)); });
    if (place == std::end(places)) return mark_damaged(opener, part, "ActiveMime without its data");
    auto writer = opener.new_part({.parent = part, .container = "activemime"}, "activemime");
    if (!writer) return;
    WriterOutput out(writer);
    settle(opener, part, writer, inflate_zlib(bytes.substr(*place), out), "ActiveMime data that cannot be decompressed");
}

void open_apple_file(Opener& opener, std::uint32_t part, const Blob& blob) {
    constexpr std::uint64_t data_fork = 1, real_name = 3;
    const auto bytes = blob.bytes();
    std::string_view name, data;
    const auto count = big(bytes, 24, 2);
    for (std::uint64_t i = 0, at = 26; i < count; ++i, at += 12) {
        const auto id = big(bytes, at, 4), from = big(bytes, at + 4, 4), size = big(bytes, at + 8, 4);
        if (bytes.size() < at + 12 || from > bytes.size() || size > bytes.size() - from)
            return mark_damaged(opener, part, "an AppleSingle file that is cut");
        if (id == real_name) name = window(bytes, from, size);
        if (id == data_fork) data = window(bytes, from, size);
    }
    if (data.empty()) return;
    opener.new_part_of({.parent = part, .container = "applefile", .names = member_names(name, false)},
                       blob.slice(static_cast<std::uint64_t>(data.data() - bytes.data()), data.size()), "applefile", true);
}

void open_macbinary(Opener& opener, std::uint32_t part, const Blob& blob) {
    constexpr std::size_t header = 128;
    const auto bytes = blob.bytes();
    const auto size = big(bytes, 83, 4);
    if (size > bytes.size() - std::min(header, bytes.size())) mark_damaged(opener, part, "a MacBinary file that is cut");
    const auto data = window(bytes, header, size);
    if (data.empty()) return;
    opener.new_part_of(
        {.parent = part, .container = "macbinary", .names = member_names(window(bytes, 2, byte_at(bytes, 1)), false)},
        blob.slice(header, data.size()), "macbinary", true);
}

void open_szdd(Opener& opener, std::uint32_t part, const Blob& blob) {
    const auto bytes = blob.bytes();
    const bool is_basic = bytes.starts_with("SZ \x88");  // of QBasic's setup
    const std::size_t header = is_basic ? 12 : 14, window_size = 4096;
    const std::uint64_t size = little32(bytes, is_basic ? 8 : 10);
    if (bytes.size() < header) return mark_damaged(opener, part, "a cut SZDD header");
    auto names = opener.part(part).names;  // "setup.ex_": the last letter stands in the header
    std::erase_if(names, [](const auto& each) { return !each.ends_with('_'); });
    for (auto& each : names) each.back() = is_basic || byte_at(bytes, 9) < 0x20 ? '_' : bytes[9];
    auto writer = opener.new_part({.parent = part, .container = "szdd", .names = std::move(names)}, "szdd");
    if (!writer) return;
    WriterOutput out(writer);
    settle(opener, part, writer, decode_lzss(window_size - (is_basic ? 18 : 16), bytes.substr(header), size, out),
           "SZDD data that are damaged");
}

void open_compressed_rtf(Opener& opener, std::uint32_t part, const Blob& blob) {
    constexpr std::size_t header = 16;
    const auto bytes = blob.bytes();
    const std::uint64_t packed = little32(bytes, 0), size = little32(bytes, 4);
    if (bytes.size() < header || packed < header - 4) return mark_damaged(opener, part, "compressed RTF that is cut");
    if (packed - (header - 4) > bytes.size() - header) mark_damaged(opener, part, "compressed RTF that is cut");
    const auto data = window(bytes, header, packed - (header - 4));
    auto writer = opener.new_part({.parent = part, .container = "lzfu", .names = {"body.rtf"}}, "lzfu");
    if (!writer) return;
    WriterOutput out(writer);
    const bool is_plain = window(bytes, 8, 4) == "MELA";
    const auto how = !is_plain ? decode_rtf(data, size, out) : out.put(data) ? Decoded::whole : Decoded::stopped;
    settle(opener, part, writer, how, "compressed RTF that is damaged");
}

bool wants_zlib(const mail::Part& part) { return has_kind(part, "dat") && part.description.starts_with("zlib compressed data"); }

void open_zlib(Opener& opener, std::uint32_t part, const Blob& blob) {
    constexpr std::uint64_t enough = 4096;
    FirstBytes trial(enough);
    const auto how = inflate_zlib(blob.bytes(), trial);
    if (how == Decoded::damaged && !trial.is_full()) return;
    auto writer = opener.new_part({.parent = part, .container = "zlib"}, "zlib");
    if (!writer) return;
    WriterOutput out(writer);
    settle(opener, part, writer, inflate_zlib(blob.bytes(), out), "zlib data that are damaged");
}

bool wants_brotli(const mail::Part& part) {
    const auto is_named = [](std::string_view name) {
        return name.size() > 3 && equal_fold(name.substr(name.size() - 3), ".br");
    };
    const auto is_typed = [](std::string_view type) {
        return type == "application/x-brotli" || type == "application/brotli" || type == "application/x-br";
    };
    const bool is_plain = part.description.contains("ASCII text") ||
                          part.description.contains("UTF-8");  // what has no signature may look like much else
    return !is_plain && part.size != 0 &&
           (std::ranges::any_of(part.names, is_named) || std::ranges::any_of(part.types, is_typed));
}

void open_brotli(Opener& opener, std::uint32_t part, const Blob& blob) {
    add_kind(opener.part(part), "br");
    auto writer = opener.new_part({.parent = part, .container = "brotli", .names = unpacked_names(opener.part(part))}, "brotli");
    if (!writer) return;
    WriterOutput out(writer);
    settle(opener, part, writer, decompress_brotli(blob.bytes(), out), "brotli data that cannot be read");
}

}  // namespace tamis::worker
