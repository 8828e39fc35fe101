#include "mail/ids.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/text.h"

namespace tamis::mail {
namespace {

constexpr std::size_t secret_bytes = 9;  // 72 bits, amavisd's $mail_id_size_bits
constexpr std::size_t id_length = 12;

std::string md5(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1)
        throw std::runtime_error("MD5 is not available from OpenSSL, amavisd's mail_id format needs it");
    std::string out(size, '\0');
    std::transform(digest.begin(), digest.begin() + size, out.begin(), [](unsigned char c) { return static_cast<char>(c); });
    return out;
}

std::string base64url(std::string_view bytes) {
    std::string text = base64_encode(bytes);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    while (text.ends_with('=')) text.pop_back();
    return text;
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_alphanumeric(char c) { return is_alpha(c) || is_digit(c); }

}  // namespace

MessageIds draw_message_ids() {
    for (;;) {
        std::array<unsigned char, secret_bytes> random{};
        if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
            throw std::runtime_error("no random numbers from OpenSSL");
        std::string secret(random.size(), '\0');
        std::ranges::transform(random, secret.begin(), [](unsigned char c) { return static_cast<char>(c); });
        std::string id = base64url(md5(secret)).substr(0, id_length);
        if (is_alphanumeric(id.front()) && is_alphanumeric(id.back()))
            return {MailId(std::move(id)), SecretId(base64url(secret))};
    }
}

LogId log_id_of(std::uint64_t connection, std::uint64_t transaction) {
    static const pid_t process = ::getpid();
    constexpr std::uint64_t shown_connections = 1'000'000;
    std::string id = fmt::format("{:05}-{:02}", process, connection % shown_connections);
    if (transaction > 1) id += fmt::format("-{}", transaction);
    return LogId(std::move(id));
}

bool secret_matches(const MailId& mail_id, const SecretId& secret_id) {
    std::string text = secret_id.get();
    std::string standard = text;
    std::ranges::replace(standard, '-', '+');
    std::ranges::replace(standard, '_', '/');
    while (standard.size() % 4 != 0) standard += '=';
    const auto secret = base64_decode(standard);
    const bool now = secret && same(base64url(md5(*secret)).substr(0, id_length), mail_id.get());
    std::string old = base64_encode(md5(text)).substr(0, id_length);
    std::ranges::replace(old, '/', '-');
    const bool before = same(old, mail_id.get());
    return now || before;
}

bool is_mail_id(std::string_view text) noexcept {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    return !text.empty() && text.size() <= 16 && is_alphanumeric(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '+' || c == '-'; });
}

}  // namespace tamis::mail
