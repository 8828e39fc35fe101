#include "scanners/worker/open/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/rar_headers.h"
#include "scanners/worker/open/tar_structure.h"
#include "scanners/worker/open/xar_contents.h"

namespace tamis::worker {

using mail::PartFlag;

namespace {

struct FreeArchive {
    void operator()(struct archive* handle) const noexcept { archive_read_free(handle); }
};
using Handle = std::unique_ptr<struct archive, FreeArchive>;

std::uint8_t flag(PartFlag which) { return static_cast<std::uint8_t>(which); }

locale_t names_locale() {
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);  // for ever: it cannot be loaded again inside
    return made;
}

// InNamesLocale - libarchive converts names to the thread's locale
class InNamesLocale {
public:
    InNamesLocale() : before_(names_locale() != nullptr ? ::uselocale(names_locale()) : nullptr) {}
    ~InNamesLocale() {
        if (before_ != nullptr) ::uselocale(before_);
    }
    InNamesLocale(const InNamesLocale&) = delete;
    InNamesLocale& operator=(const InNamesLocale&) = delete;

private:
    locale_t before_;
};

// new_reader - with exactly these; null when libarchive would start a program for one of them (it warns then)
Handle new_reader(const LibraryFormat& format) {
    Handle out(archive_read_new());
    if (!out || format.format(out.get()) != ARCHIVE_OK) return nullptr;
    for (const auto filter : format.filters)
        if (filter(out.get()) != ARCHIVE_OK) return nullptr;
    return out;
}

// text_of - what an accessor of an entry gives. When a name cannot be converted libarchive looks at errno, and at an ENOMEM
// that is left from long ago it calls exit().
const char* text_of(archive_entry* entry, const char* (*accessor)(archive_entry*)) {
    errno = 0;
    return accessor(entry);
}

std::vector<std::string> names_of(archive_entry* entry) {
    std::vector<std::string> out;
    const char* utf8 = text_of(entry, archive_entry_pathname_utf8);
    const char* raw = text_of(entry, archive_entry_pathname);
    if (utf8 != nullptr) out.emplace_back(utf8);
    if (raw != nullptr && (utf8 == nullptr || std::string_view(utf8) != raw)) {
        const auto more = member_names(raw, false);
        out.insert(out.end(), more.begin(), more.end());
    }
    return out;
}

std::uint8_t flags_of(archive_entry* entry) {
    if (text_of(entry, archive_entry_hardlink) != nullptr || text_of(entry, archive_entry_symlink) != nullptr)
        return flag(PartFlag::link);
    switch (archive_entry_filetype(entry)) {
        case AE_IFDIR: return flag(PartFlag::directory);
        case AE_IFLNK: return flag(PartFlag::link);
        case AE_IFCHR:
        case AE_IFBLK:
        case AE_IFIFO:
        case AE_IFSOCK: return flag(PartFlag::special);
        default: return 0;
    }
}

bool speaks_of_encryption(struct archive* reader) {
    const char* text = archive_error_string(reader);
    return text != nullptr && std::string_view(text).contains("ncrypt");
}

std::string error_of(struct archive* reader) {
    const char* text = archive_error_string(reader);
    return text != nullptr ? text : "the archive cannot be read";
}

// write_zeros - the hole of a sparse file; false: no budget
bool write_zeros(Opener& opener, PartWriter& writer, std::uint64_t count, const char* who) {
    static constexpr std::array<char, 16 * 1024> zeros{};
    if (count > opener.budget().bytes_left()) return opener.budget().take_bytes(count, who);
    while (count != 0) {
        const auto now = std::min<std::uint64_t>(count, zeros.size());
        if (!writer.write({zeros.data(), static_cast<std::size_t>(now)})) return false;
        count -= now;
    }
    return true;
}

enum class Data : std::uint8_t { whole, damaged, fatal, stopped };

Data copy_data(Opener& opener, struct archive* reader, PartWriter& writer, const char* who) {
    std::uint64_t written = 0;
    std::uint32_t idle = 0;  // blocks without bytes in a row
    while (true) {
        const void* block = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int status = archive_read_data_block(reader, &block, &size, &offset);
        if (status == ARCHIVE_EOF) return Data::whole;
        if (status == ARCHIVE_RETRY && ++idle < 16) continue;
        if (status == ARCHIVE_FATAL) return Data::fatal;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return Data::damaged;
        const auto at = offset < 0 ? 0 : static_cast<std::uint64_t>(offset);
        if (at < written && size != 0) return Data::damaged;
        if (at > written && !write_zeros(opener, writer, at - written, who)) return Data::stopped;
        written = std::max(written, at) + size;
        if (size != 0) idle = 0;
        if (size == 0 && (++idle > 4096 || !opener.budget().check_time()))
            return opener.budget().is_spent() ? Data::stopped : Data::damaged;
        if (size != 0 && !writer.write({static_cast<const char*>(block), size})) return Data::stopped;
    }
}

// Source - the bytes as libarchive reads them: a block at a time, and none once the budget is spent, so that a call of the library
// which goes on reading ends too
struct Source {
    Opener& opener;
    std::string_view bytes;
    std::size_t at = 0;
};

constexpr std::size_t block_size = 64 * 1024;

la_ssize_t read_source(struct archive* reader, void* from, const void** buffer) {
    auto& source = *static_cast<Source*>(from);
    if (!source.opener.budget().check_time()) {
        archive_set_error(reader, ECANCELED, "no time is left");
        return ARCHIVE_FATAL;
    }
    const auto block = source.bytes.substr(source.at, block_size);
    source.at += block.size();
    *buffer = block.data();
    return static_cast<la_ssize_t>(block.size());
}

la_int64_t seek_source(struct archive*, void* from, la_int64_t offset, int whence) {
    auto& source = *static_cast<Source*>(from);
    const auto size = static_cast<la_int64_t>(source.bytes.size());
    const auto base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? static_cast<la_int64_t>(source.at) : size;
    la_int64_t wanted = 0;
    if (__builtin_add_overflow(base, offset, &wanted) || wanted < 0) return ARCHIVE_FATAL;
    source.at = static_cast<std::size_t>(std::min(wanted, size));
    return static_cast<la_int64_t>(source.at);
}

la_int64_t skip_source(struct archive*, void* from, la_int64_t count) {
    auto& source = *static_cast<Source*>(from);
    const auto left = static_cast<la_int64_t>(source.bytes.size() - source.at);
    const auto skipped = std::clamp<la_int64_t>(count, 0, left);
    source.at += static_cast<std::size_t>(skipped);
    return skipped;
}

// stated_size - of an archive that says so in its header; 0: it does not
std::uint64_t stated_size(std::string_view name, std::string_view bytes) {
    constexpr std::uint64_t header_of_7z = 32;
    if (name == "7z" && bytes.size() >= header_of_7z) {
        const auto offset = little64(bytes, 12), size = little64(bytes, 20), left = bytes.size() - header_of_7z;
        return offset <= left && size <= left - offset ? header_of_7z + offset + size : 0;
    }
    return name == "cab" && bytes.size() >= 36 ? std::min<std::uint64_t>(little32(bytes, 8), bytes.size()) : 0;
}

class Walk {
public:
    Walk(Opener& opener, std::uint32_t part, const LibraryFormat& format) : opener_(opener), part_(part), format_(format) {}

