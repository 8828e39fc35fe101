// postfix_reinjection - the smtpd that takes mail back from us: no loop, nothing done twice, nothing refused, no smuggling
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/counted.h"
#include "base/text.h"
#include "tools/doctor/postfix_checks.h"

namespace tamis::doctor {
namespace {

constexpr std::string_view usual_overrides = "no_header_body_checks,no_unknown_recipient_checks,no_address_mappings,no_milters";

bool has_word(const std::vector<std::string>& list, std::string_view word) { return std::ranges::find(list, word) != list.end(); }

// Judge - one service that is our next hop
class Judge {
public:
    Judge(const PostfixSetup& setup, const OurSide& ours, const Service& back, const std::vector<Route>& routes, Report& report)
        : setup_(setup),
          ours_(ours),
          back_(back),
          routes_(routes),
          report_(report),
          us_(ours.forward.endpoint.is_unix() ? "" : address_towards(ours.forward.endpoint.host)),
          options_(list_of(value("receive_override_options"))) {}

    void run() {
        check_loop();
        check_trust();
        check_mappings();
        check_twice();
        check_sizes();
        check_numbers();
        check_newlines();
        check_tls();
    }

private:
    std::string value(std::string_view name) const { return setup_.value(&back_, name); }
    std::string set(std::string_view name, std::string_view text) const { return set_in(setup_, back_, name, text); }
    void problem(std::string what, std::vector<std::string> fix) {
        report_.problem(back_.entry() + " " + std::move(what), std::move(fix));
    }
    void warning(std::string what, std::vector<std::string> fix) {
        report_.warning(back_.entry() + " " + std::move(what), std::move(fix));
    }
    // with_option - receive_override_options with one more
    std::string with_option(std::string_view option) const {
        auto all = options_;
        all.emplace_back(option);
        return join(all, ",");
    }

    void check_loop() {
        for (const auto* name : {"content_filter", "smtpd_proxy_filter"})
            if (const auto to = value(name); !to.empty())
                problem(fmt::format("filters again what comes back from the filter ({} = {}): mail goes round in a loop", name,
                                    escaped(to)),
                        {set(name, "")});
    }

    void check_trust() {
        if (us_.empty()) return;
        const auto networks = value("mynetworks");
        const auto trusted = is_within(us_, networks);
        bool relies = false;
        for (const auto* name : {"smtpd_client_restrictions", "smtpd_recipient_restrictions", "smtpd_relay_restrictions"})
            relies = relies || has_word(list_of(value(name)), "permit_mynetworks");
        if (relies && trusted == false)
            problem(fmt::format("refuses us: {} is not in its mynetworks ({})", us_, escaped(networks)),
                    {set("mynetworks", "127.0.0.0/8 [::1]/128" + (us_ == "127.0.0.1" || us_ == "::1" ? "" : " " + us_))});
        const auto xforward = is_within(us_, value("smtpd_authorized_xforward_hosts"));
        if (xforward == false)
            warning(
                fmt::format(
                    "does not let {} say who the original client is (smtpd_authorized_xforward_hosts): its log and the Received field name the filter",
                    us_),
                {set("smtpd_authorized_xforward_hosts", us_ == "127.0.0.1" ? "127.0.0.0/8" : us_)});
        const auto place = service_endpoint(back_);
        const bool is_bound = !place.host.empty() && place.host != "0.0.0.0" && place.host != "::" && place.host != "*";
        if (back_.type == "inet" && !is_bound && !is_loopback_only() &&
            !has_word(list_of(value("smtpd_client_restrictions")), "reject"))
            warning("listens on every address: whoever reaches it sends mail past the filter",
                    {fmt::format("name it 127.0.0.1:{} in master.cf, or: {}", place.port,
                                 set("smtpd_client_restrictions", "permit_mynetworks,reject"))});
    }

    bool is_loopback_only() const {
        return std::ranges::all_of(list_of(value("inet_interfaces")), [](const auto& each) {
            return each == "loopback-only" || each == "localhost" || each.starts_with("127.") || each == "::1" || each == "[::1]";
        });
    }

    // check_mappings - virtual aliases, canonical and bcc maps must be applied once: on one side of the filter
    void check_mappings() {
        const bool off_here = has_word(options_, "no_address_mappings");
        std::vector<std::string> both, neither;
        for (const auto& route : routes_) {
            if (route.from == nullptr) continue;
            const bool off_there = has_word(list_of(setup_.value(route.from, "receive_override_options")), "no_address_mappings");
            if (off_there == off_here) (off_here ? both : neither).push_back(route.from->entry());
        }
        if (!both.empty())
            problem(fmt::format("and {} both have no_address_mappings: virtual aliases and canonical maps are never applied",
                                join(both, ", ")),
                    {set("receive_override_options", join(without(options_, "no_address_mappings"), ","))});
        if (!neither.empty())
            warning(
                fmt::format(
                    "and {} both apply address mappings: aliases are expanded twice, and always_bcc and its like send two copies",
                    join(neither, ", ")),
                {set("receive_override_options", with_option("no_address_mappings"))});
    }

