#include "scanners/worker/open/compound_file.h"

#include <algorithm>
#include <array>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto mark = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv;
constexpr std::uint32_t last_sector = 0xfffffff9;  // from here on: free, end of chain, FAT, DIFAT
constexpr std::uint32_t none = 0xffffffff;
constexpr std::size_t header_size = 512, entry_size = 128, header_difat = 109;
constexpr unsigned mini_shift = 6;
constexpr std::uint8_t storage_type = 1, stream_type = 2, root_type = 5;

}  // namespace

CompoundFile::CompoundFile(std::string_view bytes) : bytes_(bytes) { is_open_ = read_header(); }

void CompoundFile::damaged(std::string_view what) {
    if (damage_.empty()) damage_ = what;
}

std::string_view CompoundFile::sector(std::uint32_t number) const {
    return window(bytes_, (static_cast<std::uint64_t>(number) + 1) << shift_, 1ULL << shift_);
}

bool CompoundFile::read_header() {
    if (bytes_.size() < header_size || !bytes_.starts_with(mark)) {
        damaged("no compound file header");
        return false;
    }
    shift_ = little16(bytes_, 30);
    mini_cutoff_ = little32(bytes_, 56);
    if ((shift_ != 9 && shift_ != 12) || little16(bytes_, 32) != mini_shift || mini_cutoff_ > 65536) {
        damaged("sector sizes that no program writes");
        return false;
    }
    if (!read_fat(little32(bytes_, 68), little32(bytes_, 72))) return false;
    const auto mini_fat = read_chain(little32(bytes_, 60), bytes_.size());
    for (std::size_t at = 0; at + 4 <= mini_fat.size(); at += 4) mini_fat_.push_back(little32(mini_fat, at));
    read_directory(little32(bytes_, 48));
    return !entries_.empty();
}

// read_fat - the sector numbers of the FAT are in the header, then in a chain of sectors of their own
bool CompoundFile::read_fat(std::uint32_t first_difat, std::uint32_t difat_sectors) {
    const auto most = bytes_.size() >> shift_;  // sectors in this file
    const auto add = [&](std::uint32_t number) {
        const auto table = sector(number);
        for (std::size_t at = 0; at + 4 <= table.size() && fat_.size() <= most; at += 4) fat_.push_back(little32(table, at));
    };
    for (std::size_t i = 0; i < header_difat; ++i) {
        const auto number = little32(bytes_, 76 + 4 * i);
        if (number < last_sector) add(number);
    }
    auto next = first_difat;
    for (std::uint32_t i = 0; i < difat_sectors && next < last_sector && fat_.size() <= most; ++i) {
        if (i > most) {
            damaged("a loop in the table of tables");
            break;
        }
        const auto table = sector(next);
        if (table.size() < 8) {
            damaged("a table outside the file");
            break;
        }
        for (std::size_t at = 0; at + 8 <= table.size(); at += 4)
            if (const auto number = little32(table, at); number < last_sector) add(number);
        next = little32(table, table.size() - 4);
    }
    if (fat_.empty()) damaged("no sector table");
    return !fat_.empty();
}

std::string CompoundFile::read_chain(std::uint32_t first, std::uint64_t most) {
    std::string out;
    const auto steps = (bytes_.size() >> shift_) + 1;
    std::size_t step = 0;
    for (auto number = first; number < last_sector && out.size() < most; ++step) {
        const auto piece = sector(number);
        if (piece.empty() || number >= fat_.size() || step > steps) {
            damaged(step > steps ? "a loop of sectors" : "a sector outside the file");
            break;
        }
        out.append(piece.substr(0, most - out.size()));
        number = fat_[number];
    }
    return out;
}

