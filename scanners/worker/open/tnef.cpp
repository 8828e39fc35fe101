#include "scanners/worker/open/tnef.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

constexpr auto who = "tnef";
constexpr std::size_t file_header = 6, attribute_header = 9, checksum_size = 2;

enum Attribute : std::uint32_t {
    attach_title = 0x00018010,
    attach_data = 0x0006800f,
    attach_properties = 0x00069005,
    attach_begin = 0x00069002,
    body = 0x0002800c,
    message_properties = 0x00069003,
};
enum Property : std::uint16_t {
    display_name = 0x3001,
    attach_binary = 0x3701,
    attach_filename = 0x3704,
    attach_long_filename = 0x3707,
    rtf_body = 0x1009,
    plain_body = 0x1000,
    html_body = 0x1013,
};
enum Type : std::uint16_t { object = 0x0d, string8 = 0x1e, unicode = 0x1f, binary = 0x102 };

// What carries no file: dates, addresses, numbers, the little picture
constexpr std::uint16_t without_files[] = {0x0000, 0x0001, 0x0002, 0x0006, 0x0007, 0x0008, 0x0009, 0x0600, 0x8000,
                                           0x8004, 0x8005, 0x8006, 0x8007, 0x8008, 0x8009, 0x800a, 0x800b, 0x800d,
                                           0x8011, 0x8012, 0x8013, 0x8020, 0x9001, 0x9004, 0x9006, 0x9007};

std::uint16_t sum_of(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (const char c : bytes) sum += static_cast<unsigned char>(c);
    return static_cast<std::uint16_t>(sum);
}

std::string_view without_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

// Attachment - gathered until the next one begins
struct Attachment {
    bool is_open = false;
    std::vector<std::string> names;
    std::vector<std::string_view>
        data;                 // of attAttachData and PR_ATTACH_DATA_BIN: usually one, but any reader may take any of them
    std::string_view object;  // PR_ATTACH_DATA_OBJ: an embedded message or OLE object, behind its 16-byte id
};

// width_of - bytes of one value of a fixed MAPI type; 0: its length is written before it, nullopt: unknown
std::optional<std::size_t> width_of(std::uint16_t type) {
    switch (type & 0x0fffU) {
        case 0x02:
        case 0x03:
        case 0x04:
        case 0x0a:
        case 0x0b: return 4;
        case 0x05:
        case 0x06:
        case 0x07:
        case 0x14:
        case 0x40: return 8;
        case 0x48: return 16;
        case object:
        case string8:
        case unicode:
        case binary: return 0;
        default: return std::nullopt;
    }
}

class Winmail {
public:
    Winmail(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part), blob_(bytes) {}

    void open() {
        const auto all = blob_.bytes();
        if (little32(all, 0) != 0x223e9f78) return mark_damaged(opener_, part_, "no TNEF header");
        std::size_t at = file_header;
        while (all.size() - at >= attribute_header && opener_.budget().check_time()) {
            const auto level = byte_at(all, at);
            const auto id = little32(all, at + 1), size = little32(all, at + 5);
            if ((level != 1 && level != 2) || all.size() - at - attribute_header < checksum_size ||
                size > all.size() - at - attribute_header - checksum_size) {
                mark_damaged(opener_, part_, "a TNEF attribute that is cut or unknown");
                break;
            }
            const auto value = all.substr(at + attribute_header, size);
            if (sum_of(value) != little16(all, at + attribute_header + size))
                mark_damaged(opener_, part_, "a wrong TNEF checksum");
            if (!take(id, value)) return;
            at += attribute_header + size + checksum_size;
        }
        if (!finish_attachment()) return;
        if (at < all.size() && !opener_.part(part_).has(mail::PartFlag::undecipherable) &&
            all.substr(at).find_first_not_of(std::string_view("\0\r\n", 3)) != std::string_view::npos)
            mark_damaged(opener_, part_, "bytes after the TNEF data");
    }

private:
    // take - one attribute; false: no budget
    bool take(std::uint32_t id, std::string_view value) {
        switch (id) {
            case attach_begin:
                if (!finish_attachment()) return false;
                attachment_.is_open = true;
                return true;
            case attach_title: add_names(member_names(without_nul(value), false)); return true;
            case attach_data:
                attachment_.is_open = true;
                add_data(value);
                return true;
            case attach_properties: return read_properties(value, true);
            case message_properties: return read_properties(value, false);
            case body: return add_part({"body.txt"}, without_nul(value));
            default:
                if (std::ranges::find(without_files, static_cast<std::uint16_t>(id)) == std::end(without_files))
                    mark_damaged(opener_, part_, "a TNEF attribute that nobody knows");
                return true;
        }
    }

    void add_names(std::vector<std::string> names) {
        attachment_.is_open = true;
        for (auto& name : names)
            if (attachment_.names.size() < mail::part_names_limit) attachment_.names.push_back(std::move(name));
    }

