#include "scanners/worker/open/lzh.h"
#include "scanners/worker/open/lzw.h"
#include "scanners/worker/open/old_archives.h"
#include "scanners/worker/open/zip_methods.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {
namespace {

using namespace tamis::worker;

// Bounded - counts, and takes no more than a decoder may give
class Bounded final : public Output {
public:
    explicit Bounded(std::uint64_t most) : most_(most) {}
    bool put(std::string_view bytes) override {
        seen_ += bytes.size();
        return seen_ <= most_;
    }
    std::uint64_t seen() const noexcept { return seen_; }

private:
    std::uint64_t most_, seen_ = 0;
};

}  // namespace

// the first byte names the decoder, the next two the size that is to come out
void packed(std::string_view bytes) {
    if (bytes.size() < 3) return;
    const auto which = static_cast<unsigned char>(bytes[0]);
    const std::uint64_t size = static_cast<unsigned char>(bytes[1]) * 256U + static_cast<unsigned char>(bytes[2]);
    const auto data = bytes.substr(3);
    const LzhForm* forms[] = {&lh4_form, &lh5_form, &lh6_form, &lh7_form, &lhx_form, &arj_form};
    Bounded out(size + 1'000'000);
    Decoded how = Decoded::whole;
    bool is_sized = true;
    switch (which % 16) {
        case 6: how = decode_arj_fastest(data, size, out); break;
        case 7: how = decode_lzss(4096 - 16, data, size, out); break;
        case 8: how = decode_lzw(LzwForm::compress, 9 + which / 16 % 8, data, size, out); break;
        case 9: how = decode_lzw(LzwForm::zoo, 13, data, size, out); break;
        case 10: how = decode_shrink(data, size, out); break;
        case 11: how = decode_reduce(2 + which / 16 % 4, data, size, out); break;
        case 12: how = decode_implode(static_cast<std::uint16_t>(which / 16), data, size, out); break;
        case 13:
            how = decode_deflate64(data, out);
            is_sized = false;
            break;
        case 14:
            must(!is_arc(data, data.size()) || data.size() > 24, "a header is all there");
            must(!is_lha(data) || data.size() >= 24, "a header is all there");
            must(!is_arj(data) || data.size() >= 34, "a header is all there");
            return;
        default: how = decode_lzh(*forms[which % 16 % 6], data, size, out); break;
    }
    if (!is_sized) return;
    must(out.seen() <= size, "never more comes out than was wanted");
    must(how != Decoded::whole || out.seen() == size, "whole means all of it");
}

}  // namespace tamis::fuzz
