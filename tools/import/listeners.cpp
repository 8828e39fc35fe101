// listeners - where amavisd listens: SMTP and LMTP go to [server], AM.PDP to [control], banks of listeners to [[bank_rules]]
#include <fmt/format.h>

#include <algorithm>

#include "base/endpoint.h"
#include "base/text.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// Socket - one of amavisd's
struct Socket {
    std::string address;  // "127.0.0.1:10024", "unix:/path"
    std::string port;     // "10024", or the path
    std::vector<Place> from;
};

std::string with_brackets(std::string host) {
    if (host.starts_with('[') || host.find(':') == std::string::npos) return host;
    return "[" + host + "]";
}

std::vector<std::string> bind_addresses(Translation& into) {
    if (!into.is_assigned("$inet_socket_bind")) return {"127.0.0.1"};
    const auto list = texts_of(into.value("$inet_socket_bind"));
    into.settle("$inet_socket_bind", list ? Outcome::translated : Outcome::missing, "not an address or a list of addresses");
    std::vector<std::string> out;
    for (const auto& each : list.value_or(std::vector<std::string>()))
        out.push_back(each.empty() || each == "*" ? "0.0.0.0" : with_brackets(each));
    if (out.empty()) out.emplace_back("0.0.0.0");  // undef: every address
    return out;
}

std::vector<Socket> sockets(Translation& into) {
    std::vector<Socket> out;
    const auto binds = bind_addresses(into);
    const auto add = [&](const std::string& name, const std::string& entry) {
        const auto from = into.places(name);
        if (entry.empty() || entry == "0") return;
        if (entry.starts_with('/') || entry.starts_with("unix:")) {
            const std::string path = entry.substr(entry.starts_with('/') ? 0 : 5);
            out.push_back({"unix:" + path, path, from});
        } else if (entry.find(':') != std::string::npos) {
            const auto colon = entry.rfind(':');
            out.push_back({(entry.starts_with("*:") ? "0.0.0.0" : with_brackets(entry.substr(0, colon))) + entry.substr(colon),
                           entry.substr(colon + 1), from});
        } else {
            for (const auto& bind : binds) out.push_back({bind + ":" + entry, entry, from});
        }
    };
    for (const std::string name : {"$inet_socket_port", "@listen_sockets", "$unix_socketname"}) {
        if (!into.is_assigned(name)) continue;
        const PerlValue value = into.value(name);
        if (into.is_unknown(name, value)) continue;
        const auto list = texts_of(value);
        into.settle(name, list ? Outcome::translated : Outcome::missing, "not a text or a list of texts");
        for (const auto& entry : list.value_or(std::vector<std::string>())) add(name, entry);
    }
    return out;
}

// bank_names - of the listener, by port, address and port, path, or SOCK
std::vector<std::string> bank_names(const Translation& from, const Socket& socket) {
    const PerlValue policy = from.value("%interface_policy");
    const bool is_unix = socket.address.starts_with("unix:");
    for (const auto& key : {is_unix ? socket.port : socket.address, is_unix ? std::string("SOCK") : socket.port}) {
        const auto* found = policy.entry(key);
        if (found == nullptr) continue;
        std::vector<std::string> names;
        for (const auto name : words(text_of(*found).value_or(""), ", /")) names.emplace_back(name);
        return names;
    }
    return {};
}

const PerlValue* bank_value(const PerlValue& banks, const std::vector<std::string>& names, std::string_view key) {
    for (auto name = names.rbegin(); name != names.rend(); ++name)
        if (const auto* bank = banks.entry(*name))
            if (const auto* value = bank->entry(key)) return value;
    return nullptr;
}

void control(Translation& into, const std::vector<Socket>& all, const PerlValue& banks) {
    std::vector<std::string> listen;
    std::vector<Place> from;
    bool is_tcp = false, tcp_required = true, unix_required = true;
    for (const auto& socket : all) {
        const auto names = bank_names(into, socket);
        const bool is_unix = socket.address.starts_with("unix:");
        listen.push_back(socket.address);
        from.insert(from.end(), socket.from.begin(), socket.from.end());
        const auto* required = bank_value(banks, names, "auth_required_release");
        const bool is_required = is_true(required == nullptr ? into.value("$auth_required_release") : *required).value_or(true) ||
                                 (required == nullptr && !into.is_assigned("$auth_required_release"));
        (is_unix ? unix_required : tcp_required) = is_required;
        is_tcp = is_tcp || !is_unix;
        if (required != nullptr) from.push_back(required->place);
        if (const auto* peers = bank_value(banks, names, "inet_acl"); peers != nullptr && !is_unix)
            if (const auto list = texts_of(into.conf.followed(*peers)); list && AddressList::parse(*list))
                into.put("control", "allowed_peers", toml_list(*list), {peers->place});
    }
    into.settle("$auth_required_release", Outcome::translated);
    if (listen.empty()) return;
    into.put("control", "listen", toml_list(listen), from,
             "also name the users of milters and web servers in control.allowed_users");
    const bool is_never = is_tcp && !tcp_required && !unix_required;
    const std::string_view secret = unix_required ? "always" : is_never ? "never" : "tcp";
    if (secret != "tcp") into.put("control", "secret_required", toml_string(secret), from);
}

