#include "scanners/worker/open/cms.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/ber.h"
#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/mail_shape.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto who = "cms";
constexpr unsigned deepest = 8;  // content types within content types, and octet strings within octet strings

enum class Content : std::uint8_t { unknown, data, signed_data, encrypted, digested, compressed, authenticated, time_stamped };

struct Type {
    std::string_view id;
    Content content;
};
constexpr Type types[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"sv, Content::data},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"sv, Content::signed_data},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"sv, Content::encrypted},  // enveloped
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04"sv, Content::encrypted},  // signed and enveloped
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05"sv, Content::digested},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"sv, Content::encrypted},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02"sv, Content::authenticated},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"sv, Content::compressed},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"sv, Content::encrypted},  // authenticated and enveloped
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x1f"sv, Content::time_stamped},
};

Content content_of(std::string_view id) {
    const auto* known = std::ranges::find(types, id, &Type::id);
    return known == std::ranges::end(types) ? Content::unknown : known->content;
}

// first_two - the type and the [0] content of a ContentInfo or EncapsulatedContentInfo
struct Pair {
    std::string_view id;
    std::optional<BerElement> content;  // within [0]; nothing: it lies somewhere else (a detached signature)
    bool is_there = false;
};
Pair read_pair(std::string_view sequence) {
    Pair out;
    BerReader reader(sequence);
    const auto id = reader.next();
    if (!id || id->tag != ber::object_id) return out;
    out.id = id->content;
    out.is_there = true;
    const auto explicit_tag = reader.next();
    if (explicit_tag && explicit_tag->tag == ber::context0) out.content = read_ber(explicit_tag->content);
    return out;
}

class Message {
public:
    Message(Opener& opener, std::uint32_t part) : opener_(opener), part_(part) {}

    // read - false: it is none
    bool read(std::string_view bytes) {
        const auto outer = read_ber(bytes);
        if (!outer || outer->tag != ber::sequence) return false;
        const auto pair = read_pair(outer->content);
        if (!pair.is_there || content_of(pair.id) == Content::unknown) return false;
        size_ = outer->size;
        if (outer->is_cut) mark_damaged(opener_, part_, "the CMS message is cut");
        if (pair.content) walk(content_of(pair.id), *pair.content, 0);
        return true;
    }
    std::size_t size() const noexcept { return size_; }

private:
    void walk(Content content, const BerElement& element, unsigned depth) {
        if (depth > deepest) return mark_damaged(opener_, part_, "CMS content types within each other, too deep");
        if (content == Content::encrypted) return mark_encrypted(opener_, part_);
        if (content == Content::data || content == Content::unknown) return add(element);
        BerReader reader(element.content);
        while (const auto field = reader.next()) {
            if (content == Content::time_stamped && (field->tag == ber::octet_string || field->tag == ber::octet_pieces))
                return add(*field);
            if (field->tag != ber::sequence) continue;
            const auto pair = read_pair(field->content);
            // an algorithm is a sequence that begins with an identifier, too; the content has [0] behind it, or a known type
            if (!pair.is_there || (!pair.content && content_of(pair.id) == Content::unknown)) continue;
            if (content == Content::compressed) return pair.content ? inflate(*pair.content) : void();
            return pair.content ? within(content_of(pair.id), *pair.content, depth) : void();
        }
    }

    // within - the content of a signed message: octets that hold the inner type, or (PKCS #7 1.5) the inner type itself
    void within(Content content, const BerElement& element, unsigned depth) {
        const bool is_octets = element.tag == ber::octet_string || element.tag == ber::octet_pieces;
        if (content == Content::data || content == Content::unknown || !is_octets) return walk(content, element, depth + 1);
        const auto bytes = collect(element);
        const auto inner = bytes ? read_ber(*bytes) : std::nullopt;
        if (inner && inner->tag == ber::sequence) return walk(content, *inner, depth + 1);
        add(element);
    }

    // collect - an octet string as one piece; nothing: no budget
    std::optional<std::string> collect(const BerElement& element) {
        std::string out;
        if (!opener_.budget().take_bytes(element.content.size(), who)) return std::nullopt;
        append(element, out, 0);
        return out;
    }
    void append(const BerElement& element, std::string& out, unsigned depth) {
        if (!element.is_constructed() || element.tag == ber::sequence || element.tag == ber::set) {
            out += element.content;
            return;
        }
        if (depth > deepest) return mark_damaged(opener_, part_, "octet strings within each other, too deep");
        BerReader reader(element.content);
        while (const auto piece = reader.next()) append(*piece, out, depth + 1);
    }

