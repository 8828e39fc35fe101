// pdf_security - whether an encrypted PDF opens without a password, and the decryption of its streams when it does
//
// ISO 32000-1 section 7.6 and ISO 32000-2: the standard security handler, revisions 2 to 6. Many programs encrypt documents only to
// forbid printing: the user password is empty, every reader shows them, so they are not "encrypted" to us and their streams are
// read. What this cannot check (another handler, an unknown revision) needs a password as far as we know. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scanners/worker/open/pdf_syntax.h"

namespace tamis::worker {

class PdfSecurity {
public:
    // open - with the empty user password; nothing: it does not open. `first_id`: of the trailer's /ID
    static std::optional<PdfSecurity> open(const PdfDictionary& encrypt, std::string_view first_id);
    // decrypt - the data of a stream of that object; nothing: they cannot be
    std::optional<std::string> decrypt(PdfReference object, std::string_view data) const;

private:
    enum class Method : std::uint8_t { none, rc4, aes128, aes256, unknown };
    std::string key_;
    Method method_ = Method::rc4;
};

}  // namespace tamis::worker