// peers - who may connect: amavisd asks the list of the listener's bank instead of @inet_acl, Tamis has one list for all
void peers(Translation& into, const std::vector<Socket>& all, const PerlValue& banks) {
    std::vector<std::string> together;
    std::vector<Place> from;
    bool is_said_by_bank = false, has_exception = false;
    const auto add = [&](const std::vector<std::string>& list) {
        for (const auto& each : list) {
            has_exception = has_exception || each.starts_with('!');
            if (std::ranges::find(together, each) == together.end()) together.push_back(each);
        }
    };
    const auto own =
        into.is_assigned("@inet_acl") ? texts_of(into.value("@inet_acl")) : std::vector<std::string>{"127.0.0.1", "[::1]"};
    for (const auto& socket : all) {
        if (socket.address.starts_with("unix:")) continue;
        const auto* of_bank = bank_value(banks, bank_names(into, socket), "inet_acl");
        if (of_bank == nullptr) {
            add(own.value_or(std::vector<std::string>()));
            continue;
        }
        is_said_by_bank = true;
        const PerlValue value = into.conf.followed(*of_bank);
        const auto list = texts_of(value);
        if (!list || !AddressList::parse(*list)) {
            into.remark(of_bank->place, "inet_acl of the bank of " + socket.address, Outcome::missing,
                        value.is_known() ? "not a list of addresses; write them into server.allowed_peers" : value.text);
            continue;
        }
        from.push_back(of_bank->place);
        add(*list);
    }
    if (!is_said_by_bank || from.empty()) return;
    if (has_exception && all.size() > 1) {
        into.remark(
            from.front(), "inet_acl", Outcome::missing,
            "there is one list for all listeners, server.allowed_peers, and these have exceptions (\"!\"): write it yourself");
        return;
    }
    for (const auto place : into.places("@inet_acl")) from.push_back(place);
    into.put("server", "allowed_peers", toml_list(together), from, all.size() > 1 ? "one list for all listeners" : "");
    into.put("server", "xforward_peers", toml_list(together), from);
}

std::string octal(const PerlValue& value) {
    const auto number = number_of(value);
    constexpr double most = 07777;
    return number && *number >= 0 && *number <= most ? fmt::format("{:04o}", static_cast<unsigned>(*number)) : std::string();
}

// client_rules - @client_ipaddr_policy: table => bank, table => bank ...
void client_rules(Translation& into) {
    if (!into.is_assigned("@client_ipaddr_policy")) return;
    const PerlValue list = into.value("@client_ipaddr_policy");
    if (into.is_unknown("@client_ipaddr_policy", list)) return;
    into.settle("@client_ipaddr_policy", Outcome::translated);
    bool has_mynetworks = false;
    for (std::size_t i = 0; i + 1 < list.items.size(); i += 2) {
        const auto name = text_of(into.conf.followed(list.items[i + 1])).value_or("");
        const bool is_mynetworks = list.items[i].is(Kind::variable) && list.items[i].text == "@mynetworks";
        if (is_mynetworks && name == "MYNETS") {
            has_mynetworks = true;
            continue;
        }
        const auto clients = texts_of(into.conf.followed(list.items[i]));
        if (!clients || clients->empty() || !AddressList::parse(*clients) || name.empty()) {
            into.remark(list.items[i].place, "@client_ipaddr_policy", Outcome::missing,
                        "not a list of addresses with a name of a bank");
            continue;
        }
        auto& rule = into.toml.add("[[bank_rules]]");
        rule.put("clients", toml_list(*clients), {list.items[i].place});
        std::vector<std::string> names;
        for (const auto each : words(name, ", ")) names.emplace_back(each);
        rule.put("banks", toml_list(names), {list.items[i + 1].place});
        for (const auto& each : names) into.toml.table(fmt::format("[banks.{}]", toml_key(each)));
    }
    if (list.items.size() % 2 != 0)
        into.remark(list.items.back().place, "@client_ipaddr_policy", Outcome::missing,
                    "a list of addresses without the name of a bank");
    if (!has_mynetworks)
        into.remark(
            list.place, "@client_ipaddr_policy", Outcome::missing,
            "it does not give @mynetworks the bank MYNETS; with Tamis clients in server.mynetworks always count as our own: empty that list if they shall not");
}