void CompoundFile::read_directory(std::uint32_t first) {
    const auto table = read_chain(first, most_compound_entries * entry_size);
    std::vector<std::uint32_t> links;  // left, right, child of each
    for (std::size_t at = 0; at + entry_size <= table.size(); at += entry_size) {
        const auto raw = std::string_view(table).substr(at, entry_size);
        const auto type = byte_at(raw, 66);
        CompoundEntry entry;
        const auto name_size = std::min<std::size_t>(little16(raw, 64), 64);
        if (name_size >= 2) entry.name = utf8_of_utf16(raw.substr(0, name_size - 2), 200);
        entry.is_stream = type == stream_type;
        entry.start = little32(raw, 116);
        entry.size = shift_ == 9 ? little32(raw, 120) : little64(raw, 120);
        if (type != storage_type && type != stream_type && type != root_type) entry.name.clear();
        entries_.push_back(std::move(entry));
        for (const unsigned offset : {68U, 72U, 76U}) links.push_back(little32(raw, offset));
    }
    if (entries_.empty()) return damaged("no directory");
    mini_ = read_chain(entries_.front().start, std::min<std::uint64_t>(entries_.front().size, bytes_.size()));
    name_paths(links);
    check_chains();
}

// check_chains - every sector belongs to one stream, and every stream has as many as its size needs; each is seen once
void CompoundFile::check_chains() {
    std::vector<bool> seen(fat_.size()), mini_seen(mini_fat_.size());
    for (const auto& entry : entries_) {
        if (!entry.is_stream || entry.size == 0) continue;
        const bool is_mini = entry.size < mini_cutoff_;
        const auto& table = is_mini ? mini_fat_ : fat_;
        auto& known = is_mini ? mini_seen : seen;
        const auto shift = is_mini ? mini_shift : shift_;
        auto left = ((entry.size - 1) >> shift) + 1;
        for (auto number = entry.start; left != 0; --left, number = table[number]) {
            if (number >= table.size()) return damaged("a stream that is cut");
            if (known[number]) return damaged("a sector that is used twice");
            known[number] = true;
        }
    }
}

// name_paths - along the tree, each entry once; what is not in the tree keeps its bare name
void CompoundFile::name_paths(const std::vector<std::uint32_t>& links) {
    struct Step {
        std::uint32_t entry;
        std::string folder;
    };
    constexpr std::size_t longest_path = 400;
    std::vector<Step> waiting;
    entries_.front().is_reached = true;
    waiting.push_back({links[2], ""});
    while (!waiting.empty()) {
        const auto step = std::move(waiting.back());
        waiting.pop_back();
        if (step.entry == none) continue;
        if (step.entry >= entries_.size() || entries_[step.entry].is_reached) {
            damaged("a directory that is no tree");
            continue;
        }
        auto& entry = entries_[step.entry];
        entry.is_reached = true;
        entry.folder = step.folder;
        entry.path = step.folder.empty() ? entry.name : step.folder + "/" + entry.name;
        if (entry.path.size() > longest_path) entry.path.resize(longest_path);
        waiting.push_back({links[3UL * step.entry], step.folder});
        waiting.push_back({links[3UL * step.entry + 1], step.folder});
        if (!entry.is_stream) waiting.push_back({links[3UL * step.entry + 2], entry.path});
    }
    for (auto& entry : entries_)
        if (!entry.is_reached) entry.path = entry.name;
}

std::vector<CompoundFile::Range> CompoundFile::used() const {
    std::vector<Range> out{{0, 1ULL << shift_}};
    const auto most = bytes_.size() >> shift_;
    for (std::size_t i = 0; i < fat_.size() && i < most; ++i) {
        if (fat_[i] == none) continue;
        const auto begin = (i + 1ULL) << shift_;
        const auto end = begin + (1ULL << shift_);
        if (out.back().end == begin) out.back().end = end;
        else out.push_back({begin, end});
    }
    return out;
}

std::string CompoundFile::read(const CompoundEntry& entry, std::uint64_t most) {
    most = std::min(most, entry.size);
    if (entry.size >= mini_cutoff_) {
        auto out = read_chain(entry.start, most);
        if (out.size() < most) damaged("a stream that is cut");
        return out;
    }
    std::string out;
    std::size_t step = 0;
    for (auto number = entry.start; number < last_sector && out.size() < most; ++step) {
        const auto piece = window(mini_, static_cast<std::uint64_t>(number) << mini_shift, 1U << mini_shift);
        if (piece.empty() || number >= mini_fat_.size() || step > mini_fat_.size()) break;
        out.append(piece.substr(0, most - out.size()));
        number = mini_fat_[number];
    }
    if (out.size() < most) damaged("a stream that is cut");
    return out;
}

}  // namespace tamis::worker
