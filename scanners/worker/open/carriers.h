// carriers - small formats that carry files: OneNote sections, ActiveMime, AppleSingle, AppleDouble and MacBinary, SZDD, zlib, brotli, compressed RTF
//
// Each is read by a few lines of its own (brotli by its library). Damage is marked; linear; trusts nothing; one thread.
#pragma once

#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// The decoders' `open` functions
// open_onenote - the files embedded in a section; what is written on the page stays as it is
void open_onenote(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_active_mime - the OLE2 document in an editdata.mso, zlib-compressed
void open_active_mime(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_apple_file - the data fork; the rest stands in the bytes as it is
void open_apple_file(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_macbinary - the data fork
void open_macbinary(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_szdd - what Microsoft's COMPRESS.EXE made ("setup.ex_")
void open_szdd(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_compressed_rtf - the RTF body of TNEF and of Outlook's messages (MS-OXRTFCP)
void open_compressed_rtf(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_zlib - two bytes say little: data that inflate for a while at least
bool wants_zlib(const mail::Part& part);
void open_zlib(Opener& opener, std::uint32_t part, const Blob& bytes);
// open_brotli - it has no signature: wanted by name or type
bool wants_brotli(const mail::Part& part);
void open_brotli(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