    static std::vector<std::string> without(std::vector<std::string> list, std::string_view word) {
        std::erase(list, word);
        return list;
    }

    // check_twice - what was done when the mail came in and would be done again
    void check_twice() {
        if (!has_word(options_, "no_milters") && !value("smtpd_milters").empty())
            warning(fmt::format("shows the mail to the milters again (smtpd_milters = {})", escaped(value("smtpd_milters"))),
                    {set("receive_override_options", with_option("no_milters"))});
        const bool has_checks =
            !value("header_checks").empty() || !value("body_checks").empty() || !value("mime_header_checks").empty();
        if (!has_word(options_, "no_header_body_checks") && has_checks)
            warning("applies header_checks and body_checks again; a FILTER action there is a loop",
                    {set("receive_override_options", with_option("no_header_body_checks"))});
        if (!has_word(options_, "no_unknown_recipient_checks") && !value("local_recipient_maps").empty() &&
            is_yes(value("smtpd_reject_unlisted_recipient")))
            warning("looks again whether recipients exist: a refusal here becomes a bounce to a sender who may be forged",
                    {set("receive_override_options", with_option("no_unknown_recipient_checks"))});
        for (const auto* name :
             {"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_relay_restrictions",
              "smtpd_recipient_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions"})
            for (const auto& word : list_of(value(name))) {
                const bool asks_again = word == "check_policy_service" || word.starts_with("reject_rbl") ||
                                        word.starts_with("reject_rhsbl") || word.starts_with("reject_unknown") ||
                                        word.starts_with("reject_unverified");
                if (!asks_again) continue;
                warning(fmt::format("does {} in {} again: mail that was accepted may be refused after filtering", word, name),
                        {set(name, name == std::string_view("smtpd_recipient_restrictions") ? "permit_mynetworks,reject" : "")});
                break;
            }
        const auto rewrites = list_of(value("local_header_rewrite_clients"));
        const bool ours = std::ranges::any_of(
            rewrites, [&](const auto& word) { return word == "permit_inet_interfaces" || word == "permit_mynetworks"; });
        if (ours && !us_.empty())
            warning(
                "completes addresses in the header of mail from anywhere, because it comes from us (local_header_rewrite_clients): that breaks DKIM signatures",
                {set("local_header_rewrite_clients", "")});
    }

    void check_sizes() {
        const auto back = parse_unsigned(value("message_size_limit")).value_or(0);
        if (back == 0) return;
        for (const auto& route : routes_) {
            if (route.from == nullptr) continue;
            const auto front = parse_unsigned(setup_.value(route.from, "message_size_limit")).value_or(0);
            if (front != 0 && front <= back) continue;
            warning(
                fmt::format(
                    "takes at most {} (message_size_limit), {} takes {}: what lies between is bounced after it was accepted",
                    counted(back, "octet"), route.from->entry(), front == 0 ? std::string("any size") : std::to_string(front)),
                {set("message_size_limit", std::to_string(front))});
            return;
        }
        if (ours_.message_size > back)
            warning(fmt::format("takes at most {} (message_size_limit), tamisd {} (limits.message_size)", counted(back, "octet"),
                                ours_.message_size),
                    {fmt::format("{}: [limits] message_size = {}", ours_.config_file, back)});
    }

    void check_numbers() {
        std::uint64_t wanted = 0, recipients = 0;
        for (const auto& route : routes_) {
            const auto* transport = route.is_proxy ? nullptr : setup_.master.find(route.to.transport, "unix");
            if (transport == nullptr) continue;
            wanted = std::max(wanted, concurrency_of(setup_, *transport));
            auto text = setup_.value(nullptr, transport->name + "_destination_recipient_limit");
            recipients = std::max(recipients, parse_unsigned(text).value_or(50));
        }
        const auto processes = process_limit(setup_, back_);
        if (processes != 0 && wanted > processes)
            warning(fmt::format("takes {} at a time (maxproc), the filter is given {} at a time",
                                counted(processes, "connection"), counted(wanted, "message")),
                    {fmt::format("{} -F '{}/process_limit={}' && {}", setup_.postconf(), back_.entry(), wanted * 2,
                                 setup_.reload())});
        const auto recipient_limit = parse_unsigned(value("smtpd_recipient_limit")).value_or(1000);
        if (recipients > recipient_limit)
            warning(fmt::format("takes {} (smtpd_recipient_limit), the filter is given {}", counted(recipient_limit, "recipient"),
                                recipients),
                    {set("smtpd_recipient_limit", std::to_string(recipients))});
        const bool is_excepted = !us_.empty() && is_within(us_, value("smtpd_client_event_limit_exceptions")) != false;
        const auto per_client = parse_unsigned(value("smtpd_client_connection_count_limit")).value_or(50);
        if (per_client != 0 && !is_excepted && per_client < std::max<std::uint64_t>(wanted, 2))
            warning(fmt::format("takes {} of one client (smtpd_client_connection_count_limit), and all are ours",
                                counted(per_client, "connection")),
                    {set("smtpd_client_connection_count_limit", "0")});
        const auto rate = parse_unsigned(value("smtpd_client_connection_rate_limit")).value_or(0);
        if (rate != 0 && !is_excepted)
            warning(fmt::format("takes {} per time of one client (smtpd_client_connection_rate_limit), and all are ours",
                                counted(rate, "connection")),
                    {set("smtpd_client_connection_rate_limit", "0")});
    }

