#include "scanners/worker/open/pdf_syntax.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {
namespace {

using Kind = PdfToken::Kind;

bool is_blank_byte(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0'; }
bool is_delimiter(char c) { return std::string_view("()<>[]{}/%").contains(c); }
bool is_regular(char c) { return !is_blank_byte(c) && !is_delimiter(c); }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

template <class T>
std::optional<T> number_in(std::string_view bytes) {
    T out{};
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), out);
    return error == std::errc() && end == bytes.data() + bytes.size() ? std::optional(out) : std::nullopt;
}

}  // namespace

void PdfLexer::skip_blanks() {
    while (at_ < bytes_.size()) {
        if (is_blank_byte(bytes_[at_])) {
            ++at_;
        } else if (bytes_[at_] == '%') {
            at_ = std::min(bytes_.find_first_of("\r\n", at_), bytes_.size());
        } else {
            return;
        }
    }
}

PdfToken PdfLexer::text(std::size_t begin) {
    std::size_t open = 1;
    while (at_ < bytes_.size() && open != 0) {
        const char c = bytes_[at_++];
        if (c == '\\' && at_ < bytes_.size()) ++at_;
        else if (c == '(') ++open;
        else if (c == ')') --open;
    }
    return take(Kind::text, begin);
}

PdfToken PdfLexer::next() {
    skip_blanks();
    if (at_ >= bytes_.size()) return {};
    const auto begin = at_;
    const char first = bytes_[at_++];
    const auto second = at_ < bytes_.size() ? bytes_[at_] : ' ';
    switch (first) {
        case '(': return text(begin);
        case '[': return take(Kind::array, begin);
        case ']': return take(Kind::end_array, begin);
        case '<':
            if (second == '<') {
                ++at_;
                return take(Kind::dictionary, begin);
            }
            at_ = std::min(bytes_.find('>', at_), bytes_.size() - 1) + 1;
            return take(Kind::hex_text, begin);
        case '>':
            if (second == '>') ++at_;
            return take(Kind::end_dictionary, begin);
        case '/':
            while (at_ < bytes_.size() && is_regular(bytes_[at_])) ++at_;
            return take(Kind::name, begin);
        default: break;
    }
    if (!is_regular(first)) return take(Kind::word, begin);
    while (at_ < bytes_.size() && is_regular(bytes_[at_])) ++at_;
    const bool is_number = is_digit(first) || first == '-' || first == '+' || first == '.';
    return take(is_number ? Kind::number : Kind::word, begin);
}

std::string pdf_name(std::string_view token) {
    std::string out;
    if (token.starts_with('/')) token.remove_prefix(1);
    for (std::size_t i = 0; i < token.size(); ++i) {
        const bool is_escape =
            token[i] == '#' && i + 2 < token.size() && hex_digit(token[i + 1]) >= 0 && hex_digit(token[i + 2]) >= 0;
        if (!is_escape) {
            out += token[i];
            continue;
        }
        out += static_cast<char>(static_cast<unsigned char>(hex_digit(token[i + 1]) * 16 + hex_digit(token[i + 2])));
        i += 2;
    }
    return out;
}

std::string pdf_text(std::string_view token) {
    std::string out;
    if (token.starts_with('<')) {
        int high = -1;
        for (const char c : token) {
            const int digit = hex_digit(c);
            if (digit < 0) continue;
            if (high < 0) high = digit;
            else out += static_cast<char>(static_cast<unsigned char>(std::exchange(high, -1) * 16 + digit));
        }
        if (high >= 0) out += static_cast<char>(static_cast<unsigned char>(high * 16));
        return out;
    }
    if (!token.starts_with('(')) return out;
    token.remove_prefix(1);
    if (token.ends_with(')')) token.remove_suffix(1);
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] != '\\' || i + 1 >= token.size()) {
            out += token[i];
            continue;
        }
        const char c = token[++i];
        constexpr std::string_view letters = "nrtbf", meanings = "\n\r\t\b\f";
        if (const auto which = letters.find(c); which != std::string_view::npos) {
            out += meanings[which];
        } else if (c >= '0' && c <= '7') {
            int code = c - '0';
            for (int more = 0; more < 2 && i + 1 < token.size() && token[i + 1] >= '0' && token[i + 1] <= '7'; ++more)
                code = code * 8 + (token[++i] - '0');
            out += static_cast<char>(static_cast<unsigned char>(code));
        } else if (c == '\r') {
            if (i + 1 < token.size() && token[i + 1] == '\n') ++i;
        } else if (c != '\n') {
            out += c;
        }
    }
    return out;
}

