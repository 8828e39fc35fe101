#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/text_decode.h"
#include "scanners/worker/open/transfer_decode.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// base64, quoted-printable, uuencode, xxencode, yEnc, BinHex, charsets: no output larger than its input allows
void transfer(std::string_view bytes) {
    for (const auto reading : {worker::Base64Reading::skip_padding, worker::Base64Reading::stop,
                               worker::Base64Reading::first_padding, worker::Base64Reading::first_junk}) {
        worker::StringOutput out;
        const auto notes = worker::decode_base64(bytes, reading, out);
        must(notes.complete, "a sink that takes all gets all");
        must(out.bytes.size() <= bytes.size(), "base64 shrinks");
    }
    for (const auto reading : {worker::QuotedReading::literal, worker::QuotedReading::tolerant}) {
        worker::StringOutput out;
        worker::decode_quoted(bytes, reading, out);
        must(out.bytes.size() <= bytes.size(), "quoted-printable does not grow");
    }
    const auto footer = worker::text_behind_base64(bytes);
    must(footer == std::string_view::npos || (footer != 0 && footer < bytes.size() && bytes[footer - 1] == '\n'),
         "a footer stands on lines of its own");
    worker::StringOutput uu, xx, uu64, yenc, binhex, resource;
    worker::decode_uu(bytes, uu);
    must(worker::decode_xx(bytes, xx).consumed <= bytes.size(), "nobody reads behind the end");
    must(xx.bytes.size() <= bytes.size(), "xxencode shrinks");
    worker::decode_uu_base64(bytes, uu64);
    worker::decode_yenc(bytes, yenc);
    worker::decode_binhex(bytes, binhex);
    worker::decode_binhex_resource(bytes, resource);
    worker::binhex_header(bytes);
    worker::uu_begin(bytes);
    worker::yenc_name(bytes);
    must(uu.bytes.size() <= 63 * bytes.size(), "a uuencoded line says its size, the blanks at its end may be gone");
    must(uu64.bytes.size() <= bytes.size() && yenc.bytes.size() <= bytes.size(), "these shrink");
    for (const auto charset : worker::charset_names_to_preopen()) {
        const auto once = worker::to_utf8(bytes, charset);
        must(!once || once->size() <= 4 * bytes.size() + 16, "UTF-8 of any charset is bounded");
        must(once == worker::to_utf8(bytes, charset), "a converter keeps nothing");
    }
    (void)worker::wide_charset_of(bytes);
    must(resource.bytes.size() <= 256 * bytes.size(), "BinHex run lengths are bytes");
    must(binhex.bytes.size() <= 256 * bytes.size(), "BinHex run lengths are bytes");
}

}  // namespace tamis::fuzz
