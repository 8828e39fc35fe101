#include "base/result.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis {
namespace {

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "tamis"; }
    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::timeout: return "timed out";
            case Errc::closed: return "connection closed by the peer";
            case Errc::refused: return "refused";
            case Errc::bad_reply: return "protocol error";
            case Errc::bad_input: return "cannot be understood";
            case Errc::over_limit: return "over a limit";
            case Errc::unavailable: return "not available";
            case Errc::not_found: return "not found";
            case Errc::conflict: return "conflict";
            case Errc::stopping: return "shutting down";
            case Errc::broken: return "internal error";
        }
        return "unknown";
    }
    static const Category& only() {
        static const Category category;
        return category;
    }
};

// is_sentence - the detail has a verb or a negation of its own: it tells what is wrong, and our word for the code would only
// say it again ("there is no message X: not found"). Without one it is a subject ("read", "looking up the host"), which needs it.
bool is_sentence(std::string_view detail) {
    static constexpr auto telling = std::to_array<std::string_view>(
        {"no",     "not",    "none",    "nobody",   "nothing", "neither", "never",   "cannot",   "can",   "is",
         "are",    "was",    "were",    "has",      "have",    "had",     "does",    "did",      "do",    "holds",
         "exists", "takes",  "took",    "needs",    "lacks",   "says",    "said",    "ended",    "ends",  "closed",
         "closes", "failed", "refused", "expected", "unknown", "missing", "already", "somebody", "wrong", "too",
         "more",   "larger", "longer",  "invalid",  "reached", "locked",  "lost",    "gone",     "must",  "error"});
    for (auto word : words(detail, " ")) {  // "av.firma.no:3310" is one word, and no sentence
        while (!word.empty() && std::string_view(":;,.()\"").contains(word.back())) word.remove_suffix(1);
        while (!word.empty() && std::string_view("(\"").contains(word.front())) word.remove_prefix(1);
        const auto plain = to_lower(word);
        if (std::ranges::find(telling, std::string_view(plain)) != telling.end()) return true;
    }
    return false;
}

// without_echo - "a: b: b: c" as "a: b: c": a Fault that was passed on may have got the same prefix twice
std::string without_echo(std::string_view text) {
    std::string out;
    std::string_view last;
    for (bool first = true; !first || !text.empty(); first = false) {
        const auto end = text.find(": ");
        const auto part = text.substr(0, end);
        if (first || part != last) out += (first ? "" : ": ") + std::string(part);
        last = part;
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 2);
    }
    return out;
}

}  // namespace

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), Category::only()}; }

std::string describe(const Fault& fault) {
    const std::string detail = without_echo(fault.detail);
    if (!fault.code) return detail;
    const std::string word = fault.code.message();
    if (detail.empty()) return word;
    if (to_lower(detail).find(to_lower(word)) != std::string::npos) return detail;
    const bool is_ours = fault.code.category() == Category::only();
    // that a protocol was broken is worth saying: the evidence alone does not tell
    return is_ours && !fault.is(Errc::bad_reply) && is_sentence(detail) ? detail : detail + ": " + word;
}

}  // namespace tamis
