#include "scanners/worker/open/chm.h"

#include <mspack.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

constexpr auto who = "chm";

// What libmspack wants to see in the header; some compilers write the first of them twice, and no viewer looks
constexpr std::size_t ids_at = 0x18;
constexpr std::string_view ids(
    "\x10\xfd\x01\x7c\xaa\x7b\xd0\x11\x9e\x0c\0\xa0\xc9\x22\xe6\xec\x11\xfd\x01\x7c\xaa\x7b\xd0\x11\x9e\x0c\0\xa0\xc9\x22\xe6\xec",
    32);

// Memory - libmspack's idea of a system: one file to read, one part to write, and an end when the budget ends
struct Memory {
    mspack_system system{};  // first: libmspack gives its address back
    Opener* opener = nullptr;
    std::string_view bytes;
    PartWriter* writer = nullptr;  // of the file that is being extracted
};
struct File {
    Memory* memory;
    std::size_t at;
    bool is_output;
};

Memory* memory_of(mspack_system* system) { return reinterpret_cast<Memory*>(system); }
File* file_of(mspack_file* file) { return reinterpret_cast<File*>(file); }

mspack_file* open_file(mspack_system* system, const char*, int mode) {
    auto* made = static_cast<File*>(std::malloc(sizeof(File)));
    if (made != nullptr) *made = {memory_of(system), 0, mode == MSPACK_SYS_OPEN_WRITE};
    return reinterpret_cast<mspack_file*>(made);
}
void close_file(mspack_file* file) { std::free(file); }
int read_file(mspack_file* file, void* into, int count) {
    auto& from = *file_of(file);
    if (from.is_output || count < 0 || !from.memory->opener->budget().check_time()) return -1;
    const auto piece = from.memory->bytes.substr(std::min(from.at, from.memory->bytes.size()), static_cast<std::size_t>(count));
    std::memcpy(into, piece.data(), piece.size());
    for (auto at = std::max(from.at, ids_at); at < std::min(from.at + piece.size(), ids_at + ids.size()); ++at)
        static_cast<char*>(into)[at - from.at] = ids[at - ids_at];
    from.at += piece.size();
    return static_cast<int>(piece.size());
}
int write_file(mspack_file* file, void* from, int count) {
    auto& into = *file_of(file);
    if (!into.is_output || count < 0 || into.memory->writer == nullptr) return -1;
    return into.memory->writer->write({static_cast<const char*>(from), static_cast<std::size_t>(count)}) ? count : -1;
}
int seek_file(mspack_file* file, off_t offset, int mode) {
    auto& from = *file_of(file);
    const auto size = static_cast<off_t>(from.memory->bytes.size());
    const auto base = mode == MSPACK_SYS_SEEK_CUR ? static_cast<off_t>(from.at) : mode == MSPACK_SYS_SEEK_END ? size : 0;
    off_t at = 0;
    if (__builtin_add_overflow(base, offset, &at) || at < 0 || at > size) return -1;
    from.at = static_cast<std::size_t>(at);
    return 0;
}
off_t tell_file(mspack_file* file) { return static_cast<off_t>(file_of(file)->at); }
void no_message(mspack_file*, const char*, ...) {}
void* allocate(mspack_system*, std::size_t count) { return std::malloc(count); }
void release(void* memory) { std::free(memory); }
void copy_bytes(void* from, void* to, std::size_t count) { std::memcpy(to, from, count); }

class Chm {
public:
    Chm(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part) {
        memory_.system = {.open = open_file,
                          .close = close_file,
                          .read = read_file,
                          .write = write_file,
                          .seek = seek_file,
                          .tell = tell_file,
                          .message = no_message,
                          .alloc = allocate,
                          .free = release,
                          .copy = copy_bytes,
                          .null_ptr = nullptr};
        memory_.opener = &opener;
        memory_.bytes = bytes.bytes();
    }

    void open() {
        const std::unique_ptr<mschm_decompressor, decltype(&mspack_destroy_chm_decompressor)> library(
            mspack_create_chm_decompressor(&memory_.system), mspack_destroy_chm_decompressor);
        if (!library) return mark_damaged(opener_, part_, "no memory for the help file");
        auto* header = library->open(library.get(), "chm");
        if (header == nullptr) {
            if (!opener_.budget().is_spent()) mark_damaged(opener_, part_, "the help file cannot be read");
            return;
        }
        std::vector<mschmd_file*> files;
        for (auto* each = header->files; each != nullptr; each = each->next) files.push_back(each);
        std::ranges::sort(files, {}, [](const mschmd_file* file) { return std::pair(file->section->id, file->offset); });
        for (auto* file : files)
            if (!extract(*library, *file)) break;
        library->close(library.get(), header);
    }

private:
    // extract - false: no budget
    bool extract(mschm_decompressor& library, mschmd_file& file) {
        if (!opener_.budget().check_time()) return false;
        const std::string_view name(file.filename);
        if (file.length <= 0 && name.ends_with('/')) return true;
        auto writer = opener_.new_part({.parent = part_, .container = who, .names = member_names(name, false)}, who);
        if (!writer) return false;
        memory_.writer = &writer;
        const int error = library.extract(&library, &file, "part");
        memory_.writer = nullptr;
        if (error == MSPACK_ERR_OK) {
            writer.finish();
            return true;
        }
        if (opener_.budget().is_spent()) return false;
        mark_unreadable(opener_, writer.number());
        mark_damaged(opener_, part_, "a file of the help file that cannot be decompressed");
        return true;
    }

    Opener& opener_;
    std::uint32_t part_;
    Memory memory_;
};

}  // namespace

void open_chm(Opener& opener, std::uint32_t part, const Blob& bytes) { Chm(opener, part, bytes).open(); }

}  // namespace tamis::worker
