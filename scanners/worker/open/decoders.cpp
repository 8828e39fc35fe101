#include "scanners/worker/open/decoders.h"

#include <algorithm>

#include "base/text.h"
#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/carriers.h"
#include "scanners/worker/open/chm.h"
#include "scanners/worker/open/flat_xml.h"
#include "scanners/worker/open/gzip.h"
#include "scanners/worker/open/known_formats.h"
#include "scanners/worker/open/lzop.h"
#include "scanners/worker/open/media.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/old_archives.h"
#include "scanners/worker/open/ole.h"
#include "scanners/worker/open/pdf.h"
#include "scanners/worker/open/strays.h"
#include "scanners/worker/open/tnef.h"
#include "scanners/worker/open/wim.h"
#include "scanners/worker/open/zip.h"

namespace tamis::worker {
namespace {

template <std::size_t N>
struct Text {
    char text[N];
    constexpr Text(const char (&from)[N]) { std::copy_n(from, N, text); }  // NOLINT: a literal as template argument
};
template <Text... kinds>
bool wants(const mail::Part& part) {
    return (has_kind(part, kinds.text) || ...);
}

// wants_lzma - its signature is weak: libmagic knows only the usual ones, so the name helps
bool wants_lzma(const mail::Part& part) {
    const auto is_named = [](std::string_view name) {
        return name.size() > 5 && equal_fold(name.substr(name.size() - 5), ".lzma");
    };
    return has_kind(part, "lzma") || (has_kind(part, "dat") && std::ranges::any_of(part.names, is_named));
}

}  // namespace

std::vector<Decoder> archive_decoders() {
    constexpr bool yes = true, no = false;  // may_account: it calls Opener::accounts_for_all
    return {
        {"zip", is_zip, open_zip, yes},
        {"gzip", is_gzip, open_gzip, yes},
        {"7z", wants<"7z">, open_7z, no},
        {"rar", wants<"rar">, open_rar, no},
        {"tar", wants<"tar">, open_tar, no},
        {"bzip2", wants<"bz2">, open_bzip2, no},
        {"xz", wants<"xz">, open_xz, no},
        {"cab", wants<"cab">, open_cab, no},
        {"iso", wants<"iso">, open_iso, no},
        {"cpio", wants<"cpio">, open_cpio, no},
        {"ar", wants<"a", "deb">, open_ar, no},
        {"rpm", wants<"rpm">, open_rpm, no},
        {"lha", wants<"lha">, open_lha, no},
        {"xar", wants<"xar">, open_xar, no},
        {"lzma", wants_lzma, open_lzma, no},
        {"lzip", wants<"lz">, open_lzip, no},
        {"zstd", wants<"zst">, open_zstd, no},
        {"lz4", wants<"lz4">, open_lz4, no},
        {"tnef", is_tnef, open_tnef, no},
        {"ole", is_ole, open_ole, no},
        {"media", is_media, open_media, no, no},
        {"pdf", is_pdf_part, open_pdf, no},
        {"lzop", is_lzop, open_lzop, no},
        {"compress", wants<"Z">, open_compress, no},
        {"arj", wants<"arj">, open_arj, no},
        {"arc", wants<"arc">, open_arc, no},
        {"zoo", wants<"zoo">, open_zoo, no},
        {"wim", wants<"wim">, open_wim, no},
        {"chm", wants<"chm">, open_chm, no},
        {"onenote", wants<"one">, open_onenote, no},
        {"activemime", wants<"mso">, open_active_mime, no},
        {"applefile", wants<"applefile">, open_apple_file, no},
        {"macbinary", wants<"macbinary">, open_macbinary, no},
        {"szdd", wants<"szdd">, open_szdd, no},
        {"lzfu", wants<"lzfu">, open_compressed_rtf, no},
        {"zlib", wants_zlib, open_zlib, no},
        {"brotli", wants_brotli, open_brotli, no},
        {"flatxml", may_be_flat_xml, open_flat_xml, no, no},
        {"unread", wants_unread, open_unread, no, no},       // it opens nothing: no level more
        {"appended", may_have_strays, open_strays, no, no},  // the last: by then every other one has said what it owns
    };
}

}  // namespace tamis::worker
