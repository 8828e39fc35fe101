// header_edit - adds, replaces and removes header fields of a message without touching anything else
//
// Guarantees: header bytes that are not edited and the body stay ranges of the sealed spool, byte for byte (DKIM
// survives). A field body can never break out of its field: CR, LF and NUL in it are taken out, except a line end that
// is followed by a blank (folding), which is written as CRLF. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mail/edited_message.h"
#include "mail/message.h"

namespace tamis::mail {

// field_text - "Name: body" CRLF; line ends in the body become folding ("\n " or "\n\t") or vanish
std::string field_text(std::string_view name, std::string_view body);

// fold_items - a structured body: items joined by blanks, folded with a tab where a line would pass 78 columns
std::string fold_items(std::string_view name, const std::vector<std::string>& items);

// HeaderRepairs - what is put right in the header section of mail that passes (docs/amavis/policy.md 11.3)
struct HeaderRepairs {
    bool folding = false;     // continuation lines of blanks only are left out
    bool long_lines = false;  // a line of more than 998 octets is cut to 995 and "..."
    bool operator==(const HeaderRepairs&) const = default;
};

class HeaderEdits {
public:
    // prepend - a new field above the original header, below those prepended before
    void prepend(std::string_view name, std::string_view body);
    // remove - every field of that name (ASCII case-insensitive)
    void remove(std::string_view name);
    // replace_next - the first field of that name that was not replaced yet gets a new body in its place; a missing one is prepended
    void replace_next(std::string_view name, std::string_view body);

    // repair - of all fields that stay, also of those that were replaced; a field without a defect stays byte for byte
    void repair(HeaderRepairs what) { repairs_ = what; }

    bool operator==(const HeaderEdits&) const = default;

    // apply - the message as it leaves
    EditedMessage apply(const Message& message) const;

    // what was asked for, for those who must tell somebody else (a milter): whole fields with CRLF, and names
    struct Replacement {
        std::string name, text;
        bool operator==(const Replacement&) const = default;
    };
    const std::vector<std::string>& prepended() const noexcept { return prepended_; }
    const std::vector<std::string>& removed() const noexcept { return removed_; }
    const std::vector<Replacement>& replaced() const noexcept { return replaced_; }

private:
    std::vector<std::string> prepended_;
    std::vector<std::string> removed_;
    std::vector<Replacement> replaced_;
    HeaderRepairs repairs_;
};

}  // namespace tamis::mail
