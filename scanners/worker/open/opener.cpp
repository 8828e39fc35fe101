#include "scanners/worker/open/opener.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "scanners/worker/open/readings.h"

namespace tamis::worker {

using mail::Part;
using mail::PartFlag;

namespace {

std::string hex_of(std::span<const unsigned char> bytes) {
    std::string out;
    for (const auto byte : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
    return out;
}

std::string finish_digest(EVP_MD_CTX* context) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    if (context == nullptr || EVP_DigestFinal_ex(context, bytes.data(), &size) != 1) return {};
    return hex_of({bytes.data(), size});
}

std::string digest_of(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr) != 1) return {};
    return hex_of({out.data(), size});
}

// cut_name - the end of an overlong name is kept: that is where the extension is
std::string cut_name(std::string name) {
    if (name.size() > mail::part_name_limit) name.erase(0, name.size() - mail::part_name_limit);
    return name;
}

}  // namespace

PartWriter::PartWriter(Opener& opener, std::uint32_t number, const char* who) : opener_(&opener), number_(number), who_(who) {
    if (number_ == 0) return;
    digest_.reset(EVP_MD_CTX_new());
    if (digest_ && EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr) != 1) digest_.reset();
}

PartWriter::PartWriter(PartWriter&& other) noexcept
    : opener_(other.opener_), number_(std::exchange(other.number_, 0)), who_(other.who_), digest_(std::move(other.digest_)) {}
// a writer moves only from new_part to its caller, before anything was written

PartWriter::~PartWriter() { settle(false); }

bool PartWriter::write(std::string_view bytes) {
    if (number_ == 0 || settled_) return false;
    if (!opener_->budget_.take_bytes(bytes.size(), who_) || !opener_->budget_.check_time()) return false;
    size_ += bytes.size();
    if (digest_) EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
    if (!keeps_) return true;
    if (!decided_ && size_ > blob_in_memory) {  // worth keeping? Only what is opened or shown to the engines
        decided_ = true;
        head_ = std::string(bytes_.head());
        head_.append(bytes.substr(0, blob_in_memory - std::min(head_.size(), blob_in_memory)));
        opener_->name_kind(number_, head_, size_);
        keeps_ = opener_->is_wanted(number_);
        if (!keeps_) return true;
    }
    if (auto done = bytes_.append(bytes); done) return true;
    opener_->budget_.give_up(fmt::format("No memory for a decoded part of {} bytes", size_));
    return false;
}

void PartWriter::finish() { settle(true); }

void PartWriter::settle(bool complete) {
    if (number_ == 0 || settled_) return;
    settled_ = true;
    auto& part = opener_->part(number_);
    part.size = size_;
    opener_->places_[number_ - 1].is_whole = complete;
    if (complete) part.sha256 = finish_digest(digest_.get());
    if (!decided_) opener_->name_kind(number_, bytes_.head(), size_);
    Blob bytes;
    if (keeps_) {
        auto whole = bytes_.finish();
        if (whole) bytes = std::move(*whole);
    }
    opener_->arrived(number_, std::move(bytes), keeps_);
}

Opener::Opener(OpenerSetup setup, std::uint64_t message_size) : setup_(std::move(setup)), budget_(setup_.limits, message_size) {}

Opened Opener::open(const Blob& message) {
    if (setup_.open_message != nullptr) setup_.open_message(*this, 0, message);
    while (!waiting_.empty()) {
        const auto next = std::move(waiting_.front());
        waiting_.pop_front();
        if (!budget_.check_time()) break;
        const auto before = parts();
        const bool was_within = budget_.reason().empty();
        const bool is_too_deep = next.decoder->is_archive && !budget_.check_level(places_[next.number - 1].level + 1);
        const bool goes_on = is_too_deep || decode(next);
        if (was_within && !budget_.reason().empty()) contents_.limit_part = next.number;
        if (!goes_on) break;
        settle(next, before);
    }
    show_the_rest(message);
    settle_anomalies();
    if (!budget_.reason().empty()) contents_.limit = budget_.reason();
    if (contents_.limit.empty() && !kept_back_.empty()) {  // else it may be the other's consequence
        contents_.limit = kept_back_;
        contents_.limit_part = kept_back_part_;
    }
    contents_.was_opened = true;
    contents_.cpu = budget_.cpu_used();
    return {std::move(contents_), std::move(gathered_)};
}

