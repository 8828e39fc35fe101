#include "scanners/worker/open/text_decode.h"
#include "scanners/worker/open/transfer_decode.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// base64, quoted-printable, uuencode, yEnc, BinHex: no output larger than its input allows
void transfer(std::string_view bytes) {
    for (const auto reading : {open::Base64Reading::skip_padding, open::Base64Reading::stop}) {
        open::StringOutput out;
        const auto         notes = open::decode_base64(bytes, reading, out);
        must(notes.complete, "a sink that takes all gets all");
        must(out.bytes.size() <= bytes.size(), "base64 shrinks");
    }
    for (const auto reading : {open::QuotedReading::literal, open::QuotedReading::tolerant}) {
        open::StringOutput out;
        open::decode_quoted(bytes, reading, out);
        must(out.bytes.size() <= bytes.size(), "quoted-printable does not grow");
    }
    open::StringOutput uu, uu64, yenc, binhex;
    open::decode_uu(bytes, uu);
    open::decode_uu_base64(bytes, uu64);
    open::decode_yenc(bytes, yenc);
    open::decode_binhex(bytes, binhex);
    must(uu.bytes.size() <= 3 * bytes.size(), "a uuencoded line without its trailing blanks stands for up to three bytes more");
    must(uu64.bytes.size() <= bytes.size() && yenc.bytes.size() <= bytes.size(), "these shrink");
    must(binhex.bytes.size() <= 256 * bytes.size(), "BinHex run lengths are bytes");
}

}  // namespace tamis::fuzz