    void run(const Blob& bytes) {
        const InNamesLocale locale;
        reader_ = new_reader(format_);
        if (!reader_) return mark_unreadable(opener_, part_);
        const auto all = bytes.bytes();
        Source source{opener_, all};
        // named, not guessed: data that are not what they seem must not pass as they are, and what is packed twice is two levels
        if (format_.raw_filter != 0 && archive_read_append_filter(reader_.get(), format_.raw_filter) != ARCHIVE_OK)
            return mark_unreadable(opener_, part_);
        archive_read_set_read_callback(reader_.get(), read_source);
        archive_read_set_seek_callback(reader_.get(), seek_source);
        archive_read_set_skip_callback(reader_.get(), skip_source);
        archive_read_set_callback_data(reader_.get(), &source);
        if (archive_read_open1(reader_.get()) != ARCHIVE_OK) return mark_damaged(opener_, part_, error_of(reader_.get()));
        while (next()) {
        }
        own(all);
        // without a filter in effect the raw bytes come out as they went in: they are not what they seem
        if (is_compressed() && archive_filter_count(reader_.get()) < 2) mark_damaged(opener_, part_, "no compressed data");
        if (!is_compressed() || opener_.budget().is_spent()) return;
        const auto taken = archive_filter_bytes(reader_.get(), -1);
        if (taken >= 0 && static_cast<std::uint64_t>(taken) + block_size < all.size())
            mark_damaged(opener_, part_, "bytes after the compressed data");
    }

private:
    // own - how far the archive reaches. What was not read to its end belongs to the archive as a whole; those that are not read
    // from the front to the back say in their header how long they are.
    void own(std::string_view all) {
        if (!is_at_end_) return opener_.own(part_, 0, all.size(), Owned::carried);
        const auto stated = stated_size(format_.name, all);
        const auto taken = archive_filter_bytes(reader_.get(), is_compressed() ? -1 : 0);
        auto end = stated != 0  ? stated
                   : taken <= 0 ? all.size()
                                : std::min<std::uint64_t>(static_cast<std::uint64_t>(taken), all.size());
        constexpr std::string_view whole[] = {"iso", "xar", "rpm"};  // not read from the front to the back, or through a filter
        if (std::ranges::find(whole, std::string_view(format_.name)) != std::end(whole)) end = all.size();
        while (end < all.size() && all[end] == '\0') ++end;  // padding
        opener_.own(part_, 0, end, has_encrypted_member_ ? Owned::carried : Owned::content);
    }

