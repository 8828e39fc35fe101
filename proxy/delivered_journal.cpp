#include "proxy/delivered_journal.h"

#include <fmt/format.h>

namespace tamis::proxy {

std::string DeliveredJournal::key(const mail::Envelope& envelope, const mail::Message& message,
                                  const std::string& recipient) {
    if (!envelope.client.ident || envelope.client.ident->empty()) return {};
    return fmt::format("{}\n{}\n{}\n{}\n{}", *envelope.client.ident, envelope.sender, recipient, message.size,
                       message.digest);
}

void DeliveredJournal::remember(const mail::Envelope& envelope, const mail::Message& message,
                                const std::string& recipient, const policy::RecipientOutcome& outcome) {
    std::string name = key(envelope, message, recipient);
    if (name.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (entries_.insert_or_assign(name, Entry{outcome, now}).second) order_.push_back(std::move(name));
    while (!order_.empty()) {
        const auto oldest = entries_.find(order_.front());
        const bool expired = oldest == entries_.end() || now - oldest->second.at > lifetime;
        if (!expired && order_.size() <= limit) break;
        if (oldest != entries_.end()) entries_.erase(oldest);
        order_.pop_front();
    }
}

std::optional<policy::RecipientOutcome> DeliveredJournal::find(const mail::Envelope& envelope,
                                                               const mail::Message& message,
                                                               const std::string& recipient) const {
    const std::lock_guard lock(mutex_);
    if (entries_.empty()) return {};
    const auto found = entries_.find(key(envelope, message, recipient));
    if (found == entries_.end() || std::chrono::steady_clock::now() - found->second.at > lifetime) return {};
    return found->second.outcome;
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
