#include "proxy/control/policy_request.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "mail/path.h"
#include "proxy/control/work_directory.h"
#include "proxy/received.h"

namespace tamis::proxy {
namespace {

constexpr int exit_tempfail = 75, exit_reject = 69, exit_discard = 99;

std::optional<std::string> given(const AmpdpRequest& request, std::string_view name) {
    const auto& value = request.first(name);
    if (value.empty() || equal_fold(value, "[UNAVAILABLE]")) return {};
    return value;
}

Result<mail::Envelope> envelope_of(const AmpdpRequest& request, const PolicyCaller& caller, std::size_t most_recipients) {
    mail::Envelope envelope;
    envelope.sender = mail::bare_address(request.first("sender"));
    for (const auto& recipient : request.all("recipient")) envelope.recipients.push_back({mail::bare_address(recipient), {}, {}});
    if (envelope.recipients.empty()) return fail(Errc::bad_input, "the request names no recipient");
    if (envelope.recipients.size() > most_recipients)
        return fail(Errc::over_limit, fmt::format("more than {} recipients", most_recipients));
    bool plain = envelope.sender.find_first_of("\r\n") == std::string::npos;
    for (const auto& recipient : envelope.recipients) {
        plain = plain && !recipient.address.empty() && recipient.address.find_first_of("\r\n") == std::string::npos;
        envelope.smtputf8 = envelope.smtputf8 || mail::needs_smtputf8(recipient.address);
    }
    if (!plain) return fail(Errc::bad_input, "an address is empty or holds a line end");
    envelope.smtputf8 = envelope.smtputf8 || mail::needs_smtputf8(envelope.sender);
    if (const auto address = given(request, "client_address")) envelope.client.address = normal_address(*address);
    if (envelope.client.address && envelope.client.address->empty()) envelope.client.address.reset();
    envelope.client.port = given(request, "client_port");
    envelope.client.name = given(request, "client_name");
    envelope.client.helo = given(request, "helo_name");
    envelope.client.protocol = given(request, "protocol_name");
    envelope.client.source = given(request, "client_source");
    envelope.client.ident = given(request, "queue_id");
    for (auto* text : {&envelope.client.port, &envelope.client.name, &envelope.client.helo, &envelope.client.protocol,
                       &envelope.client.source, &envelope.client.ident})
        if (*text) *text = printable_or((*text)->substr(0, 255), '?');
    for (const auto bank : words(request.first("policy_bank"), ", ")) envelope.policy_banks.emplace_back(bank);
    envelope.listener = caller.listener;
    envelope.protocol = "AM.PDP";
    return envelope;
}

// Chosen - the edits that the milter shall do
struct Chosen {
    std::optional<mail::ContentCategory> category;
    mail::HeaderEdits edits;
};

// take_over - stands in for the next hop: everything is taken, and the worst verdict's edits are kept
std::vector<deliver::SubmissionResult> take_over(const deliver::DeliveryGroup& group,
                                                 const std::vector<policy::RecipientVerdict>& verdicts, Chosen& chosen) {
    for (const auto member : group.members) {
        const auto category = verdicts[member].main();
        if (chosen.category && category <= *chosen.category) continue;
        chosen.category = category;
        chosen.edits = group.edits;
    }
    deliver::SubmissionResult taken;
    taken.code = 250;
    taken.enhanced = "2.0.0";
    taken.text = "Ok, left to the mail server";
    taken.takes_dsn = true;
    return std::vector<deliver::SubmissionResult>(group.members.size(), taken);
}

AmpdpAnswer answer_of(const Answer& done, const ReceivedMail& job, const Chosen& chosen, bool delivers_itself) {
    AmpdpAnswer out;
    out.add("version_server", {"2"});
    out.add("log_id", {job.message.log_id.get()});
    const auto& said = done.replies.front();
    std::string text = said.lines.empty() ? std::string() : said.lines.back();
    out.set_reply(said.code, said.enhanced, text);
    const auto end = [&](std::string_view value, int code) {
        out.add("return_value", {value});
        out.add("exit_code", {fmt::format("{}", code)});
        return out;
    };
    if (said.code / 100 == 4) return end("tempfail", exit_tempfail);
    if (said.code / 100 == 5) return end("reject", exit_reject);
    const bool nobody = std::ranges::none_of(done.outcomes, &policy::RecipientOutcome::relayed);
    if (nobody || delivers_itself) return end("discard", exit_discard);
    for (std::size_t i = 0; i < done.outcomes.size(); ++i) {
        const auto& outcome = done.outcomes[i];
        const bool moves = outcome.relayed && !outcome.final_address.empty();
        if (!outcome.relayed || moves) out.add("delrcpt", {mail::stored_path(job.envelope.recipients[i].address)});
        if (moves) out.add("addrcpt", {mail::stored_path(outcome.final_address)});
    }
    add_edits(out, chosen.edits, job.message);
    return end("continue", 0);
}

// work_of - what is to be removed afterwards, whatever comes of the request; amavisd's default is that the server does it
WorkDirectory work_of(const AmpdpRequest& request, const std::string& file, int descriptor) {
    if (equal_fold(request.first("tempdir_removed_by"), "client") || request.first("tempdir").empty()) return {};
    return {request.first("tempdir"), file, descriptor};
}

}  // namespace

Result<int> open_mail_file(const std::string& path, unsigned user) {
    if (!path.starts_with('/'))
        return fail(Errc::bad_input, fmt::format("mail_file \"{}\" is no absolute path", escaped(path, 200)));
    const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        const auto code = std::error_code(errno, std::system_category());
        return fail(code, fmt::format("cannot read {} as uid {} (the milter's files must be readable for us: a common group)",
                                      escaped(path, 200), ::geteuid()));
    }
    struct stat status{};
    std::optional<Fault> trouble;
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        trouble = Fault{make_error_code(Errc::bad_input), fmt::format("{} is no plain file", escaped(path, 200))};
    else if (user != 0 && status.st_uid != user)
        trouble = Fault{make_error_code(Errc::refused),
                        fmt::format("{} belongs to uid {}, not to uid {} who asks", escaped(path, 200), status.st_uid, user)};
    if (!trouble) return file;
    ::close(file);
    return std::unexpected(std::move(*trouble));
}

