#include "quarantine/keep.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/header_edit.h"
#include "mail/path.h"
#include "storage/retention/week_tag.h"

namespace tamis::quarantine {

using Kind = policy::QuarantineTarget::Kind;

namespace {

metric::Counter& copies_total() {
    static metric::Counter counter("tamis_quarantine_copies_total", "quarantine copies written to files and mailboxes");
    return counter;
}
metric::Counter& copies_failed() {
    static metric::Counter counter("tamis_quarantine_failures_total", "quarantine copies that could not be written");
    return counter;
}

PlannedCopy planned(policy::QuarantineTarget target, const mail::Message& message, const QuarantineOptions& options) {
    PlannedCopy copy{std::move(target), {}, ' ', false};
    const auto partition_tag =
        storage::partition_tag_at(options.partition_tag, std::chrono::floor<std::chrono::seconds>(message.received_at));
    switch (copy.target.kind) {
        case Kind::sql:
            copy.type = 'Q';
            copy.location = message.mail_id.get();
            if (partition_tag != 0) copy.location += fmt::format("[{}]", partition_tag);
            break;
        case Kind::file:
            copy.location = policy::quarantine_file_name(
                copy.target.place,
                {message.mail_id.get(), message.digest, message.log_id.get(), partition_tag, message.received_at},
                options.subdir_levels);
            copy.type = policy::is_gzip_name(copy.location) ? 'Z' : 'F';
            break;
        case Kind::mbox:
            copy.type = 'F';
            copy.location = copy.target.place;
            break;
        case Kind::mail: {
            const bool lmtp = copy.target.place.empty() ? options.notify.protocol == deliver::NextHop::Protocol::lmtp
                                                        : starts_with_fold(copy.target.place, "lmtp:");
            copy.type = lmtp ? 'L' : 'M';
            copy.location = copy.target.address;
            break;
        }
    }
    return copy;
}

FileCopy file_copy(const PlannedCopy& copy, const QuarantineOptions& options) {
    FileCopy out;
    out.directory = options.directory;
    out.name = copy.location;
    out.is_mbox = copy.target.kind == Kind::mbox;
    out.is_gzip = copy.type == 'Z';
    return out;
}

// local_prefix - a file begins with what a delivery agent would write
std::string local_prefix(const mail::Envelope& envelope, const PlannedCopy& copy) {
    std::string out =
        mail::field_text("Return-Path", mail::stored_path(envelope.sender)) + mail::field_text("Delivered-To", copy.location);
    std::erase(out, '\r');
    return out;
}

std::string with_crlf(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

Task<Done> mail_copy(const PlannedCopy& copy, const mail::Envelope& envelope, const mail::Message& message,
                     const std::string& prefix, const QuarantineOptions& options, deliver::Submitter& submitter,
                     Deadline deadline) {
    deliver::NextHop to = options.notify;
    if (!copy.target.place.empty()) {
        auto parsed = deliver::parse_next_hop(copy.target.place);
        if (!parsed) co_return std::unexpected(std::move(parsed.error()));
        to = std::move(*parsed);
    }
    mail::Envelope own;
    own.body = envelope.body;
    own.smtputf8 = envelope.smtputf8;
    own.client = envelope.client;
    deliver::Submission submission;
    submission.envelope = &own;
    submission.sender = options.sender == "original" ? envelope.sender : options.sender;
    submission.recipients.push_back({copy.target.address, "NEVER", {}});
    submission.text.pieces.push_back({with_crlf(prefix), 0, 0});
    submission.text.pieces.push_back({{}, 0, message.spool->size()});
    submission.text.spool = message.spool;
    submission.has_8bit = message.has_8bit || !is_ascii(prefix);
    submission.has_8bit_header = message.has_8bit_header || !is_ascii(prefix);
    submission.needs_smtputf8 = envelope.smtputf8;
    submission.log_id = message.log_id.get();
    const auto results = co_await submitter.submit(std::move(to), std::move(submission), deadline);
    const auto& result = results.front();
    if (result.code / 100 == 2) co_return Done{};
    co_return fail(Errc::unavailable,
                   fmt::format("{}: {} {} {}", mail::smtp_form(copy.target.address), result.code, result.enhanced, result.text));
}

}  // namespace

bool QuarantinePlan::wants_sql() const {
    return std::ranges::any_of(copies, [](const auto& copy) { return copy.target.kind == Kind::sql; });
}

bool QuarantinePlan::is_archived() const { return std::ranges::any_of(copies, &PlannedCopy::is_archive); }

std::string QuarantinePlan::location() const {
    std::vector<std::string> all;
    for (const auto& copy : copies) all.push_back(copy.location);
    return join(all, ",");
}

Result<QuarantinePlan> plan_quarantine(const mail::Envelope& envelope, const mail::Message& message,
                                       const std::vector<policy::RecipientVerdict>& verdicts,
                                       const std::vector<policy::RecipientPolicy>& policies, const QuarantineOptions& options) {
    QuarantinePlan plan;
    const auto add = [&](const std::string& method, const std::string& to, std::size_t i, bool is_archive) -> Done {
        auto target = policy::quarantine_target(method, to, envelope.recipients[i].address);
        if (!target) return std::unexpected(std::move(target.error()));
        if (!*target) return {};
        auto copy = planned(std::move(**target), message, options);
        copy.is_archive = is_archive;
        const auto same = [&](const auto& known) {
            return known.target.kind == copy.target.kind && known.location == copy.location &&
                   (copy.target.kind != Kind::mail || known.target.place == copy.target.place);
        };
        if (std::ranges::none_of(plan.copies, same)) plan.copies.push_back(std::move(copy));
        return {};
    };
    for (std::size_t i = 0; i < verdicts.size(); ++i)
        if (auto done = add(verdicts[i].quarantine, verdicts[i].quarantine_to, i, false); !done)
            return std::unexpected(std::move(done.error()));
    for (std::size_t i = 0; i < policies.size(); ++i)
        if (auto done = add(policies[i].quarantine.archive, policies[i].quarantine_to.archive, i, true); !done)
            return std::unexpected(std::move(done.error()));
    return plan;
}

Task<Done> keep_copies(const QuarantinePlan& plan, const mail::Envelope& envelope, const mail::Message& message,
                       const std::string& prefix, const QuarantineOptions& options, FileKeeper& files,
                       deliver::Submitter& submitter, Deadline deadline) {
    const auto is_last = [](const auto& copy) { return copy.target.kind == Kind::mail; };
    std::vector<const PlannedCopy*> in_order;  // what can be taken back first
    for (const auto& copy : plan.copies)
        if (copy.target.kind == Kind::file) in_order.push_back(&copy);
    for (const auto& copy : plan.copies)
        if (copy.target.kind == Kind::mbox) in_order.push_back(&copy);
    for (const auto& copy : plan.copies)
        if (is_last(copy)) in_order.push_back(&copy);
    std::vector<FileCopy> written;
    for (const auto* copy : in_order) {
        Done done;
        if (is_last(*copy)) {
            done = co_await mail_copy(*copy, envelope, message, prefix, options, submitter, deadline);
        } else {
            FileCopy file = file_copy(*copy, options);
            auto full = file;
            full.prefix = local_prefix(envelope, *copy) + prefix;
            full.spool = message.spool;
            if (file.is_mbox) full.from_line = mbox_from_line(envelope.sender, message.received_at);
            done = co_await files.write(std::move(full), deadline);
            if (done) written.push_back(std::move(file));
        }
        if (done) {
            copies_total().add();
            continue;
        }
        copies_failed().add();
        for (auto& file : written) files.withdraw(std::move(file));
        co_return fail(done.error().code, "temporarily unable to quarantine: " + describe(done.error()));
    }
    co_return Done{};
}

void withdraw_copies(const QuarantinePlan& plan, const QuarantineOptions& options, FileKeeper& files) {
    for (const auto& copy : plan.copies)
        if (copy.target.kind == Kind::file) files.withdraw(file_copy(copy, options));
}

}  // namespace tamis::quarantine
