// received - what step 3 hands on: a Message made of bytes that are complete and sealed, whoever brought them
//
// An SMTP session and a milter's file (AM.PDP) differ in how the bytes come in; from here on they are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/message.h"

namespace tamis::proxy {

// BodyDigest - SHA-256 of everything behind the header section, as the bytes come in; their lines end in CRLF
class BodyDigest {
public:
    BodyDigest();
    ~BodyDigest();
    BodyDigest(const BodyDigest&) = delete;
    BodyDigest& operator=(const BodyDigest&) = delete;

    void feed(std::string_view bytes);
    // hex - in lower case; ends the digest. Of nothing, when the header section never ended.
    std::string hex();

private:
    struct Sum;
    std::string_view skip_header(std::string_view bytes);

    std::unique_ptr<Sum> sum_;
    bool in_body_ = false;
    std::size_t line_size_ = 0;  // of the header line that is not complete yet, without its line end
};

// body_digest - the same of bytes that are there already; a Fault when they cannot be read
Result<std::string> body_digest(const mail::SealedSpool& spool);

// ReceivedText - the bytes, and what was seen while they came in
struct ReceivedText {
    std::shared_ptr<const mail::SealedSpool> spool;
    std::uint64_t size = 0;  // RFC 1870 octets
    bool has_8bit = false;
    std::uint64_t normalised = 0;                    // bare CR, bare LF and NUL that were put right
    std::vector<mail::RemovedControl> removed = {};  // those of them that were taken out near the beginning
    std::string digest;                              // of the body, in hex
};

// received_message - with new ids and its header section as fields; received now
mail::Message received_message(ReceivedText text, mail::LogId log_id);

}  // namespace tamis::proxy
