#include "scanners/worker/open/entity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "scanners/worker/open/charset.h"
#include "scanners/worker/open/mime_header.h"

namespace tamis::worker {
namespace {

using mail::AnomalyKind;
using mail::Field;
using mail::HeaderBlock;

constexpr std::size_t boundaries_limit = 4;

template <class T>
void add_once(std::vector<T>& to, T value, std::size_t limit = 8) {
    if (to.size() < limit && std::ranges::find(to, value) == to.end()) to.push_back(std::move(value));
}

// is_structure - a field that decides how the entity is read
bool is_structure(std::string_view name) {
    return starts_with_fold(name, "content-t") || equal_fold(name, "content-disposition");
}

// hidden_field - a line within a field that would be a structural field but for the blanks before it; signatures list the
// names of fields, so theirs do not count
std::string_view hidden_field(std::string_view entity, const Field& field) {
    const auto name = HeaderBlock::name(field, entity);
    if (name.size() > 9 && (name.ends_with("ignature") || name.ends_with("IGNATURE"))) return {};
    for (auto at = entity.find('\n', field.begin); at != std::string_view::npos && at + 1 < field.end;
         at = entity.find('\n', at + 1)) {
        auto line = entity.substr(at + 1, field.end - at - 1);
        line = trim(line.substr(0, line.find('\n')));
        if (const auto colon = line.find(':'); colon != std::string_view::npos && is_structure(trim(line.substr(0, colon))))
            return line;
    }
    return {};
}

// cleaned_name - the name of a line that is no field because of NUL, controls or bytes above 127 in it
std::string cleaned_name(std::string_view line, std::size_t& value_at) {
    constexpr std::size_t longest = 200;
    const auto colon = line.substr(0, longest).find(':');
    if (colon == std::string_view::npos) return {};
    value_at = colon + 1;
    std::string out;
    for (const char c : line.substr(0, colon))
        if (c > 0x20 && c < 0x7f) out += lower(c);
    return out;
}

// blank_line_inside - offset behind the first line of a field that holds nothing but blanks; 0 if there is none
std::size_t blank_line_inside(std::string_view entity, const Field& field) {
    for (auto at = entity.find('\n', field.begin); at != std::string_view::npos && at + 1 < field.end;
         at = entity.find('\n', at + 1)) {
        const auto end = std::min(entity.find('\n', at + 1), std::size_t{field.end});
        if (trim(entity.substr(at + 1, end - at - 1)).empty()) return std::min(end + 1, entity.size());
    }
    return 0;
}

struct Odd {
    std::size_t at = 0;      // where the body begins for a reader that stops here
    std::size_t fields = 0;  // fields before it
    const char* what = "";
    bool is_hidden = false;  // no field at all, or a line of blanks
};

// odd_lines - the first of them; a reader may stop at any
std::vector<Odd> odd_lines(std::string_view entity, const HeaderBlock& block) {
    constexpr std::size_t limit = 3;
    std::vector<Odd> out;
    bool in_run = false;
    for (std::size_t i = 0; i < block.fields.size() && out.size() < limit; ++i) {
        const auto& field = block.fields[i];
        const bool follows = std::exchange(in_run, false);
        if (field.name_size == 0) {
            const auto line = entity.substr(field.begin, field.end - field.begin);
            if (i == 0 && (line.starts_with("From ") || line.starts_with(">From "))) continue;  // mbox
            in_run = !is_blank(line.front());
            if (!follows)  // of many such lines in a row, a reader stops at the first
                out.push_back({field.begin, i, "a line in the header that is no field", true});
            continue;
        }
        if (field.value_begin - field.begin > field.name_size + 1U)
            out.push_back({field.begin, i, "blanks before the colon of a header field", false});
        else if (const auto behind = blank_line_inside(entity, field); behind != 0)
            out.push_back({behind, i + 1, "a line of blanks within the header", true});
    }
    return out;
}

Encoding plausible_encoding(std::string_view token) {
    if (token.find("64") != std::string_view::npos) return Encoding::base64;
    if (token.find("quot") != std::string_view::npos || token.find("print") != std::string_view::npos)
        return Encoding::quoted_printable;
    if (token.find("uu") != std::string_view::npos) return Encoding::uuencode;
    if (token.find("yenc") != std::string_view::npos) return Encoding::yenc;
    if (token.find("binhex") != std::string_view::npos || token.find("hqx") != std::string_view::npos) return Encoding::binhex;
    return Encoding::identity;
}

bool is_identity(std::string_view token) {
    return token.empty() || token == "7bit" || token == "8bit" || token == "binary" || token == "7-bit" || token == "8-bit" ||
           token == "8bits" || token == "7bits" || token == "none" || token == "utf-8" || token == "iso-8859-1" ||
           token == "us-ascii" || token == "8bitmime";
}

// kind_by_name - what a name's extension makes of a file; spellings of one kind are one, and what has no letter is none ("1.2")
std::string kind_by_name(std::string_view name) {
    constexpr std::pair<std::string_view, std::string_view> same[] = {
        {"jpeg", "jpg"}, {"jpe", "jpg"}, {"jfif", "jpg"}, {"tiff", "tif"}, {"htm", "html"}, {"mpeg", "mpg"}, {"text", "txt"}};
    constexpr std::size_t longest = 8;
    auto out = extension_of(name);
    const bool is_one = out.size() <= longest && std::ranges::any_of(out, is_alpha) &&
                        std::ranges::all_of(out, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; });
    if (!is_one) return {};
    for (const auto& [from, to] : same)
        if (out == from) return std::string(to);
    return out;
}

// are_one_kind - whichever of the names a program takes, it is the same sort of file
bool are_one_kind(const std::vector<std::string>& names) {
    return std::ranges::all_of(names, [&](const auto& name) {
        return extension_of(name) == extension_of(names.front()) ||
               (!kind_by_name(name).empty() && kind_by_name(name) == kind_by_name(names.front()));
    });
}

// Reader - collects the readings of one header section
class Reader {
public:
    Reader(EntityHeader& out, const Limits& limits) : out_(out), limits_(limits) {}

