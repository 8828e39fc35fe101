// cms - CMS (PKCS #7) messages: what S/MIME clients, invoices (.p7m) and time stamps (.tsd) carry, told by content
//
// RFC 5652, 3274, 5083, 5544, 8551. BER and DER, definite and indefinite lengths, octet strings in pieces, PEM armor. What was
// signed or compressed is taken out and becomes a part; a part is encrypted only when its content type says so. A detached
// signature or a bag of certificates holds nothing. Trusts nothing; nesting is limited; linear in the size for each level.
#pragma once

#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

constexpr std::string_view cms_container = "cms";

// is_cms - begins with a ContentInfo of one of the types that are known here
bool is_cms(std::string_view head);
// is_cms_part - a decoder's `wants`: by its bytes, or by a type or name that says so
bool is_cms_part(const mail::Part& part);
void open_cms(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
