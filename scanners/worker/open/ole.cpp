#include "scanners/worker/open/ole.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/compound_file.h"
#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/vba.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto who = "ole";

struct Family {
    std::string_view stream, kind;
};
constexpr Family families[] = {{"WordDocument", "doc"},        {"Workbook", "xls"},      {"Book", "xls"},
                               {"PowerPoint Document", "ppt"}, {"VisioDocument", "vsd"}, {"__properties_version1.0", "msg"}};

// What a stream begins with when it is a file of its own
constexpr std::string_view files[] = {"MZ"sv,
                                      "MSCF\0\0\0\0"sv,
                                      "PK\x03\x04"sv,
                                      "7z\xbc\xaf\x27\x1c"sv,
                                      "Rar!\x1a\x07"sv,
                                      "%PDF-"sv,
                                      "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv,
                                      "{\\rtf"sv,
                                      "\x7f"
                                      "ELF"sv,
                                      "\x1f\x8b\x08"sv};

std::string_view until_nul(std::string_view bytes, std::size_t& at) {
    const auto rest = window(bytes, at);
    const auto end = std::min(rest.find('\0'), rest.size());
    at += end + 1;
    return rest.substr(0, end);
}

// BiffSigns - what the global records of a workbook say
struct BiffSigns {
    bool encrypted = false, macro_sheet = false, auto_open = false;
};
BiffSigns read_biff(std::string_view stream) {
    constexpr unsigned end = 0x0a, name = 0x18, file_pass = 0x2f, bound_sheet = 0x85;
    BiffSigns out;
    for (std::size_t at = 0; at + 4 <= stream.size();) {
        const auto id = little16(stream, at), size = little16(stream, at + 2);
        const auto record = window(stream, at + 4, size);
        if (id == file_pass) out.encrypted = true;
        if (id == bound_sheet && byte_at(record, 5) == 1) out.macro_sheet = true;
        if (id == name && (little16(record, 0) & 0x20U) != 0 && byte_at(record, 3) == 1) {
            const auto builtin = record.size() > 15 ? byte_at(record, 15) : byte_at(record, 14);
            if (builtin == 1 || byte_at(record, 14) == 1) out.auto_open = true;  // Auto_Open
        }
        if (id == end) break;
        at += 4U + size;
    }
    return out;
}

class Document {
public:
    Document(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part), file_(bytes.bytes()) {}

    void open() {
        if (!file_.is_open()) return mark_damaged(opener_, part_, file_.damage());
        name_family();
        own();
        for (const auto& entry : file_.entries()) {
            if (!opener_.budget().check_time()) return;
            if (entry.is_stream && entry.size != 0 && !entry.name.empty() && !look_at(entry)) return;
        }
        find_macros();
        note_macros();
        if (!file_.damage().empty()) mark_damaged(opener_, part_, file_.damage());
    }

private:
    // stream_of - its bytes, charged; nothing when the budget is spent
    std::optional<std::string> stream_of(const CompoundEntry& entry, std::uint64_t most = UINT64_MAX) {
        const auto size = std::min({entry.size, most, opener_.budget().bytes_left() + 1});
        auto out = file_.read(entry, size);
        if (!opener_.budget().take_bytes(out.size(), who)) return std::nullopt;
        return out;
    }

    // own - what lies in sectors that are free again was once part of the document
    void own() {
        const auto used = file_.used();
        for (std::size_t i = 0; i < used.size(); ++i) {
            opener_.own(part_, used[i].begin, used[i].end - used[i].begin, Owned::read);
            if (i + 1 < used.size()) opener_.own(part_, used[i].end, used[i + 1].begin - used[i].end, Owned::carried);
        }
    }

    void name_family() {
        for (const auto& entry : file_.entries()) {
            for (const auto& family : families)
                if (entry.folder.empty() && entry.name == family.stream) add_kind(opener_.part(part_), family.kind);
            if (entry.name.starts_with("\xe4\xa1\x80")) add_kind(opener_.part(part_), "msi");  // MSI's coded table names
            if (entry.name == "EncryptedPackage" || entry.name == "DRMEncryptedTransform") mark_encrypted(opener_, part_);
        }
    }

    // look_at - one stream; false: no budget
    bool look_at(const CompoundEntry& entry) {
        if (entry.name == "\1Ole10Native") return add_native(entry);
        if (entry.name == "Workbook" || entry.name == "Book") return look_at_workbook(entry);
        if (entry.name == "WordDocument") {
            const auto head = file_.read(entry, 32);
            if (head.size() >= 12 && (little16(head, 10) & 0x0100U) != 0) mark_encrypted(opener_, part_);
            return true;
        }
        if (entry.name == "PowerPoint Document") return look_at_slides(entry);
        if (entry.name == "Current User" && little32(file_.read(entry, 32), 12) == 0xf3d1c4df) mark_encrypted(opener_, part_);
        if (entry.name == "__substg1.0_37010102") return add_stream(entry, attachment_names(entry));
        if (entry.name == "__substg1.0_10090102" || entry.name == "__substg1.0_10130102")  // the bodies: compressed RTF, HTML
            return add_stream(entry, {entry.path});
        const auto head = file_.read(entry, 16);
        if (std::ranges::none_of(files, [&](std::string_view mark) { return head.starts_with(mark); })) return true;
        return add_stream(entry, {entry.path});
    }