    NewPart about(std::string_view bytes) const {
        NewPart out{.parent = part_, .container = cms_container, .names = names()};
        if (is_mime_entity(bytes)) out.types = {"message/rfc822"};
        return out;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& name : opener_.part(part_).names)  // invoice.xml.p7m is invoice.xml inside
            for (const std::string_view ending : {".p7m"sv, ".p7s"sv, ".p7z"sv, ".tsd"sv})
                if (name.size() > ending.size() && equal_fold(std::string_view(name).substr(name.size() - ending.size()), ending))
                    out.push_back(name.substr(0, name.size() - ending.size()));
        if (!out.empty() && equal_fold(out.front(), "smime")) out.clear();
        return out;
    }

    void add(const BerElement& element) {
        if (element.content.empty()) return;
        const bool is_octets = element.tag == ber::octet_string || element.tag == ber::octet_pieces;
        auto bytes = is_octets ? collect(element) : std::optional(std::string(element.content));
        if (!bytes) return;
        auto entity = about(*bytes);
        opener_.new_part_of(std::move(entity), Blob::of(std::move(*bytes)), who, false);
    }

    void inflate(const BerElement& element) {
        const auto packed = collect(element);
        if (!packed) return;
        constexpr std::size_t zlib_header = 2;
        auto writer = opener_.new_part(about(inflated_head(*packed)), who);
        if (!writer) return;
        const auto number = writer.number();
        Inflater inflater;
        const auto result = packed->size() > zlib_header ? inflater.run(std::string_view(*packed).substr(zlib_header), writer)
                                                         : Inflated::damaged;
        if (result == Inflated::stopped) return;
        if (result == Inflated::whole) return writer.finish();
        mark_unreadable(opener_, number);
        mark_damaged(opener_, part_, "compressed CMS data that cannot be decompressed");
    }

    Opener& opener_;
    std::uint32_t part_;
    std::size_t size_ = 0;
};

// note_rest - bytes behind the structure: some readers stop there, others take them along
void note_rest(Opener& opener, std::uint32_t part, const Blob& bytes, std::size_t size) {
    const auto rest = bytes.bytes().substr(size);
    if (rest.find_first_not_of("\0\r\n \t"sv) == std::string_view::npos) return opener.own(part, size, rest.size(), Owned::read);
    opener.add_anomaly(mail::AnomalyKind::polyglot, part, "bytes behind a CMS message");
    opener.new_part_of(
        {.parent = part, .container = cms_container, .flags = static_cast<std::uint8_t>(mail::PartFlag::alternate)},
        bytes.slice(size, rest.size()), who, true);
    opener.own(part, size, rest.size(), Owned::content);
}

bool is_labelled(const mail::Part& part) {
    constexpr std::string_view labels[] = {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/cms"};
    return std::ranges::any_of(part.types,
                               [&](const auto& type) { return std::ranges::find(labels, type) != std::ranges::end(labels); });
}

}  // namespace

bool is_cms(std::string_view head) {
    constexpr std::size_t enough = 32;  // the lengths are believed later
    if (head.empty() || static_cast<unsigned char>(head[0]) != ber::sequence) return false;
    const auto outer = read_ber(head.substr(0, enough));
    return outer && content_of(read_pair(outer->content).id) != Content::unknown;
}

bool is_cms_part(const mail::Part& part) { return has_kind(part, "p7m") || is_labelled(part); }

void open_cms(Opener& opener, std::uint32_t part, const Blob& bytes) {
    const auto all = bytes.bytes();
    Message message(opener, part);
    if (message.read(all)) {
        opener.own(part, 0, message.size(), Owned::read);
        if (message.size() < all.size()) note_rest(opener, part, bytes, message.size());
        return;
    }
    if (looks_like_base64(all)) {  // encoded twice
        if (!opener.budget().take_bytes(all.size(), who)) return;
        StringOutput out;
        decode_base64(all, Base64Reading::skip_padding, out);
        if (is_cms(out.bytes)) {
            opener.own(part, 0, all.size(), Owned::content);
            opener.new_part_of({.parent = part, .container = cms_container}, Blob::of(std::move(out.bytes)), who, false);
            return;
        }
    }
    // it says that it is one: what cannot be read must not pass as if it had been. PEM armor is opened as a text.
    if (!all.empty() && !all.contains("-----BEGIN ")) mark_unreadable(opener, part);
}

}  // namespace tamis::worker
