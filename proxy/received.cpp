#include "proxy/received.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis::proxy {

struct BodyDigest::Sum {
    struct Free {
        void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    };
    static const EVP_MD* sha256() {
        static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // fetching each time is slow
        return method;
    }
    std::unique_ptr<EVP_MD_CTX, Free> state{EVP_MD_CTX_new()};
};

BodyDigest::BodyDigest() : sum_(std::make_unique<Sum>()) { EVP_DigestInit_ex(sum_->state.get(), Sum::sha256(), nullptr); }

BodyDigest::~BodyDigest() = default;

void BodyDigest::feed(std::string_view bytes) {
    if (!in_body_) {
        bytes = skip_header(bytes);
        if (!in_body_) return;
    }
    EVP_DigestUpdate(sum_->state.get(), bytes.data(), bytes.size());
}

// skip_header - what is behind the empty line
std::string_view BodyDigest::skip_header(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto newline = bytes.find('\n');
        const auto line = bytes.substr(0, newline == std::string_view::npos ? bytes.size() : newline);
        line_size_ += line.size() - (line.ends_with('\r') ? 1U : 0U);
        if (newline == std::string_view::npos) return {};
        bytes.remove_prefix(newline + 1);
        if (line_size_ == 0) {
            in_body_ = true;
            return bytes;
        }
        line_size_ = 0;
    }
    return {};
}

std::string BodyDigest::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(sum_->state.get(), digest.data(), &size);
    std::string raw(size, '\0');
    std::transform(digest.begin(), digest.begin() + size, raw.begin(), [](unsigned char c) { return static_cast<char>(c); });
    return to_hex(raw);
}

Result<std::string> body_digest(const mail::SealedSpool& spool) {
    BodyDigest digest;
    std::array<char, 65536> buffer{};
    for (std::uint64_t offset = 0; offset < spool.size();) {
        const auto piece = spool.view(offset, buffer);
        if (!piece) return std::unexpected(piece.error());
        if (piece->empty()) break;
        digest.feed(*piece);
        offset += piece->size();
    }
    return digest.hex();
}

mail::Message received_message(ReceivedText text, mail::LogId log_id) {
    mail::Message message;
    auto ids = mail::draw_message_ids();
    message.mail_id = std::move(ids.mail_id);
    message.secret_id = std::move(ids.secret_id);
    message.log_id = std::move(log_id);
    message.spool = std::move(text.spool);
    const auto head = message.spool->head();
    message.header = mail::parse_header(head);
    message.size = text.size;
    message.has_8bit = text.has_8bit;
    message.has_8bit_header = text.has_8bit && !is_ascii(head.substr(0, message.header.size));
    message.normalised = text.normalised;
    for (const auto& removed : text.removed)
        if (removed.offset < message.header.size) message.header_controls.push_back(removed);
    message.digest = std::move(text.digest);
    message.received_at = std::chrono::system_clock::now();
    return message;
}

}  // namespace tamis::proxy