    bool look_at_workbook(const CompoundEntry& entry) {
        const auto stream = stream_of(entry);
        if (!stream) return false;
        const auto signs = read_biff(*stream);
        if (signs.encrypted) mark_encrypted(opener_, part_);
        if (!signs.macro_sheet) return true;
        macros_.present = true;
        macros_.auto_exec = macros_.auto_exec || signs.auto_open;
        macros_.stream = entry.path;
        return true;
    }

    // look_at_slides - objects and VBA projects are OLE2 files in records of their own, compressed (behind their size, by zlib) or
    // not (MS-PPT 2.10.34)
    bool look_at_slides(const CompoundEntry& entry) {
        constexpr unsigned storage = 0x1011;
        constexpr std::size_t header = 8, before_deflate = 6;
        const auto stream = file_.read(entry, std::min(entry.size, opener_.budget().bytes_left() + 1));
        for (std::size_t at = 0; at + header <= stream.size();) {
            const auto size = little32(stream, at + 4);
            const auto record = window(stream, at + header, size);
            if (little16(stream, at + 2) == storage) {
                if (record.size() < size) mark_damaged(opener_, part_, "an embedded object that is cut");
                const bool is_compressed = (little16(stream, at) >> 4U) == 1;
                if (!(is_compressed ? add_deflated(window(record, before_deflate)) : add_part({entry.path}, record)))
                    return false;
            }
            at += header + size;
        }
        return true;
    }

    bool add_deflated(std::string_view deflated) {
        auto writer = opener_.new_part({.parent = part_, .container = who}, who);
        if (!writer) return false;
        const auto how = Inflater().run(deflated, writer);
        if (how == Inflated::stopped) return false;
        if (how == Inflated::whole) writer.finish();
        else mark_damaged(opener_, part_, "an embedded object that cannot be decompressed");
        return true;
    }

    bool add_part(std::vector<std::string> names, std::string_view bytes) {
        auto writer = opener_.new_part({.parent = part_, .container = who, .names = std::move(names)}, who);
        if (!writer) return false;
        for (std::size_t at = 0; at < bytes.size(); at += decode_chunk)
            if (!writer.write(bytes.substr(at, decode_chunk))) return false;
        writer.finish();
        return true;
    }

    bool add_stream(const CompoundEntry& entry, std::vector<std::string> names) {
        const auto bytes = file_.read(entry, std::min(entry.size, opener_.budget().bytes_left() + 1));
        return add_part(std::move(names), bytes);
    }

    // add_native - an embedded file: label, file name, path, then its bytes (MS-OLEDS 2.3.6, as the packager writes it)
    bool add_native(const CompoundEntry& entry) {
        const auto stream = file_.read(entry, std::min(entry.size, opener_.budget().bytes_left() + 1));
        const auto view = std::string_view(stream).substr(std::min<std::size_t>(4, stream.size()));
        std::size_t at = 2;
        const auto label = until_nul(view, at), path = until_nul(view, at);
        at += 8;  // unknown, and the length of the temporary path
        const auto temporary = until_nul(view, at);
        const auto size = little32(view, at);
        const auto data = window(view, at + 4, size);
        if (little16(view, 0) != 2 || size == 0 || data.size() < size) return add_part({entry.path}, view);  // some other object
        std::vector<std::string> names;
        for (const auto name : {label, path, temporary}) {
            const auto spelled = member_names(name.substr(0, mail::part_name_limit), false);
            names.insert(names.end(), spelled.begin(), spelled.end());
        }
        return add_part(std::move(names), data);
    }

    // attachment_names - of an Outlook message: siblings of the data, PR_ATTACH_LONG_FILENAME and PR_ATTACH_FILENAME
    std::vector<std::string> attachment_names(const CompoundEntry& data) {
        std::vector<std::string> out;
        for (const auto& entry : file_.entries()) {
            if (entry.folder != data.folder || !entry.is_stream) continue;
            const bool is_name = entry.name.starts_with("__substg1.0_3707") || entry.name.starts_with("__substg1.0_3704");
            if (!is_name) continue;
            const auto text = file_.read(entry, 4 * mail::part_name_limit);
            if (entry.name.ends_with("001F")) out.push_back(utf8_of_utf16(text, 3 * mail::part_name_limit));
            if (entry.name.ends_with("001E")) out.push_back(member_names(text, false).front());
            if (out.size() == mail::part_names_limit) break;
        }
        return out;
    }

