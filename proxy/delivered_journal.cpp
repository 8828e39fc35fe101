#include "proxy/delivered_journal.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstring>

#include "base/counted.h"
#include "base/log.h"

namespace tamis::proxy {
namespace {

std::int64_t now_seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

constexpr auto lifetime_seconds = std::chrono::duration_cast<std::chrono::seconds>(DeliveredJournal::lifetime).count();

// is_expired - a clock that was set back makes a note look new, never old
bool is_expired(std::int64_t at, std::int64_t now) { return now - at > lifetime_seconds; }

// key_of - nothing for a message whose MTA gave no queue id: the same text sent twice is two messages
std::optional<DeliveredKey> key_of(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient) {
    if (!envelope.client.ident || envelope.client.ident->empty()) return {};
    const auto text =
        fmt::format("{}\n{}\n{}\n{}\n{}", *envelope.client.ident, envelope.sender, recipient, message.size, message.digest);
    DeliveredKey key{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), key.data(), &size, EVP_sha256(), nullptr) != 1) return {};
    return key;
}

}  // namespace

std::size_t DeliveredJournal::KeyHash::operator()(const DeliveredKey& key) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, key.data(), sizeof out);
    return out;
}

Done DeliveredJournal::open(const std::string& folder) {
    auto file = DeliveredFile::create(folder);
    if (!file) return std::unexpected(std::move(file.error()));
    const std::lock_guard lock(mutex_);
    file_ = std::move(*file);
    others_ = other_delivered_files(folder, file_->path());
    take_over();
    if (!entries_.empty())
        log::notice({}, "{} by a process that ended before it could answer; the MTA's next try is not delivered again",
                    counted(entries_.size(), "recipient was handed its mail", "recipients were handed their mail"));
    return {};
}

// take_over - the notes of processes that have ended become ours; first here, then gone there
void DeliveredJournal::take_over() {
    const auto now = now_seconds();
    std::erase_if(others_, [&](auto& other) {
        if (!other->is_abandoned()) return false;
        for (auto& note : other->notes())
            if (!is_expired(note.at, now)) add(std::move(note));
        other->remove();
        return true;
    });
}

void DeliveredJournal::add(DeliveredNote note) {
    const auto now = now_seconds();
    if (const auto known = entries_.find(note.key); known != entries_.end()) drop(known);
    while (!order_.empty()) {
        const auto oldest = entries_.find(order_.front());
        if (!is_expired(oldest->second.at, now) && order_.size() < limit) break;
        drop(oldest);
    }
    std::optional<DeliveredFile::Slot> slot;
    if (file_) {
        if (auto written = file_->write(note)) {
            slot = *written;
        } else if (!std::exchange(has_warned_, true)) {
            log::warning({}, "what is being delivered cannot be noted, a kill at this moment could double a message: {}",
                         describe(written.error()));
        }
    }
    const auto place = order_.insert(order_.end(), note.key);
    entries_.emplace(note.key, Entry{std::move(note.outcome), note.at, slot, place});
}

void DeliveredJournal::drop(Entries::iterator entry) {
    if (entry->second.slot) file_->erase(*entry->second.slot);
    order_.erase(entry->second.place);
    entries_.erase(entry);
}

void DeliveredJournal::remember(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient,
                                const policy::RecipientOutcome& outcome) {
    const auto key = key_of(envelope, message, recipient);
    if (!key) return;
    const std::lock_guard lock(mutex_);
    add({*key, now_seconds(), outcome});
}

void DeliveredJournal::forget(const mail::Envelope& envelope, const mail::Message& message, const std::string& recipient) {
    const auto key = key_of(envelope, message, recipient);
    if (!key) return;
    const std::lock_guard lock(mutex_);
    if (const auto known = entries_.find(*key); known != entries_.end()) drop(known);
}

std::optional<policy::RecipientOutcome> DeliveredJournal::find(const mail::Envelope& envelope, const mail::Message& message,
                                                               const std::string& recipient) {
    const std::lock_guard lock(mutex_);
    if (entries_.empty() && others_.empty()) return {};
    const auto key = key_of(envelope, message, recipient);
    if (!key) return {};
    if (!others_.empty()) take_over();
    if (const auto found = entries_.find(*key); found != entries_.end() && !is_expired(found->second.at, now_seconds()))
        return found->second.outcome;
    for (const auto& other : others_)
        if (auto note = other->find(*key)) return std::move(note->outcome);
    return {};
}

bool DeliveredJournal::empty() const {
    const std::lock_guard lock(mutex_);
    return entries_.empty();
}

std::size_t DeliveredJournal::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace tamis::proxy