// settle - a decoder is done with its part. After the last one it is known whether the members hold all of it.
void Opener::settle(const Waiting& next, std::uint32_t parts_before) {
    auto& place = places_[next.number - 1];
    for (auto number = parts_before + 1; number <= parts(); ++number) {
        constexpr auto harmless = static_cast<std::uint8_t>(PartFlag::directory) | static_cast<std::uint8_t>(PartFlag::special) |
                                  static_cast<std::uint8_t>(PartFlag::link);
        const auto& member = contents_.parts[number - 1];
        if (member.parent == next.number && (!places_[number - 1].is_whole || (member.flags & ~harmless) != 0))
            place.is_accounted = false;
    }
    if (--place.decoders != 0 || !place.is_held || place.may_be_plain) return;
    if (!is_pure(next.number)) return show(next.number, false);
    contents_.parts[next.number - 1].shown = mail::Shown::by_its_parts;
    place.is_held = false;
    place.bytes = Blob();
}

// is_pure - nothing in it can escape the engines when they are shown its members; in doubt it is not
bool Opener::is_pure(std::uint32_t number) const {
    const auto& place = places_[number - 1];
    const auto& part = contents_.parts[number - 1];
    return place.is_accounted && place.children != 0 && place.is_whole && part.flags == 0 && !budget_.is_spent() &&
           std::ranges::find(contents_.anomalies, number, &mail::Anomaly::part) == contents_.anomalies.end();
}

// decode - one part; false: no memory is left. What was found until then counts, and the raw message goes to the engines.
bool Opener::decode(const Waiting& next) try {
    next.decoder->open(*this, next.number, next.bytes);
    return true;
} catch (const std::bad_alloc&) {
    budget_.give_up("No memory for decoding");
    return false;
}

std::uint32_t Opener::add(NewPart about) {
    const bool allowed = about.is_mime ? budget_.take_mime_part() : budget_.take_member();
    if (!allowed) return 0;
    Part part;
    Place place;
    part.number = parts() + 1;
    part.parent = about.parent;
    part.container = std::string(about.container);
    part.types = std::move(about.types);
    part.charset = std::move(about.charset);
    part.flags = about.flags;
    for (auto& name : about.names) {
        if (part.names.size() == mail::part_names_limit) break;
        name = cut_name(std::move(name));
        if (!name.empty() && std::ranges::find(part.names, name) == part.names.end()) part.names.push_back(std::move(name));
    }
    std::uint32_t sibling = 1;
    if (about.parent != 0) {
        auto& parent = places_[about.parent - 1];
        sibling = ++parent.children;
        part.path = fmt::format("{}/{}", contents_.parts[about.parent - 1].path, sibling);
        place.mime_depth = parent.mime_depth + (about.is_mime ? 1 : 0);
        place.level = parent.level + (about.is_mime ? 0 : 1);
    } else {
        part.path = std::to_string(parts() + 1);  // the root's entity is 1
        place.mime_depth = 1;
    }
    place.is_opened = about.is_opened;
    place.is_structure = about.is_structure;
    place.may_be_plain = about.may_be_plain;
    contents_.parts.push_back(std::move(part));
    places_.push_back(std::move(place));
    return parts();
}

PartWriter Opener::new_part(NewPart about, const char* who) { return PartWriter(*this, add(std::move(about)), who); }

std::uint32_t Opener::new_part_of(NewPart about, const Blob& bytes, const char* who, bool is_charged) {
    if (is_charged && !budget_.take_bytes(bytes.bytes().size(), who)) return 0;
    const auto number = add(std::move(about));
    if (number == 0) return 0;
    places_[number - 1].is_whole = true;
    auto& part = contents_.parts[number - 1];
    part.size = bytes.bytes().size();
    part.sha256 = digest_of(bytes.bytes());
    name_kind(number, bytes.bytes().substr(0, blob_in_memory), part.size);
    arrived(number, bytes, true);
    return number;
}

std::uint32_t Opener::new_structure(NewPart about) {
    about.is_mime = true;
    about.is_structure = true;
    return add(std::move(about));
}

void Opener::add_anomaly(mail::AnomalyKind kind, std::uint32_t part, std::string_view detail) {
    note({kind, part, std::string(detail.substr(0, 200))});
}

void Opener::add_oddity(mail::AnomalyKind kind, std::uint32_t part, std::string_view detail) {
    note({kind, part, std::string(detail.substr(0, 200)), true});
}

void Opener::note(mail::Anomaly anomaly) {
    const bool is_serious = mail::is_ambiguous(anomaly);
    if (anomaly.part != 0 && is_serious) contents_.parts[anomaly.part - 1].set(PartFlag::ambiguous);
    const auto known = std::ranges::find_if(
        contents_.anomalies, [&](const auto& each) { return each.kind == anomaly.kind && each.part == anomaly.part; });
    if (known != contents_.anomalies.end()) {
        if (is_serious && known->is_harmless) *known = std::move(anomaly);
    } else if (contents_.anomalies.size() < mail::anomalies_limit) {
        contents_.anomalies.push_back(std::move(anomaly));
    } else if (is_serious && (!contents_.is_ambiguous() || !is_compared(anomaly.kind))) {
        contents_.anomalies.back() = std::move(anomaly);  // this one must not be lost
    }
}