    // next - one member; false: there is no other, or no budget for it
    bool next() {
        if (!opener_.budget().check_time()) return false;
        archive_entry* entry = nullptr;
        const int status = archive_read_next_header(reader_.get(), &entry);
        if (status == ARCHIVE_EOF) {
            is_at_end_ = true;
            if (has_encrypted_entries() && !has_encrypted_member_) mark_encrypted(opener_, part_);
            return false;
        }
        if (status == ARCHIVE_RETRY && ++retries_ < 16) return true;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
            note_failure();
            return false;
        }
        return add(entry);
    }

    bool add(archive_entry* entry) {
        auto names = is_compressed() ? unpacked_names(opener_.part(part_)) : names_of(entry);
        auto flags = flags_of(entry);
        const bool is_known = format_.encrypted != nullptr && !names.empty() && format_.encrypted->contains(names.front());
        if (archive_entry_is_encrypted(entry) != 0 || is_known) {
            has_encrypted_member_ = true;
            flags |= flag(PartFlag::encrypted) | flag(PartFlag::undecipherable);
            return add_empty(opener_, part_, format_.name, std::move(names), flags, format_.name) != 0;
        }
        if (flags != 0 && archive_entry_size(entry) <= 0)
            return add_empty(opener_, part_, format_.name, std::move(names), flags, format_.name) != 0;
        auto writer = opener_.new_part({.parent = part_, .container = format_.name, .names = std::move(names), .flags = flags},
                                       format_.name);
        if (!writer) return false;
        const auto number = writer.number();
        const auto data = copy_data(opener_, reader_.get(), writer, format_.name);
        if (data == Data::stopped || (data != Data::whole && opener_.budget().is_spent())) return false;
        if (data == Data::whole) {
            writer.finish();
            return true;
        }
        mark_unreadable(opener_, number);
        if (speaks_of_encryption(reader_.get())) {
            has_encrypted_member_ = true;
            mark_encrypted(opener_, number);
        } else {
            mark_damaged(opener_, part_, error_of(reader_.get()));
        }
        return data != Data::fatal;
    }

