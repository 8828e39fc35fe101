#include "deliver/data_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace tamis::deliver {
namespace {

namespace asio = boost::asio;

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view dot = ".";
constexpr std::string_view final_dot = ".\r\n";

void append(LineGuard::Views& out, std::string_view view) {
    if (!view.empty()) out.emplace_back(view.data(), view.size());
}

// find - the first `wanted` in [from, end), else end
const char* find(const char* from, const char* end, char wanted) {
    if (from == end) return end;
    const void* found = std::memchr(from, wanted, static_cast<std::size_t>(end - from));
    return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

std::size_t LineGuard::feed(std::string_view bytes, Views& out, std::size_t max_views) {
    constexpr std::size_t views_per_round = 8;  // more than one round and the last flush append
    const char* const begin = bytes.data();
    const char* const end = begin + bytes.size();
    const char* at = begin;
    const char* run = begin;                   // start of the stretch that leaves as it is
    const char* nul = find(begin, end, '\0');  // the next ones at or after `at`; each byte is looked at once
    const char* lf = find(begin, end, '\n');
    const auto flush = [&] { append(out, {run, static_cast<std::size_t>(at - run)}); };
    const auto drop = [&] {  // leaves out the byte we are at
        flush();
        run = ++at;
    };

    while (at != end && out.size() + views_per_round <= max_views) {
        if (nul < at) nul = find(at, end, '\0');
        if (lf < at) lf = find(at, end, '\n');
        if (at == nul) {
            drop();
            continue;
        }
        if (at_line_start_ && *at == '.') {
            flush();
            append(out, dot);
            run = at;  // and the dot itself stays in the run
        }
        const char* const stop = std::min(lf, nul);
        const char* const cr = find(at, stop, '\r');
        if (lf < nul && cr + 1 == lf) {  // the usual line
            at = lf + 1;
            at_line_start_ = true;
            continue;
        }
        if (cr != at) at_line_start_ = false;
        at = cr;  // a CR, or else the bare LF, NUL or end we stopped at
        if (at == end || at == nul) continue;
        const bool bare_lf = at == lf;  // a CR that was cut off from it by the end of a piece is gone already
        drop();
        if (bare_lf) {
            append(out, line_end);
            at_line_start_ = true;
        }
    }
    flush();
    return static_cast<std::size_t>(at - begin);
}

void LineGuard::finish(Views& out) {
    if (!at_line_start_) append(out, line_end);
    at_line_start_ = true;
    append(out, final_dot);
}

std::uint64_t DataWriter::octets(const mail::EditedMessage& message) noexcept {
    std::uint64_t sum = 0;
    for (const auto& piece : message.pieces) sum += piece.size != 0 ? piece.size : piece.literal.size();
    return sum;
}

// window - bytes of the piece from `within_` on: all that is in memory, or one buffer full from the spool
Result<std::string_view> DataWriter::window(const mail::Piece& piece) {
    if (piece.size == 0) return std::string_view(piece.literal).substr(within_);
    if (!message_->spool) return fail(Errc::broken, "a piece refers to a spool that is not there");
    const std::uint64_t offset = piece.offset + within_;
    const std::uint64_t left = piece.size - within_;
    std::span<char> into;
    if (offset >= message_->spool->head().size()) {
        if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(batch_octets);
        into = {buffer_.get(), std::min<std::size_t>(batch_octets, left)};
    }
    auto view = message_->spool->view(offset, into);
    if (!view) return view;
    if (view->empty())
        return fail(Errc::broken, fmt::format("a piece ends at {} but the spool at {}", piece.offset + piece.size, offset));
    return view->substr(0, left);
}

Result<const LineGuard::Views*> DataWriter::next() {
    views_.clear();
    std::size_t octets = 0;
    bool buffer_used = false;
    while (piece_ < message_->pieces.size()) {
        const auto& piece = message_->pieces[piece_];
        const std::uint64_t size = piece.size != 0 ? piece.size : piece.literal.size();
        if (within_ == size) {
            ++piece_;
            within_ = 0;
            continue;
        }
        // The buffer may hold bytes of this batch: one window of it per batch.
        const bool full = views_.size() >= batch_views / 2 || octets >= batch_octets || buffer_used;
        if (full && !views_.empty()) return &views_;
        auto bytes = window(piece);
        if (!bytes) return std::unexpected(std::move(bytes.error()));
        buffer_used = bytes->data() == buffer_.get();
        const auto used = guard_.feed(bytes->substr(0, batch_octets), views_, batch_views);
        within_ += used;
        octets += used;
    }
    if (!finished_) {
        finished_ = true;
        guard_.finish(views_);
    }
    return &views_;
}

}  // namespace tamis::deliver