// settle_anomalies - once all parts are known: what was noted and misleads nobody is harmless
void Opener::settle_anomalies() {
    constexpr std::size_t longest = 250;
    if (!budget_.reason().empty()) contents_.limit = budget_.reason();
    const bool settled = settle_readings(contents_, harmless_);
    auto& all = contents_.mime_error;
    for (const auto& [kind, part, text, harmless] : mime_errors_) {
        const bool is_of_other_reading = part != 0 && contents_.parts[part - 1].has(PartFlag::alternate);
        if (settled && (is_compared(kind) || is_of_other_reading)) continue;
        if (all.find(text) != std::string::npos || all.size() + text.size() + 2 > longest) continue;
        if (!all.empty()) all += "; ";
        all += text;
    }
}

void Opener::add_attached_header(mail::AttachedHeader found) {
    constexpr std::size_t most = 8;
    if (contents_.attached_headers.size() < most) contents_.attached_headers.push_back(std::move(found));
}

void Opener::add_mime_error(mail::AnomalyKind kind, std::uint32_t part, std::string_view text) {
    constexpr std::size_t most = 100;
    if (mime_errors_.size() < most && !text.empty()) mime_errors_.push_back({kind, part, std::string(text)});
}

void Opener::own(std::uint32_t part, std::uint64_t begin, std::uint64_t size, Owned as) {
    const auto whole = contents_.parts[part - 1].size;
    if (begin >= whole || size == 0) return;
    const auto end = begin + std::min(size, whole - begin);
    auto& known = places_[part - 1].owned;
    if (!known.empty() && as != Owned::carried && known.back().as == as && known.back().end == begin) known.back().end = end;
    else known.push_back({begin, end, as});
}

std::vector<OwnedRange> Opener::owned(std::uint32_t part) const {
    auto known = places_[part - 1].owned;
    std::ranges::sort(known, {}, &OwnedRange::begin);
    std::vector<OwnedRange> out;
    for (auto range : known) {
        if (!out.empty()) range.begin = std::max(range.begin, out.back().end);
        if (range.begin >= range.end) continue;
        if (!out.empty() && range.as != Owned::carried && out.back().as == range.as && out.back().end == range.begin)
            out.back().end = range.end;
        else out.push_back(range);
    }
    return out;
}

bool Opener::check_level(std::uint32_t part) { return budget_.check_level(places_[part - 1].level + 1); }

std::uint32_t Opener::mime_depth(std::uint32_t part) const { return part == 0 ? 0 : places_[part - 1].mime_depth; }

void Opener::name_kind(std::uint32_t number, std::string_view head, std::uint64_t size) {
    auto& part = contents_.parts[number - 1];
    // an encrypted member is not empty: nothing of it could be looked at
    if (setup_.kinds == nullptr || (size == 0 && (part.has(mail::PartFlag::encrypted) || part.has(mail::PartFlag::directory))))
        return;
    auto kind = setup_.kinds->find(head, size);
    part.kinds = std::move(kind.kinds);
    part.description = kind.description.substr(0, 200);
}

bool Opener::is_wanted(std::uint32_t number) const {
    const auto& part = contents_.parts[number - 1];
    return setup_.extract != Extract::nothing ||
           std::ranges::any_of(setup_.decoders, [&](const Decoder& decoder) { return decoder.wants(part); });
}

// arrived - a part has its bytes (not `is_kept`: nobody wants them, or there was no memory)
void Opener::arrived(std::uint32_t number, Blob bytes, bool is_kept) {
    auto& place = places_[number - 1];
    bool may_be_accounted = false;
    for (const auto& decoder : setup_.decoders) {
        if (!is_kept || place.is_opened || !decoder.wants(contents_.parts[number - 1])) continue;
        waiting_.push_back({number, &decoder, bytes});
        ++place.decoders;
        may_be_accounted = may_be_accounted || decoder.may_account;
    }
    const auto& part = contents_.parts[number - 1];
    if (setup_.extract == Extract::nothing || part.size == 0) return;
    if (!is_kept || bytes.bytes().empty())
        return keep_back(number, fmt::format("there was no memory for its {} bytes", part.size));
    place.bytes = std::move(bytes);
    place.is_held = true;
    place.may_be_plain = place.may_be_plain && may_wait_as_plain(number, place.bytes.bytes());
    if (!may_be_accounted && !place.may_be_plain) show(number, false);
}

