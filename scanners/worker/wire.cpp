#include "scanners/worker/wire.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/text.h"
#include "scanners/worker/wire_bytes.h"

namespace tamis::worker {

using mail::Anomaly;
using mail::AnomalyKind;
using mail::AttachedHeader;
using mail::Contents;
using mail::Part;
using mail::Shown;

namespace {

constexpr std::size_t path_limit = 1024;
constexpr std::size_t word_limit = 64;  // container, kind
constexpr std::size_t type_limit = 256;
constexpr std::size_t line_limit = 250;
constexpr std::size_t detail_limit = 200;  // also libmagic's description
constexpr std::size_t header_value_limit = 998;
constexpr std::size_t headers_limit = 64;
constexpr std::size_t said_limit = 1000;
constexpr std::size_t part_minimum = 52;       // bytes of a part whose texts are all empty
constexpr std::size_t tail_room = 256 * 1024;  // for all that follows the parts
constexpr std::size_t shown_minimum = 18;      // bytes of a part for the engines
constexpr std::uint8_t flags_all = 127;

std::unexpected<Fault> bad(const char* what) { return fail(Errc::bad_reply, fmt::format("a packet that is no {}", what)); }

ByteWriter packet(PacketKind kind) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
}

// open_packet - a reader behind the first byte, or one that has failed
ByteReader open_packet(std::string_view bytes, PacketKind kind) {
    ByteReader in(bytes);
    if (in.u8() != static_cast<std::uint8_t>(kind)) in.refuse();
    return in;
}

std::unexpected<Fault> other_build(std::string_view theirs) {
    return fail(Errc::conflict, fmt::format("tamis-worker and tamisd are of different builds ({} and {}): install both from the "
                                            "same package and restart tamisd",
                                            escaped(theirs, 16), build_id().substr(0, 16)));
}

void write_texts(ByteWriter& out, const std::vector<std::string>& texts, std::size_t limit) {
    const auto count = std::min(texts.size(), mail::part_names_limit);
    out.u32(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) out.text(texts[i], limit);
}

std::vector<std::string> read_texts(ByteReader& in, std::size_t limit) {
    std::vector<std::string> out(in.count(mail::part_names_limit, 4));
    for (auto& text : out) text = in.text(limit);
    return out;
}

void write_part(ByteWriter& out, const Part& part) {
    out.u32(part.parent);
    out.text(part.path, path_limit);
    out.text(part.container, word_limit);
    write_texts(out, part.names, mail::part_name_limit);
    write_texts(out, part.types, type_limit);
    write_texts(out, part.kinds, word_limit);
    out.text(part.description, detail_limit);
    out.text(part.charset, word_limit);
    out.u64(part.size);
    out.text(part.sha256);
    out.u8(part.flags);
    out.flag(part.macros.present);
    out.flag(part.macros.auto_exec);
    out.flag(part.macros.suspicious);
    out.text(part.macros.stream, mail::part_name_limit);
    out.u8(static_cast<std::uint8_t>(part.shown));
}

bool is_digest(std::string_view text) {
    return text.empty() || (text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

// read_part - `number` is its place
Part read_part(ByteReader& in, std::uint32_t number) {
    Part part;
    part.number = number;
    part.parent = in.u32();
    if (part.parent >= number) in.refuse();
    part.path = in.text(path_limit);
    part.container = in.text(word_limit);
    part.names = read_texts(in, mail::part_name_limit);
    part.types = read_texts(in, type_limit);
    part.kinds = read_texts(in, word_limit);
    part.description = in.text(detail_limit);
    part.charset = in.text(word_limit);
    part.size = in.u64();
    part.sha256 = in.text(64);
    if (!is_digest(part.sha256)) in.refuse();
    part.flags = in.up_to(flags_all);
    part.macros.present = in.flag();
    part.macros.auto_exec = in.flag();
    part.macros.suspicious = in.flag();
    part.macros.stream = in.text(mail::part_name_limit);
    part.shown = static_cast<Shown>(in.up_to(static_cast<std::uint8_t>(Shown::kept_back)));
    return part;
}

void write_rest(ByteWriter& out, const Contents& contents, std::uint32_t parts, std::string_view limit) {
    const auto known = [&](std::uint32_t part) { return part <= parts ? part : 0; };
    out.u32(static_cast<std::uint32_t>(std::min(contents.anomalies.size(), mail::anomalies_limit)));
    for (std::size_t i = 0; i < std::min(contents.anomalies.size(), mail::anomalies_limit); ++i) {
        const auto& anomaly = contents.anomalies[i];
        out.u8(static_cast<std::uint8_t>(anomaly.kind));
        out.u32(known(anomaly.part));
        out.text(anomaly.detail, detail_limit);
        out.flag(anomaly.is_harmless);
    }
    out.u32(static_cast<std::uint32_t>(std::min(contents.attached_headers.size(), headers_limit)));
    for (std::size_t i = 0; i < std::min(contents.attached_headers.size(), headers_limit); ++i) {
        const auto& found = contents.attached_headers[i];
        out.u32(known(found.part));
        out.u32(found.fields);
        out.text(found.message_id, header_value_limit);
        out.text(found.from, header_value_limit);
        out.flag(found.is_whole_message);
    }
    out.text(limit, line_limit);
    out.u32(known(contents.limit_part));
    out.text(contents.failure, line_limit);
    out.text(contents.mime_error, line_limit);
    out.flag(contents.was_opened);
    out.u64(static_cast<std::uint64_t>(contents.cpu.count()));
}

void read_rest(ByteReader& in, Contents& contents) {
    const auto parts = contents.parts.size();
    const auto part_number = [&] {
        const auto number = in.u32();
        if (number > parts) in.refuse();
        return number;
    };
    contents.anomalies.resize(in.count(mail::anomalies_limit, 10));
    for (auto& anomaly : contents.anomalies) {
        anomaly.kind = static_cast<AnomalyKind>(in.up_to(static_cast<std::uint8_t>(AnomalyKind::misplaced_parameter)));
        anomaly.part = part_number();
        anomaly.detail = in.text(detail_limit);
        anomaly.is_harmless = in.flag();
    }
    contents.attached_headers.resize(in.count(headers_limit, 17));
    for (auto& found : contents.attached_headers) {
        found.part = part_number();
        found.fields = in.u32();
        found.message_id = in.text(header_value_limit);
        found.from = in.text(header_value_limit);
        found.is_whole_message = in.flag();
    }
    contents.limit = in.text(line_limit);
    contents.limit_part = part_number();
    contents.failure = in.text(line_limit);
    contents.mime_error = in.text(line_limit);
    contents.was_opened = in.flag();
    const auto cpu = in.u64();
    if (cpu > 1'000'000'000'000) in.refuse();
    contents.cpu = std::chrono::microseconds(in.ok() ? cpu : 0);
}

// write_shown - the table of parts for the engines, with the bytes of those that are inline
void write_shown(ByteWriter& out, const std::vector<PartBytes>& shown) {
    out.u32(static_cast<std::uint32_t>(shown.size()));
    for (const auto& each : shown) {
        out.u32(each.part);
        out.text(each.path, path_limit);
        out.flag(each.is_plain);
        out.u64(each.size);
        out.flag(each.is_inline);
        if (each.is_inline) out.text(each.bytes);
    }
}

// read_shown - their bytes are views
std::vector<PartBytes> read_shown(ByteReader& in, const Limits& limits) {
    std::vector<PartBytes> out(in.count(std::min(limits.extracts, shown_most), shown_minimum));
    std::uint64_t total = 0;
    for (auto& each : out) {
        each.part = in.u32();
        if (each.part > std::uint64_t{limits.mime_parts} + limits.members) in.refuse();
        each.path = in.text(path_limit);
        each.is_plain = in.flag();
        each.size = in.u64();
        each.is_inline = in.flag();
        if (each.size > limits.extract_bytes - total) in.refuse();
        if (!in.ok()) return {};
        total += each.size;
        if (!each.is_inline) continue;
        each.bytes = in.view(inline_part);
        if (each.bytes.size() != each.size) in.refuse();
    }
    return out;
}

}  // namespace

std::string_view build_id() noexcept { return TAMIS_WIRE_ID; }

std::string encode_setup(const Setup& setup) {
    auto out = packet(PacketKind::setup);
    out.text(build_id());
    out.u64(setup.memory);
    out.u64(setup.file);
    out.u32(setup.descriptors);
    out.u32(setup.cpu_seconds);
    out.u32(setup.quantum_ms);
    return out.take();
}

Result<Setup> parse_setup(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::setup);
    const auto build = in.view(128);
    if (in.ok() && build != build_id()) return other_build(build);
    Setup out;
    out.memory = in.u64();
    out.file = in.u64();
    out.descriptors = in.u32();
    out.cpu_seconds = in.u32();
    out.quantum_ms = in.u32();
    if (!in.at_end()) return bad("setup");
    return out;
}

std::string encode_hello(std::string_view confinement) {
    auto out = packet(PacketKind::hello);
    out.text(build_id());
    out.text(confinement, detail_limit);
    return out.take();
}

Result<std::string> parse_hello(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::hello);
    const auto build = in.view(128);
    if (in.ok() && build != build_id()) return other_build(build);
    auto out = in.text(detail_limit);
    if (!in.at_end()) return bad("hello");
    return out;
}

