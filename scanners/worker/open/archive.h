// archive - archives and compressed data through libarchive, format by format
//
// Guarantees: exactly the formats of the row are switched on (never "all"), no filter that would start a program; members
// are read as streams from memory; links, devices and directories are parts without bytes; the budget is looked at for
// every member and every block. libarchive is the largest piece of foreign code here: it runs only inside tamis-worker's
// sandbox. Names are converted in a UTF-8 locale: call prepare_archives() before the sandbox closes. One thread at a time.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "scanners/worker/open/opener.h"

struct archive;

namespace tamis::worker {

// prepare_archives - loads the locale that names are converted in, and sets the process's time zone to UTC (dates are not
// used, but libarchive converts them); false: there is no C.UTF-8, names keep their raw bytes only. Call it once at start.
bool prepare_archives();

// LibraryFormat - what is switched on for one kind of archive
struct LibraryFormat {
    const char* name;  // container of the members, and of the limit's text
    int (*format)(struct archive*);
    std::vector<int (*)(struct archive*)> filters = {};
    int raw_filter = 0;  // compressed data: this filter, without guessing; 0: libarchive looks whether it fits
    const std::set<std::string, std::less<>>* encrypted = nullptr;  // members that libarchive does not know to be encrypted
};

// open_library_archive - all members; damage and encryption become marks of the archive
void open_library_archive(Opener& opener, std::uint32_t part, const Blob& bytes, const LibraryFormat& format);

// The decoders' `open` functions
void open_7z(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_rar(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_tar(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_cpio(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_ar(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_rpm(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_cab(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_xar(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_iso(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_bzip2(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_xz(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_lzma(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_lzip(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_zstd(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_lz4(Opener& opener, std::uint32_t part, const Blob& bytes);
void open_compress(Opener& opener, std::uint32_t part, const Blob& bytes);

enum class ReadMember : std::uint8_t { whole, damaged, unknown_method, stopped };
// read_zip_member - the data of a zip member that is neither stored nor deflated: bzip2, lzma, xz, zstd, ppmd
ReadMember read_zip_member(std::uint16_t method, std::uint64_t size, std::uint32_t crc, std::string_view data, PartWriter& out);

// supported - whether this build of libarchive reads it all by itself, without a program
bool is_supported(const LibraryFormat& format);

}  // namespace tamis::worker