    void field(std::string_view name, std::string_view value) {
        if (equal_fold(name, "content-type")) types_.push_back(value);
        else if (equal_fold(name, "content-transfer-encoding")) encoding(value);
        else if (equal_fold(name, "content-disposition")) disposition(value);
        else if (equal_fold(name, "mime-version")) has_version_ = true;
    }
    // suspected - a field for some readers only: what the others read comes first
    void suspected(std::string_view name, std::string_view value, std::string_view default_type) {
        if (equal_fold(name, "content-type")) {
            if (types_.empty()) default_type_first_ = true;
            out_.may_be_leaf = true;
        }
        if (default_type_first_ && out_.types.empty()) out_.types.emplace_back(default_type);
        if (equal_fold(name, "content-transfer-encoding") && out_.encodings.empty()) out_.encodings.push_back(Encoding::identity);
        field(name, value);
    }
    void finish(std::string_view default_type) {
        for (std::size_t i = 0; i < types_.size(); ++i)
            if (std::ranges::find(types_.begin(), types_.begin() + static_cast<std::ptrdiff_t>(i), types_[i]) ==
                types_.begin() + static_cast<std::ptrdiff_t>(i))
                type(types_[i]);
        if (different_types_ > 1) {  // the same type twice, with the same boundary, is read by everybody in the same way
            const bool is_same = out_.types.size() == 1 && out_.boundaries.size() <= 1 && !is_multipart(out_.types.front());
            defect(AnomalyKind::duplicate_type, "Content-Type given more than once", is_same);
        }
        if (encodings_ > 1 && out_.encodings.size() > 1)
            defect(AnomalyKind::duplicate_encoding, "Content-Transfer-Encoding given more than once");
        out_.has_type = !types_.empty();
        if (out_.types.empty()) out_.types.emplace_back(default_type);
        if (out_.encodings.empty()) out_.encodings.push_back(Encoding::identity);
        boundaries();
        names();
        kinds_of_encryption();
    }
    bool has_version() const { return has_version_; }

private:
    void defect(AnomalyKind kind, std::string detail, bool is_harmless = false) {
        const auto known = std::ranges::find(out_.defects, kind, &Defect::kind);
        if (known == out_.defects.end()) out_.defects.push_back({kind, std::move(detail), is_harmless});
        else if (known->is_harmless && !is_harmless) *known = {kind, std::move(detail), false};
    }
    void encoding(std::string_view value);
    void disposition(std::string_view value);
    void type(std::string_view value);
    void boundary(const Structured& field, std::string_view value);
    void other_parameters(const Structured& field);
    void boundaries();
    void names();
    void kinds_of_encryption();

