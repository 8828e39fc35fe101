#include "scanners/worker/answer_of.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tamis::open {
namespace {

Result<std::string> read_sealed(int descriptor, std::uint64_t size) {
    if (auto done = check_sealed(descriptor, size); !done) return std::unexpected(std::move(done.error()));
    std::string out(size, '\0');
    std::size_t done = 0;
    while (done < out.size()) {
        const auto got = ::pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fail(Errc::bad_reply, "an answer that cannot be read");
        done += static_cast<std::size_t>(got);
    }
    return out;
}

}  // namespace

Done check_sealed(int descriptor, std::uint64_t size) {
    constexpr int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    const int     seals = ::fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & wanted) != wanted) return fail(Errc::bad_reply, "a descriptor that is not sealed");
    struct stat about{};
    if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode) || static_cast<std::uint64_t>(about.st_size) != size)
        return fail(Errc::bad_reply, "a descriptor that is not as large as was said");
    return {};
}

Result<TakenAnswer> take_answer(Packet& packet, const Limits& limits) {
    std::span<Descriptor> descriptors(packet.descriptors);
    std::string           elsewhere;
    std::string_view      bytes = packet.bytes;
    if (kind_of(bytes) == PacketKind::answer_elsewhere) {
        const auto where = parse_answer_elsewhere(bytes);
        if (!where || descriptors.empty()) return fail(Errc::bad_reply, "an answer without its descriptor");
        auto read = read_sealed(descriptors.front().get(), where->size);
        if (!read) return std::unexpected(std::move(read.error()));
        elsewhere = std::move(*read);
        bytes = elsewhere;
        descriptors = descriptors.subspan(1);
    }
    auto answer = parse_answer(bytes, limits);
    if (!answer) return std::unexpected(std::move(answer.error()));
    TakenAnswer out{answer->job, answer->is_last, std::move(answer->contents)};
    std::size_t used = 0;
    for (const auto& extract : answer->extracts) {
        if (extract.is_inline) {
            out.contents.extracts.push_back(std::make_shared<mail::SealedSpool>(-1, extract.size, std::string(extract.bytes)));
            continue;
        }
        if (used == descriptors.size()) return fail(Errc::bad_reply, "fewer descriptors than extracts");
        auto& descriptor = descriptors[used++];
        if (auto done = check_sealed(descriptor.get(), extract.size); !done) return std::unexpected(std::move(done.error()));
        out.contents.extracts.push_back(std::make_shared<mail::SealedSpool>(descriptor.release(), extract.size, std::string()));
    }
    if (used != descriptors.size()) return fail(Errc::bad_reply, "more descriptors than extracts");
    return out;
}

}  // namespace tamis::open