    bool is_compressed() const { return format_.format == archive_read_support_format_raw; }

    // has_encrypted_entries - libarchive 3.6 follows a wild pointer when it is asked and no format has been chosen
    bool has_encrypted_entries() {
        return !is_compressed() && archive_format(reader_.get()) != 0 && archive_read_has_encrypted_entries(reader_.get()) > 0;
    }

    void note_failure() {
        if (opener_.budget().is_spent()) return;
        if (has_encrypted_entries() || speaks_of_encryption(reader_.get())) return mark_encrypted(opener_, part_);
        mark_damaged(opener_, part_, error_of(reader_.get()));
    }

    Opener& opener_;
    std::uint32_t part_;
    const LibraryFormat& format_;
    Handle reader_;
    bool has_encrypted_member_ = false, is_at_end_ = false;
    unsigned retries_ = 0;
};

// A zip member of a rare method is given to libarchive as an archive of one member, under a header of our making
struct Pieces {
    std::string header;
    std::string_view data;
    unsigned next = 0;
};

la_ssize_t read_piece(struct archive*, void* from, const void** buffer) {
    auto& pieces = *static_cast<Pieces*>(from);
    const auto piece = pieces.next == 0 ? std::string_view(pieces.header) : pieces.next == 1 ? pieces.data : std::string_view();
    ++pieces.next;
    *buffer = piece.data();
    return static_cast<la_ssize_t>(piece.size());
}

void append_little(std::string& out, std::uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
}

std::string member_header(std::uint16_t method, std::uint64_t size, std::uint32_t crc, std::uint64_t compressed) {
    std::string out("PK\x03\x04", 4);
    append_little(out, 63, 2);                    // version needed
    append_little(out, method == 14 ? 2 : 0, 2);  // lzma: with an end marker, perhaps
    append_little(out, method, 2);
    append_little(out, 0, 4);
    append_little(out, crc, 4);
    append_little(out, 0xffffffff, 4);
    append_little(out, 0xffffffff, 4);
    append_little(out, 1, 2);
    append_little(out, 20, 2);
    out.push_back('m');
    append_little(out, 1, 2);
    append_little(out, 16, 2);
    append_little(out, size, 8);
    append_little(out, compressed, 8);
    return out;
}

}  // namespace

bool prepare_archives() {
    ::setenv("TZ", "UTC0", 1);  // else the C library looks at /etc/localtime for every date of a member
    ::tzset();
    return names_locale() != nullptr;
}

bool is_supported(const LibraryFormat& format) { return new_reader(format) != nullptr; }

void open_library_archive(Opener& opener, std::uint32_t part, const Blob& bytes, const LibraryFormat& format) {
    Walk(opener, part, format).run(bytes);
}

