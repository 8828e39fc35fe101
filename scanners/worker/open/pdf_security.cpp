#include "scanners/worker/open/pdf_security.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <utility>

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr auto padding =
    "\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a"sv;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string digest(const EVP_MD* kind, std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr) != 1) return {};
    return {out.begin(), out.begin() + size};
}
std::string md5(std::string_view bytes) { return digest(EVP_md5(), bytes); }
std::string sha256(std::string_view bytes) { return digest(EVP_sha256(), bytes); }

// rc4 - written out: OpenSSL keeps it in a module that has to be loaded, and a worker has no files
std::string rc4(std::string_view key, std::string_view data) {
    if (key.empty()) return {};
    std::array<unsigned char, 256> state{};
    std::iota(state.begin(), state.end(), static_cast<unsigned char>(0));
    for (unsigned i = 0, j = 0; i < 256; ++i) {
        j = (j + state[i] + static_cast<unsigned char>(key[i % key.size()])) & 0xffU;
        std::swap(state[i], state[j]);
    }
    std::string out(data);
    unsigned i = 0, j = 0;
    for (auto& c : out) {
        i = (i + 1) & 0xffU;
        j = (j + state[i]) & 0xffU;
        std::swap(state[i], state[j]);
        c = static_cast<char>(static_cast<unsigned char>(c) ^ state[(state[i] + state[j]) & 0xffU]);
    }
    return out;
}

enum class Padded : bool { no, yes };

// aes_cbc - decrypts or encrypts; nothing: it is no such data
std::optional<std::string> aes_cbc(const EVP_CIPHER* kind, std::string_view key, std::string_view start, std::string_view data,
                                   bool encrypts, Padded padded) {
    constexpr std::size_t block = 16, most = 1U << 30U;
    if (data.size() % block != 0 || data.size() > most || start.size() != block ||
        key.size() != static_cast<std::size_t>(EVP_CIPHER_get_key_length(kind)))
        return std::nullopt;
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    std::string out(data.size() + block, '\0');
    int made = 0, last = 0;
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    if (!context || EVP_CipherInit_ex(context.get(), kind, nullptr, bytes_of(key), bytes_of(start), encrypts ? 1 : 0) != 1)
        return std::nullopt;
    EVP_CIPHER_CTX_set_padding(context.get(), padded == Padded::yes ? 1 : 0);
    if (EVP_CipherUpdate(context.get(), to, &made, bytes_of(data), static_cast<int>(data.size())) != 1) return std::nullopt;
    if (EVP_CipherFinal_ex(context.get(), to + made, &last) != 1) {
        if (padded == Padded::no) return std::nullopt;
        last = 0;  // some programs write wrong padding, and readers forgive
    }
    out.resize(static_cast<std::size_t>(made) + static_cast<std::size_t>(last));
    return out;
}

// hash_of_revision_6 - ISO 32000-2, algorithm 2.B, for the empty user password
std::string hash_of_revision_6(std::string_view salt) {
    constexpr unsigned copies = 64, least_rounds = 64, most_rounds = 512;
    auto key = sha256(salt);
    for (unsigned round = 0; round < most_rounds; ++round) {
        std::string block;
        for (unsigned i = 0; i < copies; ++i) block += key;  // the password, which is empty, stands before each
        if (key.size() < 32) return {};
        const auto mixed = aes_cbc(EVP_aes_128_cbc(), key.substr(0, 16), key.substr(16, 16), block, true, Padded::no);
        if (!mixed || mixed->empty()) return {};
        unsigned sum = 0;
        for (const unsigned char c : mixed->substr(0, 16)) sum += c;
        const EVP_MD* kinds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
        key = digest(kinds[sum % 3], *mixed);
        if (round + 1 >= least_rounds && static_cast<unsigned char>(mixed->back()) <= round + 1 - 32) break;
    }
    return key.substr(0, 32);
}

std::string little_bytes(std::uint32_t value, unsigned count) {
    std::string out;
    for (unsigned i = 0; i < count; ++i) out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
    return out;
}

