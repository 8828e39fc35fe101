#include "quarantine/shown.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "base/safe_text.h"
#include "base/text.h"
#include "base/time_text.h"
#include "mail/header.h"
#include "quarantine/release_state.h"
#include "quarantine/words.h"

namespace tamis::quarantine {
namespace {

namespace json = boost::json;

json::string utf8(std::string_view text) {
    const auto clean = utf8_or_replaced(text, text.size());
    return json::string(clean.data(), clean.size());
}

// named - an address in the form in which a command takes it: octets that are no UTF-8 as \xHH
json::string named(std::string_view address) {
    return utf8(is_utf8(address) ? std::string(address) : escaped(address, address.size() * 4));
}

json::object object_of(const storage::RecipientState& to) {
    json::object out;
    out["address"] = named(to.address);
    out["state"] = utf8(state_words(to.state));
    out["rs"] = utf8(to.state);
    out["ds"] = utf8(std::string(1, to.disposition));
    out["category"] = utf8(category_word(to.content));
    out["score"] = to.score;
    out["response"] = utf8(without_note(to.response));
    const auto standing = standing_of(to.state, to.response);
    if (standing.kind != Standing::Kind::free) {
        out["release"] = utf8(describe_note(standing.note));
        out["release_time"] = utf8(standing.note.when);
        out["release_by"] = utf8(standing.note.by);
        out["queue_id"] = utf8(standing.note.queue_id);
    }
    return out;
}

json::object object_of(const storage::QuarantineItem& item) {
    json::object out;
    out["mail_id"] = utf8(item.key.mail_id);
    out["partition_tag"] = item.key.partition_tag;
    out["time"] = utf8(time_text(item.time));
    out["time_num"] = item.time;
    out["category"] = utf8(category_word(item.content));
    out["content"] = utf8(std::string(1, item.content));
    out["score"] = item.score;
    out["sender"] = named(item.sender);
    out["from"] = utf8(item.from);
    out["subject"] = utf8(item.subject);
    out["message_id"] = utf8(item.message_id);
    out["client_address"] = utf8(item.client_address);
    out["size"] = item.size;
    out["host"] = utf8(item.host);
    out["log_id"] = utf8(item.log_id);
    out["policy"] = utf8(item.policy);
    out["quar_type"] = utf8(item.type);
    out["quar_loc"] = utf8(item.location);
    json::array recipients;
    for (const auto& to : item.recipients) recipients.push_back(object_of(to));
    out["recipients"] = std::move(recipients);
    if (item.has_more_recipients) out["more_recipients"] = true;
    return out;
}

std::string_view end_word(ReleaseResult::End end) {
    switch (end) {
        case ReleaseResult::End::delivered: return "delivered";
        case ReleaseResult::End::already: return "already";
        case ReleaseResult::End::releasing: return "releasing";
        case ReleaseResult::End::refused: return "refused";
        case ReleaseResult::End::unknown: return "unknown";
        case ReleaseResult::End::left_out: return "left out";
    }
    return "unknown";
}

}  // namespace

Result<MailView> mail_view(const StoredCopy& copy, std::size_t limit) {
    MailView view;
    const auto head = copy.spool->head().substr(copy.begin);
    const auto header = mail::parse_header(head);
    constexpr std::size_t most_fields = 200;
    for (const auto& field : header.fields) {
        if (view.fields.size() == most_fields) break;
        const auto name = mail::HeaderBlock::name(field, head);
        view.fields.emplace_back(safe_text(name.empty() ? "(no field)" : name, 100),
                                 safe_text(mail::decode_words(mail::unfolded(mail::HeaderBlock::value(field, head))), 1000));
    }
    std::string buffer(limit, '\0');
    const auto offset = copy.begin + header.size;
    const auto body = copy.spool->view(offset, buffer);
    if (!body) return std::unexpected(body.error());
    view.body = safe_text(body->substr(0, limit), limit, Lines::many);
    view.is_cut = offset + limit < copy.spool->size();
    return view;
}

std::string json_of(const storage::QuarantineItem& item) { return json::serialize(object_of(item)); }

std::string json_of(const storage::QuarantineItem& item, const MailView& view) {
    auto out = object_of(item);
    json::array fields;
    for (const auto& [name, value] : view.fields) fields.push_back(json::object{{"name", utf8(name)}, {"value", utf8(value)}});
    out["header"] = std::move(fields);
    out["body"] = utf8(view.body);
    out["body_cut"] = view.is_cut;
    return json::serialize(out);
}

std::string json_of(const std::string& mail_id, const std::vector<ReleaseResult>& results) {
    json::array recipients;
    for (const auto& result : results)
        recipients.push_back(json::object{{"address", named(result.address)},
                                          {"result", utf8(end_word(result.end))},
                                          {"code", result.code},
                                          {"enhanced", utf8(result.enhanced)},
                                          {"text", utf8(result.text)},
                                          {"queue_id", utf8(result.queue_id)},
                                          {"trouble", utf8(result.trouble)}});
    return json::serialize(json::object{{"mail_id", utf8(mail_id)}, {"recipients", std::move(recipients)}});
}

std::string json_of(const storage::QuarantineStats& stats) {
    json::array counts, states;
    for (const auto& count : stats.counts)
        counts.push_back(json::object{{"host", utf8(count.host)},
                                      {"category", utf8(category_word(count.content))},
                                      {"messages", count.messages},
                                      {"octets", count.octets}});
    for (const auto& [state, count] : stats.states)
        states.push_back(json::object{{"state", utf8(state_words(state))}, {"rs", utf8(state)}, {"recipients", count}});
    return json::serialize(json::object{{"counts", std::move(counts)}, {"states", std::move(states)}});
}

std::string json_text(std::string_view text) { return json::serialize(utf8(text)); }

}  // namespace tamis::quarantine
