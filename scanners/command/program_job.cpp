#include "scanners/command/program_job.h"

#include "scanners/command/command_rules.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/wire_bytes.h"

namespace tamis::scanners {
namespace {

constexpr std::size_t runs_most = 256, arguments_most = 1024, text_most = 8192;

std::unexpected<Fault> broken() { return fail(Errc::broken, "a packet between daemon and runner that cannot be understood"); }

}  // namespace

std::string encode_program_job(const ProgramJob& job) {
    worker::ByteWriter out;
    out.text(job.directory);
    out.text(job.hidden);
    out.text(job.program);
    out.u32(static_cast<std::uint32_t>(job.runs.size()));
    for (const auto& run : job.runs) {
        out.u32(static_cast<std::uint32_t>(run.size()));
        for (const auto& argument : run) out.text(argument);
    }
    out.u32(static_cast<std::uint32_t>(job.sizes.size()));
    for (const auto size : job.sizes) out.u64(size);
    out.u64(job.output);
    out.u32(job.wall_ms);
    out.u32(job.cpu_seconds);
    out.u64(job.file);
    return out.take();
}

Result<ProgramJob> parse_program_job(std::string_view packet) {
    worker::ByteReader in(packet);
    ProgramJob job;
    job.directory = in.text(text_most);
    job.hidden = in.text(text_most);
    job.program = in.text(text_most);
    job.runs.resize(in.count(runs_most, 4));
    for (auto& run : job.runs) {
        run.resize(in.count(arguments_most, 4));
        for (auto& argument : run) argument = in.text(text_most);
    }
    job.sizes.resize(in.count(files_most, 8));
    for (auto& size : job.sizes) size = in.u64();
    job.output = in.u64();
    job.wall_ms = in.u32();
    job.cpu_seconds = in.u32();
    job.file = in.u64();
    if (!in.at_end() || !job.directory.starts_with('/') || !job.program.starts_with('/') ||
        (!job.hidden.empty() && !job.directory.starts_with(job.hidden + "/")))
        return broken();
    return job;
}

std::string encode_program_news(const ProgramNews& news) {
    worker::ByteWriter out;
    out.u8(static_cast<std::uint8_t>(news.kind));
    if (news.kind == ProgramPacket::ended) {
        out.u32(static_cast<std::uint32_t>(news.status));
        out.flag(news.is_truncated);
    }
    if (news.kind == ProgramPacket::trouble) {
        out.flag(news.is_late);
        out.text(news.text, 1000);
    }
    return out.take();
}

Result<ProgramNews> parse_program_news(std::string_view packet) {
    worker::ByteReader in(packet);
    ProgramNews news;
    news.kind = static_cast<ProgramPacket>(in.u8());
    switch (news.kind) {
        case ProgramPacket::output: news.text = in.rest(); break;
        case ProgramPacket::ended:
            news.status = static_cast<std::int32_t>(in.u32());
            news.is_truncated = in.flag();
            break;
        case ProgramPacket::trouble:
            news.is_late = in.flag();
            news.text = in.view(1000);
            break;
        default: return broken();
    }
    if (!in.at_end()) return broken();
    return news;
}

}  // namespace tamis::scanners