void add_edits(AmpdpAnswer& answer, const mail::HeaderEdits& edits, const mail::Message& message) {
    const auto head = message.spool->head();
    // body_of - "Name: body CRLF" as a milter wants it: LF folding, no line end
    const auto body_of = [](const std::string& field) {
        auto body = field.substr(field.find(':') + 1);
        std::erase(body, '\r');
        return std::string(trim(body));
    };
    for (const auto& name : edits.removed())
        for (auto index = message.header.find_all(name, head).size(); index > 0; --index)
            answer.add("delheader", {fmt::format("{}", index), name});
    std::map<std::string, int> seen;
    for (const auto& [name, text] : edits.replaced()) {
        if (message.header.find(name, head) != nullptr)
            answer.add("chgheader", {fmt::format("{}", ++seen[to_lower(name)]), name, body_of(text)});
        else answer.add("insheader", {"0", name, body_of(text)});
    }
    for (auto field = edits.prepended().rbegin(); field != edits.prepended().rend(); ++field) {
        const auto name = field->substr(0, field->find(':'));
        if (equal_fold(name, "Received")) continue;  // the message never left the mail server
        answer.add("insheader", {"0", name, body_of(*field)});
    }
}

namespace {

// File - the message of a request, open
struct File {
    std::string name;
    int descriptor = -1;
};

Task<AmpdpAnswer> answer_about(File from, AmpdpRequest request, mail::Envelope envelope, PolicyCaller caller, Services& services,
                               Pipeline& pipeline) {
    const auto began = std::chrono::steady_clock::now();
    ReceivedMail job;
    job.snapshot = services.snapshot();
    const auto& settings = *job.snapshot->settings;
    const Deadline deadline = Deadline::in(settings.limits.message);
    auto text = co_await services.copies->from_descriptor(from.descriptor, from.name, deadline);
    if (!text) co_return failure_answer(describe(text.error()));
    if (settings.limits.message_size.count != 0 && text->spool->size() > settings.limits.message_size.count) {
        AmpdpAnswer out;
        out.set_reply(552, "5.3.4",
                      fmt::format("Message size ({} B) exceeds size limit of {} B", text->spool->size(),
                                  settings.limits.message_size.count));
        out.add("return_value", {"reject"});
        out.add("exit_code", {fmt::format("{}", exit_reject)});
        co_return out;
    }
    job.envelope = std::move(envelope);
    if (text->has_8bit) job.envelope.body = mail::BodyType::eight_bit;
    auto digest = body_digest(*text->spool);
    if (!digest) co_return failure_answer(describe(digest.error()));
    const auto size = text->spool->size();
    job.message =
        received_message({std::move(text->spool), size, text->has_8bit, text->normalised, {}, std::move(*digest)}, caller.log_id);
    job.received_end = began;
    Chosen chosen;
    const bool delivers_itself = equal_fold(request.first("delivery_care_of"), "server");
    if (!delivers_itself)
        job.hand_over = [&chosen](const deliver::DeliveryGroup& group, const std::vector<policy::RecipientVerdict>& verdicts) {
            return take_over(group, verdicts, chosen);
        };
    const auto done = co_await pipeline.process(job, deadline);
    co_return answer_of(done, job, chosen, delivers_itself);
}

}  // namespace

Task<AmpdpAnswer> answer_policy_request(AmpdpRequest request, PolicyCaller caller, Services& services, Pipeline& pipeline) {
    std::string file = request.first("mail_file");
    if (file.empty() && request.has("tempdir")) file = request.first("tempdir") + "/email.txt";
    if (file.empty()) co_return failure_answer("the request names neither mail_file nor tempdir");
    auto envelope = envelope_of(request, caller, static_cast<std::size_t>(services.snapshot()->settings->limits.recipients));
    if (!envelope) co_return failure_answer(describe(envelope.error()));
    auto opened = open_mail_file(file, caller.user);
    if (!opened) co_return failure_answer(describe(opened.error()));
    auto work = work_of(request, file, *opened);
    auto out =
        co_await answer_about({file, *opened}, std::move(request), std::move(*envelope), std::move(caller), services, pipeline);
    if (auto removed = work.remove(); !removed) log::info({}, "AM.PDP: {}", describe(removed.error()));
    co_return out;
}

}  // namespace tamis::proxy
