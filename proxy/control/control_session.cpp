#include "proxy/control/control_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "config/options.h"
#include "mail/ids.h"
#include "mail/path.h"
#include "proxy/control/policy_request.h"
#include "proxy/unclear_line.h"
#include "quarantine/release.h"

namespace tamis::proxy {
namespace {

metric::Counter& requests_total() {
    static metric::Counter counter("tamis_ampdp_requests_total", "AM.PDP requests");
    return counter;
}
metric::Counter& refused_total() {
    static metric::Counter counter("tamis_ampdp_refused_total", "AM.PDP peers and secrets that were refused");
    return counter;
}

// is_unclear - it asks for nothing that is known
bool is_unclear(const AmpdpRequest& request) {
    static constexpr auto known =
        std::to_array<std::string_view>({"smtpd_access_policy", "release", "requeue", "report", "am.pdp"});
    const auto kind = to_lower(request.first("request"));
    return request.spoiled() || std::ranges::find(known, std::string_view(kind)) == known.end();
}

AmpdpAnswer release_failure(const Fault& fault) {
    AmpdpAnswer out;
    out.set_reply(450, "4.5.0", "ERROR: " + escaped(describe(fault), 500));
    return out;
}

}  // namespace

ControlSession::ControlSession(std::unique_ptr<Stream> stream, ControlPeer peer, std::shared_ptr<ControlPools::Place> place,
                               Services& services, Pipeline& pipeline, deliver::Submitter& submitter)
    : stream_(std::move(stream)),
      peer_(std::move(peer)),
      place_(std::move(place)),
      services_(services),
      pipeline_(pipeline),
      submitter_(submitter) {}

void ControlSession::stop() {
    if (!waiting_) return;
    boost::system::error_code ignored;
    stream_->socket().cancel(ignored);
}

Task<void> ControlSession::run() {
    try {
        co_await talk();
    } catch (const std::exception& trouble) {
        log::error({}, "bug: AM.PDP session ended by an exception: {}", escaped(trouble.what(), 300));
    }
    stream_->close();
}

void ControlSession::yield() {
    if (answering_) return;
    yields_ = true;  // it may not be reading yet: there would be nothing to cancel
    boost::system::error_code ignored;
    stream_->socket().cancel(ignored);
}

// refuse - the client writes first: answered earlier, it would see a broken connection instead of the reason
Task<void> ControlSession::refuse() {
    refused_total().add();
    log::warning({}, "DENIED ACCESS to AM.PDP at {}: {}", peer_.listener, peer_.refusal);
    InputBuffer input(ampdp_line_limit + 2);
    AmpdpParser parser;
    const auto soon = Deadline::in(std::chrono::seconds(5));
    for (bool asked = false; !asked;) {
        const auto line = co_await input.read_line(*stream_, soon);
        const auto request = line ? parser.on_line(*line) : std::unexpected(line.error());
        asked = !request || request->has_value();
    }
    const auto sent = co_await stream_->write(failure_answer(peer_.refusal).wire(), soon);
    if (!sent) log::debug({}, "the refusal could not be said: {}", describe(sent.error()));
}

std::string ControlSession::peer_name() const { return peer_.is_unix ? fmt::format("uid {}", peer_.user) : peer_.address; }

// tell_of - the log says once what a line looked like that is not understood
void ControlSession::tell_of(std::string_view line) {
    if (std::exchange(told_unclear_, true)) return;
    const auto settings = services_.snapshot()->settings;
    tell_unclear({"AM.PDP", peer_.listener, peer_name(), line}, {settings->server.listen, settings->control.listen});
}

Task<void> ControlSession::talk() {
    if (!peer_.refusal.empty()) {
        co_await refuse();
        co_return;
    }
    constexpr std::chrono::seconds first_word{30};  // a client that has connected has something to say
    InputBuffer input(ampdp_line_limit + 2);
    AmpdpParser parser;
    bool has_asked = false;
    std::string first_line;  // of the request in hand
    constexpr std::size_t shown_of_line = 200;
    Deadline request_end = Deadline::never();  // a begun request ends, however slowly its lines come
    while (!yields_ && (!services_.stopping || parser.is_inside())) {
        const Deadline idle = Deadline::in(services_.snapshot()->settings->control.idle);
        const bool begins = !parser.is_inside();
        if (begins) request_end = has_asked ? idle : idle.sooner(first_word);
        waiting_ = begins && input.unread().empty();
        auto line = co_await input.read_line(*stream_, request_end);
        waiting_ = false;
        if (begins) request_end = idle;
        if (!line && line.error().is(Errc::timeout) && begins && !has_asked) tell_of({});
        if (!line && !line.error().is(Errc::over_limit)) co_return;
        if (line && begins && is_other_protocol(*line)) {  // no empty line will come to end it: it waits for our answer
            tell_of(*line);
            const auto said = failure_answer(fmt::format("this is AM.PDP, not \"{}\"", escaped(*line)));
            const auto sent = co_await stream_->write(said.wire(), idle);
            if (!sent) log::debug({}, "the refusal could not be said: {}", describe(sent.error()));
            co_return;
        }
        if (line && begins) first_line = line->substr(0, shown_of_line);
        auto request = line ? parser.on_line(*line) : std::unexpected(line.error());
        if (!request) {
            tell_of(line ? *line : std::string_view(first_line));
            const auto sent = co_await stream_->write(failure_answer(describe(request.error())).wire(), idle);
            if (!sent) log::debug({}, "the refusal could not be said: {}", describe(sent.error()));
            co_return;
        }
        if (!*request) continue;
        has_asked = true;
        if (is_unclear(**request))
            tell_of((*request)->spoiled() ? std::string_view((*request)->spoiling_line()) : std::string_view(first_line));
        requests_total().add();
        answering_ = true;
        place_->set_busy(true);
        const auto said = co_await answer(std::move(**request));
        const auto sent = co_await stream_->write(said.wire(), Deadline::in(services_.snapshot()->settings->control.idle));
        place_->set_busy(false);
        answering_ = false;
        if (!sent) {
            log::notice({}, "AM.PDP: the client was gone before it got the answer: {}", describe(sent.error()));
            co_return;
        }
    }
}

Task<AmpdpAnswer> ControlSession::answer(AmpdpRequest request) {
    if (request.spoiled()) co_return failure_answer(describe(*request.spoiled()));
    const auto kind = to_lower(request.first("request"));
    if (kind == "smtpd_access_policy") {
        AmpdpAnswer out;
        out.add("action", {"DUNNO"});
        co_return out;
    }
    if (kind == "release" || kind == "requeue" || kind == "report") co_return co_await answer_release(std::move(request), kind);
    if (kind != "am.pdp")
        co_return failure_answer(kind.empty() ? "Missing 'request' field" : fmt::format("unknown request \"{}\"", escaped(kind)));
    if (!peer_.is_unix) co_return failure_answer("request=AM.PDP is taken on a unix socket only");
    const PolicyCaller caller{peer_.listener, peer_.user, mail::log_id_of(++services_.connections)};
    co_return co_await answer_policy_request(std::move(request), caller, services_, pipeline_);
}

Done ControlSession::check_secret(const AmpdpRequest& request, const config::Settings& settings) const {
    const auto& secret = request.first("secret_id");
    const auto& rule = settings.control.secret_required;
    if (secret.empty()) {
        if (rule == "never" || (rule == "tcp" && peer_.is_unix)) return {};
        return fail(Errc::refused, "Secret_id is required, but missing");
    }
    if (mail::secret_matches(mail::MailId(request.first("mail_id")), mail::SecretId(secret))) return {};
    return fail(Errc::refused, fmt::format("Secret_id does not match mail_id {}", escaped(request.first("mail_id"), 40)));
}

Task<AmpdpAnswer> ControlSession::answer_release(AmpdpRequest request, std::string kind) {
    const auto snapshot = services_.snapshot();
    const auto& settings = *snapshot->settings;
    quarantine::ReleaseRequest wanted;
    wanted.kind = kind == "release"   ? quarantine::ReleaseRequest::Kind::release
                  : kind == "requeue" ? quarantine::ReleaseRequest::Kind::requeue
                                      : quarantine::ReleaseRequest::Kind::report;
    wanted.mail_id = request.first("mail_id");
    if (!mail::is_mail_id(wanted.mail_id))
        co_return release_failure(
            {make_error_code(Errc::bad_input),
             wanted.mail_id.empty() ? "Missing 'mail_id' field" : fmt::format("Invalid mail_id '{}'", escaped(wanted.mail_id))});
    if (auto may = check_secret(request, settings); !may) {
        refused_total().add();
        log::warning({}, "AM.PDP: {} of {} refused to {}: {}", kind, wanted.mail_id,
                     peer_.is_unix ? fmt::format("uid {}", peer_.user) : peer_.address, may.error().detail);
        co_return release_failure(may.error());
    }
    if (const auto& tag = request.first("partition_tag"); !tag.empty()) {
        const auto number = parse_unsigned(tag, INT32_MAX);
        if (!number)
            co_return release_failure(
                {make_error_code(Errc::bad_input), fmt::format("Invalid partition_tag '{}'", escaped(tag))});
        wanted.partition_tag = static_cast<std::int64_t>(*number);
    }
    const auto& type = request.first("quar_type");
    if (type == "F" || type == "Z") {
        wanted.mail_file = request.first("mail_file");
        if (wanted.mail_file.empty()) wanted.mail_file = wanted.mail_id + (type == "Z" ? ".gz" : "");
    }
    for (const auto& recipient : request.all("recipient")) wanted.recipients.push_back(mail::bare_address(recipient));
    if (request.has("sender")) wanted.sender = mail::bare_address(request.first("sender"));
    wanted.requested_by = mail::bare_address(request.first("requested_by"));
    wanted.by = fmt::format("{}@{}", peer_.is_unix ? fmt::format("uid-{}", peer_.user) : "[" + peer_.address + "]",
                            settings.server.hostname);
    if (!wanted.requested_by.empty()) wanted.by = wanted.requested_by + "/" + wanted.by;
    quarantine::Releaser releaser(config::release_options(settings), services_.quarantine.get(), *services_.copies, &submitter_);
    auto results = co_await releaser.release(std::move(wanted), Deadline::in(settings.limits.message));
    if (!results) {
        auto& why = results.error();
        log::warning({}, "AM.PDP: {} of {} failed: {}", kind, request.first("mail_id"), describe(why));
        const bool is_theirs =
            why.is(Errc::bad_input) || why.is(Errc::not_found) || why.is(Errc::conflict) || why.is(Errc::refused);
        // to a program on another machine nothing is said of hosts, files and databases
        if (!is_theirs && !peer_.is_unix) why.detail = "the quarantine cannot be reached now; the log of the filter says why";
        co_return release_failure(why);
    }
    AmpdpAnswer out;
    if (results->empty()) out.set_reply(250, "2.5.0", "Ok, no recipients, nothing to do");
    for (const auto& result : *results) {
        // front ends look for the "Ok" that amavisd says whenever a 250 is its own
        const std::string_view own = result.end == quarantine::ReleaseResult::End::already ? "Ok, " : "";
        out.set_reply(result.code, result.enhanced,
                      fmt::format("{}{}{}", own, result.text,
                                  result.trouble.empty() ? ""
                                  : peer_.is_unix        ? "; not recorded: " + result.trouble
                                                         : "; not recorded, see the log"));
    }
    co_return out;
}

}  // namespace tamis::proxy
