#include "quarantine/release.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/ids.h"
#include "mail/path.h"
#include "policy/summary.h"
#include "quarantine/release_recipients.h"
#include "quarantine/release_state.h"
#include "quarantine/released_message.h"
#include "storage/retention/retention.h"

namespace tamis::quarantine {
namespace {

using End = ReleaseResult::End;
using Kind = ReleaseRequest::Kind;

constexpr std::chrono::seconds patience{5};  // with another release of the same row
constexpr std::chrono::milliseconds look_again{100};
constexpr std::chrono::seconds settle_time{30};  // to note what was delivered

}  // namespace

std::string_view kind_word(Kind kind) { return kind == Kind::release ? "release" : kind == Kind::requeue ? "requeue" : "report"; }

struct Releaser::Target {
    std::string address;
    std::optional<storage::RecipientState> row;  // as it was before; nothing: the message was not for this address
    storage::MessageKey message;
    std::string claimed;  // smtp_resp while it is ours
    bool is_ours = false;
    ReleaseResult result;
};

Result<Located> locate(const storage::QuarantineItem& item) {
    const auto names = split(item.location, ',');
    for (const auto name : names)
        if (name == item.key.mail_id || name.starts_with(item.key.mail_id + "[")) return Located{Located::Kind::table, {}};
    const char type = item.type.empty() ? ' ' : item.type.front();
    switch (type) {
        case 'Q': return Located{Located::Kind::table, {}};
        case 'F':
        case 'Z':
            if (names.front().empty())
                return fail(Errc::bad_input,
                            fmt::format("the record of {} does not say in which file its copy is", item.key.mail_id));
            return Located{Located::Kind::file, std::string(names.front())};
        case 'M':
        case 'L':
            return fail(Errc::bad_input, fmt::format("the copy of {} was mailed to {}: forward it from that mailbox",
                                                     item.key.mail_id, escaped(item.location, 200)));
        case 'B':
            return fail(Errc::bad_input,
                        fmt::format("the copy of {} is in BSMTP form, from which nothing can be released", item.key.mail_id));
        case ' ':
            if (item.location == storage::expired_location)
                return fail(
                    Errc::not_found,
                    fmt::format(
                        "the copy of {} has expired: it was kept as long as [retention] says, and only its record is left",
                        item.key.mail_id));
            return fail(Errc::not_found, fmt::format("no copy of {} is kept (or it was deleted)", item.key.mail_id));
        default:
            return fail(Errc::bad_input,
                        fmt::format("the copy of {} is of the unknown type {}", item.key.mail_id, escaped(item.type)));
    }
}

Task<Result<std::optional<storage::QuarantineItem>>> Releaser::find(std::string mail_id,
                                                                    std::optional<std::int64_t> partition_tag,
                                                                    Deadline deadline) {
    if (!mail::is_mail_id(mail_id)) co_return fail(Errc::bad_input, fmt::format("\"{}\" is no mail_id", escaped(mail_id)));
    if (store_ == nullptr) co_return std::nullopt;
    auto found = co_await store_->find(mail_id, partition_tag, deadline);
    if (!found) co_return std::unexpected(std::move(found.error()));
    if (found->empty()) co_return std::nullopt;
    if (found->size() > 1) {
        std::vector<std::string> tags;
        for (const auto& item : *found) tags.push_back(fmt::format("{}", item.key.partition_tag));
        co_return fail(Errc::conflict, fmt::format("{} exists in the partitions {}: say which one", mail_id, join(tags, ", ")));
    }
    co_return std::move(found->front());
}

Task<Result<StoredText>> Releaser::read(std::optional<storage::QuarantineItem> item, std::string mail_id, std::string mail_file,
                                        Deadline deadline) {
    const auto& directory = options_.directory;
    Located where{mail_file.empty() ? Located::Kind::table : Located::Kind::file, mail_file};
    if (item) {
        auto located = locate(*item);
        if (!located) co_return std::unexpected(std::move(located.error()));
        where = std::move(*located);
    } else if (mail_file.empty()) {
        co_return fail(Errc::not_found, fmt::format("there is no message with mail_id {}", mail_id));
    }
    if (where.kind == Located::Kind::table) {
        if (store_ == nullptr)
            co_return fail(Errc::bad_input, "no storage_dsn is configured: there is no quarantine in a database");
        co_return co_await copies_.from_table(*store_, item->key, deadline);
    }
    auto text = co_await copies_.from_file(directory, where.name, deadline);
    if (!text && text.error().is(Errc::not_found) && item && item->host != options_.hostname)
        co_return fail(Errc::not_found, fmt::format("{}; the copy was written by the host {}: do it there", text.error().detail,
                                                    escaped(item->host, 255)));
    co_return text;
}

// targets - whom to deliver to: those asked for, else those from whom the message was kept; at the end those left out
std::vector<Releaser::Target> Releaser::targets(const ReleaseRequest& request, const StoredCopy& copy,
                                                const std::optional<storage::QuarantineItem>& item) const {
    std::optional<std::vector<storage::RecipientState>> rows;
    if (item) rows = item->recipients;
    std::vector<Target> out, left_out;
    for (auto& recipient : release_recipients(request.recipients, copy, rows)) {
        Target target;
        target.address = target.result.address = recipient.address;
        if (request.kind != Kind::report) target.row = std::move(recipient.row);
        if (item) target.message = item->key;
        if (!recipient.left_out.empty()) {
            target.row.reset();
            target.result.end = End::left_out;
            target.result.code = 553;
            target.result.enhanced = "5.1.3";
            target.result.text = "left out: " + recipient.left_out;
        }
        (recipient.left_out.empty() ? out : left_out).push_back(std::move(target));
    }
    for (auto& target : left_out) out.push_back(std::move(target));
    return out;
}

// claim - makes the recipient's row ours, or says why not in the target's result
Task<Done> Releaser::claim(ReleaseRequest& request, Target& target, Deadline deadline) {
    target.is_ours = !target.row && target.result.end != End::left_out;
    if (!target.row) co_return Done{};
    bool force = request.again;
    const Deadline until = deadline.sooner(patience);
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (;;) {
        auto standing = standing_of(target.row->state, target.row->response);
        if (force || standing.kind == Standing::Kind::free) {
            force = false;  // whoever was faster with the same wish is not overruled
            const ReleaseNote note{
                false, utc_text(std::chrono::system_clock::now()), request.by, {}, mail::draw_message_ids().mail_id.get()};
            target.claimed = with_note(target.row->response, note);
            auto now = co_await store_->change_state(
                {target.message, *target.row, std::string(1, state_releasing), target.claimed}, deadline);
            if (!now) co_return std::unexpected(std::move(now.error()));
            target.is_ours = now->changed;
            if (target.is_ours) co_return Done{};
            target.row->state = now->state;
            target.row->response = now->response;
            continue;
        }
        if (standing.kind == Standing::Kind::released) {
            target.result.end = End::already;
            target.result.code = 250;
            target.result.enhanced = "2.5.0";
            target.result.text = fmt::format("already {}; not delivered again", describe_note(standing.note));
            target.result.queue_id = standing.note.queue_id;
            co_return Done{};
        }
        if (until.passed()) {
            target.result.end = End::releasing;
            target.result.code = 450;
            target.result.text =
                fmt::format("{}; its end is not known: it may have been delivered", describe_note(standing.note));
            co_return Done{};
        }
        pause.expires_after(look_again);
        co_await pause.async_wait(as_result);
        auto found = co_await store_->find(target.message.mail_id, target.message.partition_tag, deadline);
        if (!found) co_return std::unexpected(std::move(found.error()));
        for (const auto& item : *found)
            for (const auto& row : item.recipients)
                if (row.sequence == target.row->sequence && row.address_id == target.row->address_id) target.row = row;
    }
}

// claim_all - each row once: tables older than amavisd 2.7 have one for all recipients whose address was stored alike
Task<Done> Releaser::claim_all(ReleaseRequest& request, std::vector<Target>& targets, Deadline deadline) {
    std::map<std::pair<std::int64_t, std::int64_t>, const Target*> claimed;
    for (auto& target : targets) {
        const Target* sharing = nullptr;
        if (target.row) {
            const auto [first, is_new] = claimed.try_emplace({target.row->sequence, target.row->address_id}, &target);
            if (!is_new) sharing = first->second;
        }
        if (sharing == nullptr) {
            auto done = co_await claim(request, target, deadline);
            if (!done) co_return done;
            continue;
        }
        target.row.reset();
        target.is_ours = sharing->is_ours;
        target.result = sharing->result;
        target.result.address = target.address;
    }
    co_return Done{};
}

// settle - what became of a claimed row: released, or as it was before
Task<void> Releaser::settle(ReleaseRequest& request, Target& target) {
    if (!target.is_ours || !target.row || target.result.end == End::unknown) co_return;
    storage::StateChange change{target.message, *target.row, target.row->state, target.row->response};
    change.from.state = std::string(1, state_releasing);
    change.from.response = target.claimed;
    if (target.result.end == End::delivered) {
        change.state = std::string(1, state_released);
        change.response = with_note(target.row->response,
                                    {true, utc_text(std::chrono::system_clock::now()), request.by, target.result.queue_id, {}});
    }
    auto now = co_await store_->change_state(std::move(change), Deadline::in(settle_time));
    if (now && now->changed) co_return;
    target.result.trouble = now ? "somebody else has changed its state meanwhile" : describe(now.error());
    log::error(request.mail_id,
               "release of {} to {}: {} but this could not be recorded: {}; a later release will say that its end is not known",
               request.mail_id, mail::smtp_form(target.address),
               target.result.end == End::delivered ? "delivered," : "not delivered,", target.result.trouble);
}

// deliver - addresses that are no UTF-8 go in a transaction of their own: in one of SMTPUTF8 they would be refused, or spoil it
Task<void> Releaser::deliver(ReleaseRequest& request, const StoredCopy& copy, const std::optional<storage::QuarantineItem>& item,
                             std::vector<Target>& targets, deliver::NextHop to, Deadline deadline) {
    std::vector<Target*> texts, octets;
    ReleaseFacts facts;
    for (auto& target : targets) {
        if (!target.is_ours) continue;
        (is_utf8(target.address) ? texts : octets).push_back(&target);
        facts.recipients.push_back(target.address);
    }
    facts.format = request.kind == Kind::report ? ReleaseFormat::arf : options_.format;
    facts.mail_id = request.mail_id;
    facts.hostname = options_.hostname;
    facts.from = options_.from;
    facts.requested_by = request.requested_by;
    facts.feedback_type = request.kind == Kind::report ? "abuse" : "miscategorized";
    facts.now = std::chrono::system_clock::now();
    facts.received_at = item ? std::chrono::system_clock::time_point(std::chrono::seconds(item->time)) : facts.now;
    if (item) facts.client_address = item->client_address;
    if (!texts.empty()) co_await submit(request, copy, facts, texts, to, deadline);
    if (!octets.empty()) co_await submit(request, copy, facts, octets, to, deadline);
}

// submit - one transaction with the next hop
Task<void> Releaser::submit(ReleaseRequest& request, const StoredCopy& copy, ReleaseFacts facts, std::vector<Target*> ours,
                            deliver::NextHop to, Deadline deadline) {
    const auto ids = mail::draw_message_ids();
    facts.new_id = ids.mail_id.get();
    facts.boundary = "=_" + ids.secret_id.get() + mail::draw_message_ids().secret_id.get();
    mail::Envelope envelope;
    envelope.sender = facts.format == ReleaseFormat::resend ? *copy.sender : options_.sender;
    if (request.sender) envelope.sender = mail::quoted_path(*request.sender);
    if (copy.has_8bit) envelope.body = mail::BodyType::eight_bit;
    deliver::Submission submission;
    submission.envelope = &envelope;
    submission.sender = envelope.sender;
    for (const auto* target : ours) submission.recipients.push_back({target->address, {}, {}});
    submission.text = released_message(copy, facts);
    submission.has_8bit =
        copy.has_8bit || std::ranges::any_of(submission.text.pieces, [](const auto& piece) { return !is_ascii(piece.literal); });
    submission.has_8bit_header = copy.has_8bit_header && facts.format == ReleaseFormat::resend;
    submission.log_id = "rel-" + facts.new_id;
    auto results = co_await submitter_->submit(std::move(to), std::move(submission), deadline);
    for (std::size_t i = 0; i < ours.size() && i < results.size(); ++i) {
        auto& result = ours[i]->result;
        result.code = results[i].code;
        result.enhanced = results[i].enhanced;
        result.text = results[i].text;
        result.end = results[i].code / 100 == 2 ? End::delivered : results[i].unknown_outcome ? End::unknown : End::refused;
        if (result.end == End::delivered) result.queue_id = policy::queue_id_of(results[i].remote_reply);
        log::notice("rel-" + facts.new_id, "{} of {} to {} by {}: {} {} {}", kind_word(request.kind), request.mail_id,
                    mail::smtp_form(ours[i]->address), escaped(request.by), result.code, result.enhanced,
                    escaped(result.text, 300));
    }
}

Task<Result<std::vector<ReleaseResult>>> Releaser::release(ReleaseRequest request, Deadline deadline) {
    if (request.kind == Kind::requeue && !options_.requeue)
        co_return fail(Errc::bad_input,
                       "release.requeue is not set: where mail is handed in to be filtered again, such as smtp:[127.0.0.1]:25");
    const deliver::NextHop to = request.kind == Kind::requeue ? *options_.requeue : options_.to;
    auto item = co_await find(request.mail_id, request.partition_tag, deadline);
    if (!item) co_return std::unexpected(std::move(item.error()));
    auto text = co_await read(*item, request.mail_id, request.mail_file, deadline);
    if (!text) co_return std::unexpected(std::move(text.error()));
    auto copy =
        parse_stored_copy(text->spool, text->has_8bit, request.kind == Kind::report ? FindingFields::keep : FindingFields::strip);
    if (!copy) co_return std::unexpected(std::move(copy.error()));
    if (copy->mail_id != request.mail_id)
        co_return fail(Errc::bad_input,
                       fmt::format("the stored copy is that of \"{}\", not of {}", escaped(copy->mail_id), request.mail_id));
    if (*item) copy->sender = release_sender(*copy->sender, (*item)->sender);
    auto wanted = targets(request, *copy, *item);
    std::vector<std::string> shown;
    for (const auto& target : wanted) {
        if (target.result.end != End::left_out) shown.push_back(mail::smtp_form(target.address));
        else
            log::warning(request.mail_id, "{} of {} to {}: {}", kind_word(request.kind), request.mail_id,
                         mail::smtp_form(target.address), target.result.text);
    }
    log::notice(request.mail_id, "Quarantined message {} ({}): {} {} -> {}", kind_word(request.kind),
                request.kind == Kind::report ? "abuse" : "miscategorized", request.mail_id, mail::smtp_form(*copy->sender),
                join(shown, ","));
    const auto claimed = co_await claim_all(request, wanted, deadline);
    // what was claimed before the trouble is put back: nobody got anything
    if (claimed) co_await deliver(request, *copy, *item, wanted, to, deadline);
    std::vector<ReleaseResult> results;
    for (auto& target : wanted) {
        co_await settle(request, target);
        results.push_back(target.result);
    }
    if (!claimed) co_return std::unexpected(claimed.error());
    co_return results;
}

}  // namespace tamis::quarantine
