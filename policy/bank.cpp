#include "policy/bank.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tamis::policy {
namespace {

constexpr std::string_view mynets = "MYNETS";
constexpr std::string_view myusers = "MYUSERS";

bool is_name(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; });
}

struct RuleSettings {
    std::string listener;
    std::vector<std::string> clients, banks;
};

const std::vector<Setting<RuleSettings>>& rule_rows() {
    using S = RuleSettings;
    static const std::vector<Setting<S>> rows = {
        {"listener", &S::listener, "Mail that came in there: a port, address:port, a socket path, or SOCK for any unix socket."},
        {"clients", &S::clients, "Mail of these original clients (XFORWARD): addresses and networks."},
        {"banks", &S::banks, "The banks to load, in this order."},
    };
    return rows;
}

}  // namespace

Banks Banks::load(const ConfigTable& config, Problems& problems) {
    Banks out;
    if (const auto* banks = config.find("banks")) {
        if (banks->table() == nullptr) problems.add(banks->position, "banks must be tables: [banks.NAME]");
        else
            for (const auto& [name, value] : banks->table()->entries) {
                const Position at = banks->table()->keys.at(name);
                const std::string section = fmt::format("banks.{}", escaped(name));
                if (!is_name(name) || value.table() == nullptr) {
                    problems.add(at, fmt::format("{}: a bank is a table with a name of letters, digits, _ - .", section));
                    continue;
                }
                Bank bank{name, at, load_field_values(*value.table(), section, problems, {"originating", "before_sql"}), {}};
                if (const auto* before = value.table()->find("before_sql"))
                    tamis::detail::load_value(*before, section + ".before_sql", &bank.before_sql, 0, 0, {}, problems);
                if (const auto* originating = value.table()->find("originating")) {
                    bool yes = false;
                    tamis::detail::load_value(*originating, section + ".originating", &yes, 0, 0, {}, problems);
                    bank.originating = yes;
                }
                out.banks_.emplace(name, std::move(bank));
            }
    }
    const auto* rules = config.find("bank_rules");
    if (rules == nullptr) return out;
    if (rules->array() == nullptr) {
        problems.add(rules->position, "bank_rules must be a list of tables: [[bank_rules]]");
        return out;
    }
    std::vector<std::string> known = {std::string(mynets)};
    for (const auto& [name, bank] : out.banks_) known.push_back(name);
    for (const auto& item : *rules->array()) {
        auto rule = load_rule(item, problems);
        if (!rule) continue;
        for (const auto& name : rule->banks)
            if (std::ranges::find(known, name) == known.end()) {
                const auto near = nearest(name, known);
                problems.add(item.position,
                             fmt::format("bank_rules.banks names \"{}\", but there is no [banks.{}]{}", escaped(name),
                                         escaped(name), near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
            }
        out.rules_.push_back(std::move(*rule));
    }
    return out;
}

std::optional<Banks::Rule> Banks::load_rule(const ConfigValue& item, Problems& problems) {
    if (item.table() == nullptr) {
        problems.add(item.position, "bank_rules must be a list of tables: [[bank_rules]]");
        return {};
    }
    RuleSettings read;
    load_settings(*item.table(), "bank_rules", rule_rows(), read, problems);
    if (read.banks.empty()) problems.add(item.position, "a [[bank_rules]] needs banks = [\"NAME\", ...]");
    if (read.listener.empty() && item.table()->find("clients") == nullptr)
        problems.add(item.position, "a [[bank_rules]] needs a listener, clients, or both");
    Rule rule{std::move(read.listener), {}, std::move(read.banks)};
    if (rule.listener.starts_with("unix:")) rule.listener.erase(0, std::string_view("unix:").size());
    if (const auto* clients = item.table()->find("clients")) {
        auto list = AddressList::parse(read.clients);
        if (list) rule.clients = std::move(*list);
        else problems.add(clients->position, "bank_rules.clients: " + list.error().detail);
    }
    return rule;
}

bool Banks::holds(const Rule& rule, const Arrival& arrival) const {
    if (rule.clients && !(arrival.client && rule.clients->contains(*arrival.client))) return false;
    if (rule.listener.empty() || rule.listener == arrival.listener) return true;
    if (arrival.listener.starts_with('/')) return rule.listener == "SOCK";
    const bool is_v6 = arrival.socket_address.find(':') != std::string_view::npos;
    return rule.listener == (is_v6 ? fmt::format("[{}]:{}", arrival.socket_address, arrival.listener)
                                   : fmt::format("{}:{}", arrival.socket_address, arrival.listener));
}

void Banks::put(LoadedBanks& loaded, std::string_view name) const {
    const auto found = banks_.find(name);
    const Bank* bank = found == banks_.end() ? nullptr : &found->second;
    if (bank != nullptr && std::ranges::find(loaded.banks, bank) != loaded.banks.end() && loaded.banks.front() == bank)
        return;  // loaded last already
    if (!loaded.path.empty()) loaded.path += '/';
    loaded.path += name;
    if (name == mynets) loaded.originating = true;
    if (bank == nullptr) return;
    std::erase(loaded.banks, bank);
    loaded.banks.insert(loaded.banks.begin(), bank);
    if (bank->originating) loaded.originating = *bank->originating;
}

LoadedBanks Banks::choose(const Arrival& arrival) const {
    LoadedBanks loaded;
    const auto load_rules = [&](bool with_clients) {
        for (const auto& rule : rules_)
            if (rule.clients.has_value() == with_clients && holds(rule, arrival))
                for (const auto& name : rule.banks) put(loaded, name);
    };
    load_rules(false);
    if (arrival.is_from_mynetworks) put(loaded, mynets);
    load_rules(true);
    for (const auto& name : arrival.requested)
        if (banks_.contains(name)) put(loaded, name);
    if (loaded.originating && arrival.is_sender_local && banks_.contains(myusers)) put(loaded, myusers);
    return loaded;
}

}  // namespace tamis::policy
