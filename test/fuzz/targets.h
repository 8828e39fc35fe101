// targets - one function per parser: takes any bytes, checks what must hold of the outcome, aborts when it does not
//
// With the preset `fuzz` each is a libFuzzer program of its own (fuzz_NAME); with the others the program fuzz_seeds runs every
// committed seed and found case through its target. A target may keep nothing between calls.
#pragma once

#include <string_view>

namespace tamis::fuzz {

// must - what the parser promises; false ends the program, which is what the fuzzer looks for
void must(bool holds, const char* promise);

void header(std::string_view bytes);         // mail/header: fields, encoded words, addresses
void edits(std::string_view bytes);          // mail/header_edit: what strangers chose never breaks out of its field
void smtp_dialog(std::string_view bytes);    // proxy/smtp/dialog: a whole conversation
void data_receiver(std::string_view bytes);  // proxy/smtp/data_receiver, then the writer to the next hop: only CRLF leaves
void client_dialog(std::string_view bytes);  // deliver/client_dialog: a hostile next hop
void clamd(std::string_view bytes);          // scanners/clamd
void spamd(std::string_view bytes);          // scanners/spamd
void rspamd(std::string_view bytes);         // scanners/rspamd
void icap(std::string_view bytes);           // scanners/icap
void mime(std::string_view bytes);           // scanners/worker/open: the MIME walker
void fields(std::string_view bytes);         // structured fields, encoded words, charsets
void transfer(std::string_view bytes);       // base64, quoted-printable, uuencode, yEnc, BinHex
void archive(std::string_view bytes);        // archives, compressed data, documents
void packed(std::string_view bytes);         // the decompressors of old archives and zip methods
void vba(std::string_view bytes);            // VBA, LZO, RAR 5 and zip structures
void cms(std::string_view bytes);            // BER elements and CMS messages
void openpgp(std::string_view bytes);        // OpenPGP packets and armor
void pdf(std::string_view bytes);            // PDF objects, dictionaries, filters, encryption
void marks(std::string_view bytes);          // marks of files, shapes of mail, headers of programs and media
void opener(std::string_view bytes);         // a whole message through everything
void wire(std::string_view bytes);           // what a worker says, and what it is told
void matches(std::string_view bytes);        // what a worker that matches YARA rules says, and what it is told
void amavisd_conf(
    std::string_view bytes);  // tools/import: the part of Perl that amavisd.conf is written in, and what becomes of it

}  // namespace tamis::fuzz