ReadMember read_zip_member(std::uint16_t method, std::uint64_t size, std::uint32_t crc, std::string_view data, PartWriter& out) {
    constexpr std::array<std::uint16_t, 5> known = {12, 14, 93, 95, 98};
    if (std::ranges::find(known, method) == known.end()) return ReadMember::unknown_method;
    const InNamesLocale locale;
    Pieces pieces{.header = member_header(method, size, crc, data.size()), .data = data};
    Handle reader(archive_read_new());
    archive_entry* entry = nullptr;
    if (!reader || archive_read_support_format_zip_streamable(reader.get()) != ARCHIVE_OK ||
        archive_read_open(reader.get(), &pieces, nullptr, read_piece, nullptr) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        return ReadMember::damaged;
    while (true) {
        const void* block = nullptr;
        std::size_t count = 0;
        la_int64_t offset = 0;
        const int status = archive_read_data_block(reader.get(), &block, &count, &offset);
        if (status == ARCHIVE_EOF) return ReadMember::whole;
        if (status != ARCHIVE_OK)
            return std::string_view(error_of(reader.get())).contains("nsupported") ? ReadMember::unknown_method
                                                                                   : ReadMember::damaged;
        if (!out.write({static_cast<const char*>(block), count})) return ReadMember::stopped;
    }
}

void open_7z(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_library_archive(opener, part, bytes, {.name = "7z", .format = archive_read_support_format_7zip});
}
void open_rar(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (!is_rar5(bytes.bytes()))
        return open_library_archive(opener, part, bytes, {.name = "rar", .format = archive_read_support_format_rar});
    const auto headers = read_rar5_headers(bytes.bytes(), opener.limits().members);
    if (headers.are_encrypted) return mark_encrypted(opener, part);
    if (headers.is_volume) mark_damaged(opener, part, "one volume of several");
    open_library_archive(opener, part, bytes,
                         {.name = "rar", .format = archive_read_support_format_rar5, .encrypted = &headers.encrypted});
}
void open_tar(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto reading = read_tar(bytes.bytes(), opener.limits().members);
    for (const auto& oddity : reading.oddities) opener.add_anomaly(mail::AnomalyKind::mismatched_archive, part, oddity);
    if (!reading.damage.empty()) mark_damaged(opener, part, reading.damage);
    for (const auto& link : reading.links)
        if (opener.new_part_of(
                {.parent = part, .container = "tar", .names = member_names(link.name, false), .flags = flag(PartFlag::alternate)},
                bytes.slice(link.data_at, link.size), "tar", true) == 0)
            return;
    open_library_archive(opener, part, bytes, {.name = "tar", .format = archive_read_support_format_tar});
}
void open_cpio(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_library_archive(opener, part, bytes, {.name = "cpio", .format = archive_read_support_format_cpio});
}
void open_ar(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_library_archive(opener, part, bytes, {.name = "ar", .format = archive_read_support_format_ar});
}
void open_rpm(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_library_archive(
        opener, part, bytes,
        {.name = "rpm",
         .format = archive_read_support_format_cpio,
         .filters = {archive_read_support_filter_rpm, archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                     archive_read_support_filter_xz, archive_read_support_filter_lzma, archive_read_support_filter_zstd}});
}
void open_cab(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_library_archive(opener, part, bytes, {.name = "cab", .format = archive_read_support_format_cab});
}
void open_xar(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (!is_xar_within_limits(opener, part, bytes.bytes())) return;
    open_library_archive(opener, part, bytes, {.name = "xar", .format = archive_read_support_format_xar});
}
void open_iso(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (!opener.limits().iso_images) return;
    open_library_archive(opener, part, bytes, {.name = "iso", .format = archive_read_support_format_iso9660});
}

namespace {
void open_compressed(Opener& opener, std::uint32_t part, const Blob& bytes, const char* name, int (*support)(struct archive*),
                     int filter) {
    open_library_archive(opener, part, bytes,
                         {.name = name, .format = archive_read_support_format_raw, .filters = {support}, .raw_filter = filter});
}
}  // namespace
void open_bzip2(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "bzip2", archive_read_support_filter_bzip2, ARCHIVE_FILTER_BZIP2);
}
void open_xz(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "xz", archive_read_support_filter_xz, ARCHIVE_FILTER_XZ);
}
void open_lzma(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "lzma", archive_read_support_filter_lzma, ARCHIVE_FILTER_LZMA);
}
void open_lzip(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "lzip", archive_read_support_filter_lzip, ARCHIVE_FILTER_LZIP);
}
void open_zstd(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "zstd", archive_read_support_filter_zstd, ARCHIVE_FILTER_ZSTD);
}
void open_lz4(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "lz4", archive_read_support_filter_lz4, ARCHIVE_FILTER_LZ4);
}
void open_compress(Opener& opener, std::uint32_t part, const Blob& bytes) {
    open_compressed(opener, part, bytes, "compress", archive_read_support_filter_compress, 0);
}

}  // namespace tamis::worker
