#include "config/look_up.h"

#include <algorithm>

namespace tamis::config {
namespace {

constexpr std::size_t reference_limit = 30;

storage::LookupAddress with_keys(const Settings& settings, policy::AddressPieces pieces) {
    storage::LookupAddress out;
    out.is_local = settings.tables.is_local(pieces);
    out.keys = policy::sql_keys(pieces, {out.is_local, settings.storage.lookup_no_at_means_domain});
    out.pieces = std::move(pieces);
    return out;
}

}  // namespace

policy::LoadedBanks choose_banks(const Settings& settings, const mail::Envelope& envelope) {
    policy::Arrival arrival;
    arrival.listener = envelope.listener;
    arrival.socket_address = envelope.socket_address;
    if (envelope.client.address) {
        arrival.client = *envelope.client.address;
        arrival.is_from_mynetworks = settings.mynetworks.contains(*envelope.client.address);
    }
    arrival.is_sender_local = settings.tables.is_local(policy::address_pieces(envelope.sender, settings.tables.keys));
    arrival.requested = envelope.policy_banks;
    return settings.tables.banks.choose(arrival);
}

std::vector<std::string> from_addresses(const mail::Message& message) {
    const auto head = message.spool->head();
    std::vector<std::string> out;
    for (const auto* field : message.header.find_all("From", head))
        for (auto& address : mail::addresses_of(mail::HeaderBlock::value(*field, head))) out.push_back(std::move(address));
    return out;
}

storage::LookupRequest make_lookup(const Settings& settings, const mail::Envelope& envelope,
                                   const std::vector<std::string>& from_addresses) {
    storage::LookupRequest request;
    for (const auto& recipient : envelope.recipients)
        request.recipients.push_back(with_keys(settings, policy::address_pieces(recipient.address, settings.tables.keys)));
    for (auto& sender : policy::senders_of(envelope.sender, from_addresses, settings.tables.keys))
        request.senders.push_back(with_keys(settings, std::move(sender)));
    return request;
}

std::vector<Wishes> resolve(const Settings& settings, const policy::LoadedBanks& banks, const storage::LookupRequest& request,
                            const std::vector<std::vector<policy::UserRow>>& rows) {
    static const std::vector<policy::UserRow> none;
    std::vector<policy::AddressPieces> senders;
    for (const auto& sender : request.senders) senders.push_back(sender.pieces);
    std::vector<Wishes> out;
    for (std::size_t i = 0; i < request.recipients.size(); ++i) {
        const auto& recipient = request.recipients[i].pieces;
        const auto& mine = i < rows.size() ? rows[i] : none;
        out.push_back({policy::effective_policy(settings.tables, banks, recipient, mine),
                       settings.sender_lists.decide(recipient, mine, senders)});
    }
    return out;
}

storage::LookupOptions lookup_options(const Settings& settings) {
    storage::LookupOptions options;
    options.connections = static_cast<std::size_t>(settings.storage.lookup_connections);
    options.patience = settings.storage.wait;
    options.cache = settings.storage.lookup_cache;
    options.select_policy = settings.storage.select_policy;
    options.select_wblist = settings.storage.select_wblist;
    return options;
}

std::vector<std::string> referenced_message_ids(const mail::Message& message) {
    const auto head = message.spool->head();
    std::vector<std::string> ids;
    for (const auto* name : {"References", "In-Reply-To"})
        for (const auto* field : message.header.find_all(name, head)) {
            std::string_view text = mail::HeaderBlock::value(*field, head);
            for (;;) {
                const auto begin = text.find('<');
                const auto end = begin == std::string_view::npos ? begin : text.find('>', begin);
                if (end == std::string_view::npos) break;
                std::string id(text.substr(begin, end - begin + 1));
                text.remove_prefix(end + 1);
                if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
            }
        }
    if (ids.size() > reference_limit) ids.erase(ids.begin(), ids.end() - reference_limit);
    return ids;
}

}  // namespace tamis::config