std::string encode_job(const Job& job) {
    auto out = packet(PacketKind::job);
    const auto& limits = job.limits;
    out.u32(job.number);
    for (const auto value : {limits.mime_parts, limits.mime_depth, limits.levels, limits.members, limits.header_bytes,
                             limits.parameters, limits.minimum_factor, limits.maximum_factor, limits.extracts})
        out.u32(value);
    for (const auto value : {limits.minimum_quota, limits.maximum_quota, limits.extract_bytes}) out.u64(value);
    out.u64(static_cast<std::uint64_t>(limits.cpu.count()));
    out.u64(static_cast<std::uint64_t>(limits.wall.count()));
    out.flag(limits.iso_images);
    out.u8(static_cast<std::uint8_t>(job.extract));
    out.flag(job.is_long);
    out.flag(job.is_inline);
    out.u64(job.size);
    return out.take();
}

Result<JobPacket> parse_job(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::job);
    JobPacket out;
    auto& limits = out.job.limits;
    out.job.number = in.u32();
    for (auto* value : {&limits.mime_parts, &limits.mime_depth, &limits.levels, &limits.members, &limits.header_bytes,
                        &limits.parameters, &limits.minimum_factor, &limits.maximum_factor, &limits.extracts})
        *value = in.u32();
    for (auto* value : {&limits.minimum_quota, &limits.maximum_quota, &limits.extract_bytes}) *value = in.u64();
    for (auto* value : {&limits.cpu, &limits.wall}) {
        const auto count = in.u64();
        if (count > 86'400'000) in.refuse();
        *value = std::chrono::milliseconds(in.ok() ? count : 0);
    }
    limits.iso_images = in.flag();
    out.job.extract = static_cast<Extract>(in.up_to(static_cast<std::uint8_t>(Extract::everything)));
    out.job.is_long = in.flag();
    out.job.is_inline = in.flag();
    out.job.size = in.u64();
    out.message = in.rest();
    if (!in.ok() || out.message.size() != (out.job.is_inline ? out.job.size : 0)) return bad("job");
    return out;
}

