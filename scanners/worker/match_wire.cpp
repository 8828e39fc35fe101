#include "scanners/worker/match_wire.h"

#include <fmt/format.h>

#include <algorithm>

#include "scanners/worker/wire.h"
#include "scanners/worker/wire_bytes.h"

namespace tamis::worker {
namespace {

constexpr std::size_t item_minimum = 9, result_minimum = 9;

std::unexpected<Fault> bad(const char* what) { return fail(Errc::bad_reply, fmt::format("a packet that is no {}", what)); }

ByteWriter packet(MatchPacket kind) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
}

ByteReader open_packet(std::string_view bytes, MatchPacket kind) {
    ByteReader in(bytes);
    if (in.u8() != static_cast<std::uint8_t>(kind)) in.refuse();
    return in;
}

MatchResult read_result(ByteReader& in, std::uint32_t rules, std::size_t& named) {
    MatchResult out;
    out.end = static_cast<MatchEnd>(in.up_to(static_cast<std::uint8_t>(MatchEnd::failed)));
    out.code = in.u32();
    const auto count = in.count(match_rules_most - named, 4);
    if (out.end == MatchEnd::done ? out.code != 0 : count != 0) in.refuse();
    if (!in.ok()) return out;
    named += count;
    out.rules.reserve(count);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        const auto number = in.u32();
        if (number >= rules || (i != 0 && number <= out.rules.back())) in.refuse();
        out.rules.push_back(number);
    }
    return out;
}

}  // namespace

std::string encode_match_setup(const MatchSetup& setup) {
    auto out = packet(MatchPacket::setup);
    out.text(build_id());
    out.u64(setup.memory);
    out.u32(setup.descriptors);
    out.u32(setup.cpu_seconds);
    out.u32(setup.longest_job);
    out.u64(setup.rules_size);
    out.u32(setup.rules);
    return out.take();
}

Result<MatchSetup> parse_match_setup(std::string_view bytes) {
    auto in = open_packet(bytes, MatchPacket::setup);
    const auto build = in.view(128);
    if (in.ok() && build != build_id()) return fail(Errc::conflict, "tamis-worker and tamisd are of different builds");
    MatchSetup out;
    out.memory = in.u64();
    out.descriptors = in.u32();
    out.cpu_seconds = in.u32();
    out.longest_job = in.u32();
    out.rules_size = in.u64();
    out.rules = in.u32();
    if (!in.at_end()) return bad("setup of a matcher");
    return out;
}

std::string encode_match_job(const MatchJob& job) {
    auto out = packet(MatchPacket::job);
    out.u32(job.number);
    out.u32(job.time_ms);
    out.u32(static_cast<std::uint32_t>(job.items.size()));
    for (const auto& item : job.items) {
        out.u64(item.size);
        out.flag(item.is_inline);
        if (item.is_inline) out.text(item.bytes);
    }
    return out.take();
}

Result<MatchJob> parse_match_job(std::string_view bytes) {
    auto in = open_packet(bytes, MatchPacket::job);
    MatchJob out;
    out.number = in.u32();
    out.time_ms = in.u32();
    if (out.time_ms > match_time_most) in.refuse();
    out.items.resize(in.count(match_items_most, item_minimum));
    std::size_t total = 0;
    for (auto& item : out.items) {
        item.size = in.u64();
        item.is_inline = in.flag();
        if (!item.is_inline) continue;
        item.bytes = in.view(match_inline - total);
        total += item.bytes.size();
        if (item.bytes.size() != item.size) in.refuse();
    }
    if (!in.at_end() || out.items.empty()) return bad("job of a matcher");
    return out;
}

std::string encode_match_answer(const MatchAnswer& answer) {
    auto out = packet(MatchPacket::answer);
    out.u32(answer.job);
    out.flag(answer.is_last);
    out.u32(static_cast<std::uint32_t>(answer.results.size()));
    std::size_t named = 0;
    for (const auto& result : answer.results) {
        const bool fits = result.rules.size() <= match_rules_most - named;
        const auto end = fits ? result.end : MatchEnd::limits;
        const bool is_done = end == MatchEnd::done;
        out.u8(static_cast<std::uint8_t>(end));
        out.u32(is_done ? 0 : result.code);
        out.u32(is_done ? static_cast<std::uint32_t>(result.rules.size()) : 0);
        if (!is_done) continue;
        named += result.rules.size();
        for (const auto number : result.rules) out.u32(number);
    }
    return out.take();
}

Result<MatchAnswer> parse_match_answer(std::string_view bytes, std::size_t items, std::uint32_t rules) {
    auto in = open_packet(bytes, MatchPacket::answer);
    MatchAnswer out;
    out.job = in.u32();
    out.is_last = in.flag();
    const auto count = in.count(match_items_most, result_minimum);
    if (count != items) in.refuse();
    std::size_t named = 0;
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) out.results.push_back(read_result(in, rules, named));
    if (!in.at_end()) return bad("answer of a matcher");
    return out;
}

}  // namespace tamis::worker