void networks(Translation& into) {
    const PerlValue maps = into.value("@mynetworks_maps");
    std::vector<std::string> all;
    std::vector<Place> from;
    for (const auto& item : maps.items) {
        const PerlValue table = into.conf.followed(item);
        const std::string name = item.is(Kind::variable) ? item.text : "@mynetworks_maps";
        if (into.is_unknown(name, table)) continue;
        if (item.is(Kind::variable) && !into.is_assigned(name)) continue;
        into.settle(name, Outcome::translated);
        auto list = texts_of(table);
        if (table.is(Kind::table)) {  // { '10.0.0.0/8' => 1, '10.1.0.0/16' => 0 }
            list.emplace();
            for (std::size_t i = 0; i < table.keys.size(); ++i)
                list->push_back((is_true(into.conf.followed(table.items[i])).value_or(true) ? "" : "!") + table.keys[i]);
        } else if (!table.is(Kind::list)) list.reset();
        if (!list) {
            into.remark(table.place, name, Outcome::missing, "not a list of networks; write them into server.mynetworks");
            continue;
        }
        for (const auto& each : *list)
            if (auto good = AddressList::parse({each}); good) all.push_back(each);
            else into.remark(table.place, name, Outcome::missing, good.error().detail);
        for (const auto& each : table.items) from.push_back(each.place);
        for (const auto place : into.places(name)) from.push_back(place);
    }
    if (!from.empty()) into.put("server", "mynetworks", toml_list(all), from);
    into.settle("@mynetworks_maps", Outcome::translated);
}

// listener_rule - the banks of one listener; of a port once, on however many addresses
void listener_rule(Translation& into, const Socket& socket, const std::vector<std::string>& names) {
    const PerlValue policy = into.value("%interface_policy");
    const bool is_unix = socket.address.starts_with("unix:");
    const auto* of_address = policy.entry(is_unix ? socket.port : socket.address);
    const auto* key = of_address != nullptr ? of_address : policy.entry(is_unix ? "SOCK" : socket.port);
    const std::string listener = of_address != nullptr && !is_unix ? socket.address : socket.port;
    if (key == nullptr || !into.once("listener " + listener)) return;
    auto& rule = into.toml.add("[[bank_rules]]");
    rule.put("listener", toml_string(listener), {key->place});
    rule.put("banks", toml_list(names), {key->place});
    for (const auto& name : names) into.toml.table(fmt::format("[banks.{}]", toml_key(name)));
}

}  // namespace

void translate_listeners(Translation& into) {
    const PerlValue banks = into.value("%policy_bank");
    std::vector<std::string> listen;
    std::vector<Place> from;
    std::vector<Socket> for_control, for_mail;
    bool has_unix = false;
    for (const auto& socket : sockets(into)) {
        const auto names = bank_names(into, socket);
        const bool is_unix = socket.address.starts_with("unix:");
        const auto* of_bank = bank_value(banks, names, "protocol");
        std::string protocol = to_upper(text_of(of_bank == nullptr ? into.value("$protocol") : *of_bank).value_or(""));
        if (protocol.empty() && is_unix) protocol = "AM.PDP";
        if (auto good = parse_endpoint(socket.address); !good) {
            into.remark(socket.from.front(), socket.address, Outcome::missing, good.error().detail);
        } else if (protocol == "AM.PDP" || protocol == "AM.CL") {
            for_control.push_back(socket);
        } else if (protocol == "COURIER" || protocol == "QMQPQQ") {
            into.remark(socket.from.front(), socket.address, Outcome::missing,
                        "the protocol " + protocol + " is not spoken; SMTP, LMTP and AM.PDP are");
        } else {
            has_unix = has_unix || is_unix;
            for_mail.push_back(socket);
            listen.push_back(socket.address);
            from.insert(from.end(), socket.from.begin(), socket.from.end());
        }
        if (protocol != "AM.PDP" && protocol != "AM.CL" && !names.empty()) listener_rule(into, socket, names);
    }
    if (!listen.empty()) into.put("server", "listen", toml_list(listen), from);
    into.settle("%interface_policy", Outcome::translated);
    into.settle("$protocol", Outcome::translated);
    control(into, for_control, banks);
    peers(into, for_mail, banks);
    if (const auto mode = octal(into.value("$unix_socket_mode")); !mode.empty() && into.is_assigned("$unix_socket_mode")) {
        if (!for_control.empty()) into.put("control", "socket_mode", toml_string(mode), into.places("$unix_socket_mode"));
        if (has_unix) into.put("server", "socket_mode", toml_string(mode), into.places("$unix_socket_mode"));
    }
    into.settle("$unix_socket_mode", Outcome::translated);
    client_rules(into);
    networks(into);
}

}  // namespace tamis::tools
