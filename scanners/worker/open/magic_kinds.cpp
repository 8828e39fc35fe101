#include "scanners/worker/open/magic_kinds.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "scanners/worker/open/cms.h"
#include "scanners/worker/open/kind_table.h"
#include "scanners/worker/open/known_formats.h"
#include "scanners/worker/open/mail_shape.h"
#include "scanners/worker/open/plain_kinds.h"
#include "scanners/worker/open/programs.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t head_for_magic = 64 * 1024;  // ISO 9660 says what it is at 32769

struct Parameter {
    int which;
    std::size_t value;
};
constexpr Parameter parameters[] = {
    {MAGIC_PARAM_INDIR_MAX, 10},
    {MAGIC_PARAM_NAME_MAX, 30},
    {MAGIC_PARAM_ELF_PHNUM_MAX, 128},
    {MAGIC_PARAM_ELF_SHNUM_MAX, 128},
    {MAGIC_PARAM_ELF_NOTES_MAX, 32},
    {MAGIC_PARAM_REGEX_MAX, 4096},
    {MAGIC_PARAM_BYTES_MAX, head_for_magic},
    {MAGIC_PARAM_ENCODING_MAX, 16 * 1024},
};

bool has(const Kind& kind, std::string_view what) { return std::ranges::find(kind.kinds, what) != kind.kinds.end(); }
void add(Kind& kind, std::string_view what) {
    if (!has(kind, what)) kind.kinds.emplace_back(what);
}
// replace_unknown - a signature of ours where libmagic knew nothing better
void replace_unknown(Kind& kind, std::string_view what, std::string_view description) {
    if (kind.kinds == std::vector<std::string>{"dat"} || has(kind, "asc") || has(kind, "txt")) {
        kind.kinds.clear();
        kind.description = description;
    }
    add(kind, what);
}

