#include "scanners/worker/open/vba.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

constexpr std::size_t chunk_output = 4096;

// decompress_chunk - literals and copies of what came before within the same chunk
bool decompress_chunk(std::string_view chunk, std::string& out) {
    const auto begin = out.size();
    for (std::size_t at = 0; at < chunk.size();) {
        const auto flags = byte_at(chunk, at++);
        for (unsigned bit = 0; bit < 8 && at < chunk.size(); ++bit) {
            const auto made = out.size() - begin;
            if (made >= chunk_output) return true;
            if ((flags >> bit & 1U) == 0) {
                out.push_back(chunk[at++]);
                continue;
            }
            if (chunk.size() - at < 2 || made == 0) return false;
            const unsigned token = little16(chunk, at);
            at += 2;
            const auto offset_bits = std::max(4U, static_cast<unsigned>(std::bit_width(made - 1)));
            const unsigned length_mask = 0xffffU >> offset_bits;
            const std::size_t length = std::min<std::size_t>((token & length_mask) + 3, chunk_output - made);
            const std::size_t back = (token >> (16 - offset_bits)) + 1;
            if (back > made) return false;
            for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - back]);
        }
    }
    return true;
}

bool is_word_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

constexpr std::string_view starts_by_itself[] = {"autoexec",
                                                 "autoopen",
                                                 "autoclose",
                                                 "autoexit",
                                                 "autonew",
                                                 "auto_open",
                                                 "auto_close",
                                                 "auto_activate",
                                                 "auto_deactivate",
                                                 "document_open",
                                                 "document_close",
                                                 "document_new",
                                                 "document_beforeclose",
                                                 "document_contentcontrolonenter",
                                                 "documentopen",
                                                 "documentbeforeclose",
                                                 "documentchange",
                                                 "newdocument",
                                                 "workbook_open",
                                                 "workbook_activate",
                                                 "workbook_close",
                                                 "workbook_beforeclose",
                                                 "workbook_beforesave",
                                                 "worksheet_activate",
                                                 "worksheet_calculate",
                                                 "presentation_open",
                                                 "app_documentopen",
                                                 "inkpicture1_painted",
                                                 "inkpicture1_painting",
                                                 "inkedit1_gotfocus",
                                                 "frame1_layout",
                                                 "multipage1_layout"};

constexpr std::string_view does_harm[] = {"shell",
                                          "shellexecute",
                                          "shellexecutea",
                                          "shellexecutew",
                                          "createobject",
                                          "getobject",
                                          "createprocess",
                                          "createprocessa",
                                          "createprocessw",
                                          "urldownloadtofile",
                                          "urldownloadtofilea",
                                          "urldownloadtofilew",
                                          "winexec",
                                          "loadlibrary",
                                          "virtualalloc",
                                          "virtualallocex",
                                          "virtualprotect",
                                          "rtlmovememory",
                                          "createthread",
                                          "createremotethread",
                                          "writeprocessmemory",
                                          "setwindowshookex",
                                          "powershell",
                                          "wscript",
                                          "cscript",
                                          "mshta",
                                          "regsvr32",
                                          "rundll32",
                                          "certutil",
                                          "bitsadmin",
                                          "msxml2",
                                          "xmlhttp",
                                          "winhttp",
                                          "adodb",
                                          "savetofile",
                                          "filecopy",
                                          "kill",
                                          "vbhide",
                                          "callbyname",
                                          "macscript",
                                          "win32_process",
                                          "regwrite",
                                          "executeexcel4macro",
                                          "copyfile",
                                          "createtextfile",
                                          "getspecialfolder",
                                          "environ",
                                          "vbproject",
                                          "codemodule",
                                          "addfromstring"};

bool is_among(std::string_view word, std::span<const std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view known) { return equal_fold(word, known); });
}

}  // namespace

std::optional<std::string> decompress_vba(std::string_view container, std::size_t most) {
    if (container.empty() || container.front() != '\1') return std::nullopt;
    std::string out;
    std::size_t at = 1;
    while (at + 2 <= container.size() && out.size() < most) {
        const unsigned header = little16(container, at);
        const auto size = (header & 0x0fffU) + 1;
        if ((header >> 12U & 7U) != 3) return out.empty() ? std::nullopt : std::optional(out);
        const auto chunk = window(container, at + 2, size);
        if ((header & 0x8000U) == 0) {
            out.append(chunk.substr(0, chunk_output));
        } else if (!decompress_chunk(chunk, out)) {
            break;
        }
        at += 2 + size;
    }
    if (out.size() > most) out.resize(most);
    return out;
}

std::vector<VbaModule> read_vba_modules(std::string_view dir) {
    constexpr unsigned version = 0x09, stream_name = 0x1a, stream_name_wide = 0x32, offset = 0x31, end_of_module = 0x2b;
    constexpr std::size_t most_modules = 1000;
    std::vector<VbaModule> out;
    VbaModule module;
    for (std::size_t at = 0; at + 6 <= dir.size() && out.size() < most_modules;) {
        const auto id = little16(dir, at);
        const std::uint64_t size = id == version ? 6 : little32(dir, at + 2);
        const auto value = window(dir, at + 6, size);
        if (value.size() < size) break;
        if (id == stream_name) module.stream = std::string(value.substr(0, 200));
        if (id == stream_name_wide) module.stream = utf8_of_utf16(value, 200);
        if (id == offset && size == 4) module.offset = little32(value, 0);
        if (id == end_of_module && !module.stream.empty()) out.push_back(std::exchange(module, {}));
        at += 6 + static_cast<std::size_t>(size);
    }
    return out;
}

bool has_code(std::string_view source) {
    constexpr std::string_view attribute = "attribute ";
    while (!source.empty()) {
        const auto end = std::min(source.find_first_of("\r\n"), source.size());
        const auto line = trim(source.substr(0, end));
        if (!line.empty() && !starts_with_fold(line, attribute)) return true;
        source.remove_prefix(std::min(end + 1, source.size()));
    }
    return false;
}

// The table of lines: 0xCAFE, how many, then twelve bytes each: four, the length of the line's code, two, where it stands.
// Its format is not published; it is as pcodedmp reads it, and has been the same since Office 97.
bool has_compiled_code(std::string_view cache) {
    constexpr std::string_view mark = "\xfe\xca";
    constexpr std::size_t line_size = 12, length_at = 4;
    if (cache.find_first_not_of('\0') == std::string_view::npos) return false;
    bool is_found = false;
    for (auto at = cache.find(mark); at != std::string_view::npos; at = cache.find(mark, at + 1)) {
        is_found = true;
        const std::size_t lines = little16(cache, at + 2), table = at + 4;
        if (table + lines * line_size > cache.size()) return true;
        for (std::size_t i = 0; i < lines; ++i)
            if (little16(cache, table + i * line_size + length_at) != 0) return true;
    }
    return !is_found;
}

CodeSigns signs_in(std::string_view source) {
    CodeSigns out;
    for (std::size_t at = 0; at < source.size() && !(out.auto_exec && out.suspicious);) {
        if (!is_word_byte(source[at])) {
            ++at;
            continue;
        }
        auto end = at;
        while (end < source.size() && is_word_byte(source[end])) ++end;
        const auto word = source.substr(at, end - at);
        if (word.size() >= 4 && word.size() <= 32) {
            out.auto_exec = out.auto_exec || is_among(word, starts_by_itself);
            out.suspicious = out.suspicious || is_among(word, does_harm);
        }
        at = end;
    }
    return out;
}

}  // namespace tamis::worker
