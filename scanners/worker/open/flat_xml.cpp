#include "scanners/worker/open/flat_xml.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/writer_output.h"

namespace tamis::worker {
namespace {

constexpr auto who = "flatxml";
constexpr std::string_view elements[] = {"binary-data", "binData", "binaryData"};

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
           (c & 0x80) != 0;
}

// opens_a_tag - whether "<" or "<prefix:" stands before a name
bool opens_a_tag(std::string_view text, std::size_t name) {
    constexpr std::size_t longest_prefix = 100;
    if (name != 0 && text[name - 1] == ':') {
        const auto most = std::min(--name, longest_prefix);
        for (std::size_t i = 0; i < most && is_name_character(text[name - 1]); ++i) --name;
    }
    return name != 0 && text[name - 1] == '<';
}

// content_of_next - where the next element's content begins; npos when there is none
std::size_t content_of_next(std::string_view text, std::size_t from) {
    for (auto at = text.find("bin", from); at != std::string_view::npos; at = text.find("bin", at + 1)) {
        const auto rest = text.substr(at);
        const auto name = std::ranges::find_if(elements, [&](std::string_view each) { return rest.starts_with(each); });
        if (name == std::end(elements) || !opens_a_tag(text, at)) continue;
        const auto behind = at + name->size();
        if (behind < text.size() && is_name_character(text[behind])) continue;
        const auto end = text.find('>', behind);
        if (end == std::string_view::npos) return end;
        if (text[end - 1] != '/') return end + 1;
        at = end;
    }
    return std::string_view::npos;
}

// Content - the text of an element, put together as an XML reader does
struct Content {
    std::string text;
    std::size_t end = 0;
    bool is_whole = true;
};
Content read_content(std::string_view text, std::size_t at) {
    struct Kind {
        std::string_view open, close;
        bool is_text;
    };
    constexpr Kind kinds[] = {{"<!--", "-->", false}, {"<![CDATA[", "]]>", true}, {"<?", "?>", false}};
    Content out;
    while (true) {
        const auto next = std::min(text.find('<', at), text.size());
        out.text.append(text.substr(at, next - at));
        const auto rest = text.substr(next);
        const auto* kind = std::ranges::find_if(kinds, [&](const Kind& each) { return rest.starts_with(each.open); });
        out.end = next;
        out.is_whole = rest.starts_with("</");
        if (kind == std::end(kinds)) return out;
        const auto inside = rest.substr(kind->open.size());
        const auto size = inside.find(kind->close);
        if (size == std::string_view::npos) return out;
        if (kind->is_text) out.text.append(inside.substr(0, size));
        at = next + kind->open.size() + size + kind->close.size();
    }
}

// as_utf8 - of a text in UTF-16, with or without a byte order mark; empty when it is none
std::string as_utf8(std::string_view text) {
    const bool is_big = text.starts_with("\xfe\xff") || (text.size() > 2 && text[0] == '\0' && text[1] == '<');
    const bool is_little = text.starts_with("\xff\xfe") || (text.size() > 2 && text[0] == '<' && text[1] == '\0');
    if (!is_big && !is_little) return {};
    std::string bytes(text.substr(0, text.size() / 2 * 2));
    if (is_big)
        for (std::size_t i = 0; i < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
    return utf8_of_utf16(bytes, 2 * bytes.size());
}

bool begins_like_xml(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && text[first] == '<';
}

}  // namespace

bool may_be_flat_xml(const mail::Part& part) {
    constexpr std::string_view texts[] = {"xml", "html", "sgml", "asc", "txt", "odf", "odt", "ods", "odp", "odg", "doc"};
    return std::ranges::any_of(texts, [&](std::string_view kind) { return has_kind(part, kind); });
}

void open_flat_xml(Opener& opener, std::uint32_t part, const Blob& bytes) {
    auto text = bytes.bytes();
    const auto converted = as_utf8(text);
    if (!converted.empty()) text = converted;
    if (!begins_like_xml(text)) return;
    for (auto at = content_of_next(text, 0); at != std::string_view::npos;) {
        const auto content = read_content(text, at);
        if (!content.is_whole) mark_damaged(opener, part, "base64 in XML that does not end");
        if (content.text.contains('&')) mark_damaged(opener, part, "base64 in XML that is spelled with references");
        if (content.text.find_first_not_of(" \t\r\n") != std::string::npos) {
            if (!opener.check_level(part)) return;
            auto writer = opener.new_part({.parent = part, .container = who}, who);
            if (!writer) return;
            WriterOutput out(writer);
            if (!decode_base64(content.text, Base64Reading::skip_padding, out).complete) return;
            writer.finish();
        }
        at = content_of_next(text, content.end);
    }
}

}  // namespace tamis::worker