    // check_newlines - SMTP smuggling: a bare newline must not end a line there, and we must not be excepted from that
    void check_newlines() {
        constexpr std::string_view name = "smtpd_forbid_bare_newline", except = "smtpd_forbid_bare_newline_exclusions";
        if (!setup_.knows(name)) {
            warning("is of a Postfix without smtpd_forbid_bare_newline (SMTP smuggling, CVE-2023-51764)",
                    {"upgrade Postfix to 3.5.23, 3.6.13, 3.7.9, 3.8.4, 3.9 or later"});
            return;
        }
        const auto mode = to_lower(value(name));
        if (mode == "no" || mode == "note" || mode.empty())
            warning(
                fmt::format(
                    "takes a bare newline for a line end ({} = {}): tamisd never writes one, but this is the second lock against SMTP smuggling",
                    name, mode),
                {set(name, "yes"), set(except, "")});
        else if (!us_.empty() && is_within(us_, value(except)) == true)
            warning(fmt::format("excepts {} from {} ({} = {})", us_, name, except, escaped(value(except))), {set(except, "")});
        for (const auto& route : routes_) {
            if (route.from == nullptr) continue;
            const auto front = to_lower(setup_.value(route.from, name));
            if (front != "no" && front != "note" && !front.empty()) continue;
            report_.warning(
                fmt::format("{} takes a bare newline for a line end ({} = {}): strangers can smuggle mail past SPF and DMARC",
                            route.from->entry(), name, front),
                {set_main(setup_, name, "yes"), set_main(setup_, except, "$mynetworks")});
            break;
        }
    }

    void check_tls() {
        const auto level = value("smtpd_tls_security_level");
        if (level == "encrypt" && ours_.forward_tls == "none")
            problem("insists on TLS (smtpd_tls_security_level = encrypt), server.forward_tls is none",
                    {set("smtpd_tls_security_level", "none"),
                     fmt::format("or {}: [server] forward_tls = \"encrypt\"", ours_.config_file)});
    }

    const PostfixSetup& setup_;
    const OurSide& ours_;
    const Service& back_;
    const std::vector<Route>& routes_;
    Report& report_;
    std::string us_;  // the address we come from; "" over a unix socket
    std::vector<std::string> options_;
};

}  // namespace

void judge_reinjection(const PostfixSetup& setup, const OurSide& ours, const std::vector<Route>& routes, Report& report) {
    const auto& to = ours.forward;
    if (!to.endpoint.is_unix() && !is_local_host(to.endpoint.host, ours)) {
        report.not_checked(fmt::format(
            "the next hop {} is on another host: run `tamis doctor --only postfix` with that host's configuration", to.shown));
        return;
    }
    const Service* back = reinjection_of(setup, ours);
    if (back == nullptr) {
        report.problem(fmt::format("no service of master.cf listens on our next hop, {}: nothing can be handed back", to.shown),
                       {fmt::format("add the smtpd lines of etc/postfix/master.cf.lmtp to master.cf; {}", setup.reload())});
        return;
    }
    if (back->command != "smtpd") {
        report.warning(fmt::format("our next hop, {}, runs {} instead of smtpd", back->entry(), escaped(back->command)),
                       {fmt::format("{} -F '{}/command=smtpd -o content_filter= -o receive_override_options={}' && {}",
                                    setup.postconf(), back->entry(), usual_overrides, setup.reload())});
        return;
    }
    Report of("postfix");
    Judge(setup, ours, *back, routes, of).run();
    const bool is_good = of.worst() == Level::ok;
    for (auto& finding : of.take()) report.add(finding.level, std::move(finding.what), std::move(finding.fix));
    if (is_good)
        report.ok(fmt::format("{} takes mail back: no filter, no milters, no mappings twice; smtpd_forbid_bare_newline = {}",
                              back->entry(), setup.value(back, "smtpd_forbid_bare_newline")));
}

}  // namespace tamis::doctor
