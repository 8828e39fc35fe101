// result - how expected trouble is told: a value, never an exception
//
// A Fault says what went wrong, for a program (code) and for a person (detail: who, what, and the first 80 characters
// of the evidence, escaped). Result<T> is a value or a Fault; Done is success or a Fault. Both must be looked at.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tamis {

enum class Errc {
    timeout = 1,  // the deadline passed
    closed,       // the peer closed the connection
    refused,      // nobody answers there, or it is switched off for now
    bad_reply,    // the peer broke its protocol
    bad_input,    // what we were given cannot be understood
    over_limit,   // a limit of ours or of a peer was reached
    unavailable,  // a needed part is away; try again later
    not_found,    //
    conflict,     // somebody else holds it or it exists already
    stopping,     // we are shutting down
    broken,       // an invariant does not hold: a bug of ours
};
std::error_code make_error_code(Errc code) noexcept;

struct [[nodiscard]] Fault {
    std::error_code code;
    std::string detail;

    bool is(Errc errc) const noexcept { return code == make_error_code(errc); }
};

template <class T>
using Result = std::expected<T, Fault>;
using Done = Result<void>;

inline std::unexpected<Fault> fail(std::error_code code, std::string detail) {
    return std::unexpected(Fault{code, std::move(detail)});
}
inline std::unexpected<Fault> fail(Errc code, std::string detail) { return fail(make_error_code(code), std::move(detail)); }

// describe - one line for a person: the detail, and the system's word for the code when it adds something
std::string describe(const Fault& fault);

}  // namespace tamis

template <>
struct std::is_error_code_enum<tamis::Errc> : std::true_type {};
