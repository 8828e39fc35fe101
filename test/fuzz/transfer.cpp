#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/text_decode.h"
#include "scanners/worker/open/transfer_decode.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// base64, quoted-printable, uuencode, xxencode, yEnc, BinHex, charsets: no output larger than its input allows
void transfer(std::string_view bytes) {
    for (const auto reading : {open::Base64Reading::skip_padding, open::Base64Reading::stop, open::Base64Reading::first_padding,
                               open::Base64Reading::first_junk}) {
        open::StringOutput out;
        const auto notes = open::decode_base64(bytes, reading, out);
        must(notes.complete, "a sink that takes all gets all");
        must(out.bytes.size() <= bytes.size(), "base64 shrinks");
    }
    for (const auto reading : {open::QuotedReading::literal, open::QuotedReading::tolerant}) {
        open::StringOutput out;
        open::decode_quoted(bytes, reading, out);
        must(out.bytes.size() <= bytes.size(), "quoted-printable does not grow");
    }
    const auto footer = open::text_behind_base64(bytes);
    must(footer == std::string_view::npos || (footer != 0 && footer < bytes.size() && bytes[footer - 1] == '\n'),
         "a footer stands on lines of its own");
    open::StringOutput uu, xx, uu64, yenc, binhex, resource;
    open::decode_uu(bytes, uu);
    must(open::decode_xx(bytes, xx).consumed <= bytes.size(), "nobody reads behind the end");
    must(xx.bytes.size() <= bytes.size(), "xxencode shrinks");
    open::decode_uu_base64(bytes, uu64);
    open::decode_yenc(bytes, yenc);
    open::decode_binhex(bytes, binhex);
    open::decode_binhex_resource(bytes, resource);
    open::binhex_header(bytes);
    open::uu_begin(bytes);
    open::yenc_name(bytes);
    must(uu.bytes.size() <= 63 * bytes.size(), "a uuencoded line says its size, the blanks at its end may be gone");
    must(uu64.bytes.size() <= bytes.size() && yenc.bytes.size() <= bytes.size(), "these shrink");
    for (const auto charset : open::charset_names_to_preopen()) {
        const auto once = open::to_utf8(bytes, charset);
        must(!once || once->size() <= 4 * bytes.size() + 16, "UTF-8 of any charset is bounded");
        must(once == open::to_utf8(bytes, charset), "a converter keeps nothing");
    }
    (void)open::wide_charset_of(bytes);
    must(resource.bytes.size() <= 256 * bytes.size(), "BinHex run lengths are bytes");
    must(binhex.bytes.size() <= 256 * bytes.size(), "BinHex run lengths are bytes");
}

}  // namespace tamis::fuzz
