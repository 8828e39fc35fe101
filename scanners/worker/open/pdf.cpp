#include "scanners/worker/open/pdf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "scanners/worker/open/inflate.h"
#include "scanners/worker/open/members.h"
#include "scanners/worker/open/pdf_filters.h"
#include "scanners/worker/open/pdf_security.h"
#include "scanners/worker/open/pdf_syntax.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto who = "pdf";
constexpr std::size_t most_objects = 200'000, most_in_object_stream = 8UL * 1024 * 1024;

// utf8_of_pdf - a text string: UTF-16 with its mark, UTF-8 with its mark, else one byte a letter
std::string utf8_of_pdf(std::string_view text) {
    if (text.starts_with("\xfe\xff")) {
        std::string swapped;
        for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
            swapped += text[i + 1];
            swapped += text[i];
        }
        return utf8_of_utf16(swapped, 3 * mail::part_name_limit);
    }
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    return std::string(text);
}

class Document {
public:
    Document(Opener& opener, std::uint32_t part, const Blob& bytes) : opener_(opener), part_(part), bytes_(bytes.bytes()) {}

    void open() {
        file_ = read_pdf(bytes_, most_objects);
        if (file_.is_too_many) mark_damaged(opener_, part_, "a PDF with more objects than are looked at");
        find_security();
        if (!find_attachments()) return;
        for (const auto& object : file_.objects) {
            if (!opener_.budget().check_time()) return;
            const auto named = attachments_.find(object.id);
            if (!object.is_stream || object.is_cut) {  // data without an end are nobody's
                const auto end = object.is_stream ? object.data : object.end;
                opener_.own(part_, object.begin, end - object.begin, Owned::carried);
            }
            if (!object.is_stream) continue;
            const PdfDictionary dictionary(object.value);
            const bool is_attachment = named != attachments_.end() || dictionary.name("Type") == "EmbeddedFile";
            if (!object.is_cut) {
                opener_.own(part_, object.begin, object.data - object.begin, Owned::carried);
                opener_.own(part_, object.data, object.data_size, is_attachment ? Owned::content : Owned::carried);
                opener_.own(part_, object.data + object.data_size, object.end - object.data - object.data_size, Owned::carried);
            }
            if (is_attachment &&
                !add(object, dictionary, named == attachments_.end() ? std::vector<std::string>() : named->second))
                return;
        }
    }

private:
    // find_security - every trailer, old and new, and every cross-reference stream; one that needs a password decides
    void find_security() {
        auto trailers = file_.trailers;
        for (const auto& object : file_.objects)
            if (object.is_stream && object.value.size() < 64 * 1024 && object.value.contains("Encrypt") &&
                PdfDictionary(object.value).name("Type") == "XRef")
                trailers.push_back(object.value);
        for (const auto text : trailers) {
            const PdfDictionary trailer(text);
            if (!trailer.has("Encrypt") || trailer.get("Encrypt") == "null") continue;
            is_encrypted_ = true;
            const auto id = first_id(trailer);
            const auto dictionary = encryption(trailer);
            auto opened = dictionary ? PdfSecurity::open(*dictionary, id) : std::nullopt;
            if (!opened) {
                security_.reset();
                return mark_encrypted(opener_, part_);
            }
            security_ = std::move(opened);
        }
    }

    std::string first_id(const PdfDictionary& trailer) const {
        PdfLexer lexer(trailer.get("ID"));
        if (lexer.next().kind != PdfToken::Kind::array) return {};
        return pdf_text(lexer.next().bytes);
    }

    std::optional<PdfDictionary> encryption(const PdfDictionary& trailer) const {
        if (trailer.is_dictionary("Encrypt")) return PdfDictionary(trailer.get("Encrypt"));
        const auto references = pdf_references(trailer.get("Encrypt"));
        if (references.empty()) return std::nullopt;
        for (auto object = file_.objects.rbegin(); object != file_.objects.rend(); ++object)
            if (object->id.number == references.front().number && object->value.starts_with("<<"))
                return PdfDictionary(object->value);
        return std::nullopt;
    }

    // find_attachments - what the file specifications name; false: no budget
    bool find_attachments() {
        const auto note = [&](std::string_view text) {
            if (!text.contains("/EF") && !text.contains('#')) return;
            for (auto& found : pdf_attachments(text))
                for (const auto reference : found.streams) {
                    auto& names = attachments_[reference];
                    for (const auto& name : found.names)
                        if (!is_encrypted_ && names.size() < mail::part_names_limit) names.push_back(utf8_of_pdf(name));
                }
        };
        for (const auto& object : file_.objects) {
            note(object.value);
            if (!object.is_stream || !object.value.contains("ObjStm")) continue;
            const PdfDictionary dictionary(object.value);
            if (dictionary.name("Type") != "ObjStm") continue;
            if (!opener_.budget().check_time()) return false;
            const auto text = decoded(object, dictionary, most_in_object_stream);
            if (opener_.budget().is_spent()) return false;
            if (text) note(*text);
        }
        return true;
    }

    // decoded - the data of a stream, decrypted and without their filters; nothing: they cannot be read, or no budget
    std::optional<std::string> decoded(const PdfObject& object, const PdfDictionary& dictionary, std::size_t most) {
        std::string data;
        const auto raw = bytes_.substr(object.data, object.data_size);
        if (is_encrypted_) {
            if (!security_ || !opener_.budget().take_bytes(raw.size(), who)) return std::nullopt;
            auto plain = security_->decrypt(object.id, raw);
            if (!plain) return std::nullopt;
            data = std::move(*plain);
        }
        most = static_cast<std::size_t>(std::min<std::uint64_t>(most, opener_.budget().bytes_left() + 1));
        auto out = remove_filters(is_encrypted_ ? std::string_view(data) : raw, filters_of(dictionary), most);
        if (out && !opener_.budget().take_bytes(out->size(), who)) return std::nullopt;
        return out;
    }

    bool add(const PdfObject& object, const PdfDictionary& dictionary, std::vector<std::string> names) {
        auto bytes = decoded(object, dictionary, SIZE_MAX);
        if (opener_.budget().is_spent()) return false;
        NewPart about{.parent = part_, .container = who, .names = std::move(names)};
        if (bytes) return opener_.new_part_of(std::move(about), Blob::of(std::move(*bytes)), who, false) != 0;
        const auto flags = static_cast<std::uint8_t>(mail::PartFlag::undecipherable);
        return add_empty(opener_, part_, who, std::move(about.names), flags, who) != 0;
    }

    Opener& opener_;
    std::uint32_t part_;
    std::string_view bytes_;
    PdfFile file_;
    bool is_encrypted_ = false;
    std::optional<PdfSecurity> security_;
    std::map<PdfReference, std::vector<std::string>> attachments_;
};

}  // namespace

bool is_pdf_part(const mail::Part& part) { return has_kind(part, "pdf"); }

void open_pdf(Opener& opener, std::uint32_t part, const Blob& bytes) { Document(opener, part, bytes).open(); }

}  // namespace tamis::worker