    bool add_part(std::vector<std::string> names, std::string_view value) {
        if (value.empty() && names.empty()) return true;
        const auto offset = static_cast<std::uint64_t>(value.empty() ? 0 : value.data() - blob_.bytes().data());
        return opener_.new_part_of({.parent = part_, .container = who, .names = std::move(names)},
                                   blob_.slice(offset, value.size()), who, true) != 0;
    }

    // add_text - a body in UTF-16
    bool add_text(std::string_view value) {
        auto writer = opener_.new_part({.parent = part_, .container = who, .names = {"body.txt"}}, who);
        if (!writer || !writer.write(utf8_of_utf16(value, 2 * value.size()))) return false;
        writer.finish();
        return true;
    }

    void add_data(std::string_view value) {
        auto& data = attachment_.data;
        if (std::ranges::find(data, value) == data.end()) data.push_back(value);
    }

    bool finish_attachment() {
        auto done = std::exchange(attachment_, {});
        if (!done.is_open) return true;
        if (!done.object.empty()) done.data.push_back(done.object.size() > 16 ? done.object.substr(16) : done.object);
        if (done.data.empty()) done.data.emplace_back();  // a name without bytes
        return std::ranges::all_of(done.data, [&](std::string_view value) { return add_part(done.names, value); });
    }

    // read_properties - the MAPI properties of an attachment or of the message
    bool read_properties(std::string_view bytes, bool is_attachment) {
        const auto count = little32(bytes, 0);
        std::size_t at = 4;
        for (std::uint32_t i = 0; i < count; ++i) {
            if (bytes.size() - std::min(at, bytes.size()) < 4 || !opener_.budget().check_time()) return note_cut();
            const auto type = little16(bytes, at), id = little16(bytes, at + 2);
            at += 4;
            if (id >= 0x8000 && !skip_name(bytes, at)) return note_cut();
            const auto width = width_of(type);
            if (!width) return note_cut();
            const bool is_multiple = (type & 0x1000U) != 0;
            std::uint32_t values = 1;
            if (is_multiple || *width == 0) {
                values = little32(bytes, at);
                at += 4;
            }
            for (std::uint32_t v = 0; v < values; ++v) {
                std::uint64_t size = *width, padded = *width;
                if (*width == 0) {
                    size = little32(bytes, at);
                    padded = (size + 3) & ~std::uint64_t{3};
                    at += 4;
                }
                if (at > bytes.size() || size > bytes.size() - at) return note_cut();
                if (!use(id, type & 0x0fffU, bytes.substr(at, static_cast<std::size_t>(size)), is_attachment)) return false;
                at += static_cast<std::size_t>(padded);
                if (*width != 0 && at > bytes.size()) return note_cut();
            }
        }
        return true;
    }

    bool note_cut() {
        if (!opener_.budget().is_spent()) mark_damaged(opener_, part_, "MAPI properties that are cut or unknown");
        return !opener_.budget().is_spent();
    }

    // skip_name - of a named property: a GUID, then a number or a text
    static bool skip_name(std::string_view bytes, std::size_t& at) {
        const auto kind = little32(bytes, at + 16);
        at += 20;
        if (kind == 0) {
            at += 4;
        } else {
            const std::uint64_t size = little32(bytes, at);
            at += 4 + static_cast<std::size_t>((size + 3) & ~std::uint64_t{3});
        }
        return at <= bytes.size();
    }

    bool use(std::uint16_t id, unsigned type, std::string_view value, bool is_attachment) {
        if (is_attachment && (id == attach_long_filename || id == attach_filename || id == display_name)) {
            if (type == unicode) {
                auto name = utf8_of_utf16(value, 4 * mail::part_name_limit);
                add_names({name.substr(0, name.find('\0'))});
            } else if (type == string8) {
                add_names(member_names(without_nul(value), false));
            }
        }
        if (is_attachment && id == attach_binary && type == object) attachment_.object = value;
        if (is_attachment && id == attach_binary && type == binary) add_data(value);
        if (is_attachment || (type != binary && type != string8 && type != unicode)) return true;
        if (id == plain_body) return type == unicode ? add_text(value) : add_part({"body.txt"}, without_nul(value));
        if (id == html_body) return add_part({"body.html"}, value);
        if (id == rtf_body) return add_part({"body.rtf"}, value);  // compressed: its own decoder knows it by its signature
        return true;
    }

    Opener& opener_;
    std::uint32_t part_;
    const Blob& blob_;
    Attachment attachment_;
};

}  // namespace

bool is_tnef(const mail::Part& part) { return has_kind(part, "tnef"); }

void open_tnef(Opener& opener, std::uint32_t part, const Blob& bytes) { Winmail(opener, part, bytes).open(); }

}  // namespace tamis::worker