    EntityHeader& out_;
    const Limits& limits_;
    std::vector<std::string_view> types_;
    std::size_t different_types_ = 0, encodings_ = 0;
    bool has_version_ = false, default_type_first_ = false;
    std::vector<std::string> disposition_names_, type_names_, cut_;
};

void Reader::encoding(std::string_view value) {
    ++encodings_;
    constexpr std::string_view usual[] = {"7bit", "8bit", "quoted-printable", "base64"};
    const auto is_it = [&](std::string_view each) { return equal_fold(each, trim(value)); };
    out_.is_plainly_encoded = out_.is_plainly_encoded && encodings_ == 1 && std::ranges::any_of(usual, is_it);
    const auto field = parse_structured(value, limits_.parameters);
    const auto& token = field.value;
    auto clean = token;
    if (const auto decoded = decode_words(trim(value)); value.find("=?") != std::string_view::npos && decoded != trim(value)) {
        defect(AnomalyKind::encoded_word_in_structure, "an encoded word as Content-Transfer-Encoding");
        clean = to_lower(trim(decoded));
        add_once(out_.encodings, plausible_encoding(clean));
        add_once(out_.encodings, Encoding::identity);
        return;
    }
    std::erase(clean, '"');
    const bool plain = token == field.raw_value && field.parameters.empty() && !field.has_junk && !field.has_comment;
    if (clean == "base64" || clean == "quoted-printable") {
        const auto encoding = clean == "base64" ? Encoding::base64 : Encoding::quoted_printable;
        add_once(out_.encodings, encoding);
        const bool semicolon_only = token == field.raw_value && field.parameters.empty() && !field.has_comment && !field.has_junk;
        if (plain && value.find(';') == std::string_view::npos && clean == token) return;
        if (field.has_comment) defect(AnomalyKind::comment_in_structure, "a comment in Content-Transfer-Encoding");
        defect(AnomalyKind::bad_encoding,
               semicolon_only ? "text behind the Content-Transfer-Encoding" : "Content-Transfer-Encoding is oddly written");
        add_once(out_.encodings, Encoding::identity);
        return;
    }
    if (is_identity(clean)) {
        add_once(out_.encodings, Encoding::identity);
        const auto hidden = plausible_encoding(to_lower(value));  // "7bit (base64)", "7bit; base64"
        if (hidden == Encoding::identity) return;
        defect(AnomalyKind::bad_encoding, "more than one word as Content-Transfer-Encoding");
        add_once(out_.encodings, hidden);
        return;
    }
    const auto plausible = plausible_encoding(clean);
    defect(AnomalyKind::bad_encoding, fmt::format("unknown Content-Transfer-Encoding \"{}\"", escaped(field.raw_value, 40)));
    add_once(out_.encodings, plausible);
    add_once(out_.encodings, Encoding::identity);
    if (plausible != Encoding::identity || encodings_ > 1) return;
    add_once(out_.encodings, Encoding::base64);  // used only if the body looks like it
    out_.guesses_base64 = true;
}

void Reader::other_parameters(const Structured& field) {
    if (field.too_many) defect(AnomalyKind::bad_parameter, fmt::format("more than {} parameters", limits_.parameters));
    for (const auto& parameter : field.parameters) {
        const bool decides = parameter.name.starts_with("boundary") || std::ranges::any_of(out_.types, is_multipart);
        if (parameter.odd && decides) defect(AnomalyKind::bad_parameter, "a parameter that cannot be read for sure");
        if (parameter.name != "charset") continue;
        const auto charset = to_lower(trim(parameter.value)).substr(0, 100);
        if (out_.charset.empty()) out_.charset = charset;
        else if (out_.charset != charset && out_.second_charset.empty()) out_.second_charset = charset;
    }
}

void Reader::disposition(std::string_view value) {
    const auto field = parse_structured(value, limits_.parameters);
    if (field.too_many) defect(AnomalyKind::bad_parameter, fmt::format("more than {} parameters", limits_.parameters));
    const auto readings = readings_of(field, "filename");
    if (readings.duplicate) defect(AnomalyKind::duplicate_name, "filename given more than once", are_one_kind(readings.values));
    if (readings.broken && readings.extended) defect(AnomalyKind::bad_parameter, "a filename in broken RFC 2231 pieces");
    for (auto& name : names_of(field, value, "filename")) add_once(disposition_names_, std::move(name), 16);
    for (auto& name : names_of(field, value, "name")) add_once(disposition_names_, std::move(name), 16);
}

void Reader::type(std::string_view value) {
    ++different_types_;
    const auto field = parse_structured(value, limits_.parameters);
    auto token = field.value;
    if (const auto decoded = decode_words(field.raw_value); token.find("=?") != std::string::npos && decoded != field.raw_value) {
        defect(AnomalyKind::encoded_word_in_structure, "an encoded word in Content-Type");
        out_.may_be_leaf = true;
        token = parse_structured(decoded, limits_.parameters).value;
    }
    // what stands before a blank is the type for many readers: "multipart/mixed boundary=x"
    const auto first_word = field.raw_value.substr(0, field.raw_value.find_first_of(" \t"));
    const bool is_odd = token != field.raw_value;
    if (is_odd && is_multipart(first_word)) token = first_word;
    if (is_odd && (is_multipart(token) || field.raw_value.find("multipart") != std::string::npos)) {
        out_.may_be_leaf = true;
        if (field.has_comment) defect(AnomalyKind::comment_in_structure, "a comment in Content-Type");
        else defect(AnomalyKind::bad_parameter, "Content-Type is oddly written");
    }
    const auto slash = token.find('/');
    const bool is_type =
        slash != std::string::npos && slash != 0 && slash + 1 < token.size() && token.find('/', slash + 1) == std::string::npos;
    if (is_type) {
        add_once(out_.types, token.substr(0, 200));
    } else if (token.starts_with("multipart")) {
        defect(AnomalyKind::bad_parameter, "Content-Type is no type");
        out_.may_be_leaf = true;
        add_once(out_.types, std::string("multipart/mixed"));
    } else {
        add_once(out_.types, std::string("text/plain"));  // RFC 2045 section 5.2
        if (!token.empty()) add_once(out_.types, token.substr(0, 200));
        defect(AnomalyKind::misplaced_parameter, "Content-Type is no type");
    }
    other_parameters(field);
    boundary(field, value);
    const auto names = readings_of(field, "name");
    if (names.duplicate) defect(AnomalyKind::duplicate_name, "name given more than once", are_one_kind(names.values));
    if (names.broken && names.extended) defect(AnomalyKind::bad_parameter, "a name in broken RFC 2231 pieces");
    for (auto& name : names_of(field, value, "name")) add_once(type_names_, std::move(name), 16);
}

void Reader::boundary(const Structured& field, std::string_view value) {
    auto readings = readings_of(field, "boundary");
    const auto naive = naive_parameter(value, "boundary");
    out_.has_boundary_parameter |= readings.has_plain || readings.extended || !naive.empty();
    const bool matters = std::ranges::any_of(out_.types, [](const auto& type) { return is_multipart(type); });
    if (!matters) {
        for (auto& reading : readings.values) add_once(out_.boundaries, std::move(reading), boundaries_limit);
        return;
    }
    if (readings.duplicate) defect(AnomalyKind::duplicate_boundary, "boundary given more than once");
    if (readings.extended) defect(AnomalyKind::bad_parameter, "boundary written as RFC 2231 pieces");
    if (readings.encoded_word) defect(AnomalyKind::encoded_word_in_structure, "an encoded word in the boundary");
    if (readings.broken) defect(AnomalyKind::bad_parameter, "the boundary parameter cannot be read for sure");
    if (field.has_comment) defect(AnomalyKind::comment_in_structure, "a comment in Content-Type");
    std::vector<std::string> values;
    for (auto& reading : readings.values) add_once(values, std::move(reading));
    for (const auto& parameter : field.parameters) {
        if (parameter.name != "boundary") continue;
        const auto special = parameter.value.find_first_of("()<>@,;:\\\"/[]?=");
        const bool lacks_quotes = !parameter.quoted && special != std::string::npos;
        out_.lacks_quotes |= lacks_quotes;
        if (lacks_quotes && special != 0) cut_.push_back(parameter.value.substr(0, special));
        if (!parameter.quoted) add_once(values, parameter.value.substr(0, parameter.value.find_first_of(" \t")));
        if (parameter.quoted && parameter.raw != parameter.value) add_once(values, parameter.raw);
    }
    if (!naive.empty()) add_once(values, naive);
    for (auto& reading : values_decoded_first(value, "boundary", limits_.parameters)) add_once(values, std::move(reading));
    std::erase(values, std::string());
    const bool odd_quotes = std::ranges::any_of(
        field.parameters, [](const auto& parameter) { return parameter.odd && parameter.name == "boundary"; });
    for (auto& reading : values) {  // blanks at the end: RFC 2046 forbids them, some readers trim
        const auto trimmed = std::string(trim(reading));
        if (trimmed == reading) continue;
        defect(AnomalyKind::bad_boundary, "a boundary that begins or ends with blanks");
        reading = trimmed;  // the delimiter line may have blanks behind it in any case
    }
    if (values.size() > 1) defect(AnomalyKind::bad_parameter, "the boundary can be read in several ways");
    if (different_types_ > 1 && !values.empty() && !out_.boundaries.empty() &&
        std::ranges::find(out_.boundaries, values.front()) == out_.boundaries.end())
        defect(AnomalyKind::duplicate_boundary, "several Content-Type fields with boundaries");
    for (auto& reading : values) {
        // of a long list the first and the last are kept: these are what readers take
        if (out_.boundaries.size() == boundaries_limit && std::ranges::find(out_.boundaries, reading) == out_.boundaries.end())
            out_.boundaries.back() = std::move(reading);
        else add_once(out_.boundaries, std::move(reading), boundaries_limit);
    }
    if (odd_quotes) add_once(out_.boundaries, std::string(), boundaries_limit + 1);  // read as an empty one by some
    for (auto& cut : cut_)
        if (std::ranges::find(out_.boundaries, cut) == out_.boundaries.end()) add_once(out_.cut_boundaries, std::move(cut), 2);
    cut_.clear();
}

void Reader::boundaries() {
    constexpr std::size_t longest = 70;  // RFC 2046 section 5.1.1
    const bool matters = std::ranges::any_of(out_.types, [](const auto& type) { return is_multipart(type); });
    if (!matters) return;
    const auto is_doubtful = [](const Defect& found) {
        constexpr AnomalyKind doubts[] = {AnomalyKind::bad_parameter, AnomalyKind::bad_boundary, AnomalyKind::duplicate_boundary,
                                          AnomalyKind::comment_in_structure, AnomalyKind::encoded_word_in_structure};
        return std::ranges::find(doubts, found.kind) != std::end(doubts);
    };
    // who does not find the boundary shows the whole as text
    out_.may_be_leaf |= out_.boundaries.empty() || std::ranges::any_of(out_.defects, is_doubtful);
    if (out_.boundaries.empty())
        defect(AnomalyKind::bad_boundary, out_.has_boundary_parameter ? "an empty boundary" : "a multipart without boundary");
    for (const auto& boundary : out_.boundaries) {
        if (boundary.size() > longest) defect(AnomalyKind::bad_boundary, "a boundary of more than 70 characters");
        if (std::ranges::any_of(boundary, [](char c) { return c < 0x20 || c >= 0x7f || c == '"' || c == '\\'; }))
            defect(AnomalyKind::bad_boundary, "a boundary with forbidden characters");
    }
}

void Reader::names() {
    // two names whose extensions differ are two files for those who choose by name
    std::string extension;
    for (const auto* list : {&disposition_names_, &type_names_}) {
        if (list->empty()) continue;
        const auto own = kind_by_name(list->front());
        if (!extension.empty() && !own.empty() && own != extension)
            defect(AnomalyKind::duplicate_name, "filename and name have different extensions");
        extension = own;
    }
    for (auto& name : disposition_names_) add_once(out_.names, std::move(name), mail::part_names_limit);
    for (auto& name : type_names_) add_once(out_.names, std::move(name), mail::part_names_limit);
}

void Reader::kinds_of_encryption() {
    for (const auto& type : out_.types) {
        if (type.ends_with("encrypted")) out_.is_encrypted = true;  // of S/MIME the content says it (cms.h)
    }
}

}  // namespace