// key_of_password - algorithm 2, for the empty password
std::string key_of_password(const PdfDictionary& encrypt, std::string_view id, std::int64_t revision, std::size_t length) {
    auto all = std::string(padding) + encrypt.text("O").substr(0, 32) +
               little_bytes(static_cast<std::uint32_t>(encrypt.number("P").value_or(0)), 4) + std::string(id);
    if (revision >= 4 && encrypt.get("EncryptMetadata") == "false") all += "\xff\xff\xff\xff";
    auto key = md5(all);
    if (revision >= 3)
        for (int i = 0; i < 50; ++i) key = md5(std::string_view(key).substr(0, length));
    return key.substr(0, length);
}

// user_entry - what /U must be for this key: algorithms 4 and 5
std::string user_entry(std::string_view key, std::string_view id, std::int64_t revision) {
    if (revision == 2) return rc4(key, padding);
    auto out = md5(std::string(padding) + std::string(id));
    for (unsigned round = 0; round < 20; ++round) {
        std::string mixed(key);
        for (auto& c : mixed) c = static_cast<char>(static_cast<unsigned char>(c) ^ round);
        out = rc4(mixed, out);
    }
    return out;
}

}  // namespace

std::optional<PdfSecurity> PdfSecurity::open(const PdfDictionary& encrypt, std::string_view first_id) {
    const auto version = encrypt.number("V").value_or(0), revision = encrypt.number("R").value_or(0);
    if (encrypt.name("Filter") != "Standard" || version < 1 || version > 5 || version == 3) return std::nullopt;
    PdfSecurity out;
    if (version >= 4) {
        const auto filter = encrypt.name("StmF");
        const auto method = PdfDictionary(PdfDictionary(encrypt.get("CF")).get(filter)).name("CFM");
        out.method_ = filter.empty() || filter == "Identity" || method == "None" ? Method::none
                      : method == "V2"                                           ? Method::rc4
                      : method == "AESV2"                                        ? Method::aes128
                      : method == "AESV3"                                        ? Method::aes256
                                                                                 : Method::unknown;
    }
    const auto user = encrypt.text("U");
    if (version == 5) {
        if ((revision != 5 && revision != 6) || user.size() < 48) return std::nullopt;
        const auto hash = [&](std::string_view salt) { return revision == 5 ? sha256(salt) : hash_of_revision_6(salt); };
        if (hash(user.substr(32, 8)) != user.substr(0, 32)) return std::nullopt;
        const auto key = aes_cbc(EVP_aes_256_cbc(), hash(user.substr(40, 8)), std::string(16, '\0'),
                                 encrypt.text("UE").substr(0, 32), false, Padded::no);
        if (!key || key->size() != 32) return std::nullopt;
        out.key_ = *key;
        return out;
    }
    if (revision < 2 || revision > 4) return std::nullopt;
    const auto bits = version == 1 ? 40 : encrypt.number("Length").value_or(version == 4 ? 128 : 40);
    if (bits < 40 || bits > 128) return std::nullopt;
    const auto length = version == 4 ? std::size_t{16} : static_cast<std::size_t>(bits) / 8;
    out.key_ = key_of_password(encrypt, first_id, revision, revision == 2 ? 5 : length);
    const auto compared = revision == 2 ? std::size_t{32} : std::size_t{16};
    if (user.size() < compared || user_entry(out.key_, first_id, revision).substr(0, compared) != user.substr(0, compared))
        return std::nullopt;
    return out;
}

std::optional<std::string> PdfSecurity::decrypt(PdfReference object, std::string_view data) const {
    constexpr std::size_t block = 16;
    if (method_ == Method::none) return std::string(data);
    if (method_ == Method::unknown) return std::nullopt;
    auto key = key_;
    if (method_ != Method::aes256) {
        auto all = key_ + little_bytes(object.number, 3) + little_bytes(object.generation, 2);
        if (method_ == Method::aes128) all += "sAlT";
        key = md5(all).substr(0, std::min<std::size_t>(key_.size() + 5, block));
    }
    if (method_ == Method::rc4) return rc4(key, data);
    if (data.size() < block) return data.empty() ? std::optional(std::string()) : std::nullopt;
    const auto whole = (data.size() - block) / block * block;
    return aes_cbc(method_ == Method::aes128 ? EVP_aes_128_cbc() : EVP_aes_256_cbc(), key, data.substr(0, block),
                   data.substr(block, whole), false, Padded::yes);
}

}  // namespace tamis::worker