std::string encode_long_job(std::uint32_t number) {
    auto out = packet(PacketKind::long_job);
    out.u32(number);
    return out.take();
}

Result<std::uint32_t> parse_long_job(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::long_job);
    const auto number = in.u32();
    if (!in.at_end()) return bad("note of a long job");
    return number;
}

std::string encode_answer(const Answer& answer) {
    auto out = packet(PacketKind::answer);
    out.u32(answer.job);
    out.flag(answer.is_last);
    write_shown(out, answer.shown);
    const auto count_at = out.size();
    std::uint32_t count = 0;
    out.u32(0);
    for (const auto& part : answer.contents.parts) {
        const auto before = out.size();
        write_part(out, part);
        if (out.size() > answer_limit - tail_room) {
            out.cut(before);
            break;
        }
        ++count;
    }
    out.put_u32(count_at, count);
    std::string limit = answer.contents.limit;
    if (count != answer.contents.parts.size() && limit.empty())
        limit = fmt::format("Too many names: {} of {} parts are told of", count, answer.contents.parts.size());
    write_rest(out, answer.contents, count, limit);
    return out.take();
}

Result<Answer> parse_answer(std::string_view bytes, const Limits& limits) {
    if (bytes.size() > answer_limit) return fail(Errc::bad_reply, fmt::format("an answer of {} bytes", bytes.size()));
    auto in = open_packet(bytes, PacketKind::answer);
    Answer out;
    out.job = in.u32();
    out.is_last = in.flag();
    out.shown = read_shown(in, limits);
    const auto parts = in.count(std::uint64_t{limits.mime_parts} + limits.members, part_minimum);
    out.contents.parts.reserve(parts);
    for (std::uint32_t number = 1; number <= parts && in.ok(); ++number) out.contents.parts.push_back(read_part(in, number));
    read_rest(in, out.contents);
    if (!in.at_end()) return bad("answer");
    return out;
}

