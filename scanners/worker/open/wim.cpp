#include "scanners/worker/open/wim.h"

#include <wimlib.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/history.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto who = "wim";
constexpr std::size_t header_size = 208, blob_size = 50, hash_size = 20;
constexpr std::uint32_t largest_chunk = 64U << 20U;
constexpr std::uint64_t solid_mark = 0x100000000;

enum ResourceFlag : std::uint8_t { is_free = 1, is_metadata = 2, is_compressed = 4, is_spanned = 8, is_solid = 16 };
enum HeaderFlag : std::uint32_t { any_compression = 2, xpress = 0x20000, lzx = 0x40000, lzms = 0x80000, xpress_too = 0x200000 };

// Resource - where bytes lie in the file; of a blob in a solid resource: where they lie in that one's plain bytes
struct Resource {
    std::uint64_t packed = 0, at = 0, size = 0;
    std::uint8_t flags = 0;
};

Resource resource_at(std::string_view bytes, std::uint64_t at) {
    return {.packed = little(bytes, at, 7),
            .at = little64(bytes, at + 8),
            .size = little64(bytes, at + 16),
            .flags = byte_at(bytes, at + 7)};
}

struct BlobRow {
    Resource resource;
    std::string hash;
};

// Chunks - how a resource is compressed
struct Chunks {
    std::uint32_t size = 0;                  // of one, plain
    int method = 0;                          // of wimlib
    std::string_view table = {}, data = {};  // sizes or places of the chunks, and the chunks
    unsigned width = 4;                      // of an entry
    bool are_sizes = false;                  // the table's entries are sizes, one for each chunk; else places, without the first
};

struct FreeDecompressor {
    void operator()(wimlib_decompressor* used) const noexcept { wimlib_free_decompressor(used); }
};

// inflate_chunks - the plain bytes of a resource, chunk by chunk into `take`, which answers whether to go on
template <class Take>
Decoded inflate_chunks(const Chunks& chunks, std::uint64_t size, Budget& budget, Take take) {
    if (chunks.size == 0 || chunks.size > largest_chunk) return Decoded::unknown_method;
    wimlib_decompressor* made = nullptr;
    if (wimlib_create_decompressor(static_cast<wimlib_compression_type>(chunks.method), chunks.size, &made) != 0)
        return Decoded::unknown_method;
    const std::unique_ptr<wimlib_decompressor, FreeDecompressor> decompressor(made);
    const auto count = (size + chunks.size - 1) / chunks.size;
    std::string plain;
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunks.size, size - i * chunks.size));
        const auto entry = [&](std::uint64_t n) { return little(chunks.table, n * chunks.width, chunks.width); };
        const auto end = chunks.are_sizes ? at + entry(i) : i + 1 == count ? chunks.data.size() : entry(i);
        if (end < at || end > chunks.data.size() || wanted > budget.bytes_left())
            return wanted > budget.bytes_left() ? Decoded::stopped : Decoded::damaged;
        const auto packed = chunks.data.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(end - at));
        at = end;
        if (!budget.check_time()) return Decoded::stopped;
        if (packed.size() == wanted) {
            if (!take(packed)) return Decoded::stopped;
            continue;
        }
        plain.resize(wanted);
        if (packed.empty() || packed.size() > wanted ||
            wimlib_decompress(packed.data(), packed.size(), plain.data(), wanted, decompressor.get()) != 0)
            return Decoded::damaged;
        if (!take(std::string_view(plain))) return Decoded::stopped;
    }
    return Decoded::whole;
}

class Wim {
public:
    Wim(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part), bytes_(bytes.bytes()) {}

