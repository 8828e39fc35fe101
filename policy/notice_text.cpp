#include "policy/notice_text.h"

#include <algorithm>

namespace tamis::policy {
namespace {

constexpr std::string_view failure_body = R"(This is the mail content filter at {host}.

Your message was not delivered to:

{failed}
This is final: nothing will be tried again. If you think that your message
should have been accepted, please contact the recipient by other means, or
postmaster@{host}, and quote the reference below.

The message it is about:
  From:       {sender}
  Subject:    {subject}
  Message-ID: {message_id}
  Received:   {arrival}
  Through:    {client}
  Reference:  {log_id}/{mail_id}

The header of your message follows as an attachment, its text does not.
)";

constexpr std::string_view relayed_body = R"(This is the mail content filter at {host}.

You asked to be told about the delivery of your message. It was handed over
to a mail server that does not report back, for:

{relayed}
It may be delivered without further notice. Nothing needs to be done.

The message it is about:
  From:       {sender}
  Subject:    {subject}
  Message-ID: {message_id}
  Received:   {arrival}
  Reference:  {log_id}/{mail_id}
)";

constexpr std::string_view mixed_body = R"(This is the mail content filter at {host}.

Your message was not delivered to:

{failed}
As you asked to be told: it was handed over to a mail server that does not
report back, for:

{relayed}
The message it is about:
  From:       {sender}
  Subject:    {subject}
  Message-ID: {message_id}
  Received:   {arrival}
  Through:    {client}
  Reference:  {log_id}/{mail_id}

The header of your message follows as an attachment, its text does not.
)";

}  // namespace

NoticeTemplate failure_template() { return {"Your message was not delivered", failure_body}; }
NoticeTemplate relayed_template() { return {"Your message was relayed", relayed_body}; }
NoticeTemplate mixed_template() { return {"Your message was delivered to some recipients only", mixed_body}; }

std::string fill_template(std::string_view text, const TemplateValues& values) {
    std::string out;
    for (;;) {
        const auto open = text.find('{');
        out += text.substr(0, open);
        if (open == std::string_view::npos) return out;
        text.remove_prefix(open);
        const auto known = std::ranges::find_if(values, [&](const auto& value) {
            return text.size() > value.first.size() + 1 && text.substr(1).starts_with(value.first) &&
                   text[value.first.size() + 1] == '}';
        });
        if (known == values.end()) {
            out += '{';
            text.remove_prefix(1);
        } else {
            out += known->second;
            text.remove_prefix(known->first.size() + 2);
        }
    }
}

}  // namespace tamis::policy
