#include "unit/open/archive_samples.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <sstream>

#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"

namespace tamis::worker::samples {
namespace {

la_ssize_t append(struct archive*, void* to, const void* bytes, std::size_t size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

void add(struct archive* writer, const Member& member) {
    std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), &archive_entry_free);
    archive_entry_copy_pathname(entry.get(), member.name.c_str());
    archive_entry_set_mtime(entry.get(), 1'700'000'000, 0);
    const bool is_file = member.type == 'f';
    archive_entry_set_size(entry.get(), is_file ? static_cast<la_int64_t>(member.data.size()) : 0);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_filetype(entry.get(), member.type == 'd'   ? AE_IFDIR
                                            : member.type == 'l' ? AE_IFLNK
                                            : member.type == 'c' ? AE_IFCHR
                                                                 : AE_IFREG);
    if (member.type == 'l') archive_entry_copy_symlink(entry.get(), member.data.c_str());
    if (member.type == 'h') archive_entry_copy_hardlink(entry.get(), member.data.c_str());
    INFO(member.name << ": " << (archive_error_string(writer) != nullptr ? archive_error_string(writer) : ""));
    REQUIRE(archive_write_header(writer, entry.get()) >= ARCHIVE_WARN);
    for (std::size_t at = 0; is_file && at < member.data.size();) {
        const auto written = archive_write_data(writer, member.data.data() + at, member.data.size() - at);
        REQUIRE(written > 0);
        at += static_cast<std::size_t>(written);
    }
}

}  // namespace

std::string pack(const char* format, const char* filter, const std::vector<Member>& members, const char* options) {
    std::string out;
    std::unique_ptr<struct archive, decltype(&archive_write_free)> writer(archive_write_new(), &archive_write_free);
    REQUIRE(archive_write_set_format_by_name(writer.get(), format) == ARCHIVE_OK);
    if (std::string_view(filter) != "none") REQUIRE(archive_write_add_filter_by_name(writer.get(), filter) == ARCHIVE_OK);
    archive_write_set_bytes_per_block(writer.get(), 512);
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    if (options != nullptr) REQUIRE(archive_write_set_options(writer.get(), options) == ARCHIVE_OK);
    REQUIRE(archive_write_open(writer.get(), &out, nullptr, append, nullptr) == ARCHIVE_OK);
    for (const auto& member : members) add(writer.get(), member);
    REQUIRE(archive_write_close(writer.get()) == ARCHIVE_OK);
    return out;
}

std::string raw_deflate(std::string_view data) {
    z_stream stream{};
    REQUIRE(::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(::deflateBound(&stream, data.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

std::uint32_t crc32_of(std::string_view data) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

std::string little(std::uint64_t value, unsigned width) {
    std::string out;
    for (unsigned i = 0; i < width; ++i) out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
    return out;
}

std::string gzip(std::string_view data, std::string_view name) {
    std::string out("\x1f\x8b\x08", 3);
    out += name.empty() ? '\0' : '\x08';
    out += std::string(5, '\0') + '\x03';
    if (!name.empty()) out += std::string(name) + '\0';
    return out + raw_deflate(data) + little(crc32_of(data), 4) + little(data.size(), 4);
}

std::string make_zip(const std::vector<ZipEntry>& entries, std::string_view prefix, std::string_view comment) {
    std::string out(prefix), directory;
    std::uint16_t listed = 0;
    std::size_t at = 0;
    for (const auto& entry : entries) {
        const auto size = entry.size != 0 || entry.method != 0 ? entry.size : entry.data.size();
        const auto crc = entry.crc != 0 || entry.method != 0 ? entry.crc : crc32_of(entry.data);
        const auto local = entry.local_name.empty() ? entry.name : entry.local_name;
        const auto common = little(20, 2) + little(entry.flags, 2) + little(entry.method, 2) + little(0, 4) + little(crc, 4) +
                            little(entry.data.size(), 4) + little(size, 4);
        if (entry.has_local) {
            at = out.size();
            out += "PK\x03\x04" + common + little(local.size(), 2) + little(0, 2) + local + entry.data + entry.gap;
        }
        if (!entry.is_listed) continue;
        ++listed;
        directory += "PK\x01\x02" + little(20, 1) + little(entry.made_by, 1) + common + little(entry.name.size(), 2) +
                     little(0, 8) + little(entry.attributes, 4) + little(at, 4) + entry.name;
    }
    const auto begin = out.size();
    out += directory;
    return out + "PK\x05\x06" + little(0, 4) + little(listed, 2) + little(listed, 2) + little(directory.size(), 4) +
           little(begin, 4) + little(comment.size(), 2) + std::string(comment);
}

Opened open_bytes(std::string bytes, std::string name, Limits limits, Extract extract) {
    static const auto kinds = MagicKinds::load().value();
    static std::string given;  // the callback below is a plain function
    given = std::move(name);
    REQUIRE(prepare_archives());
    OpenerSetup setup;
    setup.limits = limits;
    setup.extract = extract;
    setup.kinds = kinds.get();
    setup.decoders = archive_decoders();
    setup.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        NewPart about{.parent = parent, .container = "", .names = {}, .is_mime = true};
        if (!given.empty()) about.names.push_back(given);
        opener.new_part_of(std::move(about), message, "message", false);
    };
    return open_message(setup, Blob::of(std::move(bytes)));
}

Opened open_attachment(std::string bytes, std::string name, std::string type, Limits limits) {
    static const auto kinds = MagicKinds::load().value();
    static std::string given, declared;  // the callback below is a plain function
    given = std::move(name);
    declared = std::move(type);
    REQUIRE(prepare_archives());
    OpenerSetup setup;
    setup.limits = limits;
    setup.kinds = kinds.get();
    setup.decoders = mime_decoders();
    for (auto& decoder : archive_decoders()) setup.decoders.push_back(decoder);
    setup.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        NewPart about{.parent = parent, .container = "", .types = {declared}, .is_mime = true};
        if (!given.empty()) about.names.push_back(given);
        opener.new_part_of(std::move(about), message, "message", false);
    };
    return open_message(setup, Blob::of(std::move(bytes)));
}

std::string of_corpus(std::string_view path) {
    std::ifstream from(std::string(TAMIS_SOURCE_DIR "/test/corpus/") + std::string(path), std::ios::binary);
    std::stringstream out;
    out << from.rdbuf();
    INFO("test/corpus/" << path << " is there");
    REQUIRE(from.good());
    return out.str();
}

const mail::Part* part_named(const mail::Contents& contents, std::string_view name) {
    const auto found = std::ranges::find_if(
        contents.parts, [&](const auto& part) { return std::ranges::find(part.names, name) != part.names.end(); });
    return found == contents.parts.end() ? nullptr : &*found;
}

bool has_anomaly(const mail::Contents& contents, mail::AnomalyKind kind) {
    return std::ranges::find(contents.anomalies, kind, &mail::Anomaly::kind) != contents.anomalies.end();
}

}  // namespace tamis::worker::samples
