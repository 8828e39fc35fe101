#include "proxy/control/ampdp_dialog.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis::proxy {
namespace {

int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// decoded - %XX to octets; a percent sign that is none stays, as with amavisd
std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return out;
}

template <class Plain>
std::string encoded(std::string_view text, Plain plain) {
    std::string out;
    for (const char c : text) out += plain(c) ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    return out;
}

}  // namespace

const std::vector<std::string>& AmpdpRequest::all(std::string_view name) const {
    static const std::vector<std::string> none;
    const auto found = attributes_.find(name);
    return found == attributes_.end() ? none : found->second;
}

const std::string& AmpdpRequest::first(std::string_view name) const {
    static const std::string none;
    const auto& values = all(name);
    return values.empty() ? none : values.front();
}

void AmpdpParser::take(std::string_view line) {
    const auto spoil = [&](std::string_view why) {
        if (request_.spoiled_) return;
        constexpr std::size_t kept = 200;
        request_.spoiling_line_ = line.substr(0, kept);
        request_.spoiled_ = Fault{make_error_code(Errc::bad_input), fmt::format("{}: \"{}\"", why, escaped(line))};
    };
    const auto sign = line.find_first_of("=:");
    if (sign == std::string_view::npos || sign == 0) return spoil("a line is neither name=value nor empty");
    if (line.find('\0') != std::string_view::npos) return spoil("a line holds NUL");
    const auto name = decoded(line.substr(0, sign));
    auto value = line.substr(sign + 1);
    while (line[sign] == ':' && !value.empty() && is_blank(value.front())) value.remove_prefix(1);
    if (decoded(value).find('\0') != std::string::npos) return spoil("a value holds NUL");
    request_.attributes_[name].push_back(decoded(value));
}

Result<std::optional<AmpdpRequest>> AmpdpParser::on_line(std::string_view line) {
    if (line.empty()) {
        if (lines_ == 0) return std::optional<AmpdpRequest>();  // an empty line between requests
        lines_ = size_ = 0;
        return std::optional<AmpdpRequest>(std::exchange(request_, {}));
    }
    size_ += line.size();
    if (++lines_ > ampdp_attribute_limit || size_ > ampdp_size_limit || line.size() > ampdp_line_limit)
        return fail(Errc::over_limit,
                    fmt::format("a request of more than {} lines or {} octets", ampdp_attribute_limit, ampdp_size_limit));
    take(line);
    return std::optional<AmpdpRequest>();
}

void AmpdpAnswer::add(std::string_view name, std::initializer_list<std::string_view> fields) {
    std::string line = encoded(name, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; }) + "=";
    bool first = true;
    for (const auto field : fields) {
        if (!std::exchange(first, false)) line += ' ';
        line += encoded(field, [](char c) { return c > ' ' && c < 0x7f && c != '%'; });
    }
    lines_.push_back(std::move(line));
}

void AmpdpAnswer::set_reply(int code, std::string_view enhanced, std::string_view text) {
    add("setreply", {fmt::format("{}", code), enhanced, text});
}

std::string AmpdpAnswer::wire() const {
    std::string out;
    for (const auto& line : lines_) out += line + "\r\n";
    return out + "\r\n";
}

AmpdpAnswer failure_answer(std::string_view why) {
    AmpdpAnswer out;
    out.set_reply(450, "4.5.0", fmt::format("Failure: {}", why));
    out.add("return_value", {"tempfail"});
    out.add("exit_code", {"75"});
    return out;
}

}  // namespace tamis::proxy