namespace {

// What a message may be to count as plain text mail. test/e2e/test_plain_mail.py proves over a matrix of structures that clamd
// opens exactly the texts of such mail by itself.
constexpr std::uint64_t plain_mail_bytes = 512 * 1024;
constexpr std::uint32_t plain_mail_texts = 20, plain_mail_depth = 4;
constexpr std::string_view plain_kinds[] = {"asc", "txt", "html"};
constexpr std::string_view plain_beginnings[] = {"Received: ", "From: "};

}  // namespace

// may_wait_as_plain - the decision waits until the whole message is known
bool Opener::may_wait_as_plain(std::uint32_t number, std::string_view text) {
    const auto& part = contents_.parts[number - 1];
    const auto is_plain = [](const std::string& kind) { return std::ranges::find(plain_kinds, kind) != std::end(plain_kinds); };
    if (part.flags != 0 || part.kinds.empty() || !std::ranges::all_of(part.kinds, is_plain)) return false;
    if (text.starts_with('\r') || text.starts_with('\n')) return false;  // clamd opens it without its first empty lines
    plain_bytes_ += text.size();
    return ++plain_parts_ <= plain_mail_texts && plain_bytes_ <= plain_mail_bytes;
}

bool Opener::is_plain_mail(std::string_view message) const {
    if (message.size() > plain_mail_bytes || !contents_.anomalies.empty() || !mime_errors_.empty() ||
        !contents_.attached_headers.empty() || !budget_.reason().empty())
        return false;
    if (std::ranges::none_of(plain_beginnings, [&](std::string_view each) { return message.starts_with(each); })) return false;
    return std::ranges::all_of(places_, [](const Place& place) {
        return place.may_be_plain && place.mime_depth <= plain_mail_depth && (place.is_structure || place.children == 0);
    });
}

void Opener::keep_back(std::uint32_t number, std::string why) {
    auto& part = contents_.parts[number - 1];
    part.shown = mail::Shown::kept_back;
    if (!kept_back_.empty()) return;
    kept_back_ = "Not shown to the virus scanners: " + why;
    kept_back_part_ = number;
}

// show - the engines get these bytes, unless they had the same ones
void Opener::show(std::uint32_t number, bool is_plain) {
    auto& place = places_[number - 1];
    auto& part = contents_.parts[number - 1];
    auto bytes = std::exchange(place.bytes, Blob());
    place.is_held = false;
    if (has_enough_) return;
    part.shown = is_plain ? mail::Shown::in_plain_mail : mail::Shown::yes;
    if (is_plain && setup_.extract != Extract::everything) return;
    if (shown_digests_.contains(part.sha256)) return;
    const auto size = bytes.bytes().size();
    if (shown_parts_ >= setup_.limits.extracts)
        return keep_back(number, fmt::format("open.extracts allows {} parts", setup_.limits.extracts));
    if (size > setup_.limits.extract_bytes - shown_bytes_)
        return keep_back(number,
                         fmt::format("open.extract_bytes allows {} bytes of all parts together", setup_.limits.extract_bytes));
    if (!part.sha256.empty()) shown_digests_.insert(part.sha256);
    ++shown_parts_;
    shown_bytes_ += size;
    gathered_bytes_ += size;
    gathered_.push_back({number, is_plain, std::move(bytes)});
    if (setup_.sink != nullptr && (gathered_.size() >= batch_parts || gathered_bytes_ >= batch_bytes)) hand_over();
}

void Opener::hand_over() {
    std::vector<std::uint32_t> numbers;
    for (const auto& each : gathered_) numbers.push_back(each.part);
    const auto waited_from = std::chrono::steady_clock::now();
    const auto took = setup_.sink->take(contents_, std::exchange(gathered_, {}));
    budget_.pause(std::chrono::steady_clock::now() - waited_from);
    gathered_bytes_ = 0;
    has_enough_ = took == PartSink::Took::enough;
    if (took != PartSink::Took::no) return;
    for (const auto number : numbers) keep_back(number, setup_.sink->why());
}

// show_the_rest - what was held until the end: the texts of mail that may be plain, and containers that nobody has opened
void Opener::show_the_rest(const Blob& message) {
    const bool is_plain = is_plain_mail(message.bytes());
    for (std::uint32_t number = 1; number <= parts(); ++number)
        if (places_[number - 1].is_held) show(number, is_plain);
}

Opened open_message(const OpenerSetup& setup, const Blob& message) { return Opener(setup, message.bytes().size()).open(message); }

}  // namespace tamis::worker