// split_header - programs do not agree where a damaged header section ends: some stop at the first line that is no field, others skip
// it. As long as nothing behind such a line says how the body is to be read, it makes no difference and is no defect worth a reading;
// when a Content-Type or Content-Transfer-Encoding stands behind it, both endings are kept, and both bodies are looked into.
Sections split_header(std::string_view entity) {
    Sections out;
    out.main.block = mail::parse_header(entity);
    auto& block = out.main.block;
    out.main.body = block.size;
    if (block.truncated) out.defects.push_back({AnomalyKind::bad_header, "the header section is too long"});
    const auto section = entity.substr(0, block.size);
    for (auto at = section.find('\r'); at != std::string_view::npos; at = section.find('\r', at + 1)) {
        if (at + 1 < section.size() && section[at + 1] == '\n') continue;
        out.cr_ends_lines = true;
        out.defects.push_back({AnomalyKind::bad_line_ends, "a bare CR in the header"});
        break;
    }
    if (section.find('\0') != std::string_view::npos) out.defects.push_back({AnomalyKind::bad_header, "NUL in the header"});
    const auto odds = odd_lines(entity, block);
    const bool has_encoding = block.find("content-transfer-encoding", entity) != nullptr;
    for (const auto& odd : odds) {
        Section early;
        early.block = block;
        early.block.fields.resize(odd.fields);
        early.body = odd.at;
        const bool structure_behind = std::any_of(
            block.fields.begin() + static_cast<std::ptrdiff_t>(odd.fields), block.fields.end(), [&](const Field& field) {
                std::size_t value = 0;
                return is_structure(cleaned_name(entity.substr(field.begin, field.end - field.begin), value));
            });
        if (!block.has_separator && odd.is_hidden && !structure_behind) {  // text without the empty line before it
            out.main = std::move(early);
            out.defects.push_back({AnomalyKind::misplaced_parameter, "no empty line between header and body"});
            return out;
        }
        const bool decides = structure_behind || has_encoding;
        if (!decides && !odd.is_hidden) continue;
        out.defects.push_back({odd.is_hidden && decides ? AnomalyKind::hidden_header
                               : decides                ? AnomalyKind::bad_header
                                                        : AnomalyKind::misplaced_parameter,
                               odd.what});
        out.others.push_back(std::move(early));
    }
    return out;
}

