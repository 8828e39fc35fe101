// archive_samples - archives for tests, made in memory
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scanners/worker/open/opener.h"

namespace tamis::worker::samples {

struct Member {
    std::string name, data;
    char type = 'f';  // f file, d directory, l symbolic link, h hard link, c device; data is the target of a link
};

// pack - by libarchive's writer: format "zip" "7zip" "pax" "ustar" "gnutar" "cpio" "newc" "arbsd" "xar" "iso9660" "raw",
// filter "none" "gzip" "bzip2" "xz" "lzma" "lzip" "zstd" "lz4" "compress"
std::string pack(const char* format, const char* filter, const std::vector<Member>& members, const char* options = nullptr);
std::string gzip(std::string_view data, std::string_view name = {});
std::string raw_deflate(std::string_view data);
std::uint32_t crc32_of(std::string_view data);
std::string little(std::uint64_t value, unsigned width);

// ZipEntry - a zip member with every field of both headers in the test's hands
struct ZipEntry {
    std::string name, data;  // as it lies in the file (already deflated for method 8)
    std::uint16_t method = 0, flags = 0;
    std::uint32_t crc = 0, size = 0;  // 0: of the data
    std::string local_name = {};      // "": the same
    bool is_listed = true;            // in the central directory
    bool has_local = true;            // false: shares the local header of the one before
    std::uint32_t attributes = 0;
    std::uint8_t made_by = 0;
    std::string gap = {};  // bytes behind its data
};
std::string make_zip(const std::vector<ZipEntry>& entries, std::string_view prefix = {}, std::string_view comment = {});

// open_bytes - as the only part of a message, with all decoders and libmagic
Opened open_bytes(std::string bytes, std::string name = {}, Limits limits = {}, Extract extract = Extract::not_plain);
// open_attachment - the same with the decoders of MIME as well, and with a declared type
Opened open_attachment(std::string bytes, std::string name = {}, std::string type = "application/octet-stream",
                       Limits limits = {});
// of_corpus - a committed sample
std::string of_corpus(std::string_view path);

const mail::Part* part_named(const mail::Contents& contents, std::string_view name);
bool has_anomaly(const mail::Contents& contents, mail::AnomalyKind kind);

}  // namespace tamis::worker::samples