// without_program - what a part is that is called a program and is none
void without_program(Kind& kind, std::string_view head) {
    const bool is_binary = std::ranges::any_of(
        head.substr(0, 4096), [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f'; });
    kind.kinds = {is_binary ? "dat" : "asc"};
}

// check_program - libmagic takes two bytes for a program of a system that nobody has any more; a program has a header that holds
void check_program(Kind& kind, std::string_view head, std::uint64_t size) {
    const bool is_called = has(kind, "exe") || has(kind, "so") || has(kind, "o");
    if (head.starts_with("MZ") || head.starts_with("ZM")) {
        if (is_dos_program(head, size)) {
            if (!has(kind, "exe")) kind.kinds = {"exe", "exe-ms"};
        } else if (is_called) {
            without_program(kind, head);
        }
        return;
    }
    if (is_called && !is_program(head, size)) without_program(kind, head);
}

struct Signature {
    std::size_t at;
    std::string_view bytes;
    std::string_view kind, description;
};
constexpr Signature signatures[] = {
    {0, "MSCF\0\0\0\0"sv, "cab", "Microsoft Cabinet archive data"},
    {0, "Rar!\x1a\x07"sv, "rar", "RAR archive data"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "7z", "7-zip archive data"},
    {0, "PK\x03\x04"sv, "zip", "Zip archive data"},
    {0, "PK\x05\x06"sv, "zip", "Zip archive data (empty)"},
    {0, "PK00PK\x03\x04"sv, "zip", "Zip archive data, one part of several"},
    {0, "PK\x07\x08PK\x03\x04"sv, "zip", "Zip archive data, one part of several"},
    {0, "L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"sv, "lnk", "MS Windows shortcut"},
};

// check_pdf - not a mention in a text, and not the first member of an archive
void check_pdf(Kind& kind, std::string_view head) {
    constexpr std::string_view archives[] = {"zip", "ooxml", "odf", "jar",  "apk", "kmz", "epub", "7z",
                                             "rar", "tar",   "cab", "cpio", "a",   "deb", "lha",  "xar"};
    const bool is_archive = std::ranges::any_of(archives, [&](std::string_view each) { return has(kind, each); });
    if (is_pdf(head) && (!is_archive || head.starts_with("%PDF-"))) {
        if (!has(kind, "pdf")) replace_unknown(kind, "pdf", "PDF document");
    } else if (has(kind, "pdf")) {
        std::erase(kind.kinds, "pdf");
        if (!kind.kinds.empty()) return;
        without_program(kind, head);
        if (has(kind, "asc") && std::ranges::any_of(head.substr(0, 4096), [](unsigned char c) { return c >= 0x80; }))
            kind.kinds = {"txt"};
    }
}

void check_signatures(Kind& kind, std::string_view head) {
    for (const auto& each : signatures) {
        if (head.size() < each.at + each.bytes.size() || head.substr(each.at, each.bytes.size()) != each.bytes) continue;
        const bool is_zip_family =
            each.kind == "zip" && (has(kind, "ooxml") || has(kind, "odf") || has(kind, "epub") || has(kind, "kmz"));
        if (!is_zip_family && !has(kind, each.kind)) replace_unknown(kind, each.kind, each.description);
    }
    if (is_tar(head) && !has(kind, "tar")) replace_unknown(kind, "tar", "tar archive");
    if (has(kind, "tar") && !is_tar(head) && !head.starts_with('\0')) {  // a tar header somewhere in something else
        std::erase(kind.kinds, "tar");
        if (kind.kinds.empty()) without_program(kind, head);
    }
    check_pdf(kind, head);
    if (has(kind, "html") && is_hta(head)) add(kind, "hta");
}

// check_known - containers that libmagic does not know, or names by too little
void check_known(Kind& kind, std::string_view head, std::uint64_t size) {
    const auto removed = std::erase_if(kind.kinds, [&](const auto& each) { return is_false_alarm(each, head, size); });
    if (removed != 0 && kind.kinds.empty()) kind = {{"dat"}, "data"};
    if (const auto known = known_format(head, size); known && !has(kind, known->kind))
        replace_unknown(kind, known->kind, known->description);
}

}  // namespace

Result<std::unique_ptr<MagicKinds>> MagicKinds::load() {
    constexpr int flags = MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON |
                          MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_APPTYPE;
    std::unique_ptr<magic_set, Close> cookie(magic_open(flags));
    if (!cookie) return fail(std::error_code(errno, std::system_category()), "libmagic cannot be opened");
    if (magic_load(cookie.get(), nullptr) != 0) {
        const auto* text = magic_error(cookie.get());
        return fail(std::make_error_code(std::errc::no_such_file_or_directory),
                    std::string("the database of libmagic cannot be loaded (install the package libmagic-mgc): ") +
                        (text != nullptr ? text : "no reason given"));
    }
    for (const auto& each : parameters) magic_setparam(cookie.get(), each.which, &each.value);
    return std::unique_ptr<MagicKinds>(new MagicKinds(std::move(cookie)));
}

Kind MagicKinds::find(std::string_view head, std::uint64_t size) {
    auto kind = find_first(head, size);
    switch (mail_shape(head)) {
        case MailShape::message: add(kind, "mail"); break;
        case MailShape::mbox: add(kind, "mbox"); break;
        case MailShape::none: break;
    }
    if (is_cms(head)) replace_unknown(kind, "p7m", "CMS (PKCS #7) message");
    return kind;
}

Kind MagicKinds::find_first(std::string_view head, std::uint64_t size) {
    if (auto plain = plain_kind(head, size)) return *std::move(plain);
    const auto seen = head.substr(0, head_for_magic);
    const auto* text = magic_buffer(cookie_.get(), seen.data(), seen.size());
    Kind kind;
    kind.description = text != nullptr ? text : "data";
    kind.kinds = kinds_of(kind.description);
    check_program(kind, head, size);
    check_signatures(kind, head);
    check_known(kind, head, size);
    return kind;
}

}  // namespace tamis::worker