Result<Contents> parse_answer(std::string_view bytes) {
    auto answer = parse_answer(bytes, Limits{});
    if (!answer) return std::unexpected(std::move(answer.error()));
    return std::move(answer->contents);
}

std::string encode_elsewhere(const Elsewhere& where) {
    auto out = packet(PacketKind::elsewhere);
    out.u32(where.job);
    out.u64(where.size);
    return out.take();
}

Result<Elsewhere> parse_elsewhere(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::elsewhere);
    Elsewhere out;
    out.job = in.u32();
    out.size = in.u64();
    if (!in.at_end() || out.size > answer_limit) return bad("place of an answer");
    return out;
}

std::string encode_batch(const Batch& batch) {
    auto out = packet(PacketKind::batch);
    out.u32(batch.job);
    write_shown(out, batch.shown);
    return out.take();
}

Result<Batch> parse_batch(std::string_view bytes, const Limits& limits) {
    auto in = open_packet(bytes, PacketKind::batch);
    Batch out;
    out.job = in.u32();
    out.shown = read_shown(in, limits);
    if (!in.at_end()) return bad("batch");
    return out;
}

std::string encode_wish(const Wish& wish) {
    auto out = packet(PacketKind::wish);
    out.u32(wish.job);
    out.u64(wish.bytes);
    return out.take();
}

Result<Wish> parse_wish(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::wish);
    Wish out;
    out.job = in.u32();
    out.bytes = in.u64();
    if (!in.at_end()) return bad("wish");
    return out;
}

std::string encode_go_on(const GoOn& answer) {
    auto out = packet(PacketKind::go_on);
    out.u32(answer.job);
    out.flag(answer.is_grant);
    out.flag(answer.is_allowed);
    out.flag(answer.has_enough);
    return out.take();
}

Result<GoOn> parse_go_on(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::go_on);
    GoOn out;
    out.job = in.u32();
    out.is_grant = in.flag();
    out.is_allowed = in.flag();
    out.has_enough = in.flag();
    if (!in.at_end()) return bad("go-ahead");
    return out;
}

std::string encode_death(const DeathNotice& death) {
    auto out = packet(PacketKind::death);
    out.u32(static_cast<std::uint32_t>(death.status));
    out.u64(death.cpu_us);
    out.text(death.said, said_limit);
    return out.take();
}

Result<DeathNotice> parse_death(std::string_view bytes) {
    auto in = open_packet(bytes, PacketKind::death);
    DeathNotice out;
    out.status = static_cast<std::int32_t>(in.u32());
    out.cpu_us = in.u64();
    out.said = in.text(said_limit);
    if (!in.at_end()) return bad("death notice");
    return out;
}

bool is_cpu_death(const DeathNotice& death) noexcept {
    return (WIFEXITED(death.status) && WEXITSTATUS(death.status) == exit_cpu) ||
           (WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGXCPU);
}

std::string describe_death(const DeathNotice& death) {
    std::string out;
    if (WIFSIGNALED(death.status)) {
        const int signal = WTERMSIG(death.status);
        const char* name = ::sigabbrev_np(signal);
        out = name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
        if (signal == SIGSYS) out += ": a forbidden system call";
    } else if (WIFEXITED(death.status)) {
        const int code = WEXITSTATUS(death.status);
        out = fmt::format("exit code {}", code);
        if (code == exit_cpu) out += ": too much CPU time";
        if (code == exit_unconfined) out += ": it could not confine itself";
        if (code == exit_not_started) out += ": the program cannot be executed";
    } else {
        out = fmt::format("status {}", death.status);
    }
    if (!death.said.empty()) out += fmt::format(", said \"{}\"", escaped(death.said, 200));
    return out;
}

}  // namespace tamis::worker