PdfDictionary::PdfDictionary(std::string_view bytes) {
    constexpr std::size_t most_entries = 2000, deepest = 100;
    PdfLexer lexer(bytes);
    if (lexer.next().kind != Kind::dictionary) return;
    std::size_t depth = 1, value_begin = 0;
    std::string key;
    bool has_key = false;
    const auto close = [&](std::size_t end) {
        if (has_key && entries_.size() < most_entries)
            entries_.emplace_back(std::move(key), trim(bytes.substr(value_begin, end - value_begin)));
        has_key = false;
    };
    bool has_value = false;
    while (depth != 0) {
        const auto before = lexer.at();
        const auto token = lexer.next();
        if (token.kind == Kind::end || depth > deepest) {
            entries_.clear();
            looked_at_ = lexer.at();
            return;
        }
        if (depth == 1 && token.kind == Kind::name && (!has_key || has_value)) {
            close(before);
            key = pdf_name(token.bytes);
            has_key = true;
            has_value = false;
            value_begin = lexer.at();
            continue;
        }
        if (token.kind == Kind::dictionary || token.kind == Kind::array) ++depth;
        if (token.kind == Kind::end_dictionary || token.kind == Kind::end_array) --depth;
        if (depth == 0) close(before);
        has_value = true;
    }
    size_ = looked_at_ = lexer.at();
}

std::string_view PdfDictionary::get(std::string_view key) const {
    const auto found = std::ranges::find(entries_, key, [](const auto& entry) -> std::string_view { return entry.first; });
    return found == entries_.end() ? std::string_view() : found->second;
}
std::string PdfDictionary::name(std::string_view key) const {
    const auto value = get(key);
    return value.starts_with('/') ? pdf_name(PdfLexer(value).next().bytes) : std::string();
}
std::optional<std::int64_t> PdfDictionary::number(std::string_view key) const { return number_in<std::int64_t>(get(key)); }
std::string PdfDictionary::text(std::string_view key) const {
    const auto token = PdfLexer(get(key)).next();
    return token.kind == Kind::text || token.kind == Kind::hex_text ? pdf_text(token.bytes) : std::string();
}

std::vector<PdfReference> pdf_references(std::string_view bytes) {
    std::vector<PdfReference> out;
    PdfLexer lexer(bytes);
    std::optional<std::uint32_t> number, generation;
    for (auto token = lexer.next(); token.kind != Kind::end; token = lexer.next()) {
        if (token.kind == Kind::word && token.bytes == "R" && number && generation) out.push_back({*number, *generation});
        if (token.kind == Kind::number) {
            number = generation;
            generation = number_in<std::uint32_t>(token.bytes);
        } else {
            number.reset();
            generation.reset();
        }
    }
    return out;
}

namespace {

// Objects - finds them one behind the other
class Objects {
public:
    Objects(std::string_view bytes, std::size_t most) : bytes_(bytes), most_(most) {}

    PdfFile read() {
        for (auto at = bytes_.find("obj"); at != std::string_view::npos; at = bytes_.find("obj", at)) {
            auto object = begin_of(at);
            at += 3;
            if (!object) continue;
            if (out_.objects.size() == most_ || out_.is_too_many) {
                out_.is_too_many = true;
                break;
            }
            trailers(object->begin);
            finish(*object, at);
            at = cursor_ = std::max(object->end, at);
            out_.objects.push_back(*object);
        }
        trailers(bytes_.size());
        return std::move(out_);
    }

private:
    // begin_of - "12 0 obj": the two numbers stand before the word
    std::optional<PdfObject> begin_of(std::size_t at) const {
        const auto number_before = [&](std::size_t& end) -> std::optional<std::uint32_t> {
            constexpr std::size_t most_blanks = 16, most_digits = 10;
            std::size_t blanks = 0, begin = end;
            while (begin > cursor_ && is_blank_byte(bytes_[begin - 1]) && blanks++ < most_blanks) --begin;
            const auto stop = begin;
            while (begin > cursor_ && is_digit(bytes_[begin - 1]) && stop - begin < most_digits) --begin;
            end = begin;
            return number_in<std::uint32_t>(bytes_.substr(begin, stop - begin));
        };
        auto begin = at;
        const auto generation = number_before(begin);
        if (!generation || begin == at) return std::nullopt;
        const auto number = number_before(begin);
        if (!number) return std::nullopt;
        PdfObject out;
        out.id = {*number, *generation};
        out.begin = begin;
        return out;
    }

    // finish - the value of the object and where it ends
    void finish(PdfObject& object, std::size_t at) {
        constexpr std::size_t shown = 256;
        const auto rest = bytes_.substr(at);
        PdfLexer lexer(rest);
        const auto first = lexer.next();
        if (first.kind == Kind::dictionary) {
            const auto begin = lexer.at() - 2;
            const PdfDictionary dictionary(rest.substr(begin));
            // a dictionary without an end is read to the end of the file: not once for each of many
            work_ += dictionary.looked_at();
            out_.is_too_many |= work_ > 8 * bytes_.size();
            object.value = rest.substr(begin, dictionary.size());
            auto behind = at + begin + std::max<std::size_t>(2, dictionary.size());
            if (stream(object, dictionary, behind)) return;
            object.end = word_behind("endobj", behind, object);
            return;
        }
        object.value = rest.substr(0, shown);
        object.end = word_behind("endobj", at, object);
    }

