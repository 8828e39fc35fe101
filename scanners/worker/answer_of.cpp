#include "scanners/worker/answer_of.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace tamis::worker {
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
    const int seals = ::fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & wanted) != wanted) return fail(Errc::bad_reply, "a descriptor that is not sealed");
    struct stat about{};
    if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode) || static_cast<std::uint64_t>(about.st_size) != size)
        return fail(Errc::bad_reply, "a descriptor that is not as large as was said");
    return {};
}

namespace {

Result<mail::ShownParts> with_descriptors(const std::vector<PartBytes>& shown, std::span<Descriptor> descriptors) {
    mail::ShownParts out;
    std::size_t used = 0;
    for (const auto& each : shown) {
        if (each.is_inline) {
            auto bytes = std::make_shared<mail::SealedSpool>(-1, each.size, std::string(each.bytes));
            out.push_back({each.part, each.path, each.is_plain, std::move(bytes)});
            continue;
        }
        if (used == descriptors.size()) return fail(Errc::bad_reply, "fewer descriptors than parts");
        auto& descriptor = descriptors[used++];
        if (auto done = check_sealed(descriptor.get(), each.size); !done) return std::unexpected(std::move(done.error()));
        auto bytes = std::make_shared<mail::SealedSpool>(descriptor.release(), each.size, std::string());
        out.push_back({each.part, each.path, each.is_plain, std::move(bytes)});
    }
    if (used != descriptors.size()) return fail(Errc::bad_reply, "more descriptors than parts");
    return out;
}

}  // namespace

Result<std::variant<TakenAnswer, TakenBatch>> take_said(Packet& packet, const Limits& limits) {
    std::span<Descriptor> descriptors(packet.descriptors);
    std::string elsewhere;
    std::string_view bytes = packet.bytes;
    if (kind_of(bytes) == PacketKind::elsewhere) {
        const auto where = parse_elsewhere(bytes);
        if (!where || descriptors.empty()) return fail(Errc::bad_reply, "an answer without its descriptor");
        auto read = read_sealed(descriptors.front().get(), where->size);
        if (!read) return std::unexpected(std::move(read.error()));
        elsewhere = std::move(*read);
        bytes = elsewhere;
        descriptors = descriptors.subspan(1);
    }
    if (kind_of(bytes) == PacketKind::batch) {
        const auto batch = parse_batch(bytes, limits);
        if (!batch) return std::unexpected(batch.error());
        auto shown = with_descriptors(batch->shown, descriptors);
        if (!shown) return std::unexpected(std::move(shown.error()));
        return TakenBatch{batch->job, std::move(*shown)};
    }
    auto answer = parse_answer(bytes, limits);
    if (!answer) return std::unexpected(std::move(answer.error()));
    auto shown = with_descriptors(answer->shown, descriptors);
    if (!shown) return std::unexpected(std::move(shown.error()));
    TakenAnswer out{answer->job, answer->is_last, std::move(answer->contents)};
    out.contents.shown = std::move(*shown);
    return out;
}

}  // namespace tamis::worker
