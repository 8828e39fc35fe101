// openpgp_packets - the packets of an OpenPGP message, and what they say it is
//
// RFC 4880, RFC 9580; old and new headers, partial and indeterminate lengths. Strict: the first packets must be ones that begin a
// message and hold what the RFC says, so that other data are not taken for a message. Pure, linear, total; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

struct PgpPacket {
    unsigned tag = 0;
    std::string_view body;    // its first piece
    std::size_t size = 0;     // of all pieces with their headers; from here the next packet begins
    bool is_partial = false;  // there are more pieces: whole_body() joins them
    bool is_cut = false;
};

enum class PgpMeaning : std::uint8_t {
    none,  // no OpenPGP message
    encrypted,
    literal,     // holds a file
    compressed,  // holds packets
    other,       // keys, detached signatures: they hold nothing
};

namespace pgp {
constexpr unsigned session_key = 1, signature = 2, passphrase_key = 3, one_pass = 4, secret_key = 5, public_key = 6,
                   secret_subkey = 7, compressed = 8, encrypted = 9, marker = 10, literal = 11, trust = 12, user_id = 13,
                   subkey = 14, sealed = 18, aead = 20, padding = 21;
}

// read_pgp_packet - the packet at the beginning; nothing: these bytes are no packet's header
std::optional<PgpPacket> read_pgp_packet(std::string_view bytes);
// whole_body - of a packet in pieces
std::string whole_body(std::string_view packet);

// PgpContent - a packet that is encrypted, or that holds something
struct PgpContent {
    PgpMeaning meaning = PgpMeaning::none;
    PgpPacket packet;
    std::size_t at = 0;  // where it begins
};
constexpr std::size_t most_pgp_contents = 64;

// PgpFound - what a sequence of packets is: the meaning of the first packet that has one
struct PgpFound {
    PgpMeaning meaning = PgpMeaning::none;
    std::vector<PgpContent> contents;
    std::size_t size = 0;  // of the whole sequence
    bool is_too_many = false;
};
PgpFound read_pgp(std::string_view bytes);

// PgpArmor - one block of ASCII armor
struct PgpArmor {
    std::size_t begin = 0, end = 0;  // of the block with its lines
    std::string_view base64;
};
// find_armor - the next "-----BEGIN LABEL-----" from `from` on, wherever it stands
std::optional<PgpArmor> find_armor(std::string_view text, std::size_t from, std::string_view label);

}  // namespace tamis::worker