    bool stream(PdfObject& object, const PdfDictionary& dictionary, std::size_t behind) {
        PdfLexer lexer(bytes_.substr(behind));
        const auto word = lexer.next();
        if (word.kind != Kind::word || !word.bytes.starts_with("stream")) return false;
        auto data = static_cast<std::size_t>(word.bytes.data() - bytes_.data()) + 6;
        if (window(bytes_, data, 2) == "\r\n") data += 2;
        else if (data < bytes_.size() && (bytes_[data] == '\n' || bytes_[data] == '\r')) ++data;
        object.is_stream = true;
        object.data = std::min(data, bytes_.size());
        const auto length = dictionary.number("Length");
        if (length && *length >= 0 && static_cast<std::uint64_t>(*length) <= bytes_.size() - object.data) {
            const auto stop = object.data + static_cast<std::size_t>(*length);
            PdfLexer behind_data(bytes_.substr(stop, 64));
            if (behind_data.next().bytes.starts_with("endstream")) {
                object.data_size = static_cast<std::size_t>(*length);
                object.end = word_behind("endobj", stop, object);
                return true;
            }
        }
        constexpr std::size_t word_size = 9;
        const auto stop = bytes_.find("endstream", object.data);
        object.is_cut = stop == std::string_view::npos;
        object.data_size = std::min(stop, bytes_.size()) - object.data;
        object.end = bytes_.size();
        if (!object.is_cut) object.end = word_behind("endobj", stop + word_size, object);
        return true;
    }

    // word_behind - where the object ends; one that has no end reaches to where the next one may begin
    std::size_t word_behind(std::string_view word, std::size_t from, PdfObject& object) const {
        const auto found = bytes_.find("obj", from);  // "endobj" of this one, or "obj" of the next one
        if (found == std::string_view::npos) {
            object.is_cut = true;
            return from;
        }
        if (found >= from + 3 && bytes_.substr(found - 3).starts_with(word)) return found + 3;
        return from;
    }

    // trailers - between two objects
    void trailers(std::size_t until) {
        constexpr std::size_t most_trailers = 1000, longest = 16 * 1024;
        constexpr std::string_view word = "trailer";
        const auto range = bytes_.substr(0, until);
        for (auto at = range.find(word, cursor_); at != std::string_view::npos; at = range.find(word, at + word.size())) {
            PdfLexer lexer(range.substr(at + word.size()));
            if (lexer.next().kind != Kind::dictionary || out_.trailers.size() == most_trailers) continue;
            out_.trailers.push_back(range.substr(at + word.size() + lexer.at() - 2, longest));
        }
    }

    std::string_view bytes_;
    std::size_t most_, cursor_ = 0, work_ = 0;
    PdfFile out_;
};

}  // namespace

PdfFile read_pdf(std::string_view bytes, std::size_t most_objects) { return Objects(bytes, most_objects).read(); }

std::vector<PdfAttachment> pdf_attachments(std::string_view bytes) {
    constexpr std::size_t deepest = 100, most = 10'000;
    struct Frame {
        PdfAttachment found;
        std::string key;
        bool is_files = false;  // the dictionary of /EF itself
    };
    std::vector<PdfAttachment> out;
    std::vector<Frame> frames;
    std::optional<std::uint32_t> number, generation;
    PdfLexer lexer(bytes);
    for (auto token = lexer.next(); token.kind != Kind::end && out.size() < most; token = lexer.next()) {
        const bool is_key = token.kind == Kind::name && !frames.empty();
        switch (token.kind) {
            case Kind::dictionary:
                if (frames.size() < deepest) {
                    const bool is_files = !frames.empty() && frames.back().key == "EF";
                    frames.emplace_back().is_files = is_files;
                }
                break;
            case Kind::end_dictionary: {
                if (frames.empty()) break;
                auto done = std::move(frames.back());
                frames.pop_back();
                if (done.is_files && !frames.empty()) frames.back().found.streams = std::move(done.found.streams);
                else if (!done.found.streams.empty()) out.push_back(std::move(done.found));
                break;
            }
            case Kind::text:
            case Kind::hex_text:
                if (!frames.empty() && (frames.back().key == "F" || frames.back().key == "UF"))
                    frames.back().found.names.push_back(pdf_text(token.bytes));
                break;
            case Kind::word:
                if (token.bytes == "R" && number && generation && !frames.empty() && frames.back().is_files)
                    frames.back().found.streams.push_back({*number, *generation});
                break;
            default: break;
        }
        if (is_key) frames.back().key = pdf_name(token.bytes);
        if (token.kind == Kind::number) {
            number = generation;
            generation = number_in<std::uint32_t>(token.bytes);
        } else {
            number.reset();
            generation.reset();
        }
    }
    return out;
}

}  // namespace tamis::worker