    void find_macros() {
        for (const auto& entry : file_.entries()) {
            if (!entry.is_stream || !equal_fold(entry.name, "dir") || !is_vba_folder(entry.folder)) continue;
            const auto packed = stream_of(entry);
            if (!packed) return found_macro(entry.folder, {});
            const auto dir = decompress(*packed);
            const auto modules = dir ? read_vba_modules(*dir) : std::vector<VbaModule>{};
            if (!dir || has_streams_beside(entry.folder, modules)) found_macro(entry.folder, {});
            if (!read_modules(entry.folder, modules)) return;
        }
    }

    void found_macro(std::string_view where, CodeSigns signs) {
        macros_.present = true;
        if (macros_.stream.empty() || (signs.auto_exec && !macros_.auto_exec)) macros_.stream = std::string(where);
        macros_.auto_exec = macros_.auto_exec || signs.auto_exec;
        macros_.suspicious = macros_.suspicious || signs.suspicious;
    }

    // has_streams_beside - in a project's folder: modules that the list of modules does not name
    bool has_streams_beside(std::string_view folder, const std::vector<VbaModule>& modules) const {
        const auto is_own = [](std::string_view name) {
            return equal_fold(name, "dir") || equal_fold(name, "_VBA_PROJECT") || starts_with_fold(name, "__SRP_");
        };
        return std::ranges::any_of(file_.entries(), [&](const CompoundEntry& entry) {
            return entry.is_stream && entry.size != 0 && entry.folder == folder && !is_own(entry.name) &&
                   std::ranges::none_of(modules, [&](const VbaModule& module) { return equal_fold(module.stream, entry.name); });
        });
    }

    static bool is_vba_folder(std::string_view folder) {
        const auto slash = folder.rfind('/');
        return equal_fold(slash == std::string_view::npos ? folder : folder.substr(slash + 1), "VBA") ||
               folder.starts_with("_VBA_PROJECT_CUR");
    }

    std::optional<std::string> decompress(std::string_view packed) {
        constexpr std::size_t most = 4UL * 1024 * 1024;  // of one module
        auto out = decompress_vba(packed, std::min<std::uint64_t>(most, opener_.budget().bytes_left() + 1));
        if (out && out->size() == most) mark_damaged(opener_, part_, "macros longer than any program writes");
        if (out && !opener_.budget().take_bytes(out->size(), who)) return std::nullopt;
        return out;
    }

    bool read_modules(std::string_view folder, const std::vector<VbaModule>& modules) {
        for (const auto& module : modules) {
            if (!opener_.budget().check_time()) return false;
            const auto entry = std::ranges::find_if(file_.entries(), [&](const CompoundEntry& each) {
                return each.is_stream && each.folder == folder && equal_fold(each.name, module.stream);
            });
            if (entry == file_.entries().end()) continue;
            const auto stream = stream_of(*entry);
            if (!stream) return false;
            const auto source = decompress(window(*stream, module.offset));
            if (opener_.budget().is_spent()) {
                found_macro(entry->path, {});
                return false;
            }
            const bool is_compiled = has_compiled_code(window(*stream, 0, module.offset));
            if (source && !has_code(*source) && !is_compiled) continue;  // every sheet of a workbook has such a module
            // a module whose source is gone while its compiled form is there hides what it does
            const bool is_hidden = !source || (!has_code(*source) && is_compiled);
            found_macro(entry->path, is_hidden ? CodeSigns{.suspicious = true} : signs_in(*source));
        }
        return true;
    }

    // note_macros - on this file; those of a vbaProject.bin are its document's as well
    void note_macros() {
        if (!macros_.present) return;
        auto& part = opener_.part(part_);
        part.macros = macros_;
        if (part.parent == 0 || part.container != "zip") return;
        auto& document = opener_.part(part.parent);
        if (!has_kind(document, "ooxml")) return;
        document.macros.present = true;
        document.macros.auto_exec = document.macros.auto_exec || macros_.auto_exec;
        document.macros.suspicious = document.macros.suspicious || macros_.suspicious;
        document.macros.stream = part.names.empty() ? macros_.stream : part.names.front();
    }

    Opener& opener_;
    std::uint32_t part_;
    CompoundFile file_;
    mail::Macros macros_;
};

}  // namespace

bool is_ole(const mail::Part& part) { return has_kind(part, "cdf-ms"); }

void open_ole(Opener& opener, std::uint32_t part, const Blob& bytes) { Document(opener, part, bytes).open(); }

}  // namespace tamis::worker
