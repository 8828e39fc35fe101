#include "mail/header.h"

#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void header(std::string_view bytes) {
    const auto block = mail::parse_header(bytes);
    std::uint32_t end = 0;
    for (const auto& field : block.fields) {
        must(field.begin == end && field.end > field.begin && field.end <= bytes.size(), "fields follow each other");
        end = field.end;
        const auto value = mail::HeaderBlock::value(field, bytes);
        must(mail::HeaderBlock::name(field, bytes).size() == field.name_size, "a name has its size");
        const auto plain = mail::unfolded(value);
        must(plain.find('\n') == std::string::npos, "an unfolded value is one line");
        mail::decode_words(plain);
        must(mail::addresses_of(value, 20).size() <= 20, "not more addresses than asked for");
        const auto coded = mail::encode_words(plain, 10);
        for (const char c : coded) must(static_cast<unsigned char>(c) < 128, "encoded words are ASCII");
    }
    must(block.size <= bytes.size(), "the header section lies in the message");
}

}  // namespace tamis::fuzz
