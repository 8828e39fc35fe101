#include "base/result.h"

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
};

}  // namespace

std::error_code make_error_code(Errc code) noexcept {
    static const Category category;
    return {static_cast<int>(code), category};
}

std::string describe(const Fault& fault) {
    if (!fault.code) return fault.detail;
    const std::string word = fault.code.message();
    if (fault.detail.empty()) return word;
    if (fault.detail.find(word) != std::string::npos) return fault.detail;
    return fault.detail + ": " + word;
}

}  // namespace tamis