    void open() {
        if (bytes_.size() < header_size) return mark_damaged(opener_, part_, "a cut WIM header");
        flags_ = little32(bytes_, 16);
        chunk_ = little32(bytes_, 20);
        if (!bytes_.starts_with("MSWIM\0\0\0"sv)) return mark_unread(opener_, part_, "a pipable WIM archive");
        if (little16(bytes_, 42) != 1) mark_damaged(opener_, part_, "one WIM file of several");
        std::string table;
        if (const auto how = read(resource_at(bytes_, 48), table); how != Decoded::whole) return note(how);
        for (std::size_t at = 0; at + blob_size <= table.size() && opener_.budget().check_time(); at += blob_size)
            rows_.push_back({resource_at(table, at), table.substr(at + 30, hash_size)});
        for (const auto& row : rows_)
            if ((row.resource.flags & (is_metadata | is_solid)) == is_metadata && !read_names(row.resource)) return;
        for (std::size_t i = 0; i < rows_.size();) {
            const auto begin = i++;
            if ((rows_[begin].resource.flags & is_solid) != 0) {  // a run of solid resources, then the blobs in them
                while (i < rows_.size() && (rows_[i].resource.flags & is_solid) != 0) ++i;
                if (!open_solid(begin, i)) return;
            } else if ((rows_[begin].resource.flags & (is_metadata | is_free)) == 0 && !open_single(rows_[begin])) {
                return;
            }
        }
    }

private:
    void note(Decoded how) {
        if (how == Decoded::damaged) mark_damaged(opener_, part_, "a resource of a WIM archive that is damaged");
        if (how == Decoded::unknown_method) mark_unread(opener_, part_, "a WIM archive of an unknown compression");
        if (how == Decoded::stopped && !opener_.budget().is_spent())
            (void)opener_.budget().take_bytes(opener_.budget().bytes_left() + 1, who);
    }

    // method - of wimlib, by the header; -1: none is named
    int method() const {
        if ((flags_ & lzx) != 0) return WIMLIB_COMPRESSION_TYPE_LZX;
        if ((flags_ & (xpress | xpress_too)) != 0) return WIMLIB_COMPRESSION_TYPE_XPRESS;
        return (flags_ & lzms) != 0 ? WIMLIB_COMPRESSION_TYPE_LZMS : -1;
    }

    // each - a single resource, piece by piece
    template <class Take>
    Decoded each(const Resource& from, Take take) {
        if (from.at > bytes_.size() || from.packed > bytes_.size() - from.at || (from.flags & is_spanned) != 0)
            return Decoded::damaged;
        const auto packed = window(bytes_, from.at, from.packed);
        if ((from.flags & is_compressed) == 0)
            return from.packed != from.size ? Decoded::damaged : take(packed) ? Decoded::whole : Decoded::stopped;
        if (method() < 0 || chunk_ == 0) return Decoded::unknown_method;
        if (from.size == 0) return Decoded::whole;
        Chunks chunks{.size = chunk_, .method = method(), .width = from.size > 0xffffffff ? 8U : 4U};
        const auto table = ((from.size - 1) / chunk_) * chunks.width;
        if (table > packed.size()) return Decoded::damaged;
        chunks.table = packed.substr(0, static_cast<std::size_t>(table));
        chunks.data = packed.substr(static_cast<std::size_t>(table));
        return inflate_chunks(chunks, from.size, opener_.budget(), take);
    }

    Decoded read(const Resource& from, std::string& into) {
        if (from.size > opener_.budget().bytes_left() || !opener_.budget().take_bytes(from.size, who)) return Decoded::stopped;
        return each(from, [&](std::string_view plain) {
            into.append(plain);
            return true;
        });
    }

    // read_names - the directories of one image; false: no budget
    bool read_names(const Resource& from) {
        std::string image;
        const auto how = read(from, image);
        if (how != Decoded::whole) note(how);
        if (how == Decoded::stopped) return false;
        const std::uint64_t root = (std::uint64_t{little32(image, 0)} + 7U) & ~std::uint64_t{7};
        std::vector<std::pair<std::uint64_t, std::string>> waiting{
            {root, {}}};  // directories: where their entries begin, their path
        std::uint64_t entries = 0;
        while (!waiting.empty()) {
            auto [at, path] = std::move(waiting.back());
            waiting.pop_back();
            while (at + 8 < image.size() && opener_.budget().check_time()) {
                const auto length = little64(image, at);
                if (length <= 8) break;
                if (length > image.size() - at || length < 102) {
                    mark_damaged(opener_, part_, "a damaged directory of a WIM archive");
                    return true;
                }
                if (++entries > image.size() / 102) {  // an entry more than once
                    mark_damaged(opener_, part_, "directories of a WIM archive that go in circles");
                    return true;
                }
                const auto next = read_entry(image, at, length, path, waiting);
                if (next == 0) return true;
                at = next;
            }
        }
        return !opener_.budget().is_spent();
    }