EntityHeader read_entity_header(std::string_view entity, const HeaderBlock& block, std::string_view default_type,
                                const Limits& limits) {
    EntityHeader out;
    Reader reader(out, limits);
    std::vector<std::pair<std::string_view, std::string_view>> suspected;
    for (const auto& field : block.fields) {
        const auto name = HeaderBlock::name(field, entity);
        if (!name.empty()) {
            if (lower(name[0]) == 'c' || lower(name[0]) == 'm') reader.field(name, HeaderBlock::value(field, entity));
            if (const auto line = hidden_field(entity, field); !line.empty()) {
                const auto colon = line.find(':');
                suspected.emplace_back(trim(line.substr(0, colon)), line.substr(colon + 1));
                out.defects.push_back({AnomalyKind::hidden_header, "a header field behind blanks"});
            }
            continue;
        }
        std::size_t value = 0;
        const auto line = entity.substr(field.begin, field.end - field.begin);
        if (const auto cleaned = cleaned_name(line, value); is_structure(cleaned))
            suspected.emplace_back(equal_fold(cleaned, "content-type")          ? "content-type"
                                   : equal_fold(cleaned, "content-disposition") ? "content-disposition"
                                                                                : "content-transfer-encoding",
                                   line.substr(value));
    }
    for (const auto& [name, value] : suspected) reader.suspected(name, value, default_type);
    reader.finish(default_type);
    return out;
}

}  // namespace tamis::worker