    // read_entry - one name and its streams; where the next entry is, 0 when it cannot be told
    std::uint64_t read_entry(std::string_view image, std::uint64_t at, std::uint64_t length, const std::string& path,
                             std::vector<std::pair<std::uint64_t, std::string>>& waiting) {
        constexpr std::uint32_t directory = 0x10, efs = 0x4000;
        const auto entry = image.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(length));
        const auto attributes = little32(entry, 8);
        const auto below = little64(entry, 16);
        auto name = utf8_of_utf16(window(entry, 102, little16(entry, 100)), mail::part_name_limit);
        auto whole = path.empty() ? name : path + "/" + name;
        if (whole.size() > mail::part_name_limit) whole.erase(0, whole.size() - mail::part_name_limit);
        add_name(window(entry, 64, hash_size), whole);
        if ((attributes & efs) != 0) encrypted_.push_back(whole);
        if ((attributes & directory) != 0 && below != 0) waiting.emplace_back(below, whole);
        at += (length + 7U) & ~std::uint64_t{7};
        for (auto streams = little16(entry, 96); streams != 0; --streams) {
            const auto size = little64(image, at);
            if (size < 38 || at > image.size() || size > image.size() - at) return 0;
            const auto stream = utf8_of_utf16(window(image, at + 38, little16(image, at + 36)), mail::part_name_limit);
            add_name(window(image, at + 16, hash_size), stream.empty() ? whole : whole + ":" + stream);
            at += (size + 7U) & ~std::uint64_t{7};
        }
        return at;
    }

    void add_name(std::string_view hash, const std::string& name) {
        if (hash.find_first_not_of('\0') == std::string_view::npos || name.empty()) return;
        auto& names = names_[std::string(hash)];
        if (names.size() < mail::part_names_limit && std::ranges::find(names, name) == names.end()) names.push_back(name);
    }

    NewPart about(const BlobRow& row) {
        NewPart out{.parent = part_, .container = who};
        const auto found = names_.find(row.hash);
        if (found != names_.end()) out.names = found->second;
        const bool is_encrypted = std::ranges::any_of(
            out.names, [&](const auto& name) { return std::ranges::find(encrypted_, name) != encrypted_.end(); });
        if (is_encrypted)
            out.flags =
                static_cast<std::uint8_t>(mail::PartFlag::encrypted) | static_cast<std::uint8_t>(mail::PartFlag::undecipherable);
        return out;
    }

    bool open_single(const BlobRow& row) {
        auto writer = opener_.new_part(about(row), who);
        if (!writer) return false;
        const auto number = writer.number();
        const auto how = each(row.resource, [&](std::string_view plain) { return writer.write(plain); });
        if (how == Decoded::whole) writer.finish();
        else mark_unreadable(opener_, number);
        note(how);
        return how != Decoded::stopped;
    }

    // open_solid - the solid resources of a run one behind the other, and the blobs by their place in all of them; false: no budget
    bool open_solid(std::size_t begin, std::size_t end) {
        std::vector<Resource> solids;
        std::vector<const BlobRow*> blobs;
        for (auto i = begin; i != end; ++i) {
            if (rows_[i].resource.size == solid_mark) solids.push_back(rows_[i].resource);
            else blobs.push_back(&rows_[i]);
        }
        std::ranges::sort(blobs, {}, [](const BlobRow* row) { return row->resource.at; });
        Spread spread{*this, blobs};
        for (const auto& solid : solids) {
            const auto head = window(bytes_, solid.at, solid.packed);
            const auto size = little64(head, 0);
            Chunks chunks{.size = little32(head, 8), .method = static_cast<int>(little32(head, 12)), .are_sizes = true};
            const auto count = chunks.size == 0 ? 0 : size / chunks.size + (size % chunks.size != 0 ? 1 : 0);
            if (head.size() < 16 || count > head.size() / 4 || head.size() - 16 < count * 4) {
                mark_damaged(opener_, part_, "a solid resource of a WIM archive that is damaged");
                break;
            }
            chunks.table = head.substr(16, static_cast<std::size_t>(count) * 4);
            chunks.data = head.substr(16 + static_cast<std::size_t>(count) * 4);
            const auto how =
                inflate_chunks(chunks, size, opener_.budget(), [&](std::string_view plain) { return spread.take(plain); });
            note(how);
            if (how == Decoded::stopped) return false;
            if (how != Decoded::whole) break;
        }
        return spread.finish();
    }

    // Spread - plain bytes of solid resources, dealt out to the blobs in them
    struct Spread {
        Wim& wim;
        const std::vector<const BlobRow*>& blobs;
        std::size_t next = 0;
        std::uint64_t at = 0;       // of all plain bytes
        std::uint64_t missing = 0;  // of the blob that is being written
        std::optional<PartWriter> writer = {};

        bool take(std::string_view plain) {
            while (!plain.empty()) {
                if (!writer && next < blobs.size() && blobs[next]->resource.at < at) {  // shares bytes with the one before
                    if (!give_up()) return false;
                    continue;
                }
                if (!writer && (next == blobs.size() || blobs[next]->resource.at > at)) {  // bytes of no blob
                    const auto skip = next == blobs.size() ? plain.size()
                                                           : std::min<std::uint64_t>(blobs[next]->resource.at - at, plain.size());
                    at += skip;
                    plain.remove_prefix(static_cast<std::size_t>(skip));
                    continue;
                }
                if (!writer && !begin()) return false;
                const auto now = std::min<std::uint64_t>(missing, plain.size());
                if (!writer->write(plain.substr(0, static_cast<std::size_t>(now)))) return false;
                at += now;
                missing -= now;
                plain.remove_prefix(static_cast<std::size_t>(now));
                if (missing == 0) end();
            }
            return true;
        }
        bool begin() {
            writer.emplace(wim.opener_.new_part(wim.about(*blobs[next]), who));
            missing = blobs[next++]->resource.packed;
            return static_cast<bool>(*writer);
        }
        void end() {
            writer->finish();
            writer.reset();
        }
        bool give_up() {
            auto about = wim.about(*blobs[next++]);
            mark_damaged(wim.opener_, wim.part_, "blobs of a WIM archive that overlap or are missing");
            about.flags |= static_cast<std::uint8_t>(mail::PartFlag::undecipherable);
            return add_empty(wim.opener_, wim.part_, who, std::move(about.names), about.flags, who) != 0;
        }
        // finish - those that got no bytes
        bool finish() {
            if (writer) {
                mark_unreadable(wim.opener_, writer->number());
                mark_damaged(wim.opener_, wim.part_, "blobs of a WIM archive that overlap or are missing");
                writer.reset();
            }
            while (next < blobs.size())
                if (!give_up()) return false;
            return true;
        }
    };

    Opener& opener_;
    std::uint32_t part_;
    std::string_view bytes_;
    std::uint32_t flags_ = 0, chunk_ = 0;
    std::vector<BlobRow> rows_;
    std::map<std::string, std::vector<std::string>> names_;  // by the hash of the bytes
    std::vector<std::string> encrypted_;                     // names
};

}  // namespace

void open_wim(Opener& opener, std::uint32_t part, const Blob& bytes) { Wim(opener, part, bytes).open(); }

}  // namespace tamis::worker
